"""The arguments of a program, as they were before each call: in the host's memory or a GPU's."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

import parpy


class Inputs(Protocol):
    """The arguments of calls, of which each starts from the same values."""

    def values(self) -> list[Any]:
        """The arguments in order."""

    def taken(self, names: Sequence[str]) -> Mapping[str, np.ndarray[Any, Any]]:
        """Copies of the arguments `names`, such as results."""

    def restore(self) -> None:
        """Undoes what calls have changed."""


class HostInputs:
    """Arguments in the host's memory.

    Only what calls change is kept twice; which arrays these are is found by their checksums.
    """

    def __init__(
        self,
        initialize: Callable[[], dict[str, Any]],
        parameters: Sequence[str],
        is_restorable: bool = True,
    ) -> None:
        """Makes the arguments.

        Args:
            initialize: makes all arguments, by name; the same values each time.
            parameters: the names of the arguments in the order of calls.
            is_restorable: whether there are calls after the first; else `restore` does nothing.
        """
        self._initialize = initialize
        made = initialize()
        self.arguments = {name: made[name] for name in parameters}
        self._sums = {
            name: _checksum(value)
            for name, value in self.arguments.items()
            if is_restorable and isinstance(value, np.ndarray)
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


class DeviceInputs:
    """Arguments whose arrays lie in a GPU's memory, all of them twice: copies there are fast."""

    def __init__(self, arguments: Mapping[str, Any], backend: parpy.CompileBackend) -> None:
        """Copies `arguments` to the GPU; scalars stay scalars."""
        self._backend = backend
        self._arguments = {
            name: parpy.buffer.from_array(a, backend) if isinstance(a, np.ndarray) else a
            for name, a in arguments.items()
        }
        self._originals = {
            name: value.copy()
            for name, value in self._arguments.items()
            if isinstance(value, parpy.buffer.Buffer)
        }
        parpy.sync(backend)

    def values(self) -> list[Any]:
        """The arguments in order."""
        return list(self._arguments.values())

    def taken(self, names: Sequence[str]) -> Mapping[str, np.ndarray[Any, Any]]:
        """Copies of the arguments `names`, such as results, in the host's memory."""
        return {name: self._arguments[name].numpy().copy() for name in names}

    def restore(self) -> None:
        """Undoes what calls have changed, and waits until that is done."""
        for name, original in self._originals.items():
            self._arguments[name].copy_from(original)
        parpy.sync(self._backend)


def _checksum(array: np.ndarray[Any, Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
