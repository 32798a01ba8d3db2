"""Functions that compiled code calls and ParPy does not compile: external ones and callbacks."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as np

from parpy._annotations import described, evaluated, variable_names
from parpy._buffer import Buffer
from parpy._options import CompileBackend, Target
from parpy._schedule import LoopPar
from parpy.types import BufferType, ElemSize, PointerType, TypeVariable

__all__ = ["Callback", "External", "callback", "callback_buffer", "external", "show_callback"]

P = ParamSpec("P")
R = TypeVar("R")

# Python's own types as the types of a callback's result: weak, as Python numbers are.
_PYTHON_TYPES: dict[object, ElemSize] = {
    bool: ElemSize.Bool,
    int: ElemSize.I64,
    float: ElemSize.F64,
}
# Passed in arrays alone.
_COMPLEX = (ElemSize.C64, ElemSize.C128)
_ONE_THREAD = LoopPar()
# A name of a file, perhaps with the brackets or quotes that it has after `#include`.
_HEADER = re.compile(r'<[^<>"\r\n]+>|"[^<>"\r\n]+"|[^<>"\r\n]+')
_HAS_STAR_PARAMETERS = 0x04 | 0x08  # inspect.CO_VARARGS, CO_VARKEYWORDS


class Parameter(NamedTuple):
    """A parameter: its name, and what its argument must be, empty where anything will do.

    The text is what `Annotation` in Sources/Syntax reads.
    """

    name: str
    annotation: str


class Declaration(NamedTuple):
    """What the core reads of an external function or a callback.

    Attributes:
        parameters: in the order of the call.
        result: NumPy's name of the type of the result; empty where there is none.
        is_weak: whether that is a Python number, whose type yields to that of arrays.
        backend: the name of the backend that an external function is for.
        symbol: the name of an external function in its library.
        is_device: whether parallel code may call an external function.
        header: the header that declares an external function; empty where there is none.
        threads: how many threads of a block call an external function together.
        threads_per_block: the most threads of a block that calls it.
    """

    parameters: tuple[Parameter, ...]
    result: str
    is_weak: bool = False
    backend: str = ""
    symbol: str = ""
    is_device: bool = False
    header: str = ""
    threads: int = 1
    threads_per_block: int = 1024


class _Foreign(Generic[P, R]):
    """A Python function that stands for itself when it is called from Python."""

    __wrapped__: Callable[P, R]
    __name__: str

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the Python function."""
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<parpy {type(self).__name__.lower()} {self.__name__}>"

    def __reduce__(self) -> str:
        """Pickles the function by reference, as Python does its own."""
        return str(self.__wrapped__.__qualname__)


class External(_Foreign[P, R]):
    """A function of another language, declared for one or more backends; see `parpy.external`."""

    def __init__(self, function: Callable[P, R], declarations: tuple[Declaration, ...]) -> None:
        super().__init__(function)
        self._declarations = declarations


class Callback(_Foreign[P, R]):
    """A Python function that host code of decorated functions calls; see `parpy.callback`."""

    def __init__(self, function: Callable[P, R], declaration: Declaration) -> None:
        super().__init__(function)
        self._declaration = declaration


