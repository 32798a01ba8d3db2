"""Indices out of range: an IndexError before anything has changed."""

# Wrong programs are what is tested.
# ruff: noqa: B007

from __future__ import annotations

import itertools

import numpy as np
import pytest
from harness import Case, Wrong, assert_alive, assert_placed, check, marked_lines, options, reject

import parpy

X = np.arange(6.0)
Y = np.zeros(6)
A = np.zeros((3, 4))
wrong = Wrong()


@wrong(IndexError, X, Y)
def literal_beyond_the_end(x, y):
    y[0] = 1
    y[1] = x[6]  # error: index 6 of 'x' is out of bounds for dimension 0 with size 6


@wrong(IndexError, X, Y)
def literal_before_the_start(x, y):
    y[0] = x[-7]  # error: out of bounds for dimension 0 with size 6


@wrong(IndexError, X, Y)
def store_beyond_the_end(x, y):
    y[0] = 1
    y[6] = x[0]  # error: index 6 of 'y' is out of bounds for dimension 0 with size 6


@wrong(IndexError, X, Y)
def loop_beyond_the_end(x, y):
    for i in range(6):
        y[i] = x[i + 1]  # error: index 6 of 'x' is out of bounds for dimension 0 with size 6


@wrong(IndexError, X, Y, 7)
def argument_beyond_the_end(x, y, n):
    for i in range(n):
        y[i] = 1  # error: index 6 of 'y' is out of bounds for dimension 0 with size 6


@wrong(IndexError, X, Y, 7, specialize="never")
def parameter_beyond_the_end(x, y, n):
    for i in range(n):
        y[i] = 1  # error: 'y' is out of bounds


@wrong(IndexError, X, Y, 6, specialize="never")
def index_from_an_argument(x, y, n):
    y[n] = 1  # error: 'y' is out of bounds


@wrong(IndexError, X, Y, -7)
def negative_argument(x, y, n):
    y[n] = 1  # error: 'y' is out of bounds


@wrong(IndexError, X, Y)
def before_the_start_in_a_loop(x, y):
    for i in range(6):
        y[i] = x[i - 7]  # error: 'x' is out of bounds


@wrong(IndexError, X, Y)
def backwards_too_far(x, y):
    for i in range(5, -2, -1):
        y[i - 6] = 1  # error: 'y' is out of bounds


@wrong(IndexError, X, Y)
def with_a_step(x, y):
    for i in range(0, 12, 3):
        y[i] = 1  # error: index 9 of 'y' is out of bounds for dimension 0 with size 6


@wrong(IndexError, X, Y)
def scaled(x, y):
    for i in range(6):
        y[2 * i] = 1  # error: index 10 of 'y' is out of bounds for dimension 0 with size 6


@wrong(IndexError, A, X)
def second_dimension(a, x):
    for i in range(3):
        for j in range(5):
            a[i, j] = 1  # error: index 4 of 'a' is out of bounds for dimension 1 with size 4


@wrong(IndexError, A, X)
def sum_of_loop_variables(a, x):
    for i in range(3):
        for j in range(4):
            x[i + j + 1] = 1  # error: index 6 of 'x' is out of bounds for dimension 0 with size 6


@wrong(IndexError, A, X)
def row_beyond_the_end(a, x):
    a[3, :] = 1  # error: 'a' is out of bounds for dimension 0 with size 3


@wrong(IndexError, A, X)
def element_of_a_row(a, x):
    x[0] = a[1][4]  # error: 'a' is out of bounds for dimension 1 with size 4


@wrong(IndexError, A, X)
def in_a_reduction(a, x):
    x[0] = parpy.operators.sum(a[3, :])  # error: 'a' is out of bounds for dimension 0 with size 3


@wrong(IndexError, X, Y, schedule={"N": parpy.threads(8)})
def in_a_parallel_loop(x, y):
    parpy.label("N")
    for i in range(7):
        y[i] = x[i]  # error: out of bounds for dimension 0 with size 6


@wrong(IndexError, np.zeros(0), Y)
def of_an_empty_array(x, y):
    y[0] = x[0]  # error: 'x' is out of bounds


@wrong(IndexError, X, Y)
def in_a_condition(x, y):
    if x[6] > 0:  # error: index 6 of 'x' is out of bounds for dimension 0 with size 6
        y[0] = 1


