"""Programs on an NVIDIA GPU, against NumPy; skipped where there is none."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import cuda_programs as programs
import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows(dtype: str) -> None:
    x = RANDOM.standard_normal((300, 1000)).astype(dtype)
    y, z = np.zeros(300, dtype), np.zeros_like(x)
    opts = cuda({"rows": parpy.threads(300), "columns": parpy.threads(128)})
    parpy.jit(programs.sum_rows)(x, y, 300, opts=opts)
    np.testing.assert_allclose(y, x.sum(1), rtol=1e-4, atol=1e-4)
    parpy.jit(programs.softmax)(x, z, 300, opts=opts)
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(z, e / e.sum(1, keepdims=True), rtol=1e-4)


def test_scalars_stay_on_the_device() -> None:
    x, y = RANDOM.standard_normal(100_000), np.zeros(100_000)
    opts = cuda({"sum": parpy.threads(8192).reduce(), "scale": parpy.threads(100_000)})
    parpy.jit(programs.scaled_by_mean_square)(x, y, 100_000, opts=opts)
    np.testing.assert_allclose(y, x / np.mean(x * x), rtol=1e-12)


@pytest.mark.parametrize("threads", [10**9, 2**40, 2**62, 2**63 - 1])
def test_threads_of_a_sum_without_number(threads: int) -> None:
    """Each block had room for a result, however few iterations there were."""
    x, y = np.ones(3000), np.zeros(3000)
    opts = cuda({"sum": parpy.threads(threads).reduce(), "scale": parpy.threads(threads)})
    parpy.jit(programs.scaled_by_mean_square)(x, y, 3000, opts=opts)
    np.testing.assert_array_equal(y, 1)


def test_strided_and_complex_arrays() -> None:
    x = (RANDOM.standard_normal(400) + 1j * RANDOM.standard_normal(400))[::2]
    y = np.ones(200, complex)
    opts = cuda({"N": parpy.threads(200)})
    parpy.jit(programs.complex_axpy)(2 - 1j, x, y, 200, opts=opts)
    np.testing.assert_allclose(y, (2 - 1j) * x + 1, rtol=1e-14)


def test_a_loop_until_data_say_so() -> None:
    x, err = np.full(1000, 5.0), np.zeros(1)
    parpy.jit(programs.until_small)(x, err, 1000, opts=cuda({"N": parpy.threads(256)}))
    assert err[0] == x.max() <= 0.01


def test_threads_see_what_others_store() -> None:
    """Under `__restrict__` the loop's condition was read once, and it never ended."""
    x, seen = np.zeros(64), np.zeros(2)
    parpy.jit(programs.until_last)(x, seen, 64, opts=cuda({"N": parpy.threads(64)}))
    assert seen[0] == 5.0
    np.testing.assert_array_equal(x, np.full(64, 5.0))


def test_narrow_integers_wrap_when_negated() -> None:
    """The widened negation of the lowest 16-bit number was positive."""
    for dtype in (np.int8, np.int16):
        lowest = np.iinfo(dtype).min
        x, y = np.array([lowest, -1, 0, 1, lowest + 1], dtype), np.zeros(5, np.int64)
        parpy.jit(programs.negate)(x, y, 5, opts=cuda({"N": parpy.threads(32)}))
        np.testing.assert_array_equal(y, (-x).astype(np.int64))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_extrema_of_negated_integers(dtype: str) -> None:
    """ptxas lost the negation of one of three operands."""
    for seed in range(20):
        x = np.random.default_rng(seed).integers(-30, 30, 17).astype(dtype)
        expected, y = np.zeros(4, dtype), np.zeros(4, dtype)
        programs.extrema_of_negated(x, expected)
        parpy.jit(programs.extrema_of_negated)(x, y, opts=cuda({}))
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("place", [-1, 0, 31, 32, 99])
def test_all_lanes_take_part_in_logical_reductions(place: int) -> None:
    x, y = np.zeros(100), np.zeros(2, bool)
    function, opts = parpy.jit(programs.all_and_any), cuda({"N": parpy.threads(64).reduce()})
    for value in (5, -5):
        if place >= 0:
            x[place] = value
        function(x, y, opts=opts)
        assert y.tolist() == [bool((x > -3).all()), bool((x > 3).any())]


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_scalars_assigned_on_a_condition_keep_their_value(specialize: str) -> None:
    """A kernel that did not assign such a scalar left another value for the next."""
    x, y = np.array([3.0, -1.0, 5.0, -2.0, -4.0]), np.zeros(5)
    opts = cuda({"N": parpy.threads(64)})
    opts.specialize = specialize  # type: ignore[assignment]
    parpy.jit(programs.last_positive)(x, y, 5, opts=opts)
    np.testing.assert_array_equal(y, [5.0, -2.0, 10.0, -4.0, -8.0])


def test_an_element_chosen_of_two_arrays_is_what_was_stored_last() -> None:
    """NVRTC read it by the cache for constant memory, since one of the arrays is constant."""
    x, y = np.array([4.0, 5.0]), np.array([7.0, 8.0])
    opts = cuda({})
    opts.specialize = "never"
    parpy.jit(programs.chosen)(x, y, 3, opts=opts)
    np.testing.assert_array_equal(y, [1.0, 1.0])
    parpy.jit(programs.chosen)(x, y, 0, opts=opts)
    np.testing.assert_array_equal(y, [1.0, 4.0])


