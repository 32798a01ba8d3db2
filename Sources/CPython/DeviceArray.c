// `_native.DeviceArray`: elements in memory of a CUDA device.
#include "CPython.h"

// ---- What the Swift target Native defines ----

extern void parpy_device_release(void *memory);
extern PyObject *parpy_device_shape(PyObject *self, void *closure);
extern PyObject *parpy_device_strides(PyObject *self, void *closure);
extern PyObject *parpy_device_dtype(PyObject *self, void *closure);
extern PyObject *parpy_device_ordinal(PyObject *self, void *closure);
extern PyObject *parpy_device_view(PyObject *self, Py_ssize_t offset, PyObject *shape, PyObject *strides);
extern PyObject *parpy_device_copy_in(PyObject *self, PyObject *source);
extern PyObject *parpy_device_copy_out(PyObject *self, PyObject *target);
extern PyObject *parpy_device_copy_from(PyObject *self, PyObject *other);
extern PyObject *parpy_device_synchronize(PyObject *self, PyObject *ignored);
extern PyObject *parpy_device_order(PyObject *self, PyObject *stream);
extern PyObject *parpy_device_follow(PyObject *self, PyObject *array);
extern PyObject *parpy_device_export(PyObject *self, int is_versioned);

// ---- The type ----

static PyTypeObject *device_array_type;

bool py_is_device_array(PyObject *object) { return Py_IS_TYPE(object, device_array_type); }

parpy_device_array *py_device_array(void) {
  allocfunc allocate = (allocfunc)PyType_GetSlot(device_array_type, Py_tp_alloc);
  return (parpy_device_array *)allocate(device_array_type, 0);
}

static void deallocate(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  void *memory = ((parpy_device_array *)object)->memory;
  if (memory != NULL) parpy_device_release(memory);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

static PyObject *address(PyObject *self, void *closure) {
  (void)closure;
  return PyLong_FromUnsignedLongLong(((parpy_device_array *)self)->address);
}

static PyObject *is_read_only(PyObject *self, void *closure) {
  (void)closure;
  return PyBool_FromLong(((parpy_device_array *)self)->is_read_only);
}

static PyObject *is_contiguous(PyObject *self, void *closure) {
  (void)closure;
  return PyBool_FromLong(((parpy_device_array *)self)->is_contiguous);
}

static PyObject *view(PyObject *self, PyObject *arguments) {
  Py_ssize_t offset;
  PyObject *shape, *strides;
  if (!PyArg_ParseTuple(arguments, "nO!O!:view", &offset, &PyTuple_Type, &shape, &PyTuple_Type, &strides)) return NULL;
  return parpy_device_view(self, offset, shape, strides);
}

static PyObject *export_dlpack(PyObject *self, PyObject *arguments) {
  int is_versioned;
  if (!PyArg_ParseTuple(arguments, "p:dlpack", &is_versioned)) return NULL;
  return parpy_device_export(self, is_versioned);
}

static PyGetSetDef properties[] = {
    {"shape", parpy_device_shape, NULL, "The extent of each dimension.", NULL},
    {"strides", parpy_device_strides, NULL, "The stride of each dimension in bytes.", NULL},
    {"dtype", parpy_device_dtype, NULL, "NumPy's name of the element type.", NULL},
    {"device", parpy_device_ordinal, NULL, "The number of the device.", NULL},
    {"address", address, NULL, "The address of the first element; 0 where there is none.", NULL},
    {"is_read_only", is_read_only, NULL, "Whether the elements must not be written.", NULL},
    {"is_contiguous", is_contiguous, NULL, "Whether the elements lie one behind the other, in C's order.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"view", view, METH_VARARGS, "view(offset, shape, strides)\n--\n\nPart of the memory; offset and strides in bytes."},
    {"copy_in", parpy_device_copy_in, METH_O,
     "copy_in(source)\n--\n\nOverwrites contiguous elements with the bytes of a buffer of the host."},
    {"copy_out", parpy_device_copy_out, METH_O,
     "copy_out(target)\n--\n\nCopies contiguous elements to a buffer of the host, and waits for them."},
    {"copy_from", parpy_device_copy_from, METH_O,
     "copy_from(other)\n--\n\nOverwrites contiguous elements with those of a DeviceArray of the same size."},
    {"synchronize", parpy_device_synchronize, METH_NOARGS,
     "synchronize()\n--\n\nWaits until all work that uses the memory is done."},
    {"order", parpy_device_order, METH_O,
     "order(stream)\n--\n\nLets work that comes on a stream wait for all that used the memory so far."},
    {"follow", parpy_device_follow, METH_O,
     "follow(array)\n--\n\nLets calls run on the stream of the library of an array that shares the memory."},
    {"dlpack", export_dlpack, METH_VARARGS, "dlpack(versioned)\n--\n\nA DLPack capsule of the elements."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, deallocate},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

static PyType_Spec specification = {"parpy._native.DeviceArray", sizeof(parpy_device_array), 0,
                                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

int py_add_device_array(PyObject *module) {
  PyObject *type = PyType_FromModuleAndSpec(module, &specification, NULL);
  if (type == NULL) return -1;
  PyTypeObject *former = device_array_type;
  device_array_type = (PyTypeObject *)type;
  Py_XDECREF((PyObject *)former);
  return PyModule_AddObjectRef(module, "DeviceArray", type);
}
