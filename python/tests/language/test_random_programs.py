"""Random programs, held to plain Python: combinations that nobody thought of.

Every program is deterministic and fails with its text. To look for more,
`PARPY_RANDOM_PROGRAMS=1000:5000 pytest …` runs the seeds 1000 to 4999.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
from harness import define, expect, options, run

import parpy

N = 11
M = 7
HEAD = "def program(x, y, u, m, k, b, a, p, q):"


class Generator:
    """Writes programs over float64 x[N], y[N], a[N, M], float32 u[N], int64 m[N], int32 k[N],
    bool b[N], a Python int p and a Python float q.

    Locals are float64 (s, t) and int64 (g, h): a weak one could be rounded where paths meet.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.indices: list[str] = []  # loop variables in 0..<N
        self.counters = 0

    def program(self) -> str:
        self.lines = [HEAD]
        self.emit(1, "s = x[0]")
        self.emit(1, "t = y[1] + 0.5")
        self.emit(1, "g = m[0]")
        self.emit(1, "h = m[2] + 1")
        for _ in range(self.random.randint(3, 7)):
            self.statement(1)
        self.emit(1, "x[0] = s")
        self.emit(1, "y[1] = t")
        self.emit(1, "m[0] = g % 1000")
        self.emit(1, "m[1] = h % 1000")
        return "\n".join(self.lines)

    def emit(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    # --- Expressions

    def index(self, extent: int = N) -> str:
        forms = [str(self.random.randrange(extent)), str(-1 - self.random.randrange(extent))]
        forms += [f"({self.integer(0)}) % {extent}"]
        if self.indices and extent == N:
            i = self.random.choice(self.indices)
            forms += [i, i, i, f"-1 - {i}", f"{i} - {N}", f"({i} * 3 + 2) % {N}", f"{i} - 1"]
        return self.random.choice(forms)

    def integer(self, depth: int = 2) -> str:
        if depth == 0 or self.random.random() < 0.3:
            atoms = ["g", "h", "p", str(self.random.randrange(-4, 9)), "len(x)", "a.shape[1]"]
            if depth > 0:
                atoms += [f"m[{self.index()}]", f"k[{self.index()}]", f"m[{self.index()}]"]
            return self.one(*atoms, *self.indices)
        op = self.one("+", "-", "*", "//", "%", "&", "|", "^", "min", "max", "if", "-x", "abs")
        left, right = self.integer(depth - 1), self.integer(depth - 1)
        if op in ("min", "max"):
            return f"{op}({left}, {right})"
        if op == "if":
            return f"({left} if {self.condition(0)} else {right})"
        if op == "-x":
            return f"(-{left})"
        if op == "abs":
            return f"abs({left})"
        return f"({left} {op} {right})"

    def number(self, depth: int = 3) -> str:
        if depth == 0 or self.random.random() < 0.25:
            atoms = ["s", "t", "q", self.one("0.5", "2.0", "-1.25", "3", "0.1"), "p"]
            if depth > 0:
                atoms += [f"{self.one('x', 'y', 'u', 'x', 'y')}[{self.index()}]" for _ in "..."]
                atoms += [
                    f"a[{self.index()}, {self.index(M)}]",
                    f"a[{self.index()}][{self.index(M)}]",
                ]
            return self.one(*atoms)
        op = self.one(
            *"+-*/+-*", "//", "%", "min", "max", "if", "sum", "max[]", "int", "neg", "sqrt"
        )
        if op == "sum":
            return self.reduction("sum")
        if op == "max[]":
            return self.reduction(self.one("max", "min"))
        if op == "int":
            return f"({self.integer(1)}) * 0.25"
        left, right = self.number(depth - 1), self.number(depth - 1)
        if op in ("min", "max", "if"):
            # One of two values: of one type, lest it matter which.
            left, right = f"parpy.operators.float64({left})", f"parpy.operators.float64({right})"
            if op == "if":
                return f"({left} if {self.condition(0)} else {right})"
            return f"{op}({left}, {right})"
        if op == "neg":
            return f"(-{left})"
        if op == "sqrt":
            return f"parpy.math.sqrt(abs({left}))"
        return f"({left} {op} {right})"

    def condition(self, depth: int = 2) -> str:
        if depth == 0:
            return self.one("s > t", "g < h", f"b[{self.index()}]", "p > 2", "not g")
        op = self.one("<", "<=", "==", ">", "!=", "and", "or", "not", "chain", "b")
        if op == "and" or op == "or":
            return f"({self.condition(depth - 1)} {op} {self.condition(depth - 1)})"
        if op == "not":
            return f"(not {self.condition(depth - 1)})"
        if op == "chain":
            return f"({self.integer(1)} <= {self.integer(1)} < {self.integer(1)})"
        if op == "b":
            return f"b[{self.index()}]"
        if self.random.random() < 0.5:
            return f"({self.integer(1)} {op} {self.integer(1)})"
        return f"({self.number(1)} {op} {self.number(1)})"

    def cut(self, length: int, extent: int) -> str:
        """A slice of `length` elements of an extent."""
        if self.random.random() < 0.2:
            start = self.random.randint(length - 1, extent - 1)
            stop = start - length
            return f"{start}:{stop if stop >= 0 else ''}:-1"
        start = self.random.randint(0, extent - length)
        step = 2 if 2 * (length - 1) + 1 <= extent and self.random.random() < 0.2 else 1
        if step == 2:
            start = self.random.randint(0, extent - 2 * (length - 1) - 1)
            return f"{start}:{start + 2 * (length - 1) + 1}:2"
        if start + length == extent and self.random.random() < 0.5:
            return f"{start - extent}:"
        return f"{start}:{start + length}"

    def vector(self, length: int, depth: int = 2) -> str:
        if depth == 0 or self.random.random() < 0.3:
            forms = [f"{self.one('x', 'y', 'u')}[{self.cut(length, N)}]" for _ in "..."]
            forms.append(f"a[{self.cut(length, N)}, {self.index(M)}]")
            if length <= M:
                forms.append(f"a[{self.index()}, {self.cut(length, M)}]")
            return self.one(*forms)
        op = self.one("+", "-", "*", "scalar", "scalar", "axis", "abs", "min")
        left = self.vector(length, depth - 1)
        if op == "scalar":
            return f"({left} {self.one(*'+-*')} {self.number(1)})"
        if op == "axis":
            if length <= M:
                return f"parpy.operators.max(a[:, {self.cut(length, M)}], axis=0)"
            return f"parpy.operators.min(a[{self.cut(length, N)}, :], axis=1)"
        if op == "abs":
            return f"abs({left})"
        if op == "min":
            return f"np.minimum({left}, {self.vector(length, depth - 1)})"
        return f"({left} {op} {self.vector(length, depth - 1)})"

    def reduction(self, op: str) -> str:
        # Sums of halves and small integers are exact; other sums would depend on their order.
        if op == "sum":
            part = self.cut(self.random.randint(1, N), N)
            return f"parpy.operators.sum(m[{part}] > {self.integer(0)})"
        return f"parpy.operators.{op}({self.vector(self.random.randint(1, N), 1)})"

    # --- Statements

    def statement(self, depth: int) -> None:
        kinds = ["element", "element", "local", "local", "slice", "integer element"]
        if depth < 4:
            kinds += ["if", "for", "for", "while"]
        getattr(self, self.one(*kinds).replace(" ", "_") + "_statement")(depth)

    def element_statement(self, depth: int) -> None:
        target = self.one(
            *(f"{self.one('x', 'y', 'u')}[{self.index()}]" for _ in ".."),
            f"a[{self.index()}, {self.index(M)}]",
        )
        self.emit(depth, f"{target} {self.one('=', '=', '+=', '*=', '-=')} {self.number()}")

    def integer_element_statement(self, depth: int) -> None:
        self.emit(depth, f"m[{self.index()}] = ({self.integer()}) % 97")

    def local_statement(self, depth: int) -> None:
        form = self.one("float", "int", "swap", "augmented")
        if form == "float":
            name = self.one("s", "t")
            self.emit(depth, f"{name} = parpy.operators.float64({self.number()})")
        elif form == "int":
            name = self.one("g", "h")
            self.emit(depth, f"{name} = parpy.operators.int64({self.integer()}) % 101")
        elif form == "swap":
            self.emit(depth, self.one("s, t = t, s", "g, h = h, g + 1"))
        else:
            self.emit(depth, self.one("s += 0.5", "t -= s", "g += 1", "h *= 3", "s *= t", "h -= g"))

    def slice_statement(self, depth: int) -> None:
        self.emit(depth, 'parpy.label("S")')
        if self.random.random() < 0.2:
            rows, columns = self.random.randint(1, N), self.random.randint(1, M)
            cut = lambda: f"a[{self.cut(rows, N)}, {self.cut(columns, M)}]"  # noqa: E731
            value = self.one(
                f"{cut()} * {self.number(1)}",
                f"{cut()} + {cut()}",
                f"{cut()} - {self.number(2)}",
                f"{cut()} + a[{self.cut(rows, N)}, :][:, {self.cut(1, M)}]",
                f"1.0 * {self.vector(columns, 1)}",
            )
            self.emit(depth, f"{cut()} = {value}")
            return
        length = self.random.randint(1, N)
        if self.random.random() < 0.3 and length <= M:
            target = f"a[{self.index()}, {self.cut(length, M)}]"
        else:
            target = f"{self.one('x', 'y', 'u', 'x')}[{self.cut(length, N)}]"
        value = self.vector(length) if self.random.random() < 0.8 else self.number()
        if value.endswith("]"):
            # NumPy 2.4 gets some plain copies between overlapping slices wrong; not expressions.
            value = f"1.0 * {value}"
        self.emit(depth, f"{target} {self.one('=', '=', '+=', '*=')} {value}")

    def block(self, depth: int) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.statement(depth)

    def if_statement(self, depth: int) -> None:
        self.emit(depth, f"if {self.condition()}:")
        self.block(depth + 1)
        if self.random.random() < 0.3:
            self.emit(depth, f"elif {self.condition()}:")
            self.block(depth + 1)
        if self.random.random() < 0.5:
            self.emit(depth, "else:")
            self.block(depth + 1)

    def for_statement(self, depth: int) -> None:
        self.counters += 1
        name = f"i{self.counters}"
        ranges = [f"{N}", f"len(x) - {self.random.randint(0, 3)}", f"{N - 1}, -1, -1"]
        ranges += [f"0, {N}, {self.random.randint(2, 4)}", f"{self.random.randint(0, 5)}, {N}"]
        ranges += [f"min(p, {N})", "abs(g) % 5"]
        self.emit(depth, f"for {name} in range({self.one(*ranges)}):")
        self.indices.append(name)
        self.block(depth + 1)
        self.indices.pop()

    def while_statement(self, depth: int) -> None:
        self.counters += 1
        name = f"w{self.counters}"
        self.emit(depth, f"{name} = {self.random.randint(0, 4)}")
        self.emit(depth, f"while {name} > 0 and {self.condition(1)}:")
        self.block(depth + 1)
        self.emit(depth + 1, f"{name} -= {self.random.randint(1, 2)}")


def arguments(seed: int) -> list:
    rng = np.random.default_rng(seed)

    def halves(*shape: int) -> np.ndarray:
        return rng.integers(-8, 9, shape) / 2

    return [
        halves(N),
        halves(N),
        halves(N).astype(np.float32),
        rng.integers(-9, 10, N),
        rng.integers(-9, 10, N).astype(np.int32),
        rng.random(N) < 0.5,
        halves(N, M),
        int(rng.integers(0, 6)),
        float(rng.integers(-6, 7)) / 4,
    ]


def seeds() -> range:
    first, _, last = os.environ.get("PARPY_RANDOM_PROGRAMS", "0:40").partition(":")
    return range(int(first), int(last))


@pytest.mark.parametrize("seed", seeds())
def test_random_program(seed: int) -> None:
    text = Generator(seed).program()
    function = define(text)
    given = arguments(seed)
    try:
        expected = expect(function, *given)
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        pytest.skip(f"Python refuses it: {error}")
    parallel = {"S": parpy.threads(64)} if "label" in text else {}
    for schedule, settings in (({}, {"specialize": "never"}), (parallel, {})):
        opts = options(schedule, strict=True, **settings)
        what = f"{schedule}, {settings}\n{text}\n"
        # Which of two zeros is the greater is left open, so zeros of both signs are equal here.
        run(function, given, opts, expected, rtol=1e-300, what=what)