def test_an_element_that_is_overwritten_by_way_of_another_argument() -> None:
    """NVRTC read it by the cache for constant memory, beside arrays that overlap nothing."""
    base, d = np.arange(10.0), np.zeros(1)
    parpy.jit(programs.kept)(base[:9], base[1:], d, opts=cuda({}))
    assert d[0] == 2.0
    np.testing.assert_array_equal(base, [*np.ones(9), 9.0])


def test_histogram() -> None:
    b, h = RANDOM.integers(0, 50, 100_000), np.zeros(50, np.int64)
    parpy.jit(programs.histogram)(b, h, 100_000, opts=cuda({"N": parpy.threads(65536).reduce()}))
    np.testing.assert_array_equal(h, np.bincount(b, minlength=50))


@pytest.mark.parametrize("integer", [parpy.types.I8, parpy.types.I16, parpy.types.I32])
@pytest.mark.parametrize("real", [parpy.types.F16, parpy.types.F32])
def test_weak_values_are_of_the_forced_types(
    integer: parpy.types.ElemSize, real: parpy.types.ElemSize
) -> None:
    function = parpy.jit(programs.weak_values)
    x = RANDOM.standard_normal(70_000).astype(np.float32)
    results = []
    for opts in (parpy.CompileOptions(), cuda({"N": parpy.threads(4096)})):
        opts.force_int_size, opts.force_float_size = integer, real
        opts.strict = True
        y, k = np.zeros_like(x), np.zeros(70_000, np.int64)
        function(x, y, k, 1.7, opts=opts)
        results.append((y, k))
    for on_cpu, on_gpu in zip(*results, strict=True):
        np.testing.assert_array_equal(on_gpu, on_cpu)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_the_device_fills_temporaries_of_host_code(specialize: str) -> None:
    x, y = RANDOM.standard_normal(50), np.zeros(50)
    opts = cuda({"N": parpy.threads(50)})
    opts.specialize = specialize  # type: ignore[assignment]
    parpy.jit(programs.filled)(x, y, 50, opts=opts)
    np.testing.assert_array_equal(y, 2 * x)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_threads_wait_where_the_range_of_their_loop_moves(specialize: str) -> None:
    """Each iteration dealt out the elements anew, and nothing waited for the threads before."""
    y = RANDOM.standard_normal(90)
    expected = y.copy()
    programs.shrinking(expected, 90)
    opts = cuda({"N": parpy.threads(32)})
    opts.specialize = specialize  # type: ignore[assignment]
    parpy.jit(programs.shrinking)(y, 90, opts=opts)
    np.testing.assert_array_equal(y, expected)


def test_threads_that_keep_to_their_columns() -> None:
    x, y, expected = RANDOM.standard_normal((9, 192)), np.zeros((9, 192)), np.zeros((9, 192))
    programs.recurrence(x, expected, 3)
    opts = cuda({"blocks": parpy.threads(3), "columns": parpy.threads(64)})
    parpy.jit(programs.recurrence)(x, y, 3, opts=opts)
    np.testing.assert_array_equal(y, expected)


def test_a_nest_in_a_loop_until_data_say_so_runs_on_several_blocks() -> None:
    """It ran on one block, with a warning."""
    x, err = np.full((9, 70), 5.0), np.zeros(1)
    expected = x.copy()
    programs.until_small_everywhere(expected, err.copy(), 9, 70)
    threads = parpy.threads(64)
    opts = cuda({"rows": parpy.threads(9), "columns": threads, "cells": threads})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parpy.jit(programs.until_small_everywhere)(x, err, 9, 70, opts=opts)
    np.testing.assert_array_equal(x, expected)
    assert err[0] == x.max() <= 0.01


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(
    "program",
    [
        programs.normalized_rows,
        programs.offset_rows,
        programs.bordered_rows,
        programs.reversed_rows,
        programs.scaled_on_device,
    ],
    ids=lambda program: program.__name__,
)
def test_an_inner_loop_spans_blocks(program: Callable[..., None], specialize: str) -> None:
    """They ran on one block for each row, with a warning."""
    x, y = RANDOM.standard_normal((5, 3000)), np.zeros((5, 3000))
    expected = y.copy()
    program(x, expected, 5)
    columns = parpy.threads(2048)
    reduces = program in (programs.normalized_rows, programs.scaled_on_device)
    opts = cuda({"rows": parpy.threads(5), "columns": columns.reduce() if reduces else columns})
    opts.specialize = specialize  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parpy.jit(program)(x, y, 5, opts=opts)
    np.testing.assert_allclose(y, expected, rtol=1e-12)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(
    "program",
    [
        programs.own_row_of_a_thread,
        programs.own_row_of_a_block,
        programs.own_row_on_the_device,
    ],
    ids=lambda program: program.__name__,
)
def test_a_temporary_larger_than_a_kernel_holds(
    program: Callable[..., None], specialize: str
) -> None:
    """It was refused."""
    x, y = RANDOM.standard_normal((5, 3000)), np.zeros((5, 3000))
    expected = y.copy()
    program(x, expected, 5)
    threads = {"rows": parpy.threads(5), "columns": parpy.threads(64)}
    if program is programs.own_row_of_a_thread:
        del threads["columns"]
    if program is programs.own_row_on_the_device:
        del threads["rows"]
    opts = cuda(threads)
    opts.specialize = specialize  # type: ignore[assignment]
    parpy.jit(program)(x, y, 5, opts=opts)
    np.testing.assert_array_equal(y, expected)
