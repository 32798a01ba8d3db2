"""Arrays that C functions are given."""

from __future__ import annotations

import math
import types

import numpy as np
import pytest
from c_libraries import needs_compiler
from external_functions import C_TYPES, CPU, HOST, TYPES, options, row_sum, same, scale
from harness import define

import parpy
from parpy.types import F64, I64, buffer, pointer

pytestmark = needs_compiler


# --- Pointers -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", C_TYPES)
def test_pointers_of_every_type(library: str, name: str) -> None:
    T = TYPES[name]

    @parpy.external(f"reverse_{name}", CPU, HOST)
    def reverse(x: pointer(T), n: I64) -> None:
        x[:n] = x[:n][::-1].copy()

    @parpy.external(f"last_{name}", CPU, HOST)
    def last(x: pointer(T), n: I64) -> T:  # type: ignore[valid-type]
        return x[n - 1]

    def apply(x, y):
        reverse(x[2:], len(x) - 3)
        y[0] = last(x, len(x))
        reverse(y, 2)

    x = (np.arange(7) % 2 if name == "bool" else np.arange(7)).astype(name)
    same(apply, options(library), x, np.zeros(2, name))


def test_parts_of_arrays(library: str) -> None:
    def apply(x, k, y):
        y[0] = scale(x[k], 4, 2.0)
        y[1] = scale(x[1:3, :], 8, 3.0)
        y[2] = scale(x[-1, 1:], 3, 5.0)
        y[3] = scale(x[k : k + 1, 2:4], 2, 7.0)
        y[4] = scale(x, 16, 0.5)

    x = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    for k in (0, 2, 3):
        same(apply, options(library), x, k, np.zeros(5, np.float32))
    same(apply, options(library, specialize="never"), x, 1, np.zeros(5, np.float32))


