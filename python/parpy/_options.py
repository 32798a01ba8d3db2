"""How a function is compiled: the backend and everything else but how one loop runs."""

from __future__ import annotations

import enum
import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from parpy._schedule import LoopPar, integer
from parpy.types import ElemSize

__all__ = ["CompileBackend", "CompileOptions", "Target", "par", "seq"]


class CompileBackend(enum.Enum):
    """What code is made for. `Auto` is settled at the call: see `parpy.default_backend`."""

    Auto = "Auto"
    Cpu = "Cpu"
    Cuda = "Cuda"
    Metal = "Metal"

    def __repr__(self) -> str:
        return f"parpy.CompileBackend.{self.name}"


class Target(enum.Enum):
    """Where an external function runs."""

    Host = "Host"
    Device = "Device"

    def __repr__(self) -> str:
        return f"parpy.Target.{self.name}"


# --- Options --------------------------------------------------------------------------------

# What `_token` says where the undecorated function is to run: nothing else matters then.
_SEQ_TOKEN = -1


def _bool(name: str, value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {value!r}")


def _optional_bool(name: str, value: object) -> bool | None:
    if value is None:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be True, False or None, not {value!r}")


def _backend(name: str, value: object) -> CompileBackend:
    if isinstance(value, CompileBackend):
        return value
    names = ", ".join(f"CompileBackend.{b.name}" for b in CompileBackend)
    raise TypeError(f"{name} must be one of {names}, not {value!r}")


def _specialize(name: str, value: object) -> str:
    accepted = ("auto", "always", "never")
    if value in accepted:
        return str(value)
    raise ValueError(f"{name} must be one of {', '.join(map(repr, accepted))}, not {value!r}")


def _cluster_size(name: str, value: Any) -> int:
    size = integer(value, name)
    if size in (1, 2, 4, 8, 16):
        return size
    raise ValueError(f"{name} must be a power of two from 1 to 16, not {size}")


def _unroll_count(name: str, value: Any) -> int:
    count = integer(value, name)
    if 0 <= count < 2**31:
        return count
    raise ValueError(f"{name} must be from 0 to 2**31 - 1, not {count}")


def _size_among(*sizes: ElemSize) -> Callable[[str, object], ElemSize | None]:
    def check(name: str, value: object) -> ElemSize | None:
        if value is None:
            return None
        if isinstance(value, ElemSize) and value in sizes:
            return value
        accepted = ", ".join(size.name for size in sizes)
        raise TypeError(f"{name} must be parpy.types.{accepted} or None, not {value!r}")

    return check


def _strings(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, str | bytes | os.PathLike):
        try:
            return tuple(os.fspath(item) for item in value)
        except TypeError:
            pass
    raise TypeError(f"{name} must be a list of strings or paths, not {value!r}")


def _schedules(name: str, value: Any) -> dict[str, LoopPar]:
    if not isinstance(value, dict | Mapping):
        raise TypeError(
            f"{name} must be a dictionary from label to LoopPar, such as "
            f"{{'N': parpy.threads(100)}}, not {value!r}"
        )
    for label, schedule in value.items():
        if not isinstance(label, str):
            raise TypeError(f"a label must be a string, not {label!r}")
        if not isinstance(schedule, LoopPar):
            raise TypeError(
                f"the schedule of label {label!r} must be a LoopPar, such as parpy.threads(100), "
                f"not {schedule!r}"
            )
    return dict(value)


def _is_on(variable: str) -> bool:
    """Whether an environment variable switches something on: 1; it is off at 0, and where unset."""
    value = os.environ.get(variable, "").strip()
    if value not in ("", "0", "1"):
        raise ValueError(f"{variable}={value!r} is neither on nor off; it may be 1 or 0")
    return value == "1"


CHECKS_BOUNDS = _is_on("PARPY_CHECK_BOUNDS")
"""The default of `CompileOptions.check_bounds`, read once: it is part of every call's key."""

# Name → (default, check); the check returns what is stored, or raises.
_SETTINGS: dict[str, tuple[Any, Callable[[str, Any], Any]]] = {
    "parallelize": ({}, _schedules),
    "backend": (CompileBackend.Auto, _backend),
    "seq": (False, _bool),
    "strict": (False, _bool),
    "check_bounds": (CHECKS_BOUNDS, _bool),
    "specialize": ("auto", _specialize),
    "verbose_backend_resolution": (False, _bool),
    "debug_print": (False, _bool),
    "debug_callbacks": (False, _bool),
    "write_output": (False, _bool),
    "use_cuda_thread_block_clusters": (False, _bool),
    "max_thread_blocks_per_cluster": (8, _cluster_size),
    "use_cuda_graphs": (None, _optional_bool),
    "max_unroll_count": (32, _unroll_count),
    "force_int_size": (None, _size_among(ElemSize.I8, ElemSize.I16, ElemSize.I32, ElemSize.I64)),
    "force_float_size": (None, _size_among(ElemSize.F16, ElemSize.F32, ElemSize.F64)),
    "implicit_shape_labels": (True, _bool),
    "includes": ((), _strings),
    "libs": ((), _strings),
    "extra_flags": ((), _strings),
}


_DEFAULTS: dict[str, Any] = {name: default for name, (default, _) in _SETTINGS.items()}


def _key(values: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(values[name] for name in _SETTINGS if name != "parallelize")


# One token for each combination of settings met; the two low bits are the position of the backend,
# and 0 is the token of the defaults.
_fresh_tokens = {b: itertools.count(number, 4) for number, b in enumerate(CompileBackend)}
_tokens: dict[tuple[object, ...], int] = {_key(_DEFAULTS): next(_fresh_tokens[CompileBackend.Auto])}


class _ListSetting:
    """A setting that is stored as a tuple and shown as a list; changes in place count."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, options: Any, owner: object = None) -> Any:
        if options is None:
            return self
        return _WatchedList(options.__dict__[self._name], options, self._name)

    # A data descriptor comes before the tuple in the instance's dictionary.
    def __set__(self, options: Any, value: object) -> None:
        setattr(options, self._name, value)


class CompileOptions:
    """Everything that says how a call is compiled; a mutable record, checked on assignment.

    Two of them are equal where all settings are; copies and pickles are independent.

    Attributes:
        parallelize: the schedule of each label; a label that is not in it is sequential.
        backend: what code is made for.
        seq: run the undecorated function in Python instead, for debugging.
        strict: no re-association, no contraction, scalar math functions.
        check_bounds: check data-dependent indexes too, as the code runs; the environment variable
            `PARPY_CHECK_BOUNDS=1` makes that the default.
        specialize: compile for the values of extents and scalars: `"always"`, `"never"`, or
            `"auto"` for the first call of each and not for later ones. On a GPU `"never"` has one
            version for arrays with elements and one for those without.
        verbose_backend_resolution: print why each backend is or is not enabled.
        debug_print: print every stage of the compiler, with times.
        debug_callbacks: print every call of a callback.
        write_output: on a failed native compile, write the code to a file and name it.
        use_cuda_thread_block_clusters: let the blocks that share a reduction on CUDA be a cluster,
            which joins their results in one kernel. GPUs before compute capability 9.0 ignore it.
        max_thread_blocks_per_cluster: the most blocks of such a cluster; a power of two up to 16.
            Reductions on more blocks, or on another number than a power of two, use no cluster.
        use_cuda_graphs: whether the launches of a call run as one CUDA graph: True for every call,
            False for none; None leaves it to the runtime, which takes calls that repeat each other.
        max_unroll_count: the longest loop that `.unroll()` unrolls as a whole, in iterations.
        force_int_size: the type that integers which are Python's own, such as literals and loop
            variables, are computed in where they are no indices: `parpy.types.I8` to `I64`.
        force_float_size: the type that floats which are Python's own are computed in:
            `parpy.types.F16` to `F64`.
        implicit_shape_labels: loops over a shape variable bear its name as a label.
        includes: folders with headers, for external functions.
        libs: libraries to link with external functions.
        extra_flags: further arguments for the native compiler.

    Raises:
        TypeError: a setting is of the wrong type.
        ValueError: a setting is out of range.

    Example:
        >>> import parpy
        >>> opts = parpy.CompileOptions(strict=True)
        >>> opts.backend = parpy.CompileBackend.Cpu
        >>> opts
        parpy.CompileOptions(backend=parpy.CompileBackend.Cpu, strict=True)
        >>> opts.bakend = parpy.CompileBackend.Cpu
        Traceback (most recent call last):
        ...
        AttributeError: CompileOptions has no setting 'bakend'; did you mean 'backend'?
    """

    parallelize: dict[str, LoopPar]
    backend: CompileBackend
    seq: bool
    strict: bool
    check_bounds: bool
    specialize: str
    verbose_backend_resolution: bool
    debug_print: bool
    debug_callbacks: bool
    write_output: bool
    use_cuda_thread_block_clusters: bool
    max_thread_blocks_per_cluster: int
    use_cuda_graphs: bool | None
    max_unroll_count: int
    force_int_size: ElemSize | None
    force_float_size: ElemSize | None
    implicit_shape_labels: bool
    includes: list[str] = _ListSetting("includes")  # type: ignore[assignment]
    libs: list[str] = _ListSetting("libs")  # type: ignore[assignment]
    extra_flags: list[str] = _ListSetting("extra_flags")  # type: ignore[assignment]
    _token: int

    # The parameters are spelled out for editors; their defaults are those of _SETTINGS.
    def __init__(
        self,
        parallelize: Mapping[str, LoopPar] | None = None,
        *,
        backend: CompileBackend = CompileBackend.Auto,
        seq: bool = False,
        strict: bool = False,
        check_bounds: bool = CHECKS_BOUNDS,
        specialize: str = "auto",
        verbose_backend_resolution: bool = False,
        debug_print: bool = False,
        debug_callbacks: bool = False,
        write_output: bool = False,
        use_cuda_thread_block_clusters: bool = False,
        max_thread_blocks_per_cluster: int = 8,
        use_cuda_graphs: bool | None = None,
        max_unroll_count: int = 32,
        force_int_size: ElemSize | None = None,
        force_float_size: ElemSize | None = None,
        implicit_shape_labels: bool = True,
        includes: Iterable[str | os.PathLike[str]] = (),
        libs: Iterable[str | os.PathLike[str]] = (),
        extra_flags: Iterable[str] = (),
    ) -> None:
        given = locals()
        values = self.__dict__
        values["parallelize"] = _schedules(
            "parallelize", {} if parallelize is None else parallelize
        )
        for name, (default, check) in _SETTINGS.items():
            if name != "parallelize":
                value = given[name]
                values[name] = value if value is default else check(name, value)
        self._renew()

    def _renew(self) -> None:
        """Gives the present settings their token: equal settings, `parallelize` apart, share one.

        `parpy.par(…)` in a loop so finds what an earlier call compiled.
        """
        values = self.__dict__
        if values["seq"]:
            values["_token"] = _SEQ_TOKEN
            return
        key = _key(values)
        token = _tokens.get(key)
        if token is None:
            token = _tokens.setdefault(key, next(_fresh_tokens[values["backend"]]))
        values["_token"] = token

    def _snapshot(self) -> CompileOptions:
        """A copy of one moment: what the compiler reads while other threads change settings."""
        made = object.__new__(CompileOptions)
        values = made.__dict__
        # At once, unlike what `_settings` does.
        values.update(self.__dict__)
        values["parallelize"] = dict(values["parallelize"])
        # A thread may have changed a setting and not yet the token.
        made._renew()
        return made

    def _settings(self) -> dict[str, Any]:
        values = {name: self.__dict__[name] for name in _SETTINGS}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _SETTINGS:
            import difflib

            near = difflib.get_close_matches(name, _SETTINGS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f": it has {', '.join(_SETTINGS)}"
            raise AttributeError(f"CompileOptions has no setting {name!r}{hint}")
        self.__dict__[name] = _SETTINGS[name][1](name, value)
        self._renew()

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a setting cannot be deleted: {name!r}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CompileOptions):
            return self._settings() == other._settings()
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], CompileOptions], tuple[Any]]:
        return _compile_options, (self._settings(),)

    def __copy__(self) -> CompileOptions:
        return _compile_options(self._settings())

    def __repr__(self) -> str:
        """The expression that makes these options; settings left as they were are not named."""
        changed = [
            f"{name}={value!r}"
            for name, value in self._settings().items()
            if value != (list(d) if isinstance(d := _DEFAULTS[name], tuple) else d)
        ]
        return f"parpy.CompileOptions({', '.join(changed)})"


class _WatchedList(list[str]):
    """A list that stores itself in a setting of a `CompileOptions` when it is changed."""

    __slots__ = ("_name", "_options")

    def __init__(self, items: Iterable[str], options: CompileOptions, name: str) -> None:
        super().__init__(items)
        self._options = options
        self._name = name

    def __reduce__(self) -> tuple[type[list[str]], tuple[list[str]]]:
        return list, (list(self),)  # a copy is a plain list


def _watching(name: str) -> Callable[..., Any]:
    change = getattr(list, name)

    def method(self: _WatchedList, *args: Any, **kwargs: Any) -> Any:
        result = change(self, *args, **kwargs)
        setattr(self._options, self._name, list(self))
        return result

    method.__name__ = name
    return method


for _name in (
    *("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"),
    *("__setitem__", "__delitem__", "__iadd__", "__imul__"),
):
    setattr(_WatchedList, _name, _watching(_name))


def _compile_options(settings: dict[str, Any]) -> CompileOptions:
    return CompileOptions(**settings)


def par(parallelize: Mapping[str, LoopPar]) -> CompileOptions:
    """Options that run each label as its schedule says.

    Args:
        parallelize: from label to schedule; a label that is not in it is sequential.

    Raises:
        TypeError: a key is not a string, or a value not a `LoopPar`.

    Example:
        >>> import parpy
        >>> parpy.par({'outer': parpy.threads(100)})
        parpy.CompileOptions(parallelize={'outer': parpy.threads(100)})
    """
    # As CompileOptions(parallelize), but quick: a schedule is often made anew for each call.
    made = object.__new__(CompileOptions)
    made.__dict__.update(_DEFAULTS)
    made.__dict__["parallelize"] = _schedules("parallelize", parallelize)
    made.__dict__["_token"] = 0
    return made


def seq() -> CompileOptions:
    """Options under which the undecorated function runs in Python, for debugging.

    Example:
        >>> import parpy
        >>> parpy.seq().seq
        True
    """
    return CompileOptions(seq=True)
