"""What random programs found, each made small; marked as expected to fail until it is mended."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: SIM108

from __future__ import annotations

import numpy as np
import pytest
from harness import check

import parpy


def narrows_to_int16(x, y):
    y[:] = parpy.operators.int16(x[:])


def narrows_to_int32(x, y):
    for i in range(len(x)):
        y[i] = parpy.operators.int32(x[i] + 1)


# LLVM 22 made of a store of truncated integers, under a mask of one known lane, a store of the wide
# integer.
@pytest.mark.parametrize("n", [1, 5, 13])
@pytest.mark.parametrize("layout", ["contiguous", "reversed"])
def test_narrowed_integers_leave_the_memory_behind_an_array_alone(n: int, layout: str) -> None:
    x = np.arange(n, dtype=np.int64)
    for program, dtype in ((narrows_to_int16, np.int16), (narrows_to_int32, np.int32)):
        check(program, x, np.zeros(n, dtype), specialize="always", layouts=[layout])


def updates_a_private_array(x):
    parpy.label("N")
    for i in range(len(x)):
        t = np.zeros(2, np.float64)
        t[1] -= i
        x[i] = t[1]


def test_updating_a_private_array_is_no_race() -> None:
    check(updates_a_private_array, np.zeros(100), schedules=[{"N": parpy.threads(64)}])


def adds_nothing(x, y):
    s = parpy.operators.int64(7)
    parpy.label("N")
    for i in range(len(x)):
        s += x[i] * 0
    y[0] = s


def test_a_reduction_of_terms_that_fold_to_nothing() -> None:
    schedules = [{"N": parpy.threads(64).reduce()}]
    check(adds_nothing, np.arange(100), np.zeros(1, np.int64), schedules=schedules)


def multiplies_by_nothing(x, y):
    s = parpy.operators.int64(5)
    parpy.label("N")
    for i in range(len(x)):
        s *= x[i] * 0
    y[0] = s


def test_a_product_with_terms_that_fold_to_zero() -> None:
    schedules = [{"N": parpy.threads(64).reduce()}]
    check(multiplies_by_nothing, np.arange(100), np.zeros(1, np.int64), schedules=schedules)


def adds_wider_terms(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[0] += x[i]


def test_a_reduction_into_an_element_of_a_narrower_type() -> None:
    x, y = np.arange(100.0), np.zeros(1, np.float32)
    check(adds_wider_terms, x, y, schedules=[{"N": parpy.threads(64).reduce()}])


def copies_until_the_end(x, y):
    for i in range(10):
        if i >= y.shape[0]:
            break
        y[i] = parpy.operators.int32(x[i])


def test_an_exit_known_to_come_keeps_narrow_stores_inside() -> None:
    """LLVM's own vectoriser wrote a wide element under a mask of one known lane."""
    check(copies_until_the_end, np.arange(1, 11, dtype=np.uint64), np.zeros(9, np.int32))


def subtracts_negative_terms(x):
    s = 0
    parpy.label("N")
    for i in range(len(x)):
        s = s - (i + x[i] + 1) * -1
    x[0] = s


def test_a_sum_whose_accumulator_stands_inside_others() -> None:
    """Folding makes `((s + i) + x[i]) + 1` of it."""
    schedules = [{"N": parpy.threads(64).reduce()}]
    check(subtracts_negative_terms, np.arange(100), schedules=schedules)


def stores_what_is_there(x):
    parpy.label("N")
    for i in range(3):
        x[0] = x[0]
        x[1] += i * 0


def test_updates_that_change_nothing_are_no_other_accesses() -> None:
    check(stores_what_is_there, np.arange(4), schedules=[{"N": parpy.threads(4).reduce()}])


def sums(x, y):
    parpy.label("N")
    for i in range(x.shape[0]):
        y[0] += x[i]


def sums_columns(x, y):
    parpy.label("N")
    for i in range(x.shape[0]):
        y[0] += x[i, 0] * x[i, 1]


