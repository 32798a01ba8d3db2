"""ParPy: plain Python loops, run in parallel on CPUs and GPUs.

Keep a Python function with loops, put a label on the loops that may run in parallel, and say at
the call how each label is to run:

    >>> import numpy as np
    >>> import parpy
    >>> @parpy.jit
    ... def sum_rows(x, y, N):
    ...     parpy.label('outer')
    ...     for i in range(N):
    ...         y[i] = parpy.operators.sum(x[i, :])
    >>> x = np.ones((4, 8), dtype=np.float32)
    >>> y = np.empty(4, dtype=np.float32)
    >>> sum_rows(x, y, 4, opts=parpy.par({'outer': parpy.threads(4)}))
    >>> y
    array([8., 8., 8., 8.], dtype=float32)
"""

from parpy import _native, backend, buffer, builtin, math, operators, types
from parpy._errors import CompileError, InternalCompilerError, TypeMismatchError
from parpy._foreign import callback, external
from parpy._hooks import Hooks as _Hooks
from parpy._jit import clear_cache, compile_string, jit, print_compiled, sync
from parpy._options import CompileBackend, CompileOptions, Target, par, seq
from parpy._schedule import LoopPar, par_reduction, threads, unroll
from parpy._structure import gpu, label
from parpy._version import __version__
from parpy.backend import default_backend
from parpy.reduce import _module as reduce
from parpy.types import ElemSize

__all__ = [
    "CompileBackend",
    "CompileError",
    "CompileOptions",
    "ElemSize",
    "InternalCompilerError",
    "LoopPar",
    "Target",
    "TypeMismatchError",
    "__version__",
    "backend",
    "buffer",
    "builtin",
    "callback",
    "clear_cache",
    "compile_string",
    "default_backend",
    "external",
    "gpu",
    "jit",
    "label",
    "math",
    "operators",
    "par",
    "par_reduction",
    "print_compiled",
    "reduce",
    "seq",
    "sync",
    "threads",
    "types",
    "unroll",
]

_native.initialize(_Hooks)
