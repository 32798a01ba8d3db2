// What Swift cannot import from Python.h: the limited API is chosen here, and
// macros get a function.
#ifndef PARPY_CPYTHON_H
#define PARPY_CPYTHON_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#endif
