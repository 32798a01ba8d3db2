"""How a labelled loop runs: on how many threads, and whether its iterations add up."""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable
from typing import NoReturn, SupportsIndex

import numpy as np

__all__ = ["LoopPar", "integer", "par_reduction", "threads", "unroll"]

_REDUCTION = 1
_UNROLL = 2
_THREADS = 4
_LAYOUT = struct.Struct("<qii")
_DEFAULT_TPB = 1024
_MAXIMUM_TPB = 1024
_SEQUENTIAL = _LAYOUT.pack(0, _DEFAULT_TPB, 0)


def integer(value: SupportsIndex, what: str) -> int:
    """`value` as an int; a bool, a float or anything else is a TypeError that names `what`."""
    if not isinstance(value, bool | np.bool_):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{what} must be an int, not {type(value).__name__} ({value!r})")


class LoopPar:
    """How one labelled loop runs; immutable, and built by chaining.

    Attributes are read by the compiler alone; print a schedule to see it.

    Example:
        >>> import parpy
        >>> parpy.threads(1000).reduce().tpb(128)
        parpy.threads(1000).reduce().tpb(128)
        >>> parpy.LoopPar().is_parallel()
        False
        >>> parpy.threads(64) == parpy.threads(32).threads(32)
        Traceback (most recent call last):
        ...
        ValueError: the number of threads is set already: parpy.threads(32); call .threads once
    """

    __slots__ = ("_packed",)

    # int64 threads, int32 threads per block, int32 flags; docs/native-interface.md.
    _packed: bytes

    def __init__(self) -> None:
        """A schedule that leaves the loop sequential."""
        object.__setattr__(self, "_packed", _SEQUENTIAL)

    def threads(self, n: SupportsIndex) -> LoopPar:
        """The loop runs in parallel, on at most `n` threads or workers.

        Args:
            n: how many; 0 counts as 1, so that `threads(len(x))` also works for an empty `x`.

        Raises:
            TypeError: `n` is not an integer.
            ValueError: `n` is negative or above 2**63 - 1, or the number is set already.
        """
        count = integer(n, "the number of threads")
        _, tpb, flags = self._fields()
        if flags & _THREADS:
            raise ValueError(f"the number of threads is set already: {self!r}; call .threads once")
        if not 0 <= count < 2**63:
            raise ValueError(f"the number of threads must be between 0 and 2**63 - 1, not {count}")
        return self._with(max(count, 1), tpb, flags | _THREADS)

    def reduce(self) -> LoopPar:
        """The loop's accumulations may be re-associated: it performs a reduction."""
        threads, tpb, flags = self._fields()
        return self._with(threads, tpb, flags | _REDUCTION)

    def par_reduction(self) -> LoopPar:
        """The same as `reduce`."""
        return self.reduce()

    def tpb(self, k: SupportsIndex) -> LoopPar:
        """On a GPU, a block of this loop has at most `k` threads (1024 where not said).

        Args:
            k: a multiple of 32, from 32 to 1024.

        Raises:
            TypeError: `k` is not an integer.
            ValueError: `k` is not such a multiple.
        """
        size = integer(k, "the number of threads per block")
        if size % 32 != 0 or not 32 <= size <= _MAXIMUM_TPB:
            raise ValueError(
                "the number of threads per block must be a multiple of 32 "
                f"from 32 to {_MAXIMUM_TPB}, not {size}"
            )
        threads, _, flags = self._fields()
        return self._with(threads, size, flags)

    def unroll(self) -> LoopPar:
        """The loop is unrolled: as a whole where it is short, else some iterations at a time."""
        threads, tpb, flags = self._fields()
        return self._with(threads, tpb, flags | _UNROLL)

    def is_parallel(self) -> bool:
        """True where `.threads` was given."""
        return bool(self._fields()[2] & _THREADS)

    def _fields(self) -> tuple[int, int, int]:
        threads, tpb, flags = _LAYOUT.unpack(self._packed)
        return threads, tpb, flags

    @staticmethod
    def _with(threads: int, tpb: int, flags: int) -> LoopPar:
        return _loop_par(_LAYOUT.pack(threads, tpb, flags))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a LoopPar is immutable; cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a LoopPar is immutable; cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        return self._packed == other._packed if isinstance(other, LoopPar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._packed)

    def __reduce__(self) -> tuple[Callable[[bytes], LoopPar], tuple[bytes]]:
        return _loop_par, (self._packed,)

    def __repr__(self) -> str:
        """The expression that makes this schedule."""
        threads, tpb, flags = self._fields()
        calls = [f"threads({threads})"] if flags & _THREADS else []
        calls += ["reduce()"] if flags & _REDUCTION else []
        calls += [f"tpb({tpb})"] if tpb != _DEFAULT_TPB else []
        calls += ["unroll()"] if flags & _UNROLL else []
        return ".".join(["parpy.LoopPar()" if not flags & _THREADS else "parpy", *calls])


def _loop_par(packed: bytes) -> LoopPar:
    made = LoopPar.__new__(LoopPar)
    object.__setattr__(made, "_packed", packed)
    return made


def threads(n: SupportsIndex) -> LoopPar:
    """A schedule that runs a loop in parallel, on at most `n` threads or workers.

    Args:
        n: how many; 0 counts as 1.

    Raises:
        TypeError: `n` is not an integer.
        ValueError: `n` is negative or above 2**63 - 1.

    Example:
        >>> import parpy
        >>> parpy.threads(100)
        parpy.threads(100)
    """
    return LoopPar().threads(n)


def par_reduction() -> LoopPar:
    """A schedule that declares a reduction; the same as `parpy.reduce()`.

    Example:
        >>> import parpy
        >>> parpy.par_reduction() == parpy.reduce()
        True
    """
    return LoopPar().reduce()


def unroll() -> LoopPar:
    """A schedule that unrolls a loop.

    Example:
        >>> import parpy
        >>> parpy.unroll()
        parpy.LoopPar().unroll()
    """
    return LoopPar().unroll()
