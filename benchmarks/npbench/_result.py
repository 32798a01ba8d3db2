"""What is asked of a measurement, and what comes of it."""

from __future__ import annotations

import dataclasses
import enum
import statistics
from dataclasses import dataclass, field
from typing import Any


class Status(enum.Enum):
    """How a program ended."""

    OK = "ok"
    WRONG = "wrong"
    NOT_COMPILED = "not compiled"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        backend: a name of `parpy.CompileBackend`.
        preset: which of the sizes.
        dtype: float64, or float32 in its place.
        reference: whose results are right: "numpy", or "cpu" for the CPU backend's.
        against: the peers that are timed: "numpy", "numba".
        rounds: how many samples each contender gives at most; with 0, results are only compared.
        limit: after how many seconds a contender gives no more samples.
        timeout: after how many seconds a program is given up.
    """

    backend: str
    preset: str
    reference: str
    dtype: str
    against: list[str]
    rounds: int
    limit: float
    timeout: float


@dataclass
class Result:
    """What became of one program; times in seconds.

    Attributes:
        name: the program.
        status: whether it gave the reference's results.
        detail: what went wrong.
        first_call: the first call, with loading LLVM and compiling; None where it failed.
        samples: the times of calls, by contender: "parpy", "numpy", "numba", "numba parallel".
        warnings: ParPy's warnings of the first call.
        peers_failed: why a peer has no samples.
    """

    name: str
    status: Status = Status.OK
    detail: str = ""
    first_call: float | None = None
    samples: dict[str, list[float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    peers_failed: dict[str, str] = field(default_factory=dict)

    def failed(self, status: Status, error: BaseException) -> Result:
        """Notes an error; returns the result itself."""
        self.status = status
        line = getattr(error, "lineno", None)
        where = f"line {line}: " if status is Status.NOT_COMPILED and line else ""
        kind = "" if status is Status.NOT_COMPILED else f"{type(error).__name__}: "
        self.detail = where + kind + (str(error).split("\n", 1)[0])
        return self

    @property
    def parpy(self) -> float | None:
        """ParPy's median."""
        return self._median("parpy")

    @property
    def numpy(self) -> float | None:
        """NumPy's median."""
        return self._median("numpy")

    @property
    def numba(self) -> float | None:
        """The median of Numba's faster version."""
        both = [
            m for name in self.samples if name.startswith("numba") and (m := self._median(name))
        ]
        return min(both, default=None)

    @property
    def is_valid(self) -> bool:
        """Whether ParPy gave the reference's results."""
        return self.status is Status.OK

    def speedup(self, time: float | None) -> float | None:
        """NumPy's time over another one."""
        return self.numpy / time if self.numpy and time else None

    def _median(self, name: str) -> float | None:
        found = self.samples.get(name)
        return statistics.median(found) if found else None

    def data(self) -> dict[str, Any]:
        """The result as JSON has it."""
        return dataclasses.asdict(self) | {"status": self.status.value}

    @staticmethod
    def of(data: dict[str, Any]) -> Result:
        """The result that `data()` gave."""
        return Result(**data | {"status": Status(data["status"])})
