"""Arrays that stay on a device; not in this version of ParPy yet.

Every name of this module raises `NotImplementedError`: pass NumPy arrays, which the CPU backend
uses in place.
"""

from __future__ import annotations

from typing import NoReturn

_NAMES = (
    "Buffer",
    "DataType",
    "empty",
    "empty_like",
    "from_array",
    "from_raw",
    "sync",
    "zeros",
    "zeros_like",
)


def __getattr__(name: str) -> NoReturn:
    """Says what there is instead."""
    if name in _NAMES:
        raise NotImplementedError(
            f"parpy.buffer.{name} is not in this version of ParPy yet; pass NumPy arrays, which "
            "the CPU backend uses in place"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