def sums_from_the_end(x, y):
    parpy.label("N")
    for i in range(x.shape[0]):
        y[0] += x[150 - i]


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_the_order_of_a_sum_does_not_depend_on_what_is_known(dtype: str) -> None:
    """Whether strides or signs of indices are known decided whether a loop ran in lanes."""
    x = (np.random.default_rng(0).standard_normal((300, 2)) * 3).astype(dtype)
    views = [x[:, 0], x[::-1, 0], x[:, 0].copy()[::-1], x[:, 0].copy(), x.T[0]]
    programs = [(sums, v) for v in views] + [(sums_columns, v) for v in (x, x[::-1], x[:, ::-1])]
    programs += [(sums_from_the_end, x[:n, 0].copy()) for n in (151, 160, 300)]
    for program, view in programs:
        results = []
        for specialize in ("always", "never"):
            y = np.zeros(1, dtype)
            opts = parpy.par({"N": parpy.threads(64).reduce()})
            opts.specialize = specialize
            parpy.jit(program)(view, y, opts=opts)
            results.append(y[0])
        assert results[0] == results[1]


def sums_on_condition(x, y, r):
    parpy.label("N")
    for i in range(x.shape[0]):
        if r != 1:
            y[0] += x[i]


def test_chunks_do_not_depend_on_what_is_known() -> None:
    """A condition that is known is gone, and loops without conditions were cut into others."""
    x = np.random.default_rng(0).standard_normal(300) * 3
    results = []
    for specialize in ("always", "never"):
        y = np.zeros(1)
        opts = parpy.par({"N": parpy.threads(64).reduce()})
        opts.specialize = specialize
        parpy.jit(sums_on_condition)(x, y, 0, opts=opts)
        results.append(y[0])
    assert results[0] == results[1]


def stretches(x):
    for i in range(1):
        x[i:] = x[: i + 1]


def test_a_length_that_can_only_be_one_is_stretched() -> None:
    check(stretches, np.arange(5.0) + 3)


def stores_an_index_in_one_branch(x, y):
    parpy.label("N")
    for i in range(1):
        for j in range(i, 4):
            if i:
                if y[j]:
                    break
            else:
                x[i] = j


def reads_where_it_may(x, y, n):
    parpy.label("N")
    for i in range(len(x)):
        for j in range(i, i + 3):
            if j < n:
                x[i] += y[j]
            x[i] += j


@pytest.mark.parametrize("strict", [False, True])
def test_a_tested_index_keeps_its_value_in_other_lanes(strict: bool) -> None:
    """Lanes out of range read element 0, and the variable of the loop had become 0 for that."""
    how = {"schedules": [{"N": parpy.threads(64)}], "specialize": "never", "strict": strict}
    x, y = np.zeros(4), np.zeros(4)
    check(stores_an_index_in_one_branch, x, y, check_bounds=True, **how)
    x, y = np.zeros(64, np.int64), np.arange(40)
    check(reads_where_it_may, x, y, 40, check_bounds=True, **how)


def divides_by_a_parameter(x, g):
    for i in range(len(x) - 1):
        x[i + 1] = x[0] / g


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_quotients_do_not_depend_on_what_is_known(dtype: str) -> None:
    """Of a parameter the divisor was contracted, and of a literal it was not."""
    parts = np.random.default_rng(0).standard_normal((64, 2))
    for real, imaginary in parts:
        results = []
        for specialize in ("always", "never"):
            x = (parts[:, 0] + 1j * parts[:, 1]).astype(dtype)
            opts = parpy.CompileOptions()
            opts.specialize = specialize
            parpy.jit(divides_by_a_parameter)(x, complex(real, imaginary), opts=opts)
            results.append(x)
        np.testing.assert_array_equal(*results)