def test_rows_in_parallel_loops(library: str) -> None:
    def sums(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            y[i] = row_sum(x[i], x.shape[1])

    def total(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            y[0] += row_sum(x[i, :], x.shape[1])

    x = np.arange(600.0).reshape(200, 3)
    for threads in (1, 2, 1000):
        same(sums, options(library, {"i": parpy.threads(threads)}), x, np.zeros(200))
        same(total, options(library, {"i": parpy.threads(threads).reduce()}), x, np.zeros(1))


def test_temporaries(library: str) -> None:
    def apply(x, y, n):
        parpy.label("i")
        for i in range(n):
            t = np.empty(4, np.float64)
            t[:] = x[i, ::-2]
            y[i] = row_sum(t, 4)
        u = np.zeros(n, np.float64)
        u[:] = y[:]
        y[0] = row_sum(u[1:], n - 1)

    x = np.arange(160.0).reshape(20, 8)
    same(apply, options(library), x, np.zeros(20), 20)
    same(apply, options(library, {"i": parpy.threads(8)}), x, np.zeros(20), 20)


def test_one_array_twice_and_views_of_it(library: str) -> None:
    def apply(x, y):
        y[1] = x[0] + scale(x, 2, 2.0) + y[0]

    a, b = np.arange(1, 4, dtype=np.float32), np.arange(1, 4, dtype=np.float32)
    apply(a, a)
    parpy.jit(apply)(b, b, opts=options(library))
    np.testing.assert_array_equal(a, b)


def test_entries_of_dictionaries_pass(library: str) -> None:
    def apply(d):
        d["y"][0] = scale(d["x"], d["n"], 2.0)

    made = [{"x": np.ones(3, np.float32), "y": np.zeros(1, np.float32), "n": 3} for _ in "ab"]
    apply(made[0])
    parpy.jit(apply)(made[1], opts=options(library))
    for key in ("x", "y"):
        np.testing.assert_array_equal(made[0][key], made[1][key])


def test_arrays_without_elements(library: str) -> None:
    def apply(x, y):
        y[0] = row_sum(x, len(x))

    same(apply, options(library), np.zeros(0), np.ones(1))


@pytest.mark.parametrize("specialize", ["always", "never", "auto"])
def test_arrays_that_are_not_contiguous_are_refused(library: str, specialize: str) -> None:
    @parpy.jit
    def apply(x):
        scale(x, 2, 2.0)

    opts = options(library, specialize=specialize)
    base = np.ones((6, 6), np.float32)
    for x in (base[::2, 0], base[::-1, 0], base[:, 1:], base.T[1:], base[:, 0]):
        kept = base.copy()
        for _ in range(3):
            with pytest.raises(ValueError, match="'x' of scale must be contiguous"):
                apply(x, opts=opts)
        np.testing.assert_array_equal(base, kept)
    for x in (base[1:], base[:1, ::2][:, :1], base[2]):
        apply(x, opts=opts)


def test_parts_that_are_not_contiguous_are_refused(library: str) -> None:
    for part in ("x[:, 0]", "x[::2]", "x[::-1]", "x[:, 1:]", "x[1:, :n]", "x[n]"):
        function = define(f"def f(x, n):\n    scale({part}, 2, 2.0)\n", scale=scale)
        call = lambda f=function: parpy.jit(f)(  # noqa: E731
            np.ones((4, 4), np.float32), 2, opts=options(library)
        )
        if part == "x[n]":
            call()
            continue
        with pytest.raises(ValueError, match="must be contiguous"):
            call()


def test_shapes_of_buffers_are_checked(library: str) -> None:
    N = parpy.types.shape_var()

    @parpy.external("row_sum", CPU, HOST)
    def total(row: buffer(F64, [N, 3]), n: I64) -> F64:  # type: ignore[valid-type]
        return math.fsum(row.reshape(-1)[:n])

    @parpy.external("pair", CPU, HOST)
    def pair(a: buffer(F64, [N]), b: buffer(F64, [N])) -> None:  # type: ignore[valid-type]
        pass

    def apply(x, y):
        y[0] = total(x, 3 * x.shape[0])

    @parpy.jit
    def both(a, b):
        pair(a, b)

    fn = parpy.jit(apply)
    same(apply, options(library), np.arange(12.0).reshape(4, 3), np.zeros(1))
    for _ in range(3):
        fn(np.ones((5, 3)), np.zeros(1), opts=options(library, specialize="never"))
        with pytest.raises(
            TypeError, match="'row' of total has size 4 in dimension 1, .* asks for 3"
        ):
            fn(np.ones((3, 4)), np.zeros(1), opts=options(library, specialize="never"))
    with pytest.raises(TypeError, match="1 dimension, .* array of float64 with 2 dimensions"):
        fn(np.ones(3), np.zeros(1), opts=options(library))
    with pytest.raises(
        TypeError, match="'b' of pair has size 4 in .* asks for N = 3, the size of 'a' in"
    ):
        both(np.ones(3), np.ones(4), opts=options(library))


def test_functions_of_modules(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("module")
    monkeypatch.setattr(module, "scale", scale, raising=False)

    @parpy.jit
    def apply(x):
        module.scale(x, 2, 2.0)

    x = np.ones(2, np.float32)
    apply(x, opts=options(library))
    np.testing.assert_array_equal(x, 2)


def test_read_only_arrays_are_refused(library: str) -> None:
    @parpy.jit
    def apply(x, y):
        y[0] = row_sum(x, 2)

    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="'x' is read-only but the function writes it"):
        apply(x, np.zeros(1), opts=options(library))


def test_fixed_indices_are_checked(library: str) -> None:
    @parpy.jit
    def affine(x, y, n):
        for i in range(n):
            y[i] = row_sum(x[i], 2)

    @parpy.jit
    def by_data(x, y, c):
        y[0] = row_sum(x[c[0]], 2)

    x, y = np.ones((3, 2)), np.zeros(9)
    with pytest.raises(IndexError, match="'x'"):
        affine(x, y, 4, opts=options(library))
    assert not y.any()
    with pytest.raises(IndexError, match="index 7 of 'x'"):
        by_data(x, y, np.array([7]), opts=options(library, check_bounds=True))
    by_data(x, y, np.array([-1]), opts=options(library, check_bounds=True))
    assert y[0] == 2
