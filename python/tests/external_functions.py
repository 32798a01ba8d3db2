"""C functions that are declared, and how programs that call them are tested."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import parpy
from parpy.types import F32, F64, I64, pointer

CPU = parpy.CompileBackend.Cpu
CUDA = parpy.CompileBackend.Cuda
HOST, DEVICE = parpy.Target.Host, parpy.Target.Device

C_TYPES = {
    "bool": "_Bool",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "float32": "float",
    "float64": "double",
}
TYPES = {t.value: t for t in parpy.types.ElemSize}

SOURCE = (
    "#include <stdint.h>\n#include <math.h>\n"
    + "".join(
        f"{c} twice_{name}({c} x) {{ return ({c})({'!x' if name == 'bool' else 'x + x'}); }}\n"
        f"{c} last_{name}(const {c} *x, int64_t n) {{ return x[n - 1]; }}\n"
        f"void reverse_{name}({c} *x, int64_t n) {{\n"
        f"  for (int64_t i = 0; i < n / 2; i++) {{\n"
        f"    {c} t = x[i]; x[i] = x[n - 1 - i]; x[n - 1 - i] = t;\n  }}\n}}\n"
        for name, c in C_TYPES.items()
    )
    + """
float scale(float *x, int64_t n, float a) {
  for (int64_t i = 0; i < n; i++) x[i] *= a;
  return x[0];
}
double mix(_Bool b, int8_t i8, uint16_t u16, int32_t i32, uint64_t u64, float f, double d,
           int16_t i16, uint8_t u8, int64_t i64, double e, float g, double h, double k, double l) {
  return b + 2.0 * i8 + 3.0 * u16 + 5.0 * i32 + 7.0 * u64 + 11.0 * f + 13.0 * d + 17.0 * i16
       + 19.0 * u8 + 23.0 * i64 + 29.0 * e + 31.0 * g + 37.0 * h + 41.0 * k + 43.0 * l;
}
double row_sum(double *row, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i++) s += row[i];
  return s;
}
int64_t step(int64_t *counter) { return ++*counter; }
double exp(double x) { return x + 1000.0; }
"""
)


def options(library: str, schedule: dict[str, parpy.LoopPar] | None = None, **settings: Any) -> Any:
    opts = parpy.par(schedule or {})
    opts.libs = [library]
    for name, value in settings.items():
        setattr(opts, name, value)
    return opts


def same(function: Callable[..., None], opts: Any, *args: Any) -> list[Any]:
    """Runs a function decorated and undecorated, and compares every array."""
    mine, theirs = ([np.copy(a) if isinstance(a, np.ndarray) else a for a in args] for _ in "ab")
    function(*theirs)
    parpy.jit(function)(*mine, opts=opts)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return mine


@parpy.external("scale", CPU, HOST)
def scale(x: pointer(F32), n: I64, a: F32) -> F32:
    flat = x.reshape(-1)
    flat[:n] *= np.float32(a)
    return flat[0]


@parpy.external("row_sum", CPU, DEVICE)
def row_sum(row: pointer(F64), n: I64) -> F64:
    return math.fsum(row[:n])


@parpy.external("step", CPU, HOST)
def step(counter: pointer(I64)) -> I64:
    counter[0] += 1
    return counter[0]


def first(x):
    return x[0]
