"""Elements: negative indices, indices of every type, indices from data, memory layouts."""

from __future__ import annotations

import numpy as np
import pytest
from harness import DTYPES, LAYOUTS, check, define, each

import parpy


def literal_indices(x, y):
    y[0] = x[-1]
    y[1] = x[-5]
    y[2] = x[4]
    y[-1] = x[0]
    y[-2] = x[-3] + x[2]


def test_literal_negative_indices() -> None:
    check(literal_indices, np.arange(5.0) + 1, np.zeros(6), layouts=LAYOUTS)


def run_time_indices(x, y, k):
    for i in range(-len(x), len(x)):
        y[i] += x[i] * 10 + x[-1 - i]
        y[k] += x[k - 1]


def test_run_time_negative_indices() -> None:
    for specialize in ("always", "never"):
        for k in (-4, -1, 0, 3):
            x = np.arange(5.0)
            check(run_time_indices, x, np.zeros(5), k, specialize=specialize)


def backwards(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[-1 - i] = x[i]
        y[-1 - i] += x[-len(x) + i]


@pytest.mark.parametrize("n", [0, 1, 2, 31, 64, 65, 200])
@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
def test_negative_indices_in_loops(n: int, dtype: str) -> None:
    check(backwards, np.arange(n).astype(dtype), np.zeros(n, dtype), schedules=each("N"))


def around(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i - 1] + x[i - len(x)] * 100


@pytest.mark.parametrize("n", [1, 2, 64, 130])
def test_indices_of_both_signs_in_lanes(n: int) -> None:
    check(around, np.arange(float(n)), np.zeros(n), schedules=each("N"))


def gathers(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[i] = x[c[i]]


def scatters(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[c[i]] = x[i]


@pytest.mark.parametrize("index", ["int8", "int32", "int64", "uint16", "uint64"])
@pytest.mark.parametrize("dtype", ["bool", "float32", "float64"])
def test_gather_and_scatter(dtype: str, index: str) -> None:
    n = 101
    x = (np.arange(n) % 3).astype(dtype)
    c = np.random.default_rng(5).permutation(n).astype(index)
    check(gathers, x, c, np.zeros(n, dtype), schedules=each("N"))
    check(scatters, x, c, np.zeros(n, dtype), schedules=each("N"))
    if not index.startswith("u"):
        check(gathers, x, c - n, np.zeros(n, dtype), schedules=each("N", threads=[64]))
        check(scatters, x, c - n, np.zeros(n, dtype), schedules=each("N", threads=[64]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gather_and_scatter_of_strided_arrays(layout: str) -> None:
    x = np.arange(70.0)
    c = np.random.default_rng(6).permutation(70)
    check(gathers, x, c, np.zeros(70), schedules=each("N", threads=[64]), layouts=[layout])
    check(scatters, x, c, np.zeros(70), schedules=each("N", threads=[64]), layouts=[layout])


def two_levels(a, r, c, y):
    parpy.label("N")
    for i in range(len(r)):
        y[i] = a[r[i], c[r[i]]] + a[r[c[i]], -1]


def test_indices_that_are_elements_of_indices() -> None:
    rng = np.random.default_rng(7)
    a = rng.standard_normal((40, 40))
    r, c = rng.integers(-40, 40, (2, 40))
    check(two_levels, a, r, c, np.zeros(40), schedules=each("N"), strict=True)


def conditional_scatter(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        if c[i] >= 0:
            y[c[i]] = x[i]
        else:
            y[len(c) + i] = -x[i]


def test_scatter_under_a_condition() -> None:
    n = 90
    c = np.random.default_rng(8).permutation(n)
    c[::4] = -(10**15)
    check(conditional_scatter, np.arange(float(n)), c, np.zeros(2 * n), schedules=each("N"))


def by_bool_parts(x, y):
    for i in range(len(x)):
        y[int(x[i] > 0)] += 1


def by_computed(x, y):
    for i in range(len(x)):
        y[int(x[i]) % len(y)] += x[i]
        y[i // 2] += 1
        y[(i * 7) % len(y)] -= 1
        y[i & 1] += 2


def test_computed_indices() -> None:
    check(by_bool_parts, np.array([1.0, -1.0, 2.0]), np.zeros(2))
    check(by_computed, np.linspace(-9, 9, 13).round(2), np.zeros(8), strict=True)


def rows(a, y):
    for i in range(len(a)):
        y[i] = a[i][0] + a[i][-1] * 10 + a[-1 - i][1]
        a[i][1] = i
        a[i, 0] += a[i][1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_elements_of_rows(layout: str) -> None:
    check(rows, np.arange(12.0).reshape(4, 3), np.zeros(4), layouts=[layout])


def three_dimensions(a, y):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            parpy.label("K")
            for k in range(a.shape[2]):
                y[k, i, j] = a[i, j, k] + a[-1 - i, -1 - j, -1 - k] * 1000 + a[i][j][k]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_three_dimensions(layout: str) -> None:
    a = np.arange(2 * 3 * 70.0).reshape(2, 3, 70)
    check(three_dimensions, a, np.zeros((70, 2, 3)), layouts=[layout], schedules=each("K"))


def many_dimensions(a, y):
    for i in range(a.shape[4]):
        y[i] = a[1, 0, 1, 0, i, 1, 0, 1]


def test_eight_dimensions() -> None:
    a = np.arange(2**7 * 5.0).reshape(2, 2, 2, 2, 5, 2, 2, 2)
    check(many_dimensions, a, np.zeros(5), layouts=LAYOUTS)


def copies(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_in_every_layout(dtype: str, layout: str) -> None:
    x = (np.arange(200) % 2 if dtype == "bool" else np.arange(200) % 127).astype(dtype)
    schedules = each("N", threads=[64])
    check(copies, x, np.zeros(200, dtype), schedules=schedules, layouts=[layout])


def mixes_layouts(a, b, c):
    parpy.label("N")
    for i in range(a.shape[0]):
        parpy.label("M")
        for j in range(a.shape[1]):
            c[i, j] = a[i, j] + 2 * b[i, j]


def test_arguments_of_different_layouts() -> None:
    a = np.arange(20 * 33.0).reshape(20, 33)
    expected = 3 * a
    fortran = np.asfortranarray(a)
    every = {"c": a, "fortran": fortran, "reversed": a[::-1, ::-1][::-1, ::-1], "wide": None}
    wide = np.zeros((40, 99))
    wide[::2, ::3] = a
    every["wide"] = wide[::2, ::3]
    function = parpy.jit(mixes_layouts)
    for x in every.values():
        for y in every.values():
            for order in "CF":
                c = np.zeros_like(a, order=order)
                function(x, y, c, opts=parpy.par({"N": parpy.threads(8)}))
                np.testing.assert_array_equal(c, expected)


def test_broadcast_arrays_can_be_read() -> None:
    x = np.broadcast_to(np.arange(3.0)[:, None], (3, 70))
    y = np.zeros((3, 70))
    parpy.jit(mixes_layouts)(x, x, y, opts=parpy.par({"M": parpy.threads(8)}))
    np.testing.assert_array_equal(y, 3 * x)


def test_read_only_arrays_can_be_read() -> None:
    x = np.arange(7.0)
    x.flags.writeable = False
    y = np.zeros(7)
    parpy.jit(copies)(x, y)
    np.testing.assert_array_equal(y, x)


def touches_nothing(x, y, n):
    for i in range(n):
        y[i] = x[i, 0]
    y[:] += 1
    for i in range(len(x)):
        x[i, :] = 3


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0)])
def test_zero_size_arrays(shape: tuple[int, ...]) -> None:
    x = np.zeros((5, 0) if len(shape) == 1 else shape)
    check(touches_nothing, x, np.zeros(shape), 0, layouts=LAYOUTS)


def shapes(a, b, c, y):
    y[0] = a.shape[0] + 10 * a.shape[1] + 100 * b.shape[-1] + 1000 * len(c)
    y[1] = a.ndim + 10 * b.ndim + 100 * c.ndim
    y[2] = a.size + b.size + c.size
    y[3] = a[1:].shape[0] + len(b[:, 1:, :]) + a[0].shape[0]


def test_shapes_are_values() -> None:
    a, b, c = np.zeros((3, 4)), np.zeros((2, 5, 6)), np.zeros(7)
    for specialize in ("always", "never"):
        check(shapes, a, b, c, np.zeros(4, np.int64), specialize=specialize)


def with_ellipsis(a, y):
    y[0] = a[..., 0, 0]
    y[1] = a[1, ...][2]
    y[2] = a[-1, ..., -1]


def test_ellipsis() -> None:
    check(with_ellipsis, np.arange(12.0).reshape(3, 4), np.zeros(3))


SCALAR_TYPES = [np.dtype(d).type for d in DTYPES]


@pytest.mark.parametrize("make", [*SCALAR_TYPES, int])
def test_indices_may_be_integers_of_any_type(make) -> None:
    if make in (np.bool_, np.float16, np.float32, np.float64):
        return
    function = define("def picks(x, k, y):\n    y[0] = x[k] + x[k + k]\n    y[k] = 1")
    for specialize in ("always", "never"):
        check(function, np.arange(9.0), make(3), np.zeros(5), specialize=specialize)
