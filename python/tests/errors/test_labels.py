"""Labels and schedules that are wrong, and scalars that parallel loops leave behind."""

# Wrong programs are what is tested.
# ruff: noqa: B007, F821, F841

from __future__ import annotations

import numpy as np
import pytest
from harness import Case, Wrong, marked_lines, reject

import parpy

X = np.arange(6.0)
Y = np.zeros(6)
wrong = Wrong()
CE = parpy.CompileError
PARALLEL = {"N": parpy.threads(8)}
REDUCE = {"N": parpy.threads(8).reduce()}


# --- Labels -----------------------------------------------------------------------------------


@wrong(CE, X, Y)
def before_nothing(x, y):
    y[0] = x[0]
    parpy.label("N")  # error: label 'N' stands before no statement


@wrong(CE, X, Y)
def before_nothing_in_a_loop(x, y):
    for i in range(3):
        y[i] = x[i]
        parpy.label("N")  # error: label 'N' stands before no statement
    y[0] = 1


@wrong(CE, X, Y)
def before_a_scalar_assignment(x, y):
    parpy.label("N")  # error: label 'N'
    y[0] = x[0]


@wrong(CE, X, Y)
def before_a_name(x, y):
    parpy.label("N")  # error: label 'N'
    t = x[0]
    y[0] = t


@wrong(CE, X, Y)
def before_a_tuple(x, y):
    parpy.label("N")  # error: label 'N' stands before a tuple assignment
    y[0], y[1] = x[1], x[0]


@wrong(CE, X, Y, helps=True)
def before_while(x, y):
    parpy.label("N")  # error: label 'N' stands before a while loop, which cannot run in parallel
    while y[0] < 3:
        y[0] += 1


@wrong(CE, X, Y, helps=True)
def before_if(x, y):
    parpy.label("N")  # error: label 'N' stands before an if statement, which cannot run in parallel
    if y[0] < 3:
        y[0] += 1


@wrong(CE, X, Y, helps=True)
def before_with(x, y):
    parpy.label("N")  # error: label 'N' stands before a with statement
    with parpy.gpu:
        y[0] += 1


@wrong(CE, X, Y)
def before_pass(x, y):
    parpy.label("N")  # error: label 'N'
    pass


@wrong(CE, X, Y, helps=True)
def too_many_labels(x, y):
    parpy.label("N")
    parpy.label("M")  # error: label 'M' names nothing that can run in parallel
    y[:] = x[:]


@wrong(CE, X, Y, helps=True)
def computed_label(x, y):
    parpy.label("N" + "M")  # error: parpy.label takes one string literal
    y[:] = x[:]


@wrong(CE, X, Y, helps=True)
def label_of_a_number(x, y):
    parpy.label(3)  # error: parpy.label takes one string literal
    y[:] = x[:]


@wrong(CE, X, Y, helps=True)
def label_without_a_name(x, y):
    parpy.label()  # error: parpy.label takes one string literal
    y[:] = x[:]


@wrong(CE, X, Y)
def label_as_a_value(x, y):
    y[0] = parpy.label("N")  # error: label


@wrong(CE, X, Y)
def gpu_as_a_value(x, y):
    y[0] = parpy.gpu  # error: gpu


# --- Scalars after parallel loops -------------------------------------------------------------


@wrong(CE, X, Y, at="t", schedule=PARALLEL, helps=True)
def private_scalar_read_afterwards(x, y):
    parpy.label("N")
    for i in range(6):
        t = x[i] * 2
        y[i] = t
    y[0] = t  # error: 't' is assigned in a parallel loop


