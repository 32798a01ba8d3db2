"""Buffers of the CUDA backend, and arrays of other libraries that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from test_cuda_text import cuda

import parpy
from parpy import buffer
from parpy.types import ElemSize

CPU, CUDA = parpy.CompileBackend.Cpu, parpy.CompileBackend.Cuda
OPTIONS = cuda({"N": parpy.threads(256)})
WITHOUT_BFLOAT16 = [e for e in ElemSize if e is not ElemSize.BF16]


@parpy.jit
def axpy(a, x, y):
    parpy.label("N")
    y[:] = a * x[:] + y[:]


@parpy.jit
def total(x, y):
    with parpy.gpu:
        parpy.label("N")
        y[0] = parpy.operators.sum(x[:])


def on_gpu(x: Any) -> buffer.Buffer:
    return buffer.from_array(np.asarray(x), CUDA)


class Interface:
    """An array of another library, which has `__cuda_array_interface__`."""

    def __init__(self, b: buffer.Buffer, **changes: Any) -> None:
        self.owner = b
        self.__cuda_array_interface__ = {**b.__cuda_array_interface__, **changes}


class Exporter:
    """An array of another library, which has DLPack."""

    def __init__(self, b: buffer.Buffer) -> None:
        self.owner = b

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.owner.__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.owner.__dlpack_device__()
