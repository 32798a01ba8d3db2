"""Random programs over the whole language, which are valid in plain Python by construction.

Indices stay in range, divisors of Python numbers are not zero, every read variable has been
assigned, every local has one type, and a loop that bears a label touches in each iteration only
elements that no other iteration writes. What slips through, such as a Python integer beyond 64
bits, raises in the oracle, and the program is discarded.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import types_of as t
from cases import Argument, Case
from rows import WIDTHS, Rows
from writer import Array, Value

LAYOUTS = ("contiguous", "contiguous", "strided", "reversed", "transposed", "window")
EXTENTS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 33, 64, 65, 100, 130)
# So few that a row has many elements for each, or so many that it takes several blocks.
COLUMN_THREADS = (0, 32, 32, 32, 32, 64, 2048)
MAIN_TYPES = ("float64", "float64", "float64", "float32", "float32", "int64", "int64", "int32")


class Generator(Rows):
    """Writes one program, with the choices of `random`."""

    # --- The program

    def case(self) -> Case:
        pick = self.random
        n, m = self.one(*EXTENTS), self.one(*EXTENTS[:9])
        if self.chance(0.04):
            n = 0
        self.is_wide = n > 0 and not self.rare and self.chance(0.16)
        if self.is_wide:
            n, m = self.number(1, 3), self.one(*WIDTHS)
        self.n, self.m, self.k = n, m, self.number(1, 4)
        arguments = self.parameters()
        header = f"def program({', '.join(a.name for a in arguments)}):"
        self.lines = [header]
        for kind in dict.fromkeys((self.one(*MAIN_TYPES), self.one("wi", "wf", "float64"), "wi")):
            name = self.fresh("s")
            value = self.expression(kind, 1)
            self.emit(f"{name} = {self.exactly(value, kind)}")
            self.locals[name] = kind
        self.aliased = self.chance(0.12)
        self.budget = self.number(2, 9)
        if self.is_wide:
            self.rows()
            if self.chance(0.5):
                self.one(self.rows, self.slices)()
        else:
            for _ in range(self.number(1, 5)):
                self.statement()
        for name, kind in self.locals.items():
            target = self.array(lambda a, k=kind: t.storable(k, a.kind) and not t.is_bool(a.kind))
            if target and (index := self.literal_index(target)):
                self.emit(f"{target.name}[{index}] = {self.wrapped(name, kind, target.kind)}")
        if len(self.lines) == 1:
            self.emit("pass")
        schedule, declared = {}, []
        for label, role in self.labels.items():
            reduces = role in ("reduce", "histogram", "summed columns")
            if reduces:
                declared.append(label)
            few = (0, 1, 2, 3, 64, 64)
            threads = self.one(*(COLUMN_THREADS if "columns" in role else few))
            if threads:
                schedule[label] = (threads, reduces)
        if self.aliased and not schedule:
            self.alias(arguments)
        settings = [
            {"strict": True, "specialize": self.one("never", "always", "auto")},
            {"strict": False, "specialize": self.one("never", "always", "auto")},
        ]
        if self.chance(0.15):
            settings[0]["check_bounds"] = True
        pick.shuffle(settings)
        if self.chance(0.5):
            settings = settings[:1]
        text = "\n".join([*self.helpers, *self.lines]) + "\n"
        return Case(text, arguments, schedule, settings, declared)

    def parameters(self) -> list[Argument]:
        arguments: list[Argument] = []
        shapes = [(self.n,), (self.n,), (self.n,), (self.m,), (self.n, self.m)]
        shapes += [(self.m, self.n), (self.n, self.m), (self.k, self.n, self.m)]
        if self.is_wide:
            shapes = [(self.n, self.m)] * 4 + [(self.m,), (self.n,)]
        layouts = ("contiguous",) if self.is_wide and self.chance(0.6) else LAYOUTS
        count = self.number(2, 6)
        for i in range(count):
            shape = shapes[0] if i == 0 else self.one(*shapes)
            kind = self.one(*MAIN_TYPES, *t.INTEGERS, "bool", "float16", "float32", "bool")
            if self.is_wide:
                kind = self.one("float32", "float32", "float32", "float64", "int32", "uint32")
            if self.rare and (i == 0 or self.chance(0.5)):
                kind = self.one(*t.RARE)
            name = "xyzuvw"[i] if len(shape) == 1 else "abcdef"[i]
            real = t.is_float(kind) or t.is_complex(kind)
            small = "halves" if real else "small"
            data = self.one(small, small, small, "wide", "special" if real else small)
            layout = self.one(*layouts)
            arguments.append(Argument(name, kind, shape, 0, data, layout, self.number(0, 1 << 30)))
            self.arrays.append(Array(name, kind, shape))
        scalars = [("p", "wi"), ("q", "wf"), ("r", self.one(*MAIN_TYPES, "int16", "uint8"))]
        if self.rare:
            scalars += [("g", "wc"), ("o", self.one(*t.RARE))]
        for name, kind in scalars:
            if self.chance(0.6):
                value = self.number(0, 6) if t.is_int(kind) else self.number(-6, 7) / 4
                arguments.append(Argument(name, kind, None, value))
                self.locals[name] = kind
                self.frozen.add(name)
        return arguments

    def alias(self, arguments: list[Argument]) -> None:
        """Makes two parameters one array, or overlapping parts of one."""
        arrays = [a for a in arguments if a.shape]
        for b in arrays[1:]:
            for a in arrays:
                if a is not b and a.kind == b.kind and a.shape == b.shape and not a.alias:
                    b.alias = f"{self.one('same', 'after', 'reversed')} {a.name}"
                    return

    # --- Helpers

    def call(self) -> None:
        self.one(self.scalar_call, self.tuple_call, self.array_call, self.array_call)()

    @contextmanager
    def helper(self, name: str, parameters: dict[str, str], arrays: list[Array]) -> Iterator[None]:
        """Lines emitted inside become a decorated function."""
        kept = (
            self.lines, self.arrays, self.locals, self.frozen, self.counters, self.owned,
            self.loops, self.depth, self.in_helper,
        )  # fmt: skip
        names = ", ".join([*parameters, *(a.name for a in arrays)])
        self.lines = ["@parpy.jit", f"def {name}({names}):"]
        self.arrays, self.locals, self.frozen = list(arrays), dict(parameters), set()
        self.counters, self.owned, self.loops, self.depth = {}, None, 0, 1
        self.in_helper = True
        yield
        if len(self.lines) == 2:
            self.emit("pass")
        self.helpers += [*self.lines, "", ""]
        (
            self.lines, self.arrays, self.locals, self.frozen, self.counters, self.owned,
            self.loops, self.depth, self.in_helper,
        ) = kept  # fmt: skip

    def operands(self) -> tuple[dict[str, str], list[str]]:
        parameters, passed = {}, []
        for _ in range(self.number(1, 3)):
            value = self.one(self.integer, self.real)(1)
            name = self.fresh("p")
            parameters[name] = value.kind
            passed.append(value.text)
        return parameters, passed

    def returns(self, kinds: list[str]) -> None:
        values = [self.exactly(self.expression(k, 2), k) for k in kinds]
        self.emit(f"return {', '.join(values)}")

    def scalar_helper(self, kinds: list[str]) -> str:
        parameters, passed = self.operands()
        name = self.fresh("h")
        with self.helper(name, parameters, []):
            if self.chance(0.4):
                self.local()
            if self.chance(0.3):
                i = self.fresh("i")
                self.emit(f"for {i} in range({self.number(1, 5)}):")
                with self.block(), self.counter(i, 0, 4):
                    self.local()
                    if self.chance(0.5):
                        self.emit(f"if {self.condition(1).text}:")
                        with self.block():
                            self.returns(kinds)
            if self.chance(0.6):
                self.emit(f"if {self.condition(1).text}:")
                with self.block():
                    self.returns(kinds)
            self.returns(kinds)
        return f"{name}({', '.join(passed)})"

    def scalar_call(self) -> None:
        kind = self.one("float64", "float64", "int64", "float32", "wi")
        call = Value(self.scalar_helper([kind]), kind)
        target = self.writable(lambda a: not t.is_bool(a.kind) and t.storable(kind, a.kind))
        if target and self.chance(0.5):
            place = self.element(target)
            self.emit(f"{place} = {self.wrapped(call.text, kind, target.kind)}")
            return
        name = self.fresh("s")
        self.emit(f"{name} = {call.text}{' % 1000' if kind == 'wi' else ''}")
        self.locals[name] = kind

    def tuple_call(self) -> None:
        kinds = [self.one("float64", "int64", "wi", "float32", "bool") for _ in range(2)]
        names = [self.fresh("s") for _ in kinds]
        self.emit(f"{', '.join(names)} = {self.scalar_helper(kinds)}")
        for name, kind in zip(names, kinds, strict=True):
            self.locals[name] = kind

    def array_call(self) -> None:
        """A helper that changes an array, a row or a part of one."""
        target = self.writable(lambda a: len(a.extents) > len(self.prefix(a)))
        if target is None:
            return
        own = self.prefix(target)
        free = target.extents[len(own) :]
        if len(free) == 1 or self.chance(0.7):
            length = self.number(1, free[-1])
            text = self.part(target, (length,))
            if text is None:
                return
            if length == target.extents[-1] and len(target.extents) == 1 and not own:
                text = self.one(text, target.name)
            if len(target.extents) == 2 and self.chance(0.3):
                rows = own or (self.index(target.extents[0], 0),)
                text, length = f"{target.name}[{rows[0]}]", target.extents[1]
            extents: tuple[int, ...] = (length,)
        elif not own:
            text, extents = target.name, target.extents
        else:
            return
        parameters, passed = self.operands()
        view = Array(self.fresh("v"), target.kind, extents)
        arrays, given = [view], [text]
        if self.owned is None and self.chance(0.4):
            other = self.array(lambda a: a.name != target.name)
            if other:
                arrays.append(Array(self.fresh("v"), other.kind, other.extents))
                given.append(other.name)
        name = self.fresh("h")
        with self.helper(name, parameters, arrays):
            if self.owned is None and self.chance(0.7):
                i = self.fresh("i")
                self.emit(f"for {i} in range(len({view.name})):")
                self.loops = 1
                with self.block(), self.counter(i, 0, extents[0] - 1):
                    self.body(2)
                self.loops = 0
            self.body(2)
        call = f"{name}({', '.join([*passed, *given])})"
        if self.chance(0.3):
            call = f"parpy.builtin.inline({call})"
        self.emit(call)


def generate(seed: int) -> Case:
    """The program of a seed, always the same; each fourth has complex numbers and bfloat16."""
    return Generator(random.Random(seed), rare=seed % 4 == 3).case()
