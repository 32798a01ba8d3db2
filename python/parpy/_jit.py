"""Decorating, printing and forgetting functions."""

from __future__ import annotations

import contextlib
import functools
import sys
import weakref
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, ParamSpec

from parpy import _native, backend
from parpy._errors import CompileError
from parpy._options import CompileBackend, CompileOptions

__all__ = ["clear_cache", "compile_string", "jit", "print_compiled", "sync"]

P = ParamSpec("P")

_functions: weakref.WeakSet[_native.Function[Any]] = weakref.WeakSet()


def jit(function: Callable[P, None]) -> _native.Function[P]:
    """Compiles `function` at its calls, for their types, sizes and schedule.

    The result is called with the same arguments, and with `opts=`: how to compile, by default
    `parpy.CompileOptions()`. It keeps name, signature and docstring, and `__wrapped__` is the
    undecorated function.

    Args:
        function: a function whose source is in a file or a notebook cell.

    Raises:
        CompileError: the source is not to be found, or is not in ParPy's language.
        TypeError: `function` is not a Python function.

    Example:
        >>> import numpy as np, parpy
        >>> @parpy.jit
        ... def double(x, N):
        ...     parpy.label('N')
        ...     for i in range(N):
        ...         x[i] *= 2.0
        >>> x = np.ones(3, dtype=np.float32)
        >>> double(x, 3, opts=parpy.par({'N': parpy.threads(3)}))
        >>> x
        array([2., 2., 2.], dtype=float32)
    """
    if isinstance(function, _native.Function):
        return function
    if not isinstance(function, FunctionType):
        raise TypeError(
            f"parpy.jit decorates a Python function, not {type(function).__name__} ({function!r})"
        )
    # `inspect` is slow to load, and only decorating needs it.
    from parpy._source import source_of

    annotations: dict[str, str] = {}
    if function.__annotations__:
        from parpy._annotations import annotations_of, described, require_values, variable_names

        frame = sys._getframe(1)
        scope = frame.f_locals
        # Elsewhere than where it is defined, a name may only be out of scope.
        if function.__code__ in frame.f_code.co_consts:
            require_values(function, scope)
        names = variable_names(function, scope)
        known = annotations_of(function, scope)
        annotations = {name: described(value, names) for name, value in known.items()}
    source = source_of(function)
    made: _native.Function[P] = _native.Function(
        function,
        source.definition,
        source.filename,
        source.lines,
        source.first_line,
        source.column_offset,
        annotations,
    )
    functools.update_wrapper(made, function)
    # Only `clear_cache` needs the list; a core without weak references is not held alive for it.
    with contextlib.suppress(TypeError):
        _functions.add(made)
    return made


def print_compiled(
    fun: Callable[..., Any], args: Sequence[Any], opts: CompileOptions | None = None
) -> str:
    """The code that a call would run, as text; what a call would warn of is warned of.

    Args:
        fun: a function, decorated or not.
        args: the arguments of the call, in order; only their types and shapes matter.
        opts: as at the call.

    Returns:
        LLVM IR for the CPU, from whose closing comment `compile_string` makes a function again;
        CUDA C++ for `CompileBackend.Cuda`, which needs neither a GPU nor a toolkit.

    Raises:
        CompileError: the function or its schedule cannot be compiled.
        TypeError: an argument is of a type that ParPy does not take.

    Example:
        >>> import numpy as np, parpy
        >>> def fill(x):
        ...     parpy.label('N')
        ...     x[:] = 1.0
        >>> code = parpy.print_compiled(fill, [np.empty(10)], parpy.par({'N': parpy.threads(2)}))
    """
    return jit(fun).print_compiled(list(args), _options(opts))


def compile_string(
    name: str, code: str, opts: CompileOptions | None = None
) -> _native.CompiledText:
    """A function made of text that `print_compiled` gave and the user may have edited.

    CUDA C++ whose host code was edited, or calls functions of the host, is compiled by `nvcc`; of
    other CUDA C++ NVRTC compiles the kernels, and the comments say how they are launched.

    Args:
        name: the name of the function in the text.
        code: the text, its closing comment with the signature included.
        opts: which backend the text is for, the CPU or CUDA; `Auto` stands for that of the text.
            Its `includes`, `libs` and `extra_flags` are added to those that the text was printed
            with, and `use_cuda_graphs` counts.

    Raises:
        CompileError: the text has no signature, is that of a function with another name, does not
            compile, or calls Python functions.

    Example:
        >>> import numpy as np, parpy
        >>> def fill(x):
        ...     x[:] = 1.0
        >>> x = np.zeros(2)
        >>> parpy.compile_string('fill', parpy.print_compiled(fill, [x]))(x)  # doctest: +SKIP
        >>> x  # doctest: +SKIP
        array([1., 1.])
    """
    if not isinstance(name, str) or not isinstance(code, str):
        raise TypeError("compile_string takes the name of a function and its code, two strings")
    chosen = _options(opts).backend
    # The text says itself what it is for, and `Auto` takes it so.
    if chosen is not CompileBackend.Auto:
        _settled(chosen)
    if chosen is CompileBackend.Cuda and "\n// host program\n" not in code:
        raise CompileError(
            "The code text has no host program, so it is not for CompileBackend.Cuda; "
            "compile_string takes what print_compiled gave for that backend"
        )
    return _native.CompiledText(name, code, opts)


def clear_cache() -> None:
    """Forgets everything that was compiled, in memory and on disk.

    Example:
        >>> import parpy
        >>> parpy.clear_cache()  # doctest: +SKIP
    """
    for function in list(_functions):
        function.clear()
    from parpy import _cache

    cache = _cache.default()
    if cache is not None:
        cache.clear()


def sync(backend: CompileBackend) -> None:
    """Waits until everything started on `backend` is done; on the CPU that is so at every return.

    Raises:
        TypeError: `backend` is not a `CompileBackend`.
        RuntimeError: a kernel has failed, or the backend cannot be used here.

    Example:
        >>> import parpy
        >>> parpy.sync(parpy.CompileBackend.Cpu)
    """
    if _settled(backend) is CompileBackend.Cuda:
        _native.cuda_synchronize()


def _options(opts: CompileOptions | None) -> CompileOptions:
    if opts is None:
        return CompileOptions()
    if not isinstance(opts, CompileOptions):
        raise TypeError(f"opts must be a parpy.CompileOptions, such as parpy.par(…), not {opts!r}")
    return opts


def _settled(b: CompileBackend) -> CompileBackend:
    """The backend that `b` stands for.

    Raises:
        RuntimeError: it is Metal, which has no device here.
    """
    if not isinstance(b, CompileBackend):
        raise TypeError(f"a backend is a parpy.CompileBackend, not {b!r}")
    settled = backend.default_backend() if b is CompileBackend.Auto else b
    if settled is CompileBackend.Metal and (obstacle := _native.metal_obstacle()) is not None:
        raise RuntimeError(f"The backend Metal is not available here: {obstacle}")
    return settled
