"""Which backends there are, which can run here, and which one `Auto` stands for.

Attributes:
    backends: every backend that ParPy has a name for.
    available: those that can run on this machine.
"""

from __future__ import annotations

import functools
import os

from parpy import _native
from parpy._options import CompileBackend

__all__ = ["available", "backends", "default_backend", "is_enabled", "set_default"]

_VARIABLE = "PARPY_DEFAULT_BACKEND"

backends: tuple[CompileBackend, ...] = tuple(
    b for b in CompileBackend if b is not CompileBackend.Auto
)
available: tuple[CompileBackend, ...]

_default: CompileBackend | None = None


def is_enabled(b: CompileBackend, verbose: bool = False) -> bool:
    """True where backend `b` can run on this machine.

    Args:
        b: a backend; for `Auto` the answer is about the backend it stands for.
        verbose: print the reason.

    Raises:
        TypeError: `b` is not a `CompileBackend`.

    Example:
        >>> import parpy
        >>> parpy.backend.is_enabled(parpy.CompileBackend.Cpu, verbose=True)
        parpy.CompileBackend.Cpu is enabled
        True
    """
    obstacle = _obstacle(default_backend() if b is CompileBackend.Auto else b)
    if verbose:
        print(f"{b!r} is enabled" if obstacle is None else f"{b!r} is not enabled: {obstacle}")
    return obstacle is None


def set_default(b: CompileBackend) -> None:
    """Makes `Auto` stand for `b` from now on; `set_default(Auto)` undoes that.

    Raises:
        TypeError: `b` is not a `CompileBackend`.
        RuntimeError: `b` cannot run on this machine; the message says why.

    Example:
        >>> import parpy
        >>> parpy.backend.set_default(parpy.CompileBackend.Cpu)
        >>> parpy.default_backend()
        parpy.CompileBackend.Cpu
        >>> parpy.backend.set_default(parpy.CompileBackend.Auto)
    """
    global _default
    if b is CompileBackend.Auto:
        _default = None
        _native.forget_default_backend()
        return
    obstacle = _obstacle(b)
    if obstacle is not None:
        raise RuntimeError(f"{b!r} cannot be the default: {obstacle}")
    _default = b
    _native.forget_default_backend()


def default_backend() -> CompileBackend:
    """The backend that `Auto` stands for now.

    It is the one given to `set_default`, else the one named by the environment variable
    PARPY_DEFAULT_BACKEND, else the GPU's where there is one that can be used, else the CPU.
    What a GPU that was found so does not have of a program, the CPU runs.

    Raises:
        ValueError: PARPY_DEFAULT_BACKEND names no backend.
        RuntimeError: it names one that cannot run on this machine.

    Example:
        >>> import parpy
        >>> parpy.default_backend() in parpy.backend.available
        True
    """
    return _chosen() or _found()


def settled() -> tuple[CompileBackend, bool]:
    """The backend that `Auto` stands for now, and whether somebody chose it."""
    chosen = _chosen()
    return (_found(), False) if chosen is None else (chosen, True)


def _chosen() -> CompileBackend | None:
    """The backend of `set_default` or of the environment."""
    if _default is not None:
        return _default
    named = os.environ.get(_VARIABLE, "").strip()
    if named:
        chosen = {b.name.lower(): b for b in CompileBackend}.get(named.lower())
        if chosen is None:
            names = ", ".join(b.name for b in CompileBackend)
            raise ValueError(f"{_VARIABLE}={named!r} names no backend; it may be one of {names}")
        if chosen is not CompileBackend.Auto:
            obstacle = _obstacle(chosen)
            if obstacle is not None:
                raise RuntimeError(f"{_VARIABLE}={named!r} cannot be used: {obstacle}")
            return chosen
    return None


def _found() -> CompileBackend:
    """The one GPU that can be used, else the CPU."""
    gpus = [b for b in (CompileBackend.Cuda, CompileBackend.Metal) if _obstacle(b) is None]
    return gpus[0] if len(gpus) == 1 else CompileBackend.Cpu


def _obstacle(b: CompileBackend) -> str | None:
    """Why `b` cannot run here, or None."""
    if not isinstance(b, CompileBackend):
        raise TypeError(f"a backend is a parpy.CompileBackend, not {b!r}")
    if b is CompileBackend.Cpu:
        import importlib.util

        if importlib.util.find_spec("llvmlite") is not None:
            return None
        return "llvmlite was not found; install it with: pip install 'llvmlite>=0.50,<0.51'"
    if b is CompileBackend.Cuda:
        return _native.cuda_obstacle() or _nvrtc_obstacle()
    return _native.metal_obstacle()


def _nvrtc_obstacle() -> str | None:
    """Why nothing can be compiled for CUDA here, or None."""
    try:
        _nvrtc()
    except RuntimeError as error:
        return str(error)
    return None


@functools.cache
def _nvrtc() -> tuple[str, str]:
    """The file and the version of NVRTC, which stays loaded once it is found."""
    from parpy import _cuda

    return _native.nvrtc_report(_cuda.library_directories())


def __getattr__(name: str) -> object:
    """Finds out about `available` when it is asked for."""
    if name == "available":
        return tuple(b for b in backends if _obstacle(b) is None)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# CUDA that the parent has started cannot be used in a child of `fork`.
os.register_at_fork(after_in_child=_native.forget_default_backend)
