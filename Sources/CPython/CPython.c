// The module and its types: the arrays of slots, members and methods that Swift cannot spell.
#include "CPython.h"

#include <structmember.h>

// ---- What the Swift target Native defines ----

extern int parpy_module_execute(PyObject *module);
extern PyObject *parpy_initialize(PyObject *module, PyObject *hooks);
extern PyObject *parpy_worker_count(PyObject *module, PyObject *ignored);
extern PyObject *parpy_cuda_obstacle(PyObject *module, PyObject *ignored);
extern PyObject *parpy_metal_obstacle(PyObject *module, PyObject *ignored);
extern PyObject *parpy_metal_allocate(Py_ssize_t bytes, int is_zeroed);
extern int parpy_metal_holds(unsigned long long address, Py_ssize_t bytes);
extern PyObject *parpy_forget_default_backend(PyObject *module, PyObject *ignored);
extern PyObject *parpy_cuda_synchronize(PyObject *module, PyObject *ignored);
extern PyObject *parpy_cuda_report(PyObject *module, PyObject *ignored);
extern PyObject *parpy_nvrtc_report(PyObject *module, PyObject *directories);
extern PyObject *parpy_device_allocate(PyObject *shape, PyObject *dtype, int is_zeroed, int device);
extern PyObject *parpy_device_borrow(PyObject *module, PyObject *object);
extern PyObject *parpy_device_address(unsigned long long address, PyObject *shape, PyObject *dtype);

// The state of a new object, retained; NULL with an exception set.
extern void *parpy_function_make(PyObject *function, PyObject *definition, PyObject *filename,
                                 PyObject *lines, Py_ssize_t first_line, Py_ssize_t column_offset,
                                 PyObject *annotations);
extern void *parpy_text_make(PyObject *name, PyObject *text, PyObject *opts);
extern void parpy_state_release(void *state);
extern void parpy_state_clear(void *state);
extern int parpy_state_traverse(void *state, visitproc visit, void *argument);
extern PyObject *parpy_state_representation(void *state);

extern PyObject *parpy_function_call(PyObject *, PyObject *const *, size_t, PyObject *);
extern PyObject *parpy_function_compilations(PyObject *self, void *closure);
extern PyObject *parpy_function_lower(PyObject *, PyObject *const *, size_t, PyObject *);
extern PyObject *parpy_function_print_compiled(PyObject *self, PyObject *arguments,
                                               PyObject *options);
extern PyObject *parpy_function_forget(PyObject *self, PyObject *ignored);
extern PyObject *parpy_text_call(PyObject *, PyObject *const *, size_t, PyObject *);

// ---- What both types do alike ----

static PyObject *callable_allocate(PyTypeObject *type, void *state,
                                   PyObject *(*call)(PyObject *, PyObject *const *, size_t,
                                                     PyObject *)) {
  if (state == NULL) return NULL;
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  parpy_callable *self = (parpy_callable *)allocate(type, 0);
  if (self == NULL) {
    parpy_state_release(state);
    return NULL;
  }
  self->vectorcall = call;
  self->state = state;
  return (PyObject *)self;
}

// Calls with the arguments as vectorcall has them.
static PyObject *call_vector(PyObject *self, PyObject *arguments, PyObject *keywords,
                             PyObject *(*call)(PyObject *, PyObject *const *, size_t, PyObject *)) {
  const Py_ssize_t count = PyTuple_Size(arguments);
  const Py_ssize_t keyword_count = keywords == NULL ? 0 : PyDict_Size(keywords);
  PyObject **vector = PyMem_Calloc((size_t)(count + keyword_count + 1), sizeof(PyObject *));
  PyObject *names = keyword_count > 0 ? PyTuple_New(keyword_count) : NULL;
  PyObject *result = NULL;
  if (vector == NULL || (keyword_count > 0 && names == NULL)) {
    PyErr_NoMemory();
    goto done;
  }
  for (Py_ssize_t i = 0; i < count; i++) vector[i] = PyTuple_GetItem(arguments, i);
  PyObject *key, *value;
  Py_ssize_t position = 0, index = 0;
  while (keyword_count > 0 && index < keyword_count &&
         PyDict_Next(keywords, &position, &key, &value)) {
    Py_INCREF(key);
    PyTuple_SetItem(names, index, key);
    vector[count + index++] = value;
  }
  result = call(self, vector, (size_t)count, names);
done:
  Py_XDECREF(names);
  PyMem_Free(vector);
  return result;
}

// Since vectorcall alone is not enough for a type, and PyVectorcall_Call not in the limited API of 3.11.
static PyObject *callable_call(PyObject *self, PyObject *arguments, PyObject *keywords) {
  return call_vector(self, arguments, keywords, ((parpy_callable *)self)->vectorcall);
}

static int callable_traverse(PyObject *object, visitproc visit, void *arg) {
  parpy_callable *self = (parpy_callable *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->dictionary);
  return self->state == NULL ? 0 : parpy_state_traverse(self->state, visit, arg);
}

