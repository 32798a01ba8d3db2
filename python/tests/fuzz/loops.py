"""Random statements, and the loops that may bear a label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import types_of as t
from complexes import ComplexExpressions
from writer import Array, Value


class Statements(ComplexExpressions):
    """Writes statements: stores, slices, branches, sequential loops."""

    # --- Statements

    def statement(self) -> None:
        kinds = [self.store, self.store, self.moved, self.local, self.slices, self.slices]
        if self.depth < 4 and self.budget > 0:
            kinds += [self.if_, self.if_, self.for_, self.for_, self.while_, self.guarded]
            if not self.in_helper:
                kinds += [self.call, self.call]
            if self.owned is None:
                kinds += [self.parallel, self.parallel, self.parallel, self.reduce, self.reduce]
                kinds += [
                    self.histogram,
                    self.tallies,
                    self.levels,
                    self.shifted,
                    self.accumulate,
                    self.temporary,
                ]
                kinds += [self.product, self.product, self.down_columns]
            else:
                kinds += [self.private]
        if self.loops and self.chance(0.35):
            kinds = [self.exit]
        self.budget -= 1
        self.one(*kinds)()

    def body(self, most: int = 3) -> None:
        for _ in range(self.number(1, most)):
            self.statement()

    def store(self) -> None:
        target = self.writable()
        if target is None:
            return
        place = self.element(target)
        if t.is_bool(target.kind):
            self.emit(f"{place} = {self.condition(2).text}")
            return
        op = self.one("=", "=", "=", "+=", "-=", "*=")
        text = self.stored(target.kind, self.number(1, 3))
        self.emit(f"{place} {op} {text}")

    def moved(self) -> None:
        """Reads an element, overwrites it, and stores what it was, perhaps in a branch."""
        source = self.writable(lambda a: not t.is_bool(a.kind))
        if source is None:
            return
        place, name = self.element(source), self.fresh("s")
        self.emit(f"{name} = {place}")
        self.emit(f"{place} = {self.stored(source.kind, 1)}")
        self.locals[name] = source.kind
        target = self.writable(lambda a: t.storable(source.kind, a.kind))
        if target is None:
            return
        store = f"{self.element(target)} = {name}"
        if self.chance(0.3):
            self.emit(store)
            return
        self.emit(f"if {self.condition(1).text}:")
        with self.block():
            self.emit(store)

    def local(self) -> None:
        free = [n for n in self.locals if n not in self.frozen]
        if free and self.chance(0.6):
            name = self.one(*free)
            kind = self.locals[name]
            if self.chance(0.2):
                same = [n for n in free if self.locals[n] == kind and n != name]
                if same:
                    other = self.one(*same)
                    self.emit(f"{name}, {other} = {other}, {name}")
                    return
            text = self.exactly(self.expression(kind, 2), kind)
            self.emit(f"{name} = {text}" + (" % 1000" if kind == "wi" else ""))
            return
        rare = (self.complex_,) if self.rare else ()
        value = self.one(self.integer, self.real, self.condition, *rare)(2)
        if value.kind == "wi":
            value = Value(f"{value.text} % 1000", "wi")
        name = self.fresh("s")
        self.emit(f"{name} = {value.text}")
        self.locals[name] = value.kind

    def slices(self) -> None:
        target = self.writable(lambda a: len(a.extents) > len(self.prefix(a)))
        if target is None:
            return
        free = target.extents[len(self.prefix(target)) :]
        rank = self.number(1, min(2, len(free)))
        for _ in range(4):
            shape = tuple(self.number(1, e) if self.chance(0.5) else e for e in free[-rank:])
            place = self.part(target, shape)
            if place:
                break
        else:
            return
        if t.is_bool(target.kind):
            wanted: Callable[[str], bool] = t.is_float
            left, right = (self.vector(shape, wanted, 1) for _ in range(2))
            self.emit(f"{place} = {left.text} < {right.text}")
            return
        wanted = t.alike(target.kind)
        value = self.vector(shape, wanted, 2)
        op = self.one("=", "=", "+=", "*=")
        text = value.text
        if not t.storable(value.kind, target.kind) or (value.kind == "wi"):
            text = f"parpy.operators.{target.kind}({text})"
        elif op == "=" and text.endswith("]"):
            text = f"1 * {text}"  # NumPy 2.4 errs in some plain copies between overlapping slices
        if self.owned is None and not self.in_helper and self.chance(0.5):
            self.label("slice")
        self.emit(f"{place} {op} {text}")

    def label(self, role: str) -> str:
        if self.labels and self.chance(0.2):
            same = [n for n, r in self.labels.items() if r == role]
            if same and role != "loop":
                name = self.one(*same)
                self.emit(f'parpy.label("{name}")')
                return str(name)
        name = f"L{len(self.labels)}"
        self.labels[name] = role
        self.emit(f'parpy.label("{name}")')
        return name

    def if_(self) -> None:
        self.emit(f"if {self.condition(2).text}:")
        with self.block():
            self.body(2)
        if self.chance(0.3):
            self.emit(f"elif {self.condition(2).text}:")
            with self.block():
                self.body(2)
        if self.chance(0.4):
            self.emit("else:")
            with self.block():
                self.body(2)

    def ranges(self) -> tuple[str, int, int]:
        """A range, and the least and last value it gives; the last below the least: nothing."""
        if not self.arrays:
            return "5", 0, 4
        array = self.one(*self.arrays)
        d = self.number(0, len(array.extents) - 1)
        extent = array.extents[d]
        size = f"{array.name}.shape[{d}]"
        if extent > 40 and self.depth > 1:
            size, extent = "7", 7
        forms = [(size, 0, extent - 1)] * 3
        forms += [(f"{size} - 1, -1, -1", 0, extent - 1), (f"0, {size}, 3", 0, extent - 1)]
        forms += [(f"1, {size}", 1, extent - 1), (f"{extent}", 0, extent - 1)]
        forms += [(f"{extent} - 2, 0, -2", 1, extent - 2), (f"-{extent}, 0", -extent, -1)]
        weak = [n for n, k in self.locals.items() if k == "wi" and n != "w"]
        for name in weak:
            forms.append((f"abs({name}) % 7", 0, 6))
        for name, (low, high) in self.counters.items():
            if low >= 0 and high <= 40:
                forms += [(f"{name}", 0, high - 1), (f"{name}, {high + 1}", low, high)]
                forms += [(f"{name}, -1, -1", 0, high), (f"max(0, {name} - 2), {name}", 0, high)]
        # Ranges that data give, which differ between the iterations of a loop around.
        source = self.array(lambda a: t.is_int(a.kind))
        if source and self.counters and self.chance(0.7):
            first, last = (f"int({self.element(source, 0)}) % {n}" for n in (4, 7))
            forms += [(last, 0, 5), (f"{first}, {last}", 0, 5), (f"{last}, {first}, -1", 1, 6)]
            forms += [(f"{first}, 9 + {last}, 2", 0, 13)]
        return self.one(*forms)

    def for_(self) -> None:
        text, low, high = self.ranges()
        name = self.fresh("i")
        self.emit(f"for {name} in range({text}):")
        loops, self.loops = self.loops, self.loops + 1
        with self.block(), self.counter(name, low, high):
            if high >= low:
                self.body()
        self.loops = loops

    def while_(self) -> None:
        name = self.fresh("w")
        self.emit(f"{name} = {self.number(0, 6)}")
        extra = self.one("", f" and {self.condition(1).text}")
        self.emit(f"while {name} > 0{extra}:")
        loops, self.loops = self.loops, self.loops + 1
        with self.block():
            self.emit(f"{name} -= {self.number(1, 2)}")
            with self.counter(name, -1, 5):
                self.body()
        self.loops = loops

    def exit(self) -> None:
        word = self.one("break", "continue")
        if self.chance(0.9):
            self.emit(f"if {self.condition(1).text}:")
            with self.block():
                if self.chance(0.4):
                    self.store()
                self.emit(word)
        else:
            self.store()

    def guarded(self) -> None:
        """A loop that runs too far, with a guard that keeps the accesses in range."""
        target = self.writable(lambda a: len(a.extents) == 1 and not self.prefix(a))
        if target is None or self.owned is not None or target.extents[0] > 40:
            return
        extent = target.extents[0]
        name = self.fresh("i")
        self.emit(f"for {name} in range({extent} + {self.number(1, 4)}):")
        loops, self.loops = self.loops, 0
        with self.block():
            form = self.one("break", "continue", "if", "and")
            limit = self.one(f"len({target.name})", f"{target.name}.shape[0]", str(extent))
            if form in ("break", "continue"):
                self.emit(f"if {name} >= {limit}:")
                with self.block():
                    self.emit(form)
                with self.counter(name, 0, extent - 1):
                    self.store()
                    self.emit(f"{target.name}[{name}] = {self.stored(target.kind, 1)}")
            else:
                op = "!=" if t.is_complex(target.kind) else ">"
                extra = f" and {target.name}[{name}] {op} 0" if form == "and" else ""
                self.emit(f"if {name} < {limit}{extra}:")
                with self.block(), self.counter(name, 0, extent - 1):
                    self.emit(f"{target.name}[{name}] = {self.stored(target.kind, 2)}")
        self.loops = loops

    def shifted(self) -> None:
        """Slices whose bounds are the variable of a loop."""
        target = self.writable(lambda a: len(a.extents) == 1)
        source = self.array(
            lambda a: (
                target is not None
                and a.extents == target.extents
                and t.storable(a.kind, target.kind)
                and not t.is_bool(a.kind)
            )
        )
        if target is None or source is None:
            return
        x, y, extent = source.name, target.name, min(target.extents[0], 9)
        k = self.fresh("i")
        self.emit(f"for {k} in range({self.one(extent, f'{extent - 1}, -1, -1')}):")
        forms = [(f"{y}[{k}:]", f"{x}[:len({x}) - {k}]"), (f"{y}[:{k}]", f"{x}[:{k}]")]
        forms += [(f"{y}[{k}:]", f"{x}[{k}:]"), (f"{y}[:{k}]", f"{x}[len({x}) - {k}:]")]
        forms += [(f"{y}[{k}::-1]", f"{x}[:{k} + 1]"), (f"{y}[{k}:{k} + 1]", f"{x}[-1:]")]
        forms += [(f"{y}[-1 - {k}:]", f"{x}[:{k} + 1]"), (f"{y}[:-{k} - 1]", f"{x}[{k} + 1:]")]
        with self.block(), self.counter(k, 0, extent - 1):
            place, value = self.one(*forms)
            op = self.one("=", "+=", "=")
            value = self.one(f"2 * {value}", f"{value} + {place}", f"{value} * {value}")
            self.emit(f"{place} {op} {value}")


class Loops(Statements):
    """Writes loops that may run in parallel, and reductions."""

    # --- Parallel loops

    @contextmanager
    def parallel_body(self, owned: dict[str, tuple[str, ...]]) -> Iterator[None]:
        kept = (self.owned, self.frozen, self.loops)
        self.owned, self.loops = owned, 0
        self.frozen = {*self.frozen, *self.locals}
        yield
        self.owned, self.frozen, self.loops = kept

    def parallel(self) -> None:
        """A loop with a label, whose iterations share nothing that one of them writes."""
        first = self.array()
        if first is None or first.extents[0] > 130:
            return
        extent = first.extents[0]
        mirrored = self.chance(0.15)
        i = self.fresh("i")
        own = f"{extent - 1} - {i}" if mirrored else i
        chosen = {first.name: (own,)}
        for a in self.arrays:
            if a.extents[0] == extent and self.chance(0.4):
                chosen[a.name] = (own,)
        self.label("loop")
        span = self.one(
            f"{first.name}.shape[0]", f"len({first.name})", str(extent), f"0, {extent}, 2",
            f"{extent - 1}, -1, -1", f"1, {extent}",
        )  # fmt: skip
        self.emit(f"for {i} in range({span}):")
        low = 1 if span.startswith("1,") else 0
        with self.block(), self.counter(i, low, extent - 1), self.parallel_body(chosen):
            if extent <= low:
                return
            if len(first.extents) > 1 and self.chance(0.5):
                j = self.fresh("i")
                if self.chance(0.6):
                    self.label("loop")
                inner = first.extents[1]
                self.emit(f"for {j} in range({first.name}.shape[1]):")
                with self.block(), self.counter(j, 0, inner - 1):
                    owned = {
                        a.name: (own, j)
                        for a in self.arrays
                        if a.name in chosen and a.extents[:2] == first.extents[:2]
                    }
                    kept = dict(chosen)
                    # What only rows own is out of bounds for the inner loop: take it from view.
                    hidden = [a for a in self.arrays if a.name in chosen and a.name not in owned]
                    shown = self.arrays
                    self.arrays = [a for a in self.arrays if a not in hidden]
                    with self.parallel_body(owned):
                        self.body(2)
                    self.arrays = shown
                    self.owned = kept
                return
            self.body(3)

    def down_columns(self) -> None:
        """A loop with a label over columns, and one inside that goes down each of them."""
        first = self.array(lambda a: len(a.extents) == 2 and min(a.extents) > 1)
        if first is None:
            return
        rows, columns = first.extents
        j, i = self.fresh("i"), self.fresh("i")
        first_column = self.number(0, 1)
        is_shifted = self.chance(0.3)
        own = f"({j} + {first_column})" if is_shifted else j
        self.label("loop")
        span = (
            f"{first.name}.shape[1] - {first_column}"
            if is_shifted
            else f"{first_column}, {first.name}.shape[1]"
        )
        self.emit(f"for {j} in range({span}):")
        with self.block(), self.counter(own, first_column, columns - 1), self.parallel_body({}):
            first_row = self.number(0, 1)
            stop = self.one(f"{first.name}.shape[0]", rows)
            self.emit(f"for {i} in range({first_row}, {stop}):")
            owned = {
                a.name: (i, own)
                for a in self.arrays
                if a is first or a.extents == first.extents and self.chance(0.4)
            }
            with self.block(), self.counter(i, first_row, rows - 1), self.parallel_body(owned):
                self.body(2)

    def product(self) -> None:
        """A product of matrices, or what looks like one: rows that are updated again and again."""
        target = self.array(lambda a: len(a.extents) == 2 and not t.is_bool(a.kind))
        if target is None or target.extents[0] * target.extents[1] > 1200:
            return
        rows, columns = target.extents
        same = self.chance(0.2)
        other = self.array(
            lambda a: (
                len(a.extents) == 2
                and a.extents[1] >= columns
                and (a is target) == same
                and a.extents[0] * columns * rows <= 6000
                and t.storable(a.kind, target.kind)
                and not t.is_bool(a.kind)
            )
        )
        if other is None:
            return
        i, k, j = self.fresh("i"), self.fresh("i"), self.fresh("i")
        if not same:
            self.label("loop")
        self.emit(f"for {i} in range({target.name}.shape[0]):")
        terms = other.extents[0]
        owned = {target.name: (i,)}
        with self.block(), self.counter(i, 0, rows - 1), self.parallel_body(owned):
            if self.chance(0.3):
                self.emit(f"{target.name}[{i}, :] *= {self.number(0, 2)}")
            span = self.one(
                f"{other.name}.shape[0]", str(terms), f"0, {terms}, 2", f"1, {terms}",
                f"min({terms}, {i} + 1)", f"min({terms}, {i} + 1), {terms}",
            )  # fmt: skip
            self.emit(f"for {k} in range({span}):")
            with self.block(), self.counter(k, 0, terms - 1):
                self.product_term(target, other, i, k, j)

    def product_term(self, target: Array, other: Array, i: str, k: str, j: str) -> None:
        shown = self.arrays
        self.arrays = [a for a in shown if a is not target]
        factor = "2"
        if self.arrays and self.chance(0.8):
            value = self.expression(target.kind, 1)
            factor = self.exactly(value, target.kind)
        if self.chance(0.4):
            name = self.fresh("s")
            self.emit(f"{name} = {factor}")
            factor = name
        op = self.one("+=", "+=", "-=")
        columns = target.extents[1]
        first = self.one(0, 0, 0, columns // 2)
        if self.chance(0.5):
            part = f"{first}:{columns}" if first or other.extents[1] > columns else ":"
            self.label("slice")
            row = f"{other.name}[{k}, {part}]"
            self.emit(f"{target.name}[{i}, {part}] {op} {factor} * {row}")
        else:
            self.label("loop")
            self.emit(f"for {j} in range({first}, {columns}):")
            with self.block(), self.counter(j, first, columns - 1):
                update = f"{target.name}[{i}, {j}] {op} {factor} * {other.name}[{k}, {j}]"
                if self.chance(0.25):
                    self.emit(f"if {self.condition(1).text}:")
                    with self.block():
                        self.emit(update)
                else:
                    self.emit(update)
        self.arrays = shown

    def private(self) -> None:
        """A small temporary of one iteration."""
        name, size = self.fresh("t"), self.number(1, 4)
        kind = self.one("float64", "float32", "int64", "int32")
        self.emit(f"{name} = np.zeros({size}, np.{kind})")
        self.arrays.append(Array(name, kind, (size,)))
        assert self.owned is not None
        self.owned[name] = ()
        self.body(2)
        self.store()
        self.arrays = [a for a in self.arrays if a.name != name]
        del self.owned[name]

    def temporary(self) -> None:
        kind = self.one("float64", "float32", "int64", "int16", "bool")
        model = self.one(*self.arrays)
        extents = model.extents[: self.number(1, 2)]
        if 0 in extents:
            return
        name = self.fresh("t")
        size = ", ".join(f"{model.name}.shape[{d}]" for d in range(len(extents)))
        shape = f"({size})" if len(extents) > 1 else size
        form = self.one("zeros", "empty", "ones", "full", "like")
        if form == "like":
            kind, extents = model.kind, model.extents
            self.emit(f"{name} = np.zeros_like({model.name})")
        elif form == "full":
            self.emit(f"{name} = np.full({shape}, 3, np.{kind.replace('bool', 'int32')})")
            kind = kind.replace("bool", "int32")
        else:
            self.emit(f"{name} = np.{form}({shape}, np.{kind if kind != 'bool' else 'bool_'})")
        array = Array(name, kind, extents)
        if form == "empty":
            place = f"{name}[{', '.join(':' * len(extents))}]"
            self.emit(f"{place} = {'True' if kind == 'bool' else self.number(0, 9)}")
        depth = self.depth
        self.arrays.append(array)
        self.body(3)
        target = self.writable(lambda a: t.storable(kind, a.kind) and a.name != name)
        if target and depth == self.depth:
            self.emit(f"{self.element(target)} = {self.element(array)}")
        self.arrays.remove(array)
