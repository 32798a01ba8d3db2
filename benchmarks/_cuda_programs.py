"""What is timed on a GPU: the ParPy programs, and the same by each peer that is installed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import parpy

Run = Callable[[], object]


def copy(x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = x[i]


def axpy(a, x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] += a * x[i]


def sum_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i] = parpy.operators.sum(x[i, :])


def softmax_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        m = parpy.operators.max(x[i, :])
        parpy.label("columns")
        s = parpy.operators.sum(parpy.operators.exp(x[i, :] - m))
        parpy.label("columns")
        y[i, :] = parpy.operators.exp(x[i, :] - m) / s


def stencil(x, y, N):
    parpy.label("rows")
    for i in range(1, N - 1):
        parpy.label("columns")
        y[i, 1:-1] = 0.2 * (x[i, 1:-1] + x[i - 1, 1:-1] + x[i + 1, 1:-1] + x[i, :-2] + x[i, 2:])


def sum_columns(x, y, N, M, K):
    parpy.label("clear")
    y[:] = 0.0
    parpy.label("chunks")
    for k in range(N // K):
        parpy.label("columns")
        for j in range(M):
            s = 0.0
            for i in range(K):
                s += x[k * K + i, j]
            y[j] += s


def dot(x, y, out, N):
    with parpy.gpu:
        out[0] = 0.0
        parpy.label("N")
        for i in range(N):
            out[0] += x[i] * y[i]


def add(x, y, z, N):
    parpy.label("N")
    for i in range(N):
        z[i] = x[i] + y[i]


def steps(x, N, T):
    for _t in range(T):
        parpy.label("N")
        for i in range(N):
            x[i] = x[i] + 1.0


def options(**schedule: parpy.LoopPar) -> parpy.CompileOptions:
    """Options for the GPU with a schedule."""
    opts = parpy.par(schedule)
    opts.backend = parpy.CompileBackend.Cuda
    return opts


def module(name: str) -> Any:
    """An installed package, or None."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def parpy_runs(t: dict[str, Any], n: int, m: int, cores: int) -> dict[str, Run]:
    """ParPy's programs on Torch tensors, on a GPU of so many multiprocessors.

    `x` and `y` are n x m, `v` and `w` their elements in one row, `r` has n, `c` has m, `s` one.
    """
    total = n * m
    row = {"rows": parpy.threads(n), "columns": parpy.threads(1024)}
    inner = {"rows": parpy.threads(n), "columns": parpy.threads(m)}
    jitted = {f.__name__: parpy.jit(f) for f in (copy, axpy, sum_rows, softmax_rows, stencil)}
    jitted |= {f.__name__: parpy.jit(f) for f in (sum_columns, dot)}
    x, y, v, w, r, c, s = (t[name] for name in ("x", "y", "v", "w", "r", "c", "s"))
    every, few = options(N=parpy.threads(total)), options(**row)
    wide = options(**inner)
    chunks = options(
        clear=parpy.threads(m), chunks=parpy.threads(n // 128).reduce(), columns=parpy.threads(m)
    )
    reduced = options(N=parpy.threads(cores * 2048).reduce())
    return {
        "copy": lambda: jitted["copy"](v, w, total, opts=every),
        "axpy": lambda: jitted["axpy"](0.5, v, w, total, opts=every),
        "row sums": lambda: jitted["sum_rows"](x, r, n, opts=few),
        "softmax rows": lambda: jitted["softmax_rows"](x, y, n, opts=few),
        "stencil": lambda: jitted["stencil"](x, y, n, opts=wide),
        "column sums": lambda: jitted["sum_columns"](x, c, n, m, 128, opts=chunks),
        "dot product": lambda: jitted["dot"](v, w, s, total, opts=reduced),
    }


def _stencil_of(x: Any) -> Any:
    return 0.2 * (x[1:-1, 1:-1] + x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:])


def torch_runs(torch: Any, t: dict[str, Any]) -> dict[str, Run]:
    """Torch as its users write it."""
    x, y, v, w, r, c = (t[name] for name in ("x", "y", "v", "w", "r", "c"))
    inside = y[1:-1, 1:-1]
    return {
        "copy": lambda: w.copy_(v),
        "axpy": lambda: w.add_(v, alpha=0.5),
        "row sums": lambda: torch.sum(x, 1, out=r),
        "softmax rows": lambda: torch.softmax(x, 1),
        "stencil": lambda: inside.copy_(_stencil_of(x)),
        "column sums": lambda: torch.sum(x, 0, out=c),
        "dot product": lambda: torch.dot(v, w),
    }


def compiled_runs(torch: Any, t: dict[str, Any]) -> dict[str, Run]:
    """`torch.compile`, which writes Triton kernels."""
    x, v, w = t["x"], t["v"], t["w"]

    def compiled(function: Callable[..., Any], *arguments: Any) -> Run:
        fast = torch.compile(function)
        return lambda: fast(*arguments)

    return {
        "copy": compiled(lambda a: a.clone(), v),
        "axpy": compiled(lambda a, b: b.add_(a, alpha=0.5), v, w),
        "row sums": compiled(lambda a: a.sum(1), x),
        "softmax rows": compiled(lambda a: torch.softmax(a, 1), x),
        "stencil": compiled(_stencil_of, x),
        "column sums": compiled(lambda a: a.sum(0), x),
        "dot product": compiled(lambda a, b: (a * b).sum(), v, w),
    }


def cupy_runs(cupy: Any, t: dict[str, Any]) -> dict[str, Run]:
    """CuPy as its users write it, a kernel of their own where there is no function."""
    x, y, v, w, r, c = (cupy.asarray(t[name]) for name in ("x", "y", "v", "w", "r", "c"))
    multiply_add = cupy.ElementwiseKernel("float32 a, float32 x", "float32 y", "y += a * x", "axpy")
    return {
        "copy": lambda: cupy.copyto(w, v),
        "axpy": lambda: multiply_add(cupy.float32(0.5), v, w),
        "row sums": lambda: cupy.sum(x, 1, out=r),
        "stencil": lambda: cupy.copyto(y[1:-1, 1:-1], _stencil_of(x)),
        "column sums": lambda: cupy.sum(x, 0, out=c),
        "dot product": lambda: cupy.dot(v, w),
    }


def jax_runs(jax: Any, t: dict[str, Any]) -> dict[str, Run]:
    """JAX, each program under `jit`."""
    numpy = jax.numpy
    x, v, w = (jax.dlpack.from_dlpack(t[name]) for name in ("x", "v", "w"))

    def compiled(function: Callable[..., Any], *arguments: Any) -> Run:
        fast = jax.jit(function)
        return lambda: fast(*arguments).block_until_ready()

    return {
        "copy": compiled(lambda a: a + 0, v),
        "axpy": compiled(lambda a, b: b + 0.5 * a, v, w),
        "row sums": compiled(lambda a: a.sum(1), x),
        "softmax rows": compiled(lambda a: jax.nn.softmax(a, 1), x),
        "stencil": compiled(_stencil_of, x),
        "column sums": compiled(lambda a: a.sum(0), x),
        "dot product": compiled(lambda a, b: numpy.vdot(a, b), v, w),
    }
