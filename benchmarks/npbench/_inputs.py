"""The arguments of a program, as they were before each call."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


class Inputs:
    """The arguments of calls, of which each starts from the same values.

    Only what calls change is kept twice; which arrays these are is found by their checksums.
    """

    def __init__(self, initialize: Callable[[], dict[str, Any]], parameters: Sequence[str]) -> None:
        """Makes the arguments.

        Args:
            initialize: makes all arguments, by name; the same values each time.
            parameters: the names of the arguments in the order of calls.
        """
        self._initialize = initialize
        made = initialize()
        self.arguments = {name: made[name] for name in parameters}
        self._sums = {
            name: _checksum(value)
            for name, value in self.arguments.items()
            if isinstance(value, np.ndarray)
        }
        self._originals: dict[str, np.ndarray[Any, Any]] = {}

    def values(self) -> list[Any]:
        """The arguments in order."""
        return list(self.arguments.values())

    def taken(self, names: Sequence[str]) -> Mapping[str, np.ndarray[Any, Any]]:
        """Copies of the arguments `names`, such as results."""
        return {name: self.arguments[name].copy() for name in names}

    def learn(self) -> None:
        """Finds out which arrays a new kind of call has changed, and restores all."""
        changed = [
            name
            for name, checksum in self._sums.items()
            if name not in self._originals and _checksum(self.arguments[name]) != checksum
        ]
        if changed:
            fresh = self._initialize()
            self._originals.update((name, fresh[name]) for name in changed)
        self.restore()

    def restore(self) -> None:
        """Undoes what calls have changed."""
        for name, original in self._originals.items():
            np.copyto(self.arguments[name], original)


def _checksum(array: np.ndarray[Any, Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
