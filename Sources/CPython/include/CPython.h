// What Swift cannot import from Python.h: the limited API is chosen here, and macros get a function.
#ifndef PARPY_CPYTHON_H
#define PARPY_CPYTHON_H

// Before Python.h, which would choose other features of the C library than Swift's own module of it.
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

// ---- References ----

static inline void py_retain(PyObject *object) { Py_INCREF(object); }
static inline void py_release(PyObject *object) { Py_DECREF(object); }
static inline PyObject *py_none(void) { return Py_None; }
static inline PyObject *py_bool(bool value) { return value ? Py_True : Py_False; }

// ---- What Native needs of the C library ----

static inline bool py_equal_words(const uint64_t *a, const uint64_t *b, Py_ssize_t count) {
  return memcmp(a, b, (size_t)count * sizeof(uint64_t)) == 0;
}
static inline int64_t py_process(void) { return getpid(); }

// ---- Types ----

static inline PyTypeObject *py_type(PyObject *object) { return Py_TYPE(object); }
static inline PyObject *py_type_object(PyObject *object) { return (PyObject *)Py_TYPE(object); }
static inline bool py_is_bool(PyObject *object) { return Py_IS_TYPE(object, &PyBool_Type); }
static inline bool py_is_true(PyObject *object) { return object == Py_True; }
static inline bool py_is_exact_int(PyObject *object) { return Py_IS_TYPE(object, &PyLong_Type); }
static inline bool py_is_int(PyObject *object) { return PyLong_Check(object); }
static inline bool py_is_exact_float(PyObject *object) { return Py_IS_TYPE(object, &PyFloat_Type); }
static inline bool py_is_float(PyObject *object) { return PyObject_TypeCheck(object, &PyFloat_Type); }
static inline bool py_is_exact_complex(PyObject *object) {
  return Py_IS_TYPE(object, &PyComplex_Type);
}
static inline bool py_is_complex(PyObject *object) {
  return PyObject_TypeCheck(object, &PyComplex_Type);
}
static inline bool py_is_string(PyObject *object) { return PyUnicode_Check(object); }
static inline bool py_is_bytes(PyObject *object) { return PyBytes_Check(object); }
static inline bool py_is_list(PyObject *object) { return PyList_Check(object); }
static inline bool py_is_tuple(PyObject *object) { return PyTuple_Check(object); }
static inline bool py_is_dict(PyObject *object) { return PyDict_Check(object); }
static inline bool py_is_class(PyObject *object) { return PyType_Check(object); }
static inline bool py_is_module(PyObject *object) {
  return PyObject_TypeCheck(object, &PyModule_Type);
}
// Whether the object is an instance of the class, without asking `__instancecheck__`.
static inline bool py_is_instance(PyObject *object, PyObject *type) {
  return PyObject_TypeCheck(object, (PyTypeObject *)type);
}

// ---- Exceptions ----

static inline PyObject *py_exception(void) { return PyExc_Exception; }
static inline PyObject *py_attribute_error(void) { return PyExc_AttributeError; }
static inline PyObject *py_index_error(void) { return PyExc_IndexError; }
static inline PyObject *py_memory_error(void) { return PyExc_MemoryError; }
static inline PyObject *py_name_error(void) { return PyExc_NameError; }
static inline PyObject *py_overflow_error(void) { return PyExc_OverflowError; }
static inline PyObject *py_recursion_error(void) { return PyExc_RecursionError; }
static inline PyObject *py_runtime_error(void) { return PyExc_RuntimeError; }
static inline PyObject *py_type_error(void) { return PyExc_TypeError; }
static inline PyObject *py_value_error(void) { return PyExc_ValueError; }

// ---- Calls ----

static inline Py_ssize_t py_vector_count(size_t count) {
  return (Py_ssize_t)(count & ~((size_t)1 << (8 * sizeof(size_t) - 1)));
}

// An instance of `_native.Function` or `_native.CompiledText`.
typedef struct {
  PyObject ob_base;
  PyObject *(*vectorcall)(PyObject *, PyObject *const *, size_t, PyObject *);
  // A retained Swift object; NULL only while the instance is made or after it was cleared.
  void *state;
  PyObject *dictionary;
  PyObject *weak_references;
} parpy_callable;

static inline void *py_state(PyObject *object) { return ((parpy_callable *)object)->state; }

// Whether the object is a `_native.Function`.
bool py_is_native_function(PyObject *object);