def adds_a_quotient(x, divisor):
    for i in range(len(x)):
        x[i] += (1 - x[i]) / (divisor / 1j)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_sums_with_complex_quotients_do_not_depend_on_what_is_known(dtype: str) -> None:
    """Of a literal it is known which part is larger: the sum took in the product that was left."""
    parts = np.random.default_rng(0).standard_normal((64, 2))
    for real, imaginary in parts:
        results = []
        for specialize in ("always", "never"):
            x = (parts[:, 0] + 1j * parts[:, 1]).astype(dtype)
            opts = parpy.CompileOptions()
            opts.specialize = specialize
            divisor = np.dtype(dtype).type(complex(real, imaginary))
            parpy.jit(adds_a_quotient)(x, divisor, opts=opts)
            results.append(x)
        np.testing.assert_array_equal(*results)


def sums_far_elements_on_condition(x, y, b):
    parpy.label("N")
    for i in range(len(x)):
        if x[i] <= x[i - 64]:
            y[0] += b[i, i * 3 % 5] * b[i, (i * 3 + 4) % 5]


def test_lanes_of_a_sum_do_not_depend_on_a_known_condition() -> None:
    """That an integer is not above itself is known where the extent is 64."""
    x, b = np.zeros(64, np.int32), np.random.default_rng(0).standard_normal((64, 5))
    results = []
    for specialize in ("always", "never"):
        y = np.zeros(1)
        opts = parpy.par({"N": parpy.threads(64).reduce()})
        opts.specialize = specialize
        parpy.jit(sums_far_elements_on_condition)(x, y, b, opts=opts)
        results.append(y[0])
    assert results[0] == results[1]


def reduces_an_index_of_data(u, v):
    parpy.label("N")
    for i in range(len(v)):
        v[u[i] * u[i] % 7] = 2.0
        k = u[i] * 2654435761
        v[k & 7] = 3.0


def test_data_of_an_index_wraps_before_it_is_reduced() -> None:
    u = np.array([2**40 + 3, 2**62 + 1, -(2**61)] * 3)
    check(reduces_an_index_of_data, u, np.zeros(9, np.float32))


def has_names_of_helpers(in_range, block_add_float32, record_fault, wrapping_add_int32):
    parpy.label("N")
    for i in range(len(in_range)):
        in_range[i] = block_add_float32[record_fault[i]]
        wrapping_add_int32[i] = wrapping_add_int32[i] + record_fault[i]
    parpy.label("N")
    in_range[0] = parpy.operators.sum(block_add_float32[:])


def test_arrays_may_have_the_names_of_helpers() -> None:
    x, k = np.arange(40, dtype=np.float32), np.arange(40, dtype=np.int32)
    schedules = [{"N": parpy.threads(64)}]
    check(has_names_of_helpers, x, x + 1, k, k.copy(), schedules=schedules, check_bounds=True)


def scales_by_an_element(y):
    y[1] *= y[4 * y[1] % 8]


def takes_what_wraps(x, c, y, n):
    parpy.label("N")
    for i in range(len(y)):
        y[i] = x[(c[i] * 4 + n * 2) % 7]


def test_arithmetic_of_indices_wraps() -> None:
    """On CUDA it was signed arithmetic of C++, whose overflow means anything."""
    y = np.array([3, 1 << 62, 5, 7, 9, 11, 13, 15])
    check(scales_by_an_element, y)
    c = np.array([1 << 62, (1 << 63) - 1, -(1 << 63), 3])
    x, n = np.arange(7), np.int64((1 << 63) - 5)
    schedules = [{"N": parpy.threads(64)}]
    check(takes_what_wraps, x, c, np.zeros(4, np.int64), n, schedules=schedules)