def external(
    ext_name: str,
    backend: CompileBackend,
    target: Target,
    header: str | None = None,
    parallelize: LoopPar = _ONE_THREAD,
) -> Callable[[Callable[P, R]], External[P, R]]:
    """Declares a function of another language, to be called by decorated functions.

    The decorated function is the plain-Python meaning: it runs where the caller runs undecorated.
    Its annotations are the types of the call: scalar types of `parpy.types` are passed by value,
    `pointer(T)` and `buffer(T, shape)` as the address of an array's first element, which the other
    elements must follow in memory; what it returns is a scalar type or nothing.

    On the CPU a call becomes a call by the C ABI of the symbol `ext_name` in one of the libraries
    that `opts.libs` names, by path or as the linker does (`"m"` is `libm.so`), or in the process.
    It counts as reading and writing all of its arrays.

    On CUDA a function with `Target.Device` is a `__device__` function of `header`, which is looked
    for in the directories of `opts.includes`. Between the levels of blocks and threads the first
    thread of a block calls it and the others get the result; inside a loop over threads each does.
    With `parallelize=parpy.threads(n)` the call is itself the level of threads: the n threads of
    a block call the function together, with the same operands, and it gives all the same result.
    One with `Target.Host` is a C++ function that host code calls with addresses of the device; it
    finds the stream of the call as `parpy_stream()`, and may work on the default stream as well.
    `nvcc` compiles that code, with `opts.libs` and `opts.extra_flags`.

    On Metal one with `Target.Host` is a C function, as on the CPU: it is called when the kernels
    before it have ended, and uses the memory that the GPU shares.

    A function may be declared once for each backend: by several decorators, or by several functions
    of one name one after the other.

    Args:
        ext_name: the symbol of the function.
        backend: the backend that the declaration is for.
        target: `Target.Device` where parallel loops may call the function, from every worker;
            `Target.Host` where only the code around them may. On the CPU that may also call
            those of `Target.Device`.
        header: the file that declares the function on CUDA, `"name.h"` or `"<name.h>"`; left out
            for CUDA's own functions, and unused where C functions are called.
        parallelize: how many threads call the function together on a GPU, a multiple of 32 or
            rounded up to one; without effect on the CPU.

    Raises:
        TypeError: an argument or an annotation is of the wrong type, or missing.
        ValueError: `ext_name` is no name of a C function, `header` no name of a file, or `backend`
            is `Auto`.

    Example:
        >>> import math, numpy as np, parpy
        >>> from parpy.types import F64
        >>> @parpy.external("j0", parpy.CompileBackend.Cpu, parpy.Target.Device)
        ... def bessel(x: F64) -> F64:
        ...     return 1.0 - x * x / 4 + x**4 / 64  # close to 0
        >>> @parpy.jit
        ... def apply(x):
        ...     for i in range(len(x)):
        ...         x[i] = bessel(x[i])
        >>> x = np.array([0.0, 2.404825557695773])
        >>> apply(x, opts=parpy.CompileOptions(libs=["m"]))
        >>> x.round(9) + 0.0
        array([1., 0.])
    """
    if not isinstance(ext_name, str):
        raise TypeError(f"ext_name must be a string, not {ext_name!r}")
    if not (ext_name.isascii() and ext_name.isidentifier()):
        raise ValueError(f"ext_name must be the name of a C function, not {ext_name!r}")
    if not isinstance(backend, CompileBackend):
        raise TypeError(f"backend must be a parpy.CompileBackend, not {backend!r}")
    if backend is CompileBackend.Auto:
        raise ValueError("an external function is for one backend, not for CompileBackend.Auto")
    if not isinstance(target, Target):
        raise TypeError(f"target must be a parpy.Target, not {target!r}")
    if header is not None and not isinstance(header, str):
        raise TypeError(f"header must be a string or None, not {header!r}")
    if header is not None and not _HEADER.fullmatch(header):
        raise ValueError(f"header must name a file, as in '<name.h>' or 'name.h', not {header!r}")
    if not isinstance(parallelize, LoopPar):
        raise TypeError(f"parallelize must be a parpy.LoopPar, not {parallelize!r}")
    threads, threads_per_block, _ = parallelize._fields()

    def decorate(function: Callable[P, R]) -> External[P, R]:
        former: tuple[Declaration, ...] = ()
        if isinstance(function, External):
            former, function = function._declarations, function.__wrapped__
        python = _python_function(function, "parpy.external")
        scope = sys._getframe(1).f_locals
        # A function of that name is about to be replaced by this one.
        replaced = scope.get(python.__name__)
        if not former and isinstance(replaced, External):
            former = replaced._declarations
        annotations = evaluated(python, scope)
        names = variable_names(python, scope)
        parameters = tuple(
            Parameter(name, _external_parameter(python, name, annotations.get(name), names))
            for name in _parameter_names(python, "parpy.external")
        )
        declaration = Declaration(
            parameters,
            _external_result(python, annotations.get("return")),
            backend=backend.name,
            symbol=ext_name,
            is_device=target is Target.Device,
            header=header or "",
            threads=threads if parallelize.is_parallel() else 1,
            threads_per_block=threads_per_block,
        )
        others = tuple(d for d in former if d.backend != backend.name)
        return External(function, (declaration, *others))

    return decorate


