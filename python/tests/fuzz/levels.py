"""Nests of several parallel levels, whose inner loops stand in sequential loops and conditions."""

from __future__ import annotations

import types_of as t
from reductions import Reductions
from writer import Array


class Levels(Reductions):
    """Writes nests in which each iteration changes its part of an array in several steps."""

    # The labels of the loops below the outermost, with their roles: all on one level of a nest ask
    # for the same threads.
    inner: tuple[tuple[str, str], ...] = ()
    # A sum over all iterations, and its type.
    total: tuple[str, str] | None = None

    def levels(self) -> None:
        """A nest of two or three levels."""
        first = self.array(lambda a: len(a.extents) > 1 and not t.is_bool(a.kind))
        if first is None or self.loops or max(first.extents) > 130:
            return
        written = [a for a in self.arrays if a is first or a.extents == first.extents]
        written = [a for a in written if not t.is_bool(a.kind) and (a is first or self.chance(0.5))]
        reduces = self.chance(0.4)
        names = [f"L{len(self.labels) + k}" for k in range(len(first.extents))]
        self.labels[names[0]] = "reduce" if reduces else "loop"
        roles = ("reduce", "summed columns") if reduces else ("loop", "columns")
        self.inner = tuple(zip(names[1:], roles[2 - len(names[1:]) :], strict=True))
        self.total = None
        kind = written[0].kind
        if reduces and t.is_int(kind):
            self.total = self.fresh("s"), kind
            self.emit(f"{self.total[0]} = parpy.operators.{kind}(1)")
        p = self.fresh("i")
        self.emit(f'parpy.label("{names[0]}")')
        self.emit(f"for {p} in range({first.name}.shape[0]):")
        owned = {a.name: (p,) for a in written}
        with self.block(), self.counter(p, 0, first.extents[0] - 1), self.parallel_body(owned):
            self.steps(written, reduces, 2)
        if self.total:
            name, kind = self.total
            self.locals[name] = kind
            self.frozen.add(name)

    def steps(self, written: list[Array], reduces: bool, depth: int) -> None:
        """What an iteration does, in order."""
        for _ in range(self.number(1, 3)):
            choices = ["nest", "nest", "scalar", "store"]
            if reduces:
                choices += ["sum", "sum"]
            if depth > 0:
                choices += ["for", "for", "if", "if", "while"]
            self.step(self.one(*choices), written, reduces, depth)

    def step(self, choice: str, written: list[Array], reduces: bool, depth: int) -> None:
        if choice == "nest":
            self.nest(written, None)
        elif choice == "sum":
            name = self.fresh("s")
            kind = written[0].kind
            self.emit(f"{name} = parpy.operators.{kind}({self.number(0, 3)})")
            self.nest(written, name)
            self.locals[name] = kind
            self.emit(f"{self.element(written[0], 0)} = {name}")
            if self.total:
                self.emit(f"{self.total[0]} += {name}")
        elif choice == "scalar":
            self.local()
        elif choice == "store":
            self.store()
        elif choice == "for":
            forms = [("3", 0, 2), ("2, -1, -1", 0, 2), ("1, 1", 1, 0)]
            if (rows := written[0].extents[0]) < 9:
                forms += [(f"{written[0].name}.shape[0]", 0, rows - 1)]
            if (own := self.ranges())[2] < 9:
                forms += [own] * 2
            text, low, high = self.one(*forms)
            step = self.fresh("i")
            self.emit(f"for {step} in range({text}):")
            with self.block(), self.counter(step, low, high):
                if high >= low:
                    self.steps(written, reduces, depth - 1)
        elif choice == "if":
            self.emit(f"if {self.condition(1).text}:")
            with self.block():
                self.steps(written, reduces, depth - 1)
            if self.chance(0.4):
                self.emit("else:")
                with self.block():
                    self.steps(written, reduces, depth - 1)
        else:
            name = self.fresh("w")
            self.emit(f"{name} = {self.number(0, 2)}")
            self.emit(f"while {name} > 0:")
            with self.block():
                self.emit(f"{name} -= 1")
                with self.counter(name, 0, 1):
                    self.steps(written, reduces, 0)

    def nest(self, written: list[Array], total: str | None) -> None:
        """The inner levels: stores to elements of their own, or a sum."""
        assert self.owned is not None
        targets = written[:1]
        if total is None:
            targets = self.random.sample(written, self.number(1, min(2, len(written))))
        self.level(targets, total, dict(self.owned), 0)

    def level(
        self, targets: list[Array], total: str | None, owned: dict[str, tuple[str, ...]], level: int
    ) -> None:
        """The loop of a level, with what is inside."""
        i = self.fresh("i")
        array = targets[0]
        extent = array.extents[level + 1]
        label, role = self.inner[level]
        self.labels[label] = role
        self.emit(f'parpy.label("{label}")')
        first = self.one(0, 0, 1)
        self.emit(f"for {i} in range({first}, {array.name}.shape[{level + 1}]):")
        own = {a.name: (*owned[a.name], i) for a in targets}
        inside = self.parallel_body({**owned, **own})
        with self.block(), self.counter(i, first, extent - 1), inside:
            if extent <= first:
                return
            if level + 1 < len(self.inner):
                if self.chance(0.3):
                    self.local()
                self.level(targets, total, {**owned, **own}, level + 1)
            elif total is None:
                for target in targets:
                    op = self.one("=", "=", "+=", "*=")
                    self.emit(f"{self.element(target)} {op} {self.stored(target.kind, 2)}")
            else:
                value = self.expression(array.kind, 1)
                self.update(total, "+", self.exactly(value, array.kind))
