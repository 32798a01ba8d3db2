"""Results, as a table for people and as data."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

SUBJECT = "ParPy"
PEERS = ("NumPy", "Numba")
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


@dataclass(frozen=True)
class Result:
    """One measurement: the samples of each contender in seconds, and the bar that ParPy is to meet.

    Attributes:
        name: what was measured.
        samples: seconds, by contender.
        at_most: the bar, in seconds.
        at_most_of_best: the bar, as a multiple of the fastest peer's median.
    """

    name: str
    samples: dict[str, list[float]]
    at_most: float | None = None
    at_most_of_best: float | None = None

    def median(self, contender: str) -> float | None:
        """The median of a contender's samples, in seconds; None if it was not measured."""
        found = self.samples.get(contender)
        return statistics.median(found) if found else None

    @property
    def ratio(self) -> float | None:
        """ParPy's median over the fastest peer's."""
        subject = self.median(SUBJECT)
        others = [name for name in self.samples if not name.startswith(SUBJECT)]
        peers = [m for peer in others if (m := self.median(peer)) is not None]
        return subject / min(peers) if subject is not None and peers else None

    @property
    def passed(self) -> bool | None:
        """Whether ParPy meets the bar; None where there is no bar, or nothing to compare."""
        value, limit = (
            (self.median(SUBJECT), self.at_most)
            if self.at_most is not None
            else (self.ratio, self.at_most_of_best)
        )
        return None if value is None or limit is None else value <= limit

    def data(self) -> dict[str, object]:
        """The result as JSON has it; times in seconds."""
        return {
            "name": self.name,
            "medians": {name: self.median(name) for name in self.samples},
            "ratio": self.ratio,
            "at_most": self.at_most,
            "at_most_of_best": self.at_most_of_best,
            "passed": self.passed,
            "samples": self.samples,
        }


@dataclass
class Group:
    """Measurements of one kind, with what is to be known about them.

    Attributes:
        others: how many cores others had meanwhile, by who they are; empty if unknown.
        peers: the contenders beside ParPy, a column each.
    """

    title: str
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    others: dict[str, float] = field(default_factory=dict)
    peers: tuple[str, ...] = PEERS

    def data(self) -> dict[str, object]:
        """The group as JSON has it."""
        return {
            "title": self.title,
            "notes": self.notes,
            "cores_of_others": self.others,
            "results": [result.data() for result in self.results],
        }

    def table(self) -> str:
        """The group as lines of text."""
        head = _row(self.title, SUBJECT, *self.peers, "ratio", "bar", "")
        lines = [head, "─" * len(head)]
        for result in self.results:
            ratio, bar = result.ratio, ""
            if result.at_most is not None:
                bar = f"≤ {duration(result.at_most)}"
            elif result.at_most_of_best is not None:
                bar = f"≤ {result.at_most_of_best:.2f} x"
            times = [duration(result.median(name)) for name in (SUBJECT, *self.peers)]
            verdict = {True: "pass", False: "FAIL", None: ""}[result.passed]
            shown = "–" if ratio is None else f"{ratio:.2f} x"
            lines.append(_row(f"  {result.name}", *times, shown, bar, verdict))
        lines += [f"  · {note}" for note in self.notes]
        if sum(self.others.values()) > 0.1:
            taken = ", ".join(f"{who} {cores}" for who, cores in self.others.items())
            lines.append(f"  · DISTURBED; cores that others had meanwhile: {taken}")
        return "\n".join(lines)


def duration(seconds: float | None) -> str:
    """A time in the unit that suits it, to three digits: "1.25 ms"; "–" for none."""
    if seconds is None:
        return "–"
    scale, unit = next((u for u in _UNITS if seconds >= 0.9995 * u[0]), _UNITS[-1])
    value = seconds / scale
    decimals = next((d for d, limit in ((3, 0.9995), (2, 9.995), (1, 99.95)) if value < limit), 0)
    return f"{value:.{decimals}f} {unit}"


def _row(name: str, *cells: str) -> str:
    *numbers, verdict = cells
    return f"{name:<48}" + "".join(f"{cell:>11}" for cell in numbers) + f"  {verdict:<4}"
