"""Indices that depend on data, out of range: `check_bounds=True` and `PARPY_CHECK_BOUNDS=1`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from harness import (
    assert_alive,
    assert_placed,
    check,
    each,
    expect,
    lay_out,
    marked_lines,
    options,
)

import parpy

PARALLEL = {"N": parpy.threads(8)}
SCHEDULES = [{}, PARALLEL]


def fault(function: Any, *args: Any, line: str = "bad", **settings: Any) -> IndexError:
    """The error of a call under `check_bounds`, placed at the line marked with the name."""
    opts = options(settings.pop("schedule", {}), check_bounds=True, **settings)
    with pytest.raises(IndexError) as caught:
        parpy.jit(function)(*args, opts=opts)
    assert_placed(caught.value, function, marked_lines(function)[line])
    assert_alive()
    return caught.value


def gathers(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[i] = x[c[i]] + 1  # here: bad


def scatters(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[c[i]] = x[i]  # here: bad


def test_a_load_out_of_range_reads_nothing() -> None:
    for dtype in ("float32", "float64", "int8", "bool"):
        for n in (5, 100, 5000):
            for schedule in SCHEDULES:
                c = np.arange(n) % 7
                c[n - 2] = 7
                x, y = np.ones(7, dtype), np.full(n, -1.0)
                error = fault(gathers, x, c, y, schedule=schedule)
                message = "index 7 of 'x' is out of bounds for dimension 0 with size 7"
                assert message in str(error)
                assert y[n - 2] in (-1.0, 1.0)


def test_a_store_out_of_range_writes_nothing() -> None:
    for n in (5, 100, 5000):
        for bad in (n, -n - 1, 2**62, -(2**63)):
            for schedule in SCHEDULES:
                c = np.arange(n)
                c[n // 2] = bad
                placed = lay_out(np.zeros(n), "window")
                error = fault(scatters, np.ones(n), c, placed.array, schedule=schedule)
                if abs(bad) < 2**62:
                    message = f"index {bad} of 'y' is out of bounds for dimension 0 with size {n}"
                    assert message in str(error)
                assert placed.array[n // 2] == 0
                assert not placed.neighbours_changed()


@pytest.mark.parametrize("function", [gathers, scatters])
def test_what_is_in_range_is_as_without_checks(function: Any) -> None:
    for n in (3, 100, 3001):
        c = np.random.default_rng(1).permutation(n)
        c[::2] -= n
        check(
            function,
            np.arange(float(n)),
            c,
            np.zeros(n),
            schedules=each("N"),
            check_bounds=True,
            layouts=["contiguous", "strided", "reversed"],
        )


def sequential(x, c, y):
    for i in range(len(c)):
        y[i] = 1.0
        y[c[i]] += x[i]  # here: bad
        y[0] += 1.0


def test_sequential_code_stops_where_python_does() -> None:
    c = np.array([3, 2, 1, -9, 0, 1])
    arrays = [np.arange(6.0), c, np.zeros(6)]
    expected = [a.copy() for a in arrays]
    with pytest.raises(IndexError):
        sequential(*expected)
    fault(sequential, *arrays)
    for a, b in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def follows_links(links, y):
    i = 0
    while i != -1:
        i = links[i + 1]  # here: bad
        y[0] += 1


def test_a_while_loop_ends() -> None:
    fault(follows_links, np.array([1, 2, 3, 4, 99]), np.zeros(1, np.int64))


def follows_many_links(links, y):
    parpy.label("N")
    for k in range(len(y)):
        i = k
        while i >= 0:
            i = links[i]  # here: bad
            y[k] += 1


def test_a_while_loop_in_a_parallel_loop_ends() -> None:
    links = np.arange(1, 41)
    fault(follows_many_links, links, np.zeros(40, np.int64), schedule=PARALLEL)


def nested(x, c, d, y):
    parpy.label("N")
    for i in range(len(d)):
        y[i] = x[c[d[i]]]  # here: bad


def test_indices_of_indices() -> None:
    for schedule in SCHEDULES:
        x, c, y = np.arange(5.0), np.array([0, 4, 2, 9]), np.zeros(40)
        d = np.arange(40) % 3
        parpy.jit(nested)(x, c, d, y, opts=options(schedule, check_bounds=True))
        np.testing.assert_array_equal(y, x[c[d]])
        d[30] = -1
        assert "index 9 of 'x'" in str(fault(nested, x, c, d, y, schedule=schedule))
        d[30] = -5
        assert "index -5 of 'c'" in str(fault(nested, x, c, d, y, schedule=schedule))


def two_dimensions(a, r, c, y):
    parpy.label("N")
    for i in range(len(r)):
        y[i] = a[r[i], c[i]]  # here: bad


def test_the_dimension_is_named() -> None:
    a = np.arange(12.0).reshape(3, 4)
    for schedule in SCHEDULES:
        r, c, y = np.zeros(70, np.int32), np.zeros(70, np.int64), np.ones(70)
        c[50] = 4
        error = fault(two_dimensions, a, r, c, y, schedule=schedule)
        assert "index 4 of 'a' is out of bounds for dimension 1 with size 4" in str(error)
        c[50], r[50] = 0, -4
        error = fault(two_dimensions, a, r, c, y, schedule=schedule)
        assert "index -4 of 'a' is out of bounds for dimension 0 with size 3" in str(error)


def conditional(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        if 0 <= c[i] < len(x):
            y[i] = x[c[i]]
        y[i] += x[c[i]] if abs(c[i]) < len(x) else 0.5


def test_accesses_that_a_condition_excludes_do_not_fail() -> None:
    c = np.random.default_rng(2).integers(-20, 20, 200)
    for schedule in SCHEDULES:
        arrays = np.arange(10.0), c, np.zeros(200)
        expected = expect(conditional, *arrays)
        parpy.jit(conditional)(*arrays, opts=options(schedule, check_bounds=True))
        np.testing.assert_array_equal(arrays[2], expected[2])


def conditional_affine(x, n, y):
    parpy.label("N")
    for i in range(len(y)):
        if x[i] > 0:
            y[i] = x[i + n]  # here: bad


def test_an_affine_index_under_a_condition() -> None:
    for specialize in ("always", "never"):
        for schedule in SCHEDULES:
            settings = {"schedule": schedule, "specialize": specialize}
            x, y = np.zeros(100), np.zeros(50)
            x[:40] = 1
            opts = options(schedule, check_bounds=True, specialize=specialize)
            parpy.jit(conditional_affine)(x, 60, y, opts=opts)
            assert y.sum() == 0
            x[49] = 1
            assert "index 100 of 'x'" in str(fault(conditional_affine, x, 51, y, **settings))


def ragged(a, n, y):
    for i in range(n):
        for j in range(i):
            y[i] += a[i + j - 2]  # here: bad


def test_nests_that_are_not_rectangular_are_checked() -> None:
    a = np.arange(6.0)
    for specialize in ("always", "never"):
        y = np.zeros(9)
        parpy.jit(ragged)(a, 4, y, opts=options(check_bounds=True, specialize=specialize))
        np.testing.assert_array_equal(y, expect(ragged, a, 4, np.zeros(9))[2])
        fault(ragged, a, 9, np.zeros(9), specialize=specialize)


def sums(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[0] += x[c[i]]  # here: bad


def sums_a_slice(x, c, y):
    y[0] = parpy.operators.sum(x[c[0], :])  # here: bad
    y[1] = 5.0


def test_reductions() -> None:
    schedule = {"N": parpy.threads(8).reduce()}
    c = np.arange(5000) % 9
    x, y = np.linspace(0, 1, 9), np.zeros(1)
    check(sums, x, c, y, schedules=[schedule], check_bounds=True, rtol=1e-12)
    c[4000] = 9
    assert "index 9 of 'x'" in str(fault(sums, x, c, y, schedule=schedule))
    y = np.zeros(2)
    a = np.ones((3, 50))
    assert "index 3 of 'a'" not in str(fault(sums_a_slice, a, np.array([3]), y))
    assert y[1] == 0


def counts(c, h):
    parpy.label("N")
    for i in range(len(c)):
        h[c[i]] += 1  # here: bad


def test_updates_of_shared_elements() -> None:
    schedule = {"N": parpy.threads(8).reduce()}
    c = np.random.default_rng(7).integers(-7, 7, 100000)
    h = np.zeros(7)
    check(counts, c, h, schedules=[schedule], check_bounds=True)
    c[50000] = 7
    error = fault(counts, c, h, schedule=schedule)
    assert "index 7 of 'h' is out of bounds for dimension 0 with size 7" in str(error)


def rows(indptr, col, val, x, y):
    parpy.label("N")
    for i in range(len(y)):
        s = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            s += val[k] * x[col[k]]  # here: bad
        y[i] = s


def test_a_sparse_matrix() -> None:
    random = np.random.default_rng(3)
    n, each_row = 50, 20
    indptr = np.arange(0, n * each_row + 1, each_row)
    col = random.integers(0, n, n * each_row)
    val, x = random.random(n * each_row), random.random(n)
    args = indptr, col, val, x, np.zeros(n)
    check(rows, *args, schedules=each("N"), check_bounds=True, rtol=1e-13)
    indptr[n] += 1
    message = f"index {n * each_row} of '"
    for schedule in SCHEDULES:
        assert message in str(fault(rows, *args, schedule=schedule))


def temporary_result(x, c, y):
    y[:] = x[:] * 2 + x[c[0]]  # here: bad


def test_slices() -> None:
    x, y = np.arange(6.0), np.zeros(6)
    check(temporary_result, x, np.array([-1]), y, check_bounds=True)
    fault(temporary_result, x, np.array([6]), y)
    assert not y.any()


def empty(x, c, y):
    y[0] = x[c[0]]  # here: bad


def test_an_empty_array_has_no_element() -> None:
    error = fault(empty, np.zeros(0), np.zeros(1, np.int64), np.zeros(1))
    assert "index 0 of 'x' is out of bounds for dimension 0 with size 0" in str(error)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "uint64"])
def test_types_of_indices(dtype: str) -> None:
    c = np.array([0, 3, 2, 1] * 20, dtype)
    check(gathers, np.arange(4.0), c, np.zeros(80), schedules=[PARALLEL], check_bounds=True)
    c[70] = 4
    for schedule in SCHEDULES:
        fault(gathers, np.arange(4.0), c, np.zeros(80), schedule=schedule)
    for k in {min(np.iinfo(dtype).max, 2**63 - 1), np.iinfo(dtype).max}:
        c[70] = k
        for schedule in SCHEDULES:
            fault(gathers, np.arange(4.0), c, np.zeros(80), schedule=schedule)


def test_the_option_is_part_of_the_key_and_costs_nothing_when_off() -> None:
    made = parpy.jit(gathers)
    args = np.arange(4.0), np.array([0, 3, 2, 1]), np.zeros(4)
    made(*args, opts=options())
    made(*args, opts=options(check_bounds=True))
    made(*args, opts=options(check_bounds=False))
    assert len(made.compilations) == 2
    plain = parpy.print_compiled(made, args)
    assert "fault" not in plain
    assert "parpy.fault" in parpy.print_compiled(made, args, opts=options(check_bounds=True))


def test_a_second_call_is_checked_anew() -> None:
    made = parpy.jit(gathers)
    opts = options(PARALLEL, check_bounds=True)
    c = np.array([0, 5, 2, 1])
    for _ in range(3):
        with pytest.raises(IndexError, match="index 5 of 'x'"):
            made(np.arange(4.0), c, np.zeros(4), opts=opts)
        made(np.arange(6.0), c, np.zeros(4), opts=opts)


def test_affine_indices_are_refused_before_anything_runs() -> None:
    def affine(x, y):
        y[0] = 1
        y[1] = x[6]

    y = np.zeros(2)
    with pytest.raises(IndexError, match="index 6 of 'x'"):
        parpy.jit(affine)(np.zeros(6), y, opts=options(check_bounds=True))
    assert y[0] == 0


def test_printed_code_is_checked_too() -> None:
    args = np.arange(4.0), np.array([0, 3, 4, 1]), np.zeros(4)
    for schedule in SCHEDULES:
        text = parpy.print_compiled(
            parpy.jit(gathers), args, opts=options(schedule, check_bounds=True)
        )
        again = parpy.compile_string("gathers", text)
        with pytest.raises(IndexError, match="index 4 of 'x' is out of bounds") as caught:
            again(*args)
        assert "y[i] = x[c[i]] + 1" in str(caught.value)


PROGRAM = """
import sys
import numpy as np
import parpy
sys.path.insert(0, {folder!r})
from errors_test_program import gathers
args = np.arange(4.0), np.array([0, 3, 4, 1]), np.zeros(4)
print(parpy.CompileOptions().check_bounds)
for opts in (None, parpy.par({{"N": parpy.threads(8)}}), parpy.CompileOptions(strict=True)):
    try:
        parpy.jit(gathers)(*args, opts=opts)
        print("ran")
    except IndexError as error:
        print(error.lineno)
"""


@pytest.mark.parametrize(("value", "checks"), [("1", True), ("0", False), ("", False)])
def test_the_environment_is_the_default(tmp_path: Any, value: str, checks: bool) -> None:
    (tmp_path / "errors_test_program.py").write_text(
        "import parpy\ndef gathers(x, c, y):\n    parpy.label('N')\n"
        "    for i in range(len(y)):\n        y[i] = x[c[i]]\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(folder=str(tmp_path))],
        env={**os.environ, "PARPY_CHECK_BOUNDS": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [str(checks)] + ["5" if checks else "ran"] * 3


def test_an_option_that_is_given_wins_over_the_environment(tmp_path: Any) -> None:
    program = "import parpy; print(parpy.CompileOptions(check_bounds=False).check_bounds)"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PARPY_CHECK_BOUNDS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch("False\n", result.stdout)