@wrong(CE, X, Y, schedule=PARALLEL, helps=True)
def sum_without_reduce(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(6):
        s += x[i]
    y[0] = s  # error: 's' is assigned in a parallel loop


@wrong(CE, X, Y, schedule=PARALLEL, helps=True)
def loop_variable_read_afterwards(x, y):
    parpy.label("N")
    for i in range(6):
        y[i] = x[i]
    y[0] = i  # error: 'i' is assigned in a parallel loop


@wrong(CE, X, Y, schedule=REDUCE, helps=True)
def private_beside_a_reduction(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(6):
        t = x[i] * 2
        s += t
    y[0] = s
    y[1] = t  # error: 't' is assigned in a parallel loop


@wrong(CE, X, Y, schedule={"M": parpy.threads(8)}, helps=True)
def private_of_an_inner_loop(x, y):
    for k in range(2):
        parpy.label("M")
        for i in range(6):
            t = x[i]
            y[i] += t
        y[k] = t  # error: 't' is assigned in a parallel loop


# --- No reductions ----------------------------------------------------------------------------


@wrong(CE, X, Y, schedule=REDUCE, helps=True)
def carried_but_no_reduction(x, y):
    s = 1.0
    parpy.label("N")
    for i in range(6):  # error: 's' is carried from one iteration to the next
        s = x[i] - s
    y[0] = s


@wrong(CE, X, Y, schedule=REDUCE, helps=True)
def keeps_partial_sums(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(6):
        s += x[i]
        y[i] = s  # error: 's' is accumulated from one iteration to the next


def finds_the_greatest(x, y):
    m = x[0]
    k = 0
    parpy.label("N")
    for i in range(6):
        if x[i] > m:
            m = x[i]
            k = i
    y[0] = m
    y[1] = k


def finds_the_last_least(x, y):
    m, k = x[0], 0
    parpy.label("N")
    for i in range(6):
        if i > 0 and m >= x[i]:
            m, k = x[i], i
    y[0] = m
    y[1] = k


@wrong(CE, X, Y, schedule=REDUCE, helps=True)
def element_updated_in_two_ways(x, y):
    parpy.label("N")
    for i in range(6):  # error: the element of 'y' that the loop updates cannot be reduced
        y[0] += x[i]
        y[0] *= 2


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Case) -> None:
    reject(case)


def test_without_the_schedule_the_same_programs_run() -> None:
    for function in (
        private_scalar_read_afterwards,
        sum_without_reduce,
        loop_variable_read_afterwards,
        private_beside_a_reduction,
        private_of_an_inner_loop,
        carried_but_no_reduction,
        element_updated_in_two_ways,
    ):
        y, expected = np.zeros(6), np.zeros(6)
        parpy.jit(function)(X, y)
        function(X, expected)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("function", "value", "position"),
    [
        (
            finds_the_greatest,
            "write the update as m = max(m, …)",
            "search in two loops: first the value, m = max(m, …), then where it is, "
            "if … == m: k = min(k, …)",
        ),
        (
            finds_the_last_least,
            "write the update as m = min(m, …)",
            "search in two loops: first the value, m = min(m, …), then where it is, "
            "if … == m: k = max(k, …)",
        ),
    ],
)
def test_a_search_is_told_what_is_a_reduction(function, value: str, position: str) -> None:
    declare = ", and declare the loop as a reduction with .reduce()"
    for schedule, end in ((REDUCE, ""), (PARALLEL, declare)):
        with pytest.raises(CE, match="'m' is assigned in a parallel loop") as caught:
            parpy.jit(function)(X, np.zeros(6), opts=parpy.par(schedule))
        lines = str(caught.value).splitlines()
        assert [line for line in lines if line.startswith("help: ")] == [
            f"help: {value}{end}",
            f"help: {position}{end}",
        ]


def searches_in_two_loops(x, y):
    m = x[0]
    parpy.label("N")
    for i in range(len(x)):
        m = max(m, x[i])
    k = len(x)
    parpy.label("N")
    for i in range(len(x)):
        if x[i] == m:
            k = min(k, i)
    y[0] = m
    y[1] = k


def test_the_search_in_two_loops_is_a_reduction() -> None:
    x = np.random.default_rng(3).integers(0, 9, 30_000).astype(float)
    y = np.zeros(2)
    parpy.jit(searches_in_two_loops)(x, y, opts=parpy.par(REDUCE))
    assert y.tolist() == [x.max(), x.argmax()]


def searches_by_elements(x, y):
    y[0] = x[0]
    y[1] = 0
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > y[0]:
            y[0] = x[i]
            y[1] = i


def updates_by_a_local(x, y):
    parpy.label("N")
    for i in range(len(x)):
        t = y[0]
        t = 0.5 * t + x[i]
        y[0] = t


@pytest.mark.parametrize("function", [searches_by_elements, updates_by_a_local])
def test_a_declared_reduction_that_is_none_runs_in_order(function) -> None:
    x = np.random.default_rng(3).integers(0, 9, 30_000).astype(float)
    y, expected = np.zeros(2), np.zeros(2)
    with pytest.warns(RuntimeWarning, match="the loop runs on one worker: .*'y'"):
        parpy.jit(function)(x, y, opts=parpy.par(REDUCE))
    function(x, expected)
    np.testing.assert_array_equal(y, expected)


# --- Levels of a GPU --------------------------------------------------------------------------


def repeats_the_next_loop(x, y):
    parpy.label("i")
    for i in range(x.shape[0]):
        while x[i, 0, 0] < y[i]:
            parpy.label("j")
            for j in range(x.shape[1]):  # here: between
                parpy.label("k")
                for k in range(x.shape[2]):
                    x[i, j, k] += i + j + k + 1


def test_a_level_between_that_runs_in_order_is_warned_of() -> None:
    opts = parpy.par({"i": parpy.threads(8), "j": parpy.threads(4), "k": parpy.threads(32)})
    opts.backend = parpy.CompileBackend.Cuda
    arguments = (np.zeros((6, 4, 4)), np.zeros(6))
    with pytest.warns(RuntimeWarning, match="the iterations of the loop 'j' run in order") as found:
        text = parpy.print_compiled(repeats_the_next_loop, arguments, opts)
    line = marked_lines(repeats_the_next_loop)["between"]
    assert f"On line {line} of" in str(found[0].message)
    assert "blockIdx.y" not in text
