"""Nests over long rows, of which each of the threads of a GPU's block has several elements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import types_of as t
from levels import Levels
from writer import Array

WIDTHS = (256, 256, 257, 258, 260, 288, 300, 384)


class Rows(Levels):
    """Writes loops over rows, in which loops, slices and reductions run through the columns."""

    n: int  # rows
    m: int  # columns
    # The label of the columns: all loops on one level of a nest ask for the same threads.
    columns = ""

    def rows(self) -> None:
        """A nest whose parts follow each other in every row and read what those before wrote."""
        written = [a for a in self.arrays if self.is_matrix(a) and self.chance(0.6)]
        if not written:
            return
        self.label("rows")
        i = self.fresh("i")
        first = self.one(0, 0, self.n - 1)
        self.emit(f"for {i} in range({first}, {self.n}):")
        self.columns = f"L{len(self.labels)}"
        self.labels[self.columns] = "columns"
        owned = {a.name: (i,) for a in written}
        with self.block(), self.counter(i, first, self.n - 1), self.parallel_body(owned):
            for _ in range(self.number(1, 3)):
                targets = self.random.sample(written, self.number(1, min(2, len(written))))
                self.one(self.elements, self.elements, self.row, self.total, self.sum_up)(targets)

    def is_matrix(self, array: Array) -> bool:
        return array.extents == (self.n, self.m) and not t.is_bool(array.kind)

    def elements(self, targets: list[Array]) -> None:
        """Stores to the elements of a row, a few times each or once."""
        self.emit(f'parpy.label("{self.columns}")')
        with self.each_column(targets):
            if self.chance(0.3):
                k, rows = self.fresh("i"), self.number(1, min(2, self.n))
                self.emit(f"for {k} in range({rows}):")
                with self.block(), self.counter(k, 0, rows - 1):
                    self.stores(targets)
            else:
                self.stores(targets)

    def row(self, targets: list[Array]) -> None:
        """A store to a row."""
        target = targets[0]
        (i,) = self.prefix(target)
        self.emit(f'parpy.label("{self.columns}")')
        value = self.vector((self.m,), t.alike(target.kind), 2)
        text = f"parpy.operators.{target.kind}({value.text})"
        self.emit(f"{target.name}[{i}, :] {self.one('=', '+=')} {text}")

    def total(self, targets: list[Array]) -> None:
        """A sum or an extreme of a row, and an element that holds it."""
        source, (i,) = targets[0], self.prefix(targets[0])
        self.emit(f'parpy.label("{self.columns}")')
        op, name = self.one("sum", "max", "min"), self.fresh("s")
        part = self.one(":", ":", f"{self.number(1, 9)}:")
        value = f"parpy.operators.{op}({source.name}[{i}, {part}])"
        self.emit(f"{name} = parpy.operators.{source.kind}({value})")
        self.locals[name] = source.kind
        self.frozen.add(name)
        self.emit(f"{self.element(source, 0)} = {name}")

    def sum_up(self, targets: list[Array]) -> None:
        """A loop under `.reduce()`, beside stores or without."""
        source, name = targets[0], self.fresh("s")
        kind = source.kind
        self.labels[self.columns] = "summed columns"
        form = self.one("+", "+", "min", "max")
        self.emit(f"{name} = parpy.operators.{kind}({self.number(0, 3)})")
        self.emit(f'parpy.label("{self.columns}")')
        with self.each_column(targets):
            if self.chance(0.4):
                self.stores(targets[:1])
            self.update(name, form, self.exactly(self.expression(kind, 1), kind))
        self.locals[name] = kind
        self.frozen.add(name)
        self.emit(f"{self.element(source, 0)} = {name}")

    @contextmanager
    def each_column(self, targets: list[Array]) -> Iterator[None]:
        """A loop over columns, in which the targets are at hand at one element each."""
        assert self.owned is not None
        j = self.fresh("i")
        low, high = self.one((0, 0), (0, 0), (1, 1), (4, 4), (0, 3), (self.number(0, 9), 2))
        stop = self.one(f"{self.m - high}", f"{targets[0].name}.shape[1] - {high}")
        place = j
        if "p" in self.locals and self.chance(0.2):
            place, start, stop = f"({j} + p)", f"{low} - p", f"{stop} - p"
        else:
            start = str(low)
        self.emit(f"for {j} in range({start}, {stop}):")
        kept = self.owned
        own = {a.name: (*kept[a.name], place) for a in targets}
        inside = self.parallel_body({**kept, **own})
        with self.block(), self.counter(place, low, self.m - high - 1), inside:
            yield

    def stores(self, targets: list[Array]) -> None:
        for target in targets:
            op = self.one("=", "=", "=", "+=", "*=")
            self.emit(f"{self.element(target)} {op} {self.stored(target.kind, 2)}")