@wrong(IndexError, X, Y, schedule={"N": parpy.threads(8)})
def beyond_in_every_iteration(x, y):
    parpy.label("N")
    for i in range(6):
        y[i] = x[100] + x[i]  # error: index 100 of 'x' is out of bounds for dimension 0 with size 6


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Case) -> None:
    reject(case)


def walks(x, y, n):
    parpy.label("N")
    for i in range(n):
        y[i] = x[i + 1]  # here: access


def test_bounds_are_judged_at_each_call() -> None:
    function = parpy.jit(walks)
    line = marked_lines(walks)["access"]
    for specialize in ("auto", "always", "never"):
        for schedule in ({}, {"N": parpy.threads(8)}):
            opts = options(schedule, specialize=specialize)
            for size, n in (
                (6, 5),
                (7, 5),
                (9, 8),
                (6, 6),
                (9, 9),
                (5, 1),
                (0, 0),
                (1, 1),
                (3, -2),
            ):
                x, y = np.arange(float(size)), np.zeros(max(n, 0))
                if n + 1 <= size or n <= 0:
                    function(x, y, n, opts=opts)
                    assert y.tolist() == list(range(1, n + 1))
                    continue
                with pytest.raises(IndexError) as caught:
                    function(x, y, n, opts=opts)
                assert_placed(caught.value, walks, line)
                assert not y.any()
    assert_alive()


def never_reached(x, y, n):
    if n > 100:
        y[100] = x[100]
    for i in range(0):
        y[1000] = 1
    for i in range(n - 10):
        y[i + 500] = 1
    for i in range(len(x)):
        if i + 1 < len(x):
            y[i] = x[i + 1]
    while n > 50:
        y[n] = 1
        n -= 1


def test_what_does_not_run_is_no_error() -> None:
    for specialize in ("always", "never"):
        check(never_reached, X, np.zeros(6), 5, specialize=specialize)
        check(never_reached, X, np.zeros(6), 10, specialize=specialize)


def empty_outer(a, n):
    for i in range(n):
        for j in range(4):
            a[i + 10, j] = 1


def test_bounds_inside_loops_that_are_empty_are_no_error() -> None:
    for specialize in ("always", "never"):
        check(empty_outer, np.zeros((3, 4)), 0, specialize=specialize)
        check(empty_outer, np.zeros((15, 4)), 5, specialize=specialize)
        with pytest.raises(IndexError):
            parpy.jit(empty_outer)(np.zeros((12, 4)), 5, opts=options(specialize=specialize))


def under_conditions(x, y, n, a, flag):
    parpy.label("N")
    for i in range(len(y)):
        if a != 0.0:
            y[i] += a * x[i + n]  # here: sum
        elif flag:
            y[i] = x[n]  # here: element
        y[i] += x[n] if n > 7 and not flag else 1.0  # here: choice


@pytest.mark.parametrize("specialize", ["auto", "always", "never"])
def test_what_arguments_decide_is_checked_before_anything_has_changed(specialize: str) -> None:
    function = parpy.jit(under_conditions)
    lines = marked_lines(under_conditions)
    for schedule in ({}, {"N": parpy.threads(8)}):
        for n, a, flag, wrong in (
            (0, 1.0, True, None),
            (1, 1.0, True, ("sum", 6)),
            (1, 0.0, True, None),
            (9, 0.0, True, ("element", 9)),
            (6, 0.0, False, None),
            (9, 0.0, False, ("choice", 9)),
            (-6, 0.0, True, None),
            (-7, 0.0, True, ("element", -7)),
            (3, float("nan"), False, ("sum", 8)),
        ):
            opts = options(schedule, specialize=specialize)
            y = np.zeros(6)
            if wrong is None:
                check(under_conditions, X, y, n, a, flag, specialize=specialize)
                function(X, y, n, a, flag, opts=opts)
                assert y.any()
                continue
            line, index = wrong
            with pytest.raises(
                IndexError, match=f"index {index} of 'x' is out .* size 6"
            ) as caught:
                function(X, y, n, a, flag, opts=opts)
            assert_placed(caught.value, under_conditions, lines[line])
            assert not y.any()
    assert_alive()


def counts_as_far_as_a_condition(y, n, flag):
    parpy.label("N")
    for i in range(n > 3, n + flag):
        y[i] = i


def test_the_bounds_of_a_range_may_be_bools() -> None:
    for n in (2, 5):
        for flag in (False, True):
            check(counts_as_far_as_a_condition, np.zeros(6), n, flag)


