"""What every part of the generator needs: choices, text, scopes and places to read and write."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Array:
    """An array that a program may name; `extents` are numbers, known when it is written."""

    name: str
    kind: str
    extents: tuple[int, ...]


@dataclass
class Value:
    """The text of an expression and its type; `small`: an integer from 0 to 100."""

    text: str
    kind: str
    small: bool = False


class Writer:
    """The text of a program as it grows, and what may be named at its end."""

    def __init__(self, source: random.Random, rare: bool = False) -> None:
        self.random = source
        self.rare = rare  # whether there are complex numbers and bfloat16
        self.lines: list[str] = []
        self.helpers: list[str] = []
        self.arrays: list[Array] = []
        self.locals: dict[str, str] = {}
        self.frozen: set[str] = set()  # locals that may not be assigned here
        self.counters: dict[str, tuple[int, int]] = {}  # loop variables and their least and last
        self.owned: dict[str, tuple[str, ...]] | None = None  # in a parallel loop
        self.labels: dict[str, str] = {}  # label → "loop", "slice", "reduce", "sum"
        self.names = 0
        self.loops = 0  # sequential loops around, that `break` may leave
        self.depth = 1
        self.budget = 0
        self.aliased = False
        self.in_helper = False

    # --- Choices

    def one(self, *choices: Any) -> Any:
        return choices[self.random.randrange(len(choices))]

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def fresh(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    # --- Text

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self) -> Iterator[None]:
        """A deeper block; what is first assigned in it is not used after it."""
        kept = dict(self.locals)
        self.depth += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.emit("pass")
        self.depth -= 1
        self.locals = kept

    @contextmanager
    def counter(self, name: str, low: int, high: int) -> Iterator[None]:
        self.counters[name] = (low, high)
        yield
        del self.counters[name]

    # --- Places

    def array(self, wanted: Callable[[Array], bool] = lambda a: True) -> Array | None:
        found = [a for a in self.arrays if wanted(a) and 0 not in a.extents]
        return self.one(*found) if found else None

    def writable(self, wanted: Callable[[Array], bool] = lambda a: True) -> Array | None:
        owned = self.owned
        return self.array(lambda a: wanted(a) and (owned is None or a.name in owned))

    def prefix(self, array: Array) -> tuple[str, ...]:
        """The first indices that this iteration of a parallel loop must use."""
        return () if self.owned is None else self.owned.get(array.name, ())

    def literal_index(self, array: Array) -> str | None:
        if self.prefix(array):
            return None
        return ", ".join(str(self.number(-e, e - 1)) for e in array.extents)

    def index(self, extent: int, depth: int = 1) -> str:
        """An index of a dimension: a number, a loop variable, arithmetic on it, or data."""
        if extent == 0:
            return "0"  # in a loop that never runs
        forms = [str(self.number(-extent, extent - 1))]
        for name, (low, high) in self.counters.items():
            if high < low:
                continue
            if -extent <= low and high < extent:
                forms += [name] * 6
                if low >= 0:
                    forms += [f"{name} - {extent}", f"-1 - {name}", f"{extent - 1} - {name}"]
            shift = self.number(-3, 3)
            if -extent <= low + shift and high + shift < extent:
                forms += [f"{name} + {shift}" if shift >= 0 else f"{name} - {-shift}"] * 2
            if -extent <= 2 * low and 2 * high < extent:
                forms.append(f"2 * {name}")
            forms.append(f"({name} * {self.number(1, 4)} + {self.number(-3, 5)}) % {extent}")
        if depth > 0 and self.chance(0.25):
            value = self.integer(1)
            forms += [f"{value.text} % {extent}"] if value.kind in ("wi", "int64", "int32") else []
        return self.one(*forms)

    def element(self, array: Array, depth: int = 1) -> str:
        first = self.prefix(array)
        rest = [self.index(e, depth) for e in array.extents[len(first) :]]
        indices = [*first, *rest]
        if len(indices) > 1 and self.chance(0.2):
            return array.name + "".join(f"[{i}]" for i in indices)
        return f"{array.name}[{', '.join(indices)}]"
