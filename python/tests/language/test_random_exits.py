"""`break`, `continue` and `return` in random programs and long ones."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, B020, SIM102, SIM108, SIM110, SIM114, F821, F841, RET503, RET505, RET507, RET508

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from harness import check, check_or_reject, define, survives

import parpy

# --- Random programs ----------------------------------------------------------------------------


class Programs:
    """Random programs over nested statements that may leave at any place.

    Every program writes what it passes into a trace, so that a wrong turn shows.
    """

    def __init__(self, seed: int, *, result: bool = False, mentions: bool = True) -> None:
        self.random = random.Random(seed)
        self.result = result
        self.mentions = mentions
        self.loops = 0
        self.codes = 0

    def condition(self) -> str:
        return self.random.choice(
            [
                f"s % {self.random.randint(2, 5)} == {self.random.randint(0, 1)}",
                f"x[s % 7] < {self.random.randint(0, 6)}",
                f"x[k % 7] > {self.random.randint(0, 6)} and s > {self.random.randint(0, 60)}",
                f"not s < {self.random.randint(0, 90)} or k > {self.random.randint(20, 60)}",
                f"{self.random.choice('abc')} > {self.random.randint(0, 4)}",
            ]
        )

    def mark(self) -> list[str]:
        self.codes += 1
        target = self.random.choice(["s", "s", "s", "a", "b", "c"])
        if target != "s":
            source = self.random.choice("abcs")
            return [f"{target} = {source} + {self.random.randint(1, 3)}", *self.mark()]
        step = f"s = (s * 7 + {self.codes} + a + 2 * b + 3 * c) % 101"
        return [step, "if k < 300:", f"    y[k] = s * 100 + {self.codes}", "    k += 1"]

    def block(self, depth: int, loop: bool) -> list[str]:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            lines += self.statement(depth, loop)
        return lines

    def statement(self, depth: int, loop: bool) -> list[str]:
        kinds = ["mark", "exit", "exit"] if depth <= 0 else ["mark", "if", "if", "for", "for"]
        if depth > 0:
            kinds += ["while", "with", "exit", "if"]
        kind = self.random.choice(kinds)
        indented = lambda body: ["    " + line for line in body]  # noqa: E731
        if kind == "exit":
            return self.exit(loop)
        if kind == "if":
            lines = [f"if {self.condition()}:", *indented(self.block(depth - 1, loop))]
            if self.random.random() < 0.3:
                lines += [f"elif {self.condition()}:", *indented(self.block(depth - 1, loop))]
            if self.random.random() < 0.5:
                lines += ["else:", *indented(self.block(depth - 1, loop))]
            return lines
        if kind == "with":
            return ["with parpy.gpu:", *indented(self.block(depth - 1, loop))]
        if kind == "for":
            name = self.random.choice(["a", "b", "c"])
            stop = self.random.choice(["3", "n", "s % 4", "2", "k % 3 + 1"])
            head = self.random.choice(
                [f"range({stop})", f"range(1, {stop})", f"range({stop}, 0, -1)"]
            )
            return [f"for {name} in {head}:", *indented(self.block(depth - 1, True))]
        if kind == "while":
            self.loops += 1
            w = f"w{self.loops}"
            test = self.random.choice([f"{w} < {self.random.randint(1, 4)}", "True"])
            guard = [f"{w} += 1", f"if {w} > 4:", "    break"]
            return [f"{w} = 0", f"while {test}:", *indented(guard + self.block(depth - 1, True))]
        return self.mark()

    def exit(self, loop: bool) -> list[str]:
        words = []
        if loop:
            words += ["break", "continue", "break", "continue"]
        if self.result:
            values = ["s", "s + a", "k - b", "x[s % 7]", "7", "a * 1.5", "x[0] > s"]
            words.append(f"return {self.random.choice(values)}")
        if not words:
            return self.mark()
        word = self.random.choice(words)
        if self.random.random() < 0.15:
            return [word]
        return [f"if {self.condition()}:", f"    {word}"]

    def text(self, name: str, parameters: str, start: str) -> str:
        body = [*start.split("; "), *self.mark()]
        for _ in range(3):
            body += [*self.statement(3, False), *self.mark()]
        if self.result:
            body.append(f"return {self.random.choice(['s', 'a + b', 'x[c % 7]', '0.5'])}")
        else:
            body.append("y[301] = ((s * 10 + a) * 10 + b) * 10 + c")
        return "\n".join([f"def {name}({parameters}):", *("    " + line for line in body)])


START = "s = 1; k = 0; a = 0; b = 0; c = 0"


@pytest.mark.parametrize("seed", range(120))
def test_random_programs(seed: int) -> None:
    program = define(Programs(seed).text("program", "n, x, y", START))
    x = np.random.default_rng(seed).integers(0, 7, 7).astype(np.int64)
    specialize: Any = "never" if seed % 3 == 0 else "auto"
    for n in (0, 3):
        check(program, n, x, np.zeros(302, np.int64), specialize=specialize)


@pytest.mark.parametrize("seed", range(120))
def test_random_programs_that_return(seed: int) -> None:
    maker = Programs(seed + 1000, result=True)
    helper = define(maker.text("helper", "n, x, y, s", START.replace("s = 1; ", "")))
    program = define(
        """
        def program(n, x, y, z):
            for j in range(3):
                z[j] = helper(n, x, y, j)
            if helper(n - 1, x, y, s=5) > 10:
                z[3] = 1
        """,
        helper=parpy.jit(helper),
    )
    x = np.random.default_rng(seed).integers(0, 7, 7).astype(np.int64)
    specialize: Any = "never" if seed % 3 == 0 else "auto"
    check(program, 3, x, np.zeros(302, np.int64), np.zeros(4), specialize=specialize)


def test_many_exits_in_a_row() -> None:
    lines = "".join(f"    if x[0] == {i}:\n        return {i * i}\n" for i in range(200))
    helper = parpy.jit(define(f"def many(x):\n{lines}    return -1\n"))
    program = define("def program(x, y):\n    y[0] = many(x)\n", many=helper)
    survives(lambda: check(program, np.array([199.0]), np.zeros(1)))
    for value in (0.0, 100.0, 199.0, 200.0):
        check(program, np.array([value]), np.zeros(1))
    lines = "".join(f"        if x[i] == {i}:\n            continue\n" for i in range(100))
    program = define(f"def program(x, y):\n    for i in range(2):\n{lines}        y[i] = 1\n")
    check(program, np.array([0.0, 7.0]), np.zeros(2))


LEAVING = [
    "if x[i] == {k}:\n    continue",
    "if x[i] == {k}:\n    y[0] += {k}\n    continue\nelse:\n    y[1] += 1",
    "if x[i] > {k}:\n    y[2] += 1\nelse:\n    if y[1] > {k} * 9:\n        continue\n    y[3] += 1",
    "y[4] += {k}",
    "for j in range({k} % 4):\n    if j == x[i]:\n        break\n    y[5] += j",
    "if x[i] == {k} + 100:\n    break",
    "if x[i] == {k} + 200:\n    return",
]


@pytest.mark.parametrize("seed", range(12))
def test_long_chains_of_exits(seed: int) -> None:
    """More exits than are nested in each other."""
    chooser = random.Random(seed)
    choices = LEAVING if seed % 3 == 0 else LEAVING[:-1] if seed % 3 == 1 else LEAVING[:-2]
    chain = "\n".join(chooser.choice(choices).format(k=k) for k in range(70))
    indented = chain.replace("\n", "\n        ")
    source = (
        f"def chain(x, y):\n    for i in range(len(x)):\n        {indented}\n        y[6] += 1\n"
    )
    tail = "" if "return" in chain else "    y[7] += 1\n"
    program = define(source + tail)
    for start in (0, 17, 64, 100, 164, 200, 250):
        x = np.array([3.0, 69, 35, start, start + 1, 18, 500])
        check_or_reject(program, x, np.zeros(8))
        if "return" not in chain:
            check(program, x, np.zeros(8))


def test_very_long_chains_of_exits() -> None:
    """They were nested in each other, and the compiler ran out of stack or time."""
    lines = "".join(
        f"        if x[i] == {k}:\n            continue\n        x[i] += 1.0\n" for k in range(6000)
    )
    program = parpy.jit(define(f"def very_long(x):\n    for i in range(len(x)):\n{lines}"))
    survives(lambda: program.lower(np.zeros(3)))
    for schedule in ({}, {"N": parpy.threads(8)}):
        lines = "".join(
            f"        if x[i] == {k}:\n            continue\n" for k in range(0, 900, 3)
        )
        head = "    parpy.label('N')\n    for i in range(len(x)):\n"
        program = define(f"def long(x):\n{head}{lines}        x[i] = -1.0\n")
        check(program, np.arange(1000.0), schedules=[schedule], plain=False)
