"""Reductions over one array expression; the module itself is callable.

`parpy.reduce()` is a schedule that declares a reduction; `parpy.reduce.sum(x)` and the other
functions reduce.

Example:
    >>> import parpy
    >>> parpy.reduce()
    parpy.LoopPar().reduce()
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from parpy import _elementwise
from parpy._schedule import LoopPar
from parpy.operators import prod, sum

__all__ = ["max", "min", "prod", "sum"]


def min(x: Any, axis: int | None = None) -> Any:
    """The smallest element of `x`, over all dimensions or over `axis`; NaN where one is NaN.

    Args:
        x: an array of any shape.
        axis: the dimension that is reduced; None for all of them.

    Raises:
        ValueError: `x` is empty.
        IndexError: `x` has no such axis (`numpy.exceptions.AxisError`).

    Example:
        >>> import numpy as np, parpy
        >>> print(parpy.reduce.min(np.array([3, 1, 2])))
        1
    """
    return _elementwise.reduction(np.min, x, axis)


def max(x: Any, axis: int | None = None) -> Any:
    """The largest element of `x`, over all dimensions or over `axis`; NaN where one is NaN.

    Args:
        x: an array of any shape.
        axis: the dimension that is reduced; None for all of them.

    Raises:
        ValueError: `x` is empty.
        IndexError: `x` has no such axis (`numpy.exceptions.AxisError`).

    Example:
        >>> import numpy as np, parpy
        >>> print(parpy.reduce.max(np.array([3, 1, 2])))
        3
    """
    return _elementwise.reduction(np.max, x, axis)


class _CallableModule(ModuleType):
    """What this module is an instance of, so that it can be called."""

    if TYPE_CHECKING:
        sum = staticmethod(sum)
        prod = staticmethod(prod)
        min = staticmethod(min)
        max = staticmethod(max)

    def __call__(self) -> LoopPar:
        return LoopPar().reduce()


sys.modules[__name__].__class__ = _CallableModule
# The module, as the type checkers should see `parpy.reduce`.
_module = cast(_CallableModule, sys.modules[__name__])