// The state stays, emptied: a finalizer elsewhere in the cycle may still call the object.
static int callable_clear(PyObject *object) {
  parpy_callable *self = (parpy_callable *)object;
  Py_CLEAR(self->dictionary);
  if (self->state != NULL) parpy_state_clear(self->state);
  return 0;
}

static void callable_deallocate(PyObject *object) {
  parpy_callable *self = (parpy_callable *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (self->weak_references != NULL) PyObject_ClearWeakRefs(object);
  Py_CLEAR(self->dictionary);
  void *state = self->state;
  self->state = NULL;
  if (state != NULL) parpy_state_release(state);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

static PyObject *callable_representation(PyObject *object) {
  return parpy_state_representation(py_state(object));
}

static PyMemberDef callable_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(parpy_callable, vectorcall), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(parpy_callable, dictionary), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(parpy_callable, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

// Bit 11 is Py_TPFLAGS_HAVE_VECTORCALL, which 3.11's limited API has in effect but not in name.
#define CALLABLE_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | (1UL << 11))

// ---- _native.Function ----

static PyTypeObject *function_type;

bool py_is_native_function(PyObject *object) { return Py_IS_TYPE(object, function_type); }

static PyObject *function_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"function",      "definition",  "filename", "lines", "first_line",
                          "column_offset", "annotations", NULL};
  PyObject *function, *definition, *filename, *lines, *annotations;
  Py_ssize_t first_line, column_offset;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OOUOnnO:Function", names, &function,
                                   &definition, &filename, &lines, &first_line, &column_offset,
                                   &annotations))
    return NULL;
  void *state = parpy_function_make(function, definition, filename, lines, first_line,
                                    column_offset, annotations);
  return callable_allocate(type, state, parpy_function_call);
}

static bool parse_call(PyObject *given, PyObject *keywords, const char *format, PyObject **arguments,
                       PyObject **options) {
  static char *names[] = {"args", "opts", NULL};
  *options = Py_None;
  return PyArg_ParseTupleAndKeywords(given, keywords, format, names, arguments, options);
}

static PyObject *function_lower(PyObject *self, PyObject *given, PyObject *keywords) {
  return call_vector(self, given, keywords, parpy_function_lower);
}

// Pickles the function by reference, as Python does its own.
static PyObject *function_reduce(PyObject *self, PyObject *ignored) {
  (void)ignored;
  return PyObject_GetAttrString(self, "__qualname__");
}

static PyObject *function_print_compiled(PyObject *self, PyObject *given, PyObject *keywords) {
  PyObject *arguments, *options;
  if (!parse_call(given, keywords, "O|O:print_compiled", &arguments, &options)) return NULL;
  return parpy_function_print_compiled(self, arguments, options);
}

static PyMethodDef function_methods[] = {
    {"lower", (PyCFunction)(void (*)(void))function_lower, METH_VARARGS | METH_KEYWORDS,
     "lower($self, *args, opts=None)\n--\n\n"
     "The stages of the compilation for a call, as text; nothing is run."},
    {"__reduce__", function_reduce, METH_NOARGS, "Pickles the function by reference."},
    {"print_compiled", (PyCFunction)(void (*)(void))function_print_compiled,
     METH_VARARGS | METH_KEYWORDS,
     "print_compiled($self, args, opts=None)\n--\n\n"
     "The code compiled for a call, as text; `parpy.print_compiled` says what it takes."},
    {"clear", parpy_function_forget, METH_NOARGS,
     "clear($self)\n--\n\n"
     "Forgets every specialisation."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef function_properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {"compilations", parpy_function_compilations, NULL,
     "A named tuple (key, reason, milliseconds) for each compilation, oldest first.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot function_slots[] = {
    {Py_tp_new, function_new},
    {Py_tp_call, callable_call},
    {Py_tp_traverse, callable_traverse},
    {Py_tp_clear, callable_clear},
    {Py_tp_dealloc, callable_deallocate},
    {Py_tp_repr, callable_representation},
    {Py_tp_members, callable_members},
    {Py_tp_methods, function_methods},
    {Py_tp_getset, function_properties},
    {0, NULL},
};

static PyType_Spec function_specification = {
    "parpy._native.Function", sizeof(parpy_callable), 0, CALLABLE_FLAGS, function_slots};

// ---- _native.CompiledText ----

static PyObject *text_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
  static char *names[] = {"name", "text", "opts", NULL};
  PyObject *name, *text, *opts = NULL;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "UU|O:CompiledText", names, &name, &text, &opts))
    return NULL;
  return callable_allocate(type, parpy_text_make(name, text, opts), parpy_text_call);
}

