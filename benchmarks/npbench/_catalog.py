"""The programs, and the versions that follow from them: plain Python's and Numba's."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
from benchmarks.npbench import programs

import parpy

PRESETS = ("test", "S", "M", "L", "paper")
DTYPES = ("float64", "float32")

Version = Callable[..., object]
"""Takes the arguments of a program in order, and leaves the results in some of them."""

Schedule = Callable[..., dict[str, parpy.LoopPar]]
"""Takes the extents of a preset, and makes the schedule of each label."""

# A sum in another order differs by less, also where its terms cancel.
_TOLERANCES = {
    "float64": {"rtol": 1e-9, "atol": 1e-9},
    "float32": {"rtol": 1e-4, "atol": 1e-4},
}


@dataclass(frozen=True)
class Program:
    """A program of the suite: what a module in `programs` holds.

    Attributes:
        name: the module's name.
        dtype: what float64 is: itself, or float32 for all arguments and Python's floats.
        sizes: from preset to the extents that `initialize` and `schedule` take.
        outputs: the names of the arguments that hold the results.
        tolerance: `rtol` and `atol` of the comparison with the reference's results, and of float32
            also `outliers`, the share of elements that may differ by more, as those next to a
            limit, and `integers`, by how much counts may differ.
        initialize: makes the arguments, by name and in order.
        reference: the NumPy version.
        kernel: the ParPy version, decorated.
        schedule: makes the schedule of each label.
        gpu_kernel: the version for GPUs: `kernel`, unless the module has one of this name, because
            no text is good for both.
        gpu_schedule: its schedule: `schedule`, unless the module has one of this name. Labels that
            only it mentions are those of loops that are sequential on the CPU.
    """

    name: str
    dtype: str
    sizes: Mapping[str, Mapping[str, int]]
    outputs: tuple[str, ...]
    tolerance: Mapping[str, float]
    initialize: Callable[..., dict[str, Any]]
    reference: FunctionType
    kernel: Callable[..., None]
    schedule: Schedule
    gpu_kernel: Callable[..., None]
    gpu_schedule: Schedule

    def call(
        self, backend: parpy.CompileBackend, preset: str
    ) -> tuple[Callable[..., None], parpy.CompileOptions]:
        """The version for a backend, and the options that schedule it for a preset."""
        cpu = backend is parpy.CompileBackend.Cpu
        schedule = self.schedule if cpu else self.gpu_schedule
        opts = parpy.par(schedule(**self.sizes[preset]))
        opts.backend = backend
        if self.dtype == "float32":
            opts.force_float_size = parpy.types.F32
        return self.kernel if cpu else self.gpu_kernel, opts

    def in_float64(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What NumPy's version makes of float32 arguments, which stay as they are, in float64.

        The results are rounded once, so that they stand for those of float32 in any order.
        """
        taken = {name: _converted(value, _WIDER) for name, value in arguments.items()}
        with np.errstate(all="ignore"):
            self.reference(*taken.values())
        return {name: taken[name].astype(arguments[name].dtype) for name in self.outputs}

    def mistakes(self, actual: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
        """What is wrong with the results in `actual`, a line for each wrong argument."""
        found = []
        for name in self.outputs:
            a, e = actual[name], expected[name]
            if a.dtype != e.dtype or a.shape != e.shape:
                found.append(f"{name}: {a.dtype} {a.shape}, expected {e.dtype} {e.shape}")
                continue
            rtol, atol = self.tolerance["rtol"], self.tolerance["atol"]
            if e.dtype.kind in "biu":
                off = int(self.tolerance.get("integers", 0))
                good = (e - off <= a) & (a <= e + off)
            else:
                good = np.isclose(a, e, rtol, atol, equal_nan=True)
            if np.count_nonzero(~good) > self.tolerance.get("outliers", 0) * a.size:
                worst = np.abs(np.where(good, 0, a - e.astype(np.result_type(e, np.float64)))).max()
                count = np.count_nonzero(~good)
                found.append(f"{name}: {count} of {a.size} elements differ, by up to {worst:.3g}")
        return found


def names() -> list[str]:
    """The names of all programs, in order."""
    return sorted(m.name for m in pkgutil.iter_modules(programs.__path__) if m.name[0] != "_")


_NARROWER = {"float64": "float32", "complex128": "complex64"}
_WIDER = {narrow: wide for wide, narrow in _NARROWER.items()}


def _converted(value: Any, types: Mapping[str, str]) -> Any:
    """A copy of an argument whose type, where `types` names it, is another."""
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    return value.astype(types.get(value.dtype.name, value.dtype))


def _narrowed(initialize: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Makes the same arguments in float32."""

    @functools.wraps(initialize)
    def narrowed(**size: Any) -> dict[str, Any]:
        return {name: _converted(value, _NARROWER) for name, value in initialize(**size).items()}

    return narrowed


def load(name: str, dtype: str = "float64") -> Program:
    """The program `name` on floats of a type.

    Raises:
        parpy.CompileError: a decorator of the module refuses a function.
    """
    module = importlib.import_module(f"{programs.__name__}.{name}")
    is_narrow = dtype == "float32"
    tolerance = {**_TOLERANCES["float64"], **getattr(module, "TOLERANCE", {})}
    if is_narrow:
        tolerance = {k: max(v, _TOLERANCES[dtype].get(k, 0)) for k, v in tolerance.items()}
        tolerance |= getattr(module, "TOLERANCE_OF_FLOAT32", {})
    return Program(
        name=name,
        dtype=dtype,
        sizes=module.SIZES,
        outputs=module.OUTPUTS,
        tolerance=tolerance,
        initialize=_narrowed(module.initialize) if is_narrow else module.initialize,
        reference=module.reference,
        kernel=module.kernel,
        schedule=module.schedule,
        gpu_kernel=getattr(module, "gpu_kernel", module.kernel),
        gpu_schedule=getattr(module, "gpu_schedule", module.schedule),
    )


def plain(kernel: Callable[..., None]) -> FunctionType:
    """A decorated function in plain Python: undecorated, and so are the functions it calls."""

    def undecorated(value: object) -> FunctionType | None:
        found = getattr(value, "__wrapped__", None) if isinstance(value, type(kernel)) else None
        return found if isinstance(found, FunctionType) else None

    function = undecorated(kernel)
    assert function is not None, f"{kernel!r} is not decorated"
    made: FunctionType = _rebuilt(function, undecorated, lambda f: f)
    return made


def numba_versions(reference: FunctionType) -> dict[str, Version]:
    """What Numba makes of the NumPy version as it is, sequential and parallel; lazily compiled."""
    import numba

    def of_this_module(value: object) -> FunctionType | None:
        if isinstance(value, FunctionType) and value.__module__ == reference.__module__:
            return value
        return None

    return {
        "numba": _rebuilt(reference, of_this_module, numba.njit),
        "numba parallel": _rebuilt(reference, of_this_module, numba.njit(parallel=True)),
    }


def _rebuilt(
    function: FunctionType,
    replaced: Callable[[object], FunctionType | None],
    decorate: Callable[[FunctionType], Any],
) -> Any:
    """`function`, decorated, with the functions that it calls replaced and decorated likewise.

    Args:
        function: undecorated.
        replaced: from a global to the function that is decorated in its place; None leaves it.
        decorate: what all of them get.
    """
    namespace = dict(function.__globals__)

    def copy(f: FunctionType) -> Any:
        made = FunctionType(f.__code__, namespace, f.__name__, f.__defaults__, f.__closure__)
        made.__module__ = f.__module__
        return decorate(made)

    for name, value in function.__globals__.items():
        if value is not function and (callee := replaced(value)) is not None:
            namespace[name] = copy(callee)
    return copy(function)
