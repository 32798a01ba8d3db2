"""Where the elements of a part of an array lie, without touching them."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """Elements in memory.

    Attributes:
        offset: of the first element, in bytes.
        shape: the extent of each dimension.
        strides: of each dimension, in bytes.
    """

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @staticmethod
    def contiguous(shape: Sequence[int], item_size: int) -> Layout:
        """Elements that lie one behind the other in C's order."""
        strides = []
        stride = item_size
        for extent in reversed(shape):
            strides.append(stride)
            stride *= max(1, extent)
        return Layout(0, tuple(shape), tuple(reversed(strides)))

    def __getitem__(self, index: Any) -> Layout:
        """The part that NumPy's basic indexing chooses: integers, slices, `...` and None.

        Example:
            >>> Layout.contiguous((3, 4), 8)[1, ::2]
            Layout(offset=32, shape=(2,), strides=(16,))
        """
        parts = index if isinstance(index, tuple) else (index,)
        offset, shape, strides = self.offset, list[int](), list[int]()
        dimension = 0
        for part in _expanded(parts, len(self.shape)):
            if part is None:
                shape.append(1)
                strides.append(0)
                continue
            extent, stride = self.shape[dimension], self.strides[dimension]
            if isinstance(part, slice):
                chosen = range(extent)[part]
                offset += chosen.start * stride if chosen else 0
                shape.append(len(chosen))
                strides.append(chosen.step * stride)
            else:
                if not -extent <= part < extent:
                    raise IndexError(
                        f"index {part} is out of bounds for axis {dimension} with size {extent}"
                    )
                offset += (part % extent) * stride
            dimension += 1
        return Layout(offset, tuple(shape), tuple(strides))

    def reach(self, item_size: int) -> tuple[int, int]:
        """The offset of the first byte of any element, and that behind the last; there is one.

        Example:
            >>> Layout.contiguous((3, 4), 8)[::-1, 0].reach(8)
            (0, 72)
        """
        reaches = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        low = self.offset + sum(r for r in reaches if r < 0)
        high = self.offset + sum(r for r in reaches if r > 0)
        return low, high + item_size

    def reshaped(self, dims: Sequence[int]) -> Layout | None:
        """The same elements with other extents, of which one may be -1; None where that is no view.

        Dimensions that lie one behind the other are one run of elements, and each run is cut anew.

        Raises:
            ValueError: the number of elements differs.

        Example:
            >>> Layout.contiguous((3, 4), 8).reshaped((2, -1))
            Layout(offset=0, shape=(2, 6), strides=(48, 8))
        """
        shape = self._extents(dims)
        if 0 in shape:
            return Layout(self.offset, shape, Layout.contiguous(shape, 1).strides)
        runs = self._runs()
        strides: list[int] = []
        count, stride = runs.pop() if runs else (1, 1)
        # The innermost dimension first, as the runs are.
        for extent in reversed(shape):
            if extent != 1 and count == 1 and runs:
                count, stride = runs.pop()
            if count % extent:
                return None
            strides.append(stride)
            count, stride = count // extent, stride * extent
        return Layout(self.offset, shape, tuple(reversed(strides)))

    def _extents(self, dims: Sequence[int]) -> tuple[int, ...]:
        """The extents that are meant, with the one that is left open."""
        given = [operator.index(n) for n in dims]
        size = math.prod(self.shape)
        wrong = ValueError(f"cannot reshape a buffer of {size} elements into {tuple(given)}")
        known = math.prod(n for n in given if n >= 0)
        if given.count(-1) > 1 or min(given, default=0) < -1:
            raise wrong
        if -1 in given and known:
            given[given.index(-1)] = size // known
        if math.prod(given) != size or -1 in given:
            raise wrong
        return tuple(given)

    def _runs(self) -> list[tuple[int, int]]:
        """How many elements lie at one distance, and that distance; outermost first."""
        runs: list[tuple[int, int]] = []
        for extent, stride in zip(self.shape, self.strides, strict=True):
            if extent == 1:
                continue
            if runs and runs[-1][1] == extent * stride:
                runs[-1] = (runs[-1][0] * extent, stride)
            else:
                runs.append((extent, stride))
        return runs


def _expanded(parts: tuple[Any, ...], rank: int) -> list[int | slice | None]:
    """An index with one part for each dimension, and None for each new one."""
    given = [part for part in parts if part is not None and part is not ...]
    for part in given:
        # A bool is an integer of Python's, and chooses elements in NumPy's meaning.
        if isinstance(part, bool) or not (isinstance(part, slice) or hasattr(part, "__index__")):
            raise IndexError(
                f"{type(part).__name__} is no index of a buffer on a GPU; supported are integers, "
                "slices, ... and None"
            )
        if getattr(part, "ndim", 0):
            raise IndexError("arrays are no indices of a buffer on a GPU")
    if sum(part is ... for part in parts) > 1:
        raise IndexError("an index has one ... at most")
    if len(given) > rank:
        raise IndexError(f"{len(given)} indices for a buffer of {rank} dimensions")
    rest = [slice(None)] * (rank - len(given))
    whole = parts if any(part is ... for part in parts) else (*parts, ...)
    expanded: list[int | slice | None] = []
    for part in whole:
        if isinstance(part, EllipsisType):
            expanded += rest
            rest = []
        else:
            expanded.append(
                part if part is None or isinstance(part, slice) else operator.index(part)
            )
    return expanded