static PyGetSetDef text_properties[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot text_slots[] = {
    {Py_tp_new, text_new},
    {Py_tp_call, callable_call},
    {Py_tp_traverse, callable_traverse},
    {Py_tp_clear, callable_clear},
    {Py_tp_dealloc, callable_deallocate},
    {Py_tp_repr, callable_representation},
    {Py_tp_members, callable_members},
    {Py_tp_getset, text_properties},
    {0, NULL},
};

static PyType_Spec text_specification = {
    "parpy._native.CompiledText", sizeof(parpy_callable), 0, CALLABLE_FLAGS, text_slots};

// ---- The module ----

static PyObject *device_allocate(PyObject *module, PyObject *arguments) {
  (void)module;
  PyObject *shape, *dtype;
  int is_zeroed, device;
  if (!PyArg_ParseTuple(arguments, "O!Upi:device_allocate", &PyTuple_Type, &shape, &dtype, &is_zeroed,
                        &device)) return NULL;
  return parpy_device_allocate(shape, dtype, is_zeroed, device);
}

static PyObject *device_address(PyObject *module, PyObject *arguments) {
  (void)module;
  unsigned long long address;
  PyObject *shape, *dtype;
  if (!PyArg_ParseTuple(arguments, "KO!U:device_address", &address, &PyTuple_Type, &shape, &dtype)) return NULL;
  return parpy_device_address(address, shape, dtype);
}

static PyObject *metal_allocate(PyObject *module, PyObject *arguments) {
  (void)module;
  Py_ssize_t bytes;
  int is_zeroed;
  if (!PyArg_ParseTuple(arguments, "np:metal_allocate", &bytes, &is_zeroed)) return NULL;
  return parpy_metal_allocate(bytes, is_zeroed);
}

static PyObject *metal_holds(PyObject *module, PyObject *arguments) {
  (void)module;
  unsigned long long address;
  Py_ssize_t bytes;
  if (!PyArg_ParseTuple(arguments, "Kn:metal_holds", &address, &bytes)) return NULL;
  return PyBool_FromLong(parpy_metal_holds(address, bytes));
}

static int execute(PyObject *module) {
  PyObject *function = PyType_FromModuleAndSpec(module, &function_specification, NULL);
  if (function == NULL) return -1;
  PyTypeObject *former = function_type;
  function_type = (PyTypeObject *)function;
  Py_XDECREF((PyObject *)former);
  if (PyModule_AddObjectRef(module, "Function", function) < 0) return -1;
  PyObject *text = PyType_FromModuleAndSpec(module, &text_specification, NULL);
  if (text == NULL) return -1;
  const int added = PyModule_AddObjectRef(module, "CompiledText", text);
  Py_DECREF(text);
  if (added < 0 || py_add_device_array(module) < 0) return -1;
  return parpy_module_execute(module);
}

static PyMethodDef module_methods[] = {
    {"initialize", parpy_initialize, METH_O, "Gives the core what it needs of Python."},
    {"metal_obstacle", parpy_metal_obstacle, METH_NOARGS,
     "metal_obstacle()\n--\n\nWhy Metal cannot be used here, or None."},
    {"cuda_obstacle", parpy_cuda_obstacle, METH_NOARGS,
     "cuda_obstacle()\n--\n\nWhy CUDA cannot be used here, or None."},
    {"forget_default_backend", parpy_forget_default_backend, METH_NOARGS,
     "forget_default_backend()\n--\n\nLets the next call ask anew what CompileBackend.Auto stands for."},
    {"cuda_synchronize", parpy_cuda_synchronize, METH_NOARGS,
     "cuda_synchronize()\n--\n\nWaits until everything started on CUDA devices is done."},
    {"cuda_report", parpy_cuda_report, METH_NOARGS,
     "cuda_report()\n--\n\nThe driver's file and version, and the name, architecture and memory of each GPU."},
    {"nvrtc_report", parpy_nvrtc_report, METH_O,
     "nvrtc_report(directories)\n--\n\nThe file and the version of NVRTC."},
    {"device_allocate", device_allocate, METH_VARARGS,
     "device_allocate(shape, dtype, zeroed, device)\n--\n\nA new DeviceArray."},
    {"device_borrow", parpy_device_borrow, METH_O,
     "device_borrow(array)\n--\n\nThe memory of an array on a CUDA device; None for others."},
    {"device_address", device_address, METH_VARARGS,
     "device_address(address, shape, dtype)\n--\n\nMemory of a CUDA device that somebody else keeps."},
    {"metal_allocate", metal_allocate, METH_VARARGS,
     "metal_allocate(bytes, zeroed)\n--\n\nThe address of memory that Metal's GPU shares, and what keeps it."},
    {"metal_holds", metal_holds, METH_VARARGS,
     "metal_holds(address, bytes)\n--\n\nWhether bytes lie in memory of metal_allocate."},
    {"worker_count", parpy_worker_count, METH_NOARGS,
     "The number of workers that a parallel region may use."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT, "_native", "The compiler and the runtime of ParPy.", 0,
    module_methods,        module_slots, NULL, NULL, NULL,
};

PyObject *py_module_definition(void) { return PyModuleDef_Init(&module_definition); }
