"""`break`, `continue` and `return`, in every place that a program may leave early."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, B020, SIM102, SIM108, SIM110, SIM114, F821, F841, RET503, RET505, RET507, RET508

from __future__ import annotations

import itertools
import random
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from harness import Wrong, check, check_or_reject, define, each, reject, survives

import parpy

CE = parpy.CompileError
wrong = Wrong()

# --- One loop -----------------------------------------------------------------------------------


def stops_at_a_negative(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] < 0:
            break
        y[i] = x[i]
        k += 1
    y[-1] = k


def skips_negatives(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] < 0:
            continue
        y[i] = x[i]
        k += 1
    y[-1] = k


def leaves_in_else(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] >= 0:
            y[i] = x[i]
            k += 1
        else:
            break
        y[i] += 1
        k += 10
    y[-1] = k


def leaves_in_elif(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] > 4:
            y[i] = 4
        elif x[i] < 0:
            continue
        elif x[i] == 3:
            break
        else:
            k += 1
        y[i] += x[i]
        k += 10
    y[-1] = k


def leaves_in_both_branches(x, y):
    k = 0
    for i in range(x.shape[0]):
        k += 1
        if x[i] < 0:
            y[i] = 1
            break
        else:
            y[i] = 2
            continue
        y[i] = 100
    y[-1] = k


def leaves_at_once(x, y):
    for i in range(x.shape[0]):
        y[i] = 1
        break
        y[i] = 2
    for j in range(x.shape[0]):
        continue
        y[j] = 3
    y[-1] = i


def leaves_from_inner_conditions(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] > 0:
            k += 1
            if x[i] > 3:
                k += 10
                if x[i] > 6:
                    k += 100
                    break
                y[i] = 5
                if x[i] > 5:
                    continue
            y[i] += 7
        y[i] += k
    y[-1] = k


def leaves_from_device_blocks(x, y):
    k = 0
    for i in range(x.shape[0]):
        with parpy.gpu:
            if x[i] < 0:
                continue
            if x[i] > 7:
                with parpy.gpu:
                    break
            y[i] = x[i]
        y[i] += 1
        k += 1
    y[-1] = k


ONE_LOOP = [
    stops_at_a_negative,
    skips_negatives,
    leaves_in_else,
    leaves_in_elif,
    leaves_in_both_branches,
    leaves_at_once,
    leaves_from_inner_conditions,
    leaves_from_device_blocks,
]
INPUTS = [
    np.arange(1.0, 10.0),
    np.array([3.0, 1.0, -1.0, 5.0]),
    np.array([-1.0, -2.0]),
    np.array([1.0, 2.0, 7.0, 4.0, 5.0, 6.0, -3.0]),
]


@pytest.mark.parametrize("program", ONE_LOOP, ids=lambda f: f.__name__)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_exits_of_one_loop(program: FunctionType, specialize: Any) -> None:
    for x in INPUTS:
        check(program, x, np.zeros(12), specialize=specialize, layouts=("contiguous", "reversed"))


def counts_while(x, y):
    i = 0
    while i < x.shape[0]:
        i += 1
        if x[i - 1] < 0:
            continue
        if x[i - 1] > 6:
            break
        y[i - 1] = i
    y[-1] = i


def goes_on_for_ever(x, y):
    i = 0
    while True:
        if i == x.shape[0]:
            break
        y[i] = x[i]
        i += 1
    y[-1] = i


def goes_on_after_the_body(x, y):
    i = 0
    while True:
        y[i] = x[i] + 1
        i += 1
        if not (i < x.shape[0] and x[i] > 0):
            break
    y[-1] = i


def sums_in_its_test(x, y):
    i = 0
    while np.sum(y) < 20:
        y[i] = x[i]
        i += 1
        if i >= x.shape[0]:
            break
        if x[i] < 0:
            continue
        y[i] += 1
    y[-1] = i


def ends_by_a_number(x, y):
    i = 0
    while 1:
        i += 1
        if i > 3:
            break
    y[-1] = i


@pytest.mark.parametrize(
    "program",
    [counts_while, goes_on_for_ever, goes_on_after_the_body, sums_in_its_test, ends_by_a_number],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_exits_of_while(program: FunctionType, specialize: Any) -> None:
    for x in INPUTS:
        check(program, x, np.zeros(12), specialize=specialize)


# --- The variable after the loop ----------------------------------------------------------------

HEADS = ["range(n)", "range(2, n)", "range(n, 0, -1)", "range(0, n, 3)", "range(n, -4, -2)"]


@pytest.mark.parametrize("head", HEADS)
def test_the_variable_after_a_break(head: str) -> None:
    program = define(f"""
        def last(n, stop, y):
            i = -7
            for i in {head}:
                y[i + 8] = i
                if i == stop:
                    break
            y[-1] = i
    """)
    for n, stop in itertools.product((-6, 0, 1, 5), (-2, 0, 3, 99)):
        check(program, n, stop, np.zeros(24, np.int64))
    check(program, 5, 3, np.zeros(24, np.int64), specialize="never")


def unbound_before(n, y):
    for i in range(n):
        if i * i > 17:
            break
    y[0] = i


def shared_variable(n, y):
    for i in range(n):
        if i > 2:
            break
    for j in range(i, n):
        if j > 4:
            break
        for i in range(j):
            y[i] += 1
            if i > 1:
                break
        y[10] += i
    y[11] = i * 100 + j


def assigned_variable(n, y):
    for i in range(n):
        y[i] = i
        i = i * 10
        if i > 30:
            break
        i += 1
    y[10] = i


def kept_from_the_outer_loop(n, y):
    for i in range(n):
        for j in range(n):
            if i + j > 5:
                break
            if j == 3:
                continue
            y[i] += j
        y[10] += j
    y[11] = j


def of_another_type_before(n, y):
    i = 0.5
    for i in range(n):
        if i == 3:
            break
    y[0] = i


def read_by_the_head(n, y):
    i = 2
    for i in range(i, i + n):
        if i == 5:
            break
        y[i] = i
    y[0] = i


@pytest.mark.parametrize(
    "program",
    [
        unbound_before,
        shared_variable,
        assigned_variable,
        kept_from_the_outer_loop,
        of_another_type_before,
        read_by_the_head,
    ],
    ids=lambda f: f.__name__,
)
def test_loop_variables_live_on(program: FunctionType) -> None:
    for n in (1, 4, 7):
        check(program, n, np.zeros(12))
        check(program, n, np.zeros(12), specialize="never")


def without_exits(n, y):
    i = 0.25
    for i in range(n):
        y[1] += i
    y[0] = i


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_a_loop_that_never_runs_leaves_its_variable(specialize: Any) -> None:
    for n in (0, -3, 4):
        check(of_another_type_before, n, np.zeros(12), specialize=specialize)
        check(read_by_the_head, n, np.zeros(12), specialize=specialize)
        check(without_exits, n, np.zeros(12), specialize=specialize)


# --- Names first bound inside -------------------------------------------------------------------


def found_in_a_loop(x, y):
    for i in range(x.shape[0]):
        if x[i] > 4:
            found = x[i]
            place = i
            break
    y[0] = found
    y[1] = place


def bound_before_continue(x, y):
    for i in range(x.shape[0]):
        last = x[i]
        if last < 0:
            continue
        kept = last
        y[i] = kept
    y[-1] = last
    y[-2] = kept


def bound_after_continue(x, y):
    for i in range(x.shape[0]):
        if i == 0:
            half = x[i]
            continue
        y[i] = half
        half = x[i] / 2
    y[-1] = half


def bound_at_different_types(x, y):
    best = -1
    for i in range(x.shape[0]):
        if x[i] < 0:
            best = 0
            continue
        if x[i] > 6:
            best = x[i]
            break
        best = best + x[i] / 4
    y[0] = best


@pytest.mark.parametrize(
    "program",
    [found_in_a_loop, bound_before_continue, bound_after_continue, bound_at_different_types],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_names_bound_in_loops_with_exits(program: FunctionType, dtype: Any) -> None:
    x = np.array([3.0, 1.5, -1.0, 5.25, 2.0, 8.0, 9.0], dtype)
    check(program, x, np.zeros(12, dtype))
    check(program, x, np.zeros(12, dtype), specialize="never")


def swaps_until_done(x, y):
    a, b = x[0], x[1]
    for i in range(50):
        a, b = b, a + b
        if b > 100:
            break
        if a > 10:
            continue
        y[0] += a
    y[1], y[2], y[3] = a, b, i


def test_tuples_and_exits() -> None:
    check(swaps_until_done, np.array([1.0, 1.0]), np.zeros(4))
    check(swaps_until_done, np.array([1, 2], np.int32), np.zeros(4))


# --- Indices that are never reached -------------------------------------------------------------


def stops_at_the_end(n, x, y):
    for i in range(1000):
        if i == n:
            break
        y[i] = x[i]


def stops_by_a_sentinel(n, x, y):
    for i in range(1000):
        if x[i] == 0:
            break
        y[i] = x[i]


def skips_what_does_not_exist(n, x, y):
    for i in range(1000):
        if i >= n:
            continue
        y[i] = x[i]


def stops_by_an_inner_loop(n, x, y):
    for i in range(1000):
        for j in range(3):
            if i + j == n:
                break
            y[i + j] = x[i + j]
        if i + j == n:
            break


@pytest.mark.parametrize(
    "program",
    [stops_at_the_end, stops_by_a_sentinel, skips_what_does_not_exist, stops_by_an_inner_loop],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_an_exit_before_the_end_is_no_index_error(program: FunctionType, specialize: Any) -> None:
    x = np.array([4.0, 3.0, 2.0, 5.0, 0.0])
    check(program, 5, x, np.zeros(5), specialize=specialize)
    if program is not stops_by_a_sentinel:
        check(program, 4, x, np.zeros(7), specialize=specialize)


# --- Nests --------------------------------------------------------------------------------------


def triple(n, x, y):
    k = 0
    for i in range(n):
        if i == 1:
            continue
        j = 0
        while j < n:
            j += 1
            for m in range(n):
                k += 1
                if x[m] == i:
                    continue
                if x[m] == j:
                    break
                y[m] += i * 100 + j * 10 + m
            else_seen = m
            if x[j - 1] > 2 * i:
                break
            y[else_seen] += 1000
        if k > 40:
            break
        y[i] += j
    y[-1] = k


def test_a_nest_of_three() -> None:
    for values in itertools.permutations([0.0, 1.0, 2.0, 3.0]):
        check(triple, 4, np.array(values), np.zeros(8))


def labelled_around(n, a, y):
    parpy.label("N")
    for i in range(n):
        for j in range(a.shape[1]):
            if a[i, j] < 0:
                break
            if a[i, j] == 3:
                continue
            y[i] += a[i, j]


def labelled_between(n, a, y):
    for i in range(n):
        if a[i, 0] == 5:
            continue
        parpy.label("N")
        for j in range(a.shape[1]):
            if a[i, j] == 3:
                continue
            k = 0
            while True:
                if k >= 3 or a[i, j] < 0:
                    break
                y[j] += a[i, j]
                k += 1
        if a[i, 1] == 7:
            break


@pytest.mark.parametrize("program", [labelled_around, labelled_between], ids=lambda f: f.__name__)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_sequential_loops_with_exits_beside_parallel_ones(
    program: FunctionType, specialize: Any
) -> None:
    rng = np.random.default_rng(5)
    for _ in range(3):
        a = rng.integers(-1, 9, (37, 9)).astype(float)
        out = 37 if program is labelled_around else 9
        check(program, 37, a, np.zeros(out), schedules=each("N"), specialize=specialize)


def continues_in_parallel(n, x, y):
    parpy.label("N")
    for i in range(n):
        if x[i] < 0:
            continue
        t = x[i] * 2
        if t > 8:
            y[i] = -1
            continue
        for j in range(3):
            if t < j:
                break
            t += 1
        else_part = t
        with parpy.gpu:
            if else_part == 5:
                continue
        y[i] = else_part


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int8"])
def test_continue_in_a_parallel_loop(dtype: str) -> None:
    x = np.random.default_rng(1).integers(-3, 7, 301).astype(dtype)
    check(continues_in_parallel, 301, x, np.zeros(301, dtype), schedules=each("N"))
    check(continues_in_parallel, 301, x, np.zeros(301, dtype), schedules=each("N", threads=[8]))


# --- Reductions ---------------------------------------------------------------------------------


def sums_some(n, x, y):
    s = 0.0
    c = 0
    parpy.label("N")
    for i in range(n):
        if x[i] < 0:
            continue
        s += x[i]
        if x[i] > 5:
            continue
        c += 1
    y[0] = s
    y[1] = c


def greatest_below(n, x, y):
    m = -1.0
    parpy.label("N")
    for i in range(n):
        for j in range(4):
            if x[i] + j > 7:
                break
        if j == 3:
            continue
        m = max(m, x[i] * j)
    y[0] = m


def sums_rows(n, x, y):
    s = 0.0
    parpy.label("N")
    for i in range(n):
        k = 0
        while True:
            k += 1
            if k > x[i]:
                break
            if k == 2:
                continue
            s += k
    y[0] = s


@pytest.mark.parametrize(
    "program", [sums_some, greatest_below, sums_rows], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_declared_reductions_with_exits_inside(program: FunctionType, specialize: Any) -> None:
    # Small integers: the order of the additions makes no difference.
    x = np.random.default_rng(2).integers(-4, 9, 1001).astype(float)
    schedules = each(reduce="N", threads=[1, 8, 64])
    check(program, 1001, x, np.zeros(2), schedules=schedules, specialize=specialize)


# --- Leaving a parallel loop --------------------------------------------------------------------

PAR = {"N": parpy.threads(8)}
RED = {"N": parpy.threads(8).reduce()}


@wrong(CE, 5, np.ones(5), np.zeros(5), schedule=PAR, at="break", helps=True)
def breaks_out(n, x, y):
    parpy.label("N")
    for i in range(n):
        if x[i] < 0:
            break  # error: break and return cannot leave a parallel loop
        y[i] = 1


@wrong(CE, 5, np.ones(5), np.zeros(5), schedule=RED, at="break", helps=True)
def breaks_out_of_a_reduction(n, x, y):
    s = 0.0
    parpy.label("N")
    for i in range(n):
        s += x[i]
        if s > 3:
            break  # error: break and return cannot leave a parallel loop
    y[0] = s


@wrong(CE, 5, np.ones(5), np.zeros(5), schedule=PAR, at="break")
def breaks_out_at_the_end(n, x, y):
    for k in range(2):
        parpy.label("N")
        for i in range(n):
            y[i] = 1
            if x[i] > 0:
                continue
            for j in range(n):
                if j > 3:
                    continue
            with parpy.gpu:
                break  # error: break and return cannot leave a parallel loop


@pytest.mark.parametrize("case", wrong.cases)
def test_a_break_out_of_a_parallel_loop_is_refused(case: Any) -> None:
    error = reject(case)
    lines = str(error)
    assert 'parpy.label("N")' in lines


def test_a_break_out_of_a_labelled_loop_may_run_in_sequence() -> None:
    x = np.array([1.0, 2.0, -1.0, 3.0])
    check(breaks_out, 4, x, np.zeros(4))
    check(breaks_out, 4, x, np.zeros(4), schedules=[{"N": parpy.LoopPar()}])


# --- Placement of the words ---------------------------------------------------------------------


def returns_a_number(x):
    if x[0] > 0:
        return 1
    x[0] = 1


def test_the_entry_returns_nothing() -> None:
    with pytest.raises(CE, match="Main function returns_a_number cannot return a value"):
        parpy.jit(returns_a_number)(np.zeros(1))


@pytest.mark.parametrize("word", ["break", "continue"])
def test_exits_outside_loops_are_python_errors(word: str) -> None:
    with pytest.raises(SyntaxError):
        define(f"""
            def outside(x):
                {word}
        """)


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