def wraps_around(x, n):
    for i in range(3):
        x[i * 4611686018427387904 * n] = 1


def huge_range(x, n):
    for i in range(n, n + 2):
        x[i - n] = i


def test_indices_near_the_end_of_64_bits() -> None:
    x = np.zeros(6)
    # Overflow of an index must neither crash nor be taken for an element.
    for n in (2**62, 2**63 - 1, -(2**63)):
        with pytest.raises((IndexError, parpy.CompileError)):
            parpy.jit(lambda_free(n))(x)
    assert not x.any()
    for n in (2**62, -(2**62), 2**63 - 3):
        x = np.zeros(2, np.int64)
        parpy.jit(huge_range)(x, n)
        assert x.tolist() == [n, n + 1]
    assert_alive()


def lambda_free(n: int):
    def stores(x):
        x[n] = 1

    return stores


def slices_are_clamped(x, y):
    y[2:100] = x[2:50]
    y[-100:1] = x[-50:1]


def test_slices_are_never_out_of_range() -> None:
    check(slices_are_clamped, X, np.zeros(6))


# --- Beyond 64 bits ---------------------------------------------------------------------------


def shifted(y, n, k):
    for i in range(n):
        y[i + k] = 1.0


def multiplied(y, n, k):
    for i in range(n):
        y[i * k] = 1.0


def back_again(y, n, k):
    for i in range(k, k + n):
        y[i - k] = 1.0


HUGE = [2**63 - 1, 2**63 - 3, 2**62, 2**61, -(2**63), -(2**62), 2**33 + 1]


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("function", [shifted, multiplied], ids=lambda f: f.__name__)
@pytest.mark.parametrize("k", [*HUGE, 4, -5, 2])
def test_an_index_that_wraps_around_is_out_of_bounds(function, k: int, specialize: str) -> None:
    y = np.zeros(4)
    with pytest.raises(IndexError, match="out of bounds"):
        parpy.jit(function)(y, 4, k, opts=parpy.CompileOptions(specialize=specialize))
    assert not y.any()


def marks(y, k):
    y[k] = 1.0
    for i in range(k, 4):
        y[i] += 1.0


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_an_unsigned_index_is_never_counted_from_the_end(specialize: str) -> None:
    for k in [2**64 - 1, 2**63, 2**63 - 1, 4]:
        y = np.zeros(4)
        with pytest.raises(IndexError, match="out of bounds"):
            parpy.jit(marks)(y, np.uint64(k), opts=parpy.CompileOptions(specialize=specialize))
        assert not y.any()
    check(marks, np.zeros(4), np.uint64(3), specialize=specialize)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_great_numbers_may_cancel(specialize: str) -> None:
    for k in [0, 5, -7, 2**40, -(2**40), 2**60]:
        y = np.zeros(4)
        parpy.jit(back_again)(y, 4, k, opts=parpy.CompileOptions(specialize=specialize))
        assert y.all(), k


def from_the_diagonal(y, n, m):
    parpy.label("N")
    for i in range(n):
        for j in range(i, m):
            y[i] += j


def below_the_diagonal(y, n, m):
    parpy.label("N")
    for i in range(n - 1, -1, -1):
        for j in range(m, i):
            y[n - 1 - i] += j


def between_two_ends(y, n, m):
    parpy.label("N")
    for i in range(n):
        for j in range(i + 2, m):
            for k in range(j, m):
                y[j] += k


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(
    "function", [from_the_diagonal, below_the_diagonal, between_two_ends], ids=lambda f: f.__name__
)
def test_bounds_of_loops_inside_narrow_those_around(function, specialize: str) -> None:
    """Only the last iteration of the outer loop was looked at, which may run no inner one."""
    for n, m in itertools.product(range(8), repeat=2):
        for size in range(7):
            memory = np.zeros(8, np.int64)
            expected = memory[:size].copy()
            opts = parpy.par({"N": parpy.threads(4).reduce()})
            opts.specialize = specialize
            try:
                function(expected, n, m)
            except IndexError:
                with pytest.raises(IndexError, match="out of bounds"):
                    parpy.jit(function)(memory[:size], n, m, opts=opts)
                assert not memory.any()
            else:
                parpy.jit(function)(memory[:size], n, m, opts=opts)
                assert (memory[:size] == expected).all()
