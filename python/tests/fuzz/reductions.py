"""Random reductions that are written as loops, and recurrences."""

from __future__ import annotations

import types_of as t
from loops import Loops
from writer import Array, Value


class Reductions(Loops):
    """Writes loops under `.reduce()`, into scalars and into elements."""

    def reduce(self) -> None:
        """A loop with a label under `.reduce()`, into a scalar or an element."""
        source = self.array(lambda a: not t.is_bool(a.kind))
        if source is None or source.extents[0] > 130:
            return
        label = self.label("reduce")
        del label
        extent = source.extents[0]
        i = self.fresh("i")
        into = self.writable(
            lambda a: a.kind == source.kind and a.name != source.name and 0 not in a.extents
        )
        element = into is not None and self.chance(0.4)
        name = self.fresh("s")
        kind = source.kind
        forms = ["+", "+", "-", "*"] if t.is_complex(kind) else ["+", "+", "-", "min", "max", "*"]
        if t.is_int(kind):
            forms += ["&", "|", "^"]
        form = self.one(*forms)
        start = f"parpy.operators.{kind}({self.number(0, 3)})"
        kept = self.lines.pop()
        if element:
            assert into is not None
            place = f"{into.name}[{self.literal_index(into)}]"
        else:
            place = name
            self.emit(f"{name} = {start}")
        self.lines.append(kept)
        self.emit(f"for {i} in range({source.name}.shape[0]):")
        with self.block(), self.counter(i, 0, extent - 1):
            shown, inside = self.arrays, self.locals
            self.arrays = [a for a in shown if not element or a is not into]
            e = self.element(Array(source.name, kind, source.extents), 0)
            value = Value(e, kind)
            if self.chance(0.5):
                value = self.operation(self.one("*", "+"), value, self.literal("wi"))
            if self.chance(0.3):
                other = self.expression(kind, 1)
                value = self.operation("*", value, Value(self.exactly(other, kind), kind))
            text = value.text if value.kind == kind else self.exactly(value, kind)
            self.arrays, self.locals = shown, inside
            if self.chance(0.35):
                self.emit(f"if {self.condition_without(into if element else None)}:")
                with self.block():
                    self.update(place, form, text)
            else:
                self.update(place, form, text)
        if not element:
            target = self.writable(lambda a: t.storable(kind, a.kind))
            if target:
                self.emit(f"{self.element(target)} = {name}")

    def condition_without(self, array: Array | None) -> str:
        shown = self.arrays
        self.arrays = [a for a in shown if a is not array]
        text = self.condition(1).text
        self.arrays = shown
        return text

    def update(self, place: str, form: str, text: str) -> None:
        if form in ("min", "max"):
            function = self.one(form, f"np.{form}imum")
            pair = self.one(f"{place}, {text}", f"{text}, {place}")
            self.emit(f"{place} = {function}({pair})")
        elif form == "-":
            self.emit(self.one(f"{place} -= {text}", f"{place} = {place} - {text}"))
        else:
            self.emit(
                self.one(
                    f"{place} {form}= {text}",
                    f"{place} = {place} {form} {text}",
                    f"{place} = {text} {form} {place}",
                )
            )

    def histogram(self) -> None:
        """A loop that accumulates into elements that data name."""
        target = self.array(lambda a: a.kind in ("float64", "int64", "int32", "float32"))
        source = self.array(lambda a: a.kind in ("int64", "int32", "uint8", "int16", "uint32"))
        if target is None or source is None or target is source or source.extents[0] > 130:
            return
        self.label("histogram")
        i = self.fresh("i")
        self.emit(f"for {i} in range({source.name}.shape[0]):")
        with self.block(), self.counter(i, 0, source.extents[0] - 1):
            key = self.element(Array(source.name, source.kind, source.extents), 0)
            wrap = "int64" if source.kind.startswith("int") else source.kind
            indices = [f"parpy.operators.{wrap}({key}) % {target.extents[0]}"]
            indices += [str(self.number(0, e - 1)) for e in target.extents[1:]]
            place = f"{target.name}[{', '.join(indices)}]"
            shown = self.arrays
            self.arrays = [a for a in shown if a is not target]
            value = self.stored(target.kind, 1)
            self.arrays = shown
            if self.chance(0.3):
                self.emit(f"if {self.condition_without(target)}:")
                with self.block():
                    self.emit(f"{place} += {value}")
            else:
                op = self.one("+=", "+=", "+=", "-=")
                self.emit(f"{place} {op} {value}")

    def tallies(self) -> None:
        """A nest of reductions: of scalars, and of elements that are fixed or that data name."""
        source = self.array(
            lambda a: t.is_int(a.kind) and len(a.extents) > 1 and 0 not in a.extents
        )
        target = self.writable(lambda a: a.kind in ("int64", "int32") and 0 not in a.extents)
        if source is None or target is None or source is target or max(source.extents) > 130:
            return
        shown, self.arrays = self.arrays, [source]
        depth = self.one(2, 2, 2, 3)
        names = [self.fresh("s") for _ in range(depth)]
        kind = target.kind
        self.emit(f"{names[0]} = parpy.operators.{kind}(0)")
        self.tally(source, target, names, 0)
        self.arrays = shown
        self.locals[names[0]] = kind
        self.frozen.add(names[0])
        self.emit(f"{self.element(target)} = {names[0]}")

    def tally(self, source: Array, target: Array, names: list[str], level: int) -> None:
        """The loop of a level, which updates the scalar around it, what is inside, and elements."""
        self.label("reduce")
        i = self.fresh("i")
        is_row = level < len(source.extents)
        extent = source.extents[level] if is_row else 3
        size = f"{source.name}.shape[{level}]" if is_row else "3"
        self.emit(f"for {i} in range({size}):")
        with self.block(), self.counter(i, 0, extent - 1):
            value = f"parpy.operators.{target.kind}({self.element(source, 0)}) % 9"
            if level + 1 < len(names):
                self.emit(f"{names[level + 1]} = parpy.operators.{target.kind}(0)")
                self.tally(source, target, names, level + 1)
                value = self.one(value, *[f"{names[level + 1]} % 9"] * 3)
            self.emit(f"{names[level]} += {value}")
            if self.chance(0.7):
                places = [
                    f"({value}) % {target.extents[0]}",
                    str(self.number(0, target.extents[0] - 1)),
                ]
                rest = [str(self.number(0, e - 1)) for e in target.extents[1:]]
                place = f"{target.name}[{', '.join([self.one(*places, places[0]), *rest])}]"
                self.emit(f"{place} += {self.one('1', value)}")

    def accumulate(self) -> None:
        """A recurrence: each iteration needs the one before."""
        target = self.writable(lambda a: len(a.extents) == 1 and not t.is_bool(a.kind))
        if target is None:
            return
        x, i = target.name, self.fresh("i")
        span, before = self.one(
            (f"1, len({x})", f"{i} - 1"), (f"len({x}) - 2, -1, -1", f"{i} + 1"),
            (f"2, len({x})", f"{i} - 2"), (f"len({x})", f"{i} - 1"),
        )  # fmt: skip
        self.emit(f"for {i} in range({span}):")
        with self.block(), self.counter(i, 0, target.extents[0] - 1):
            op = self.one("+", "-", "*")
            self.emit(f"{x}[{i}] = {x}[{before}] {op} {x}[{i}]")
            if self.chance(0.4):
                self.store()