// The most dimensions of an array.
enum : int32_t { parpy_most_dimensions = 16 };

// An instance of `_native.DeviceArray`: elements in memory of a CUDA device. It never changes.
typedef struct {
  PyObject ob_base;
  // A retained Swift object: the memory.
  void *memory;
  // Of the element whose indices are all 0.
  uint64_t address;
  // The number of a `ScalarType`, and its size in bytes.
  int32_t element;
  int32_t item_size;
  int32_t dimension_count;
  bool is_read_only;
  bool is_contiguous;
  Py_ssize_t extents[parpy_most_dimensions];
  // In bytes.
  Py_ssize_t strides[parpy_most_dimensions];
} parpy_device_array;

static inline Py_ssize_t *py_device_extents(parpy_device_array *array) { return array->extents; }
static inline Py_ssize_t *py_device_strides(parpy_device_array *array) { return array->strides; }

// A new `_native.DeviceArray` without memory, for the caller to fill in; NULL with an exception set.
parpy_device_array *py_device_array(void);

// Whether the object is a `_native.DeviceArray`.
bool py_is_device_array(PyObject *object);

// Adds the type `DeviceArray` to the module; -1 with an exception set.
int py_add_device_array(PyObject *module);

// The bytes of stack that the calling thread has left; SIZE_MAX where that is not known.
size_t py_stack_left(void);

// The module's definition, for PyInit__native.
PyObject *py_module_definition(void);

// ---- NumPy's objects, as its C API exposes them to every extension built against NumPy 1 or 2 ----

typedef struct {
  PyObject ob_base;
  char *data;
  int dimension_count;
  Py_ssize_t *extents;
  Py_ssize_t *strides;
  PyObject *base;
  PyObject *descriptor;
  int flags;
} parpy_ndarray;

typedef struct {
  PyObject ob_base;
  PyTypeObject *scalar_class;
  char kind;
  char type;
  char byte_order;
  char former_flags;
  int type_number;
} parpy_dtype;

enum : int32_t {
  parpy_ndarray_is_contiguous = 0x0001,
  parpy_ndarray_is_aligned = 0x0100,
  parpy_ndarray_is_writable = 0x0400,
};

// ---- DLPack's unversioned tensor ----

typedef struct {
  void *data;
  struct {
    int32_t type;
    int32_t identifier;
  } device;
  int32_t dimension_count;
  struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
  } element;
  int64_t *extents;
  int64_t *strides;
  uint64_t byte_offset;
} parpy_dlpack_tensor;

// The head of DLPack 1's versioned tensor; bit 0 of the flags says that it is read-only.
typedef struct {
  uint32_t major;
  uint32_t minor;
  void *context;
  void *deleter;
  uint64_t flags;
  parpy_dlpack_tensor tensor;
} parpy_dlpack_versioned;

// A tensor with whoever frees it: what capsules named `dltensor` and `dltensor_versioned` hold.
typedef struct parpy_dlpack_managed {
  parpy_dlpack_tensor tensor;
  void *context;
  void (*deleter)(struct parpy_dlpack_managed *);
} parpy_dlpack_managed;

typedef struct parpy_dlpack_managed_versioned {
  uint32_t major;
  uint32_t minor;
  void *context;
  void (*deleter)(struct parpy_dlpack_managed_versioned *);
  uint64_t flags;
  parpy_dlpack_tensor tensor;
} parpy_dlpack_managed_versioned;

// The names of capsules with a tensor that nobody has taken over; they outlive every capsule.
static const char *const py_dlpack_name = "dltensor";
static const char *const py_dlpack_versioned_name = "dltensor_versioned";

// DLPack's exchange of C functions, version 1: what a class has as `__dlpack_c_exchange_api__`. The functions return 0,
// or set an exception.
typedef struct parpy_dlpack_exchange {
  uint32_t major;
  uint32_t minor;
  struct parpy_dlpack_exchange *previous;
  void *allocate;
  void *managed_from_object;
  void *managed_to_object;
  // Describes an object without a reference; may be NULL.
  int (*tensor_from_object)(void *object, parpy_dlpack_tensor *tensor);
  int (*current_stream)(int32_t device_type, int32_t device, void **stream);
} parpy_dlpack_exchange;

// Calls a function with one argument.
static inline PyObject *py_call_one(PyObject *function, PyObject *argument) {
  return PyObject_CallFunctionObjArgs(function, argument, NULL);
}

#endif