def takes_functions_of_a_scalar(y, r):
    y[0], y[1], y[2] = parpy.math.cosh(r), parpy.math.sinh(r), parpy.math.tanh(r)
    y[3], y[4], y[5] = parpy.math.exp(r), parpy.math.sin(r), parpy.math.cos(r)
    y[6], y[7], y[8] = parpy.math.tan(r), parpy.math.atan(r), parpy.math.log(abs(r))
    y[9], y[10], y[11] = parpy.math.log10(abs(r)), parpy.math.log1p(abs(r)), parpy.math.erf(r)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_constants_are_those_of_the_library(dtype: str) -> None:
    """LLVM computed those of float32 in double where the argument was known."""
    for value in [-1.0, *np.random.default_rng(0).standard_normal(6)]:
        results = []
        for specialize in ("always", "never"):
            y = np.zeros(12, dtype)
            opts = parpy.CompileOptions()
            opts.specialize, opts.backend = specialize, parpy.CompileBackend.Cpu
            parpy.jit(takes_functions_of_a_scalar)(y, np.dtype(dtype).type(value), opts=opts)
            results.append(y)
        np.testing.assert_array_equal(*results)


def subtracts_an_element_that_changes(b):
    for i in range(b.shape[0]):
        b[i, 1] -= b[1, 1]


def steps_down_to_an_element(x):
    for i in range(30, -1, -3):
        x[i] += x[12]


def multiplies_a_row_that_changes(x, y):
    for i in range(len(y)):
        x[(i - 2) % 4, 1:-3] += x[1, 1:-3]


def goes_down_from_an_index(x, c):
    for i in range(len(c)):
        x[10 - (c[i] & 3) * 3] += x[4]


@pytest.mark.parametrize("dtype", ["int8", "int32", "float32"])
@pytest.mark.parametrize("layout", ["contiguous", "reversed", "strided"])
def test_an_element_that_a_loop_changes_is_read_again(dtype: str, layout: str) -> None:
    """NVRTC read it once where the others lie at `i * -3 - 1`, for an i that is not negative."""
    x, c = np.arange(36, dtype=dtype).reshape(4, 9), np.arange(7, dtype=np.int32)
    check(multiplies_a_row_that_changes, x, c, layouts=[layout])
    check(goes_down_from_an_index, np.arange(12, dtype=dtype), c, layouts=[layout])
    b = np.arange(1, 40, dtype=dtype).reshape(13, 3)
    check(subtracts_an_element_that_changes, b, layouts=[layout])
    check(steps_down_to_an_element, np.arange(31, dtype=dtype), layouts=[layout])


def multiplies_in_double(z, x):
    s = parpy.operators.float64(x[0])
    z[:] *= x + s


def test_a_double_becomes_bfloat16_by_way_of_float32() -> None:
    """As in NumPy with ml_dtypes; CUDA rounded once."""
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    random = np.random.default_rng(0)
    # Products a little off the middle between two values.
    z = (random.integers(128, 256, 5000) * 1024).astype(bfloat16)
    x = (1 + random.integers(0, 128, 5000) / 128).astype(bfloat16)
    x[0] = 2.0**-30
    check(multiplies_in_double, z, x)


def goes_down_columns(x):
    parpy.label("columns")
    for j in range(1, x.shape[1]):
        for i in range(x.shape[0]):
            x[i, j] -= parpy.math.erf(x[i, j])


def goes_down_flat_columns(x, y, c, n, m):
    parpy.label("columns")
    for j in range(m):
        step = c[j] & 31
        for i in range(n):
            at = i * step + j + 1
            if x[at] > 0.5:
                y[j] = i
                x[at] = x[at] - 1.0


# NVRTC up to 13.1 stored three of four iterations one element too far.
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_columns_that_change_after_a_branch(specialize: str) -> None:
    x = np.random.default_rng(0).integers(-8, 8, (13, 32)).astype(np.float32) / 2
    schedules = [{"columns": parpy.threads(32)}]
    layouts = ["contiguous", "transposed"]
    check(goes_down_columns, x, schedules=schedules, layouts=layouts, specialize=specialize, ulps=8)
    args = [x.ravel(), np.zeros(20), np.full(20, 31), 12, 20]
    check(goes_down_flat_columns, *args, schedules=schedules, specialize=specialize, warns=True)