def callback(function: Callable[P, R]) -> Callback[P, R]:
    """Declares a Python function that host code of decorated functions may call.

    The call is made by the thread that called the decorated function, outside parallel loops.
    Scalars come as Python numbers; arrays, slices and temporaries as `parpy.buffer.Buffer`, in the
    same memory, which is the function's only during the call. It counts as reading and writing all
    of its arrays; other arrays of the caller must be left alone.

    On CUDA the call waits for the kernels before it. Arrays of the host are up to date then, and
    what the function writes to those that it is given, later kernels see; of temporaries and arrays
    of the device it is given copies in memory of the host, which are copied back afterwards.

    Parameters may be annotated with scalar types of `parpy.types`. The result is that of the return
    annotation, a scalar type or `int`, `float` or `bool`; without one there is none. An exception
    ends the decorated function there, and goes on to its caller.

    Raises:
        TypeError: `function` is no Python function, or an annotation is of another type.

    Example:
        >>> import numpy as np, parpy
        >>> @parpy.callback
        ... def report(step, x):
        ...     print(step, np.asarray(x))
        >>> @parpy.jit
        ... def grow(x):
        ...     for step in range(2):
        ...         x[:] = 2.0 * x[:]
        ...         report(step, x)
        >>> grow(np.ones(2))
        0 [2. 2.]
        1 [4. 4.]
    """
    python = _python_function(function, "parpy.callback")
    scope = sys._getframe(1).f_locals
    annotations = evaluated(python, scope)
    names = variable_names(python, scope)
    parameters = tuple(
        Parameter(name, _callback_parameter(annotations.get(name), names))
        for name in _parameter_names(python, "parpy.callback")
    )
    result = annotations.get("return")
    is_weak = False
    if result in _PYTHON_TYPES:
        result, is_weak = _PYTHON_TYPES[result], True
    if result is not None and (not isinstance(result, ElemSize) or result in _COMPLEX):
        raise TypeError(
            f"{python.__qualname__} must return a scalar type of parpy.types, an int, a float, a "
            f"bool or nothing, not {result!r}"
        )
    name = "" if result is None else result.value
    return Callback(function, Declaration(parameters, name, is_weak))


def _python_function(function: object, decorator: str) -> FunctionType:
    if not isinstance(function, FunctionType):
        raise TypeError(
            f"{decorator} decorates a Python function, not {type(function).__name__} ({function!r})"
        )
    return function


def _parameter_names(function: FunctionType, decorator: str) -> tuple[str, ...]:
    code = function.__code__
    if code.co_flags & _HAS_STAR_PARAMETERS or code.co_kwonlyargcount:
        raise TypeError(
            f"{decorator}: {function.__qualname__} must have plain parameters, no * and **"
        )
    return code.co_varnames[: code.co_argcount]


def _external_parameter(
    function: FunctionType, name: str, annotation: object, names: Mapping[int, str]
) -> str:
    if isinstance(annotation, PointerType):
        return f"array {annotation.elem.value}"
    if isinstance(annotation, BufferType) and not isinstance(annotation.elem, TypeVariable):
        return described(annotation, names)
    if isinstance(annotation, ElemSize) and annotation not in _COMPLEX:
        return described(annotation, names)
    written = "nothing that is known" if annotation is None else repr(annotation)
    raise TypeError(
        f"parameter {name!r} of {function.__qualname__} must be annotated with a type of "
        f"parpy.types, such as F32, pointer(F32) or buffer(F32, [N]), not with {written}"
    )


def _external_result(function: FunctionType, annotation: object) -> str:
    if annotation is None:
        return ""
    if isinstance(annotation, ElemSize) and annotation not in _COMPLEX:
        return annotation.value
    raise TypeError(
        f"{function.__qualname__} must return a scalar type of parpy.types or None, not "
        f"{annotation!r}"
    )


def _callback_parameter(annotation: object, names: Mapping[int, str]) -> str:
    known = (isinstance(annotation, ElemSize) and annotation not in _COMPLEX) or (
        isinstance(annotation, BufferType) and not isinstance(annotation.elem, TypeVariable)
    )
    return described(annotation, names) if known else ""


# --- What the core asks for while a callback is called ----------------------------------------


class _Memory:
    """Memory of the caller of a decorated function, which `owner` keeps."""

    def __init__(self, interface: dict[str, Any], owner: object) -> None:
        self.__array_interface__ = interface
        self._owner = owner


def callback_buffer(
    address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str, owner: object
) -> Buffer:
    """A buffer over elements at an address, `strides` bytes apart."""
    is_bfloat16 = dtype == "bfloat16"
    element = np.dtype(np.uint16 if is_bfloat16 else dtype)
    if 0 in shape:
        array = np.empty(shape, element)
    else:
        interface = {
            "shape": shape,
            "typestr": element.str,
            "data": (address, False),
            "strides": strides,
            "version": 3,
        }
        array = np.asarray(_Memory(interface, owner))
    return Buffer(array.view(sys.modules["ml_dtypes"].bfloat16) if is_bfloat16 else array)


def show_callback(name: str, arguments: tuple[Any, ...]) -> None:
    """Prints a call, as `debug_callbacks` asks."""
    texts = (str(a.numpy()) if isinstance(a, Buffer) else repr(a) for a in arguments)
    print(f"parpy: callback {name}({', '.join(texts)})", flush=True)
