"""Text that keeps NVRTC and nvcc from making wrong code; docs/how-to/installing-for-cuda.md."""

from __future__ import annotations

import numpy as np
from cuda_text import cuda, kernels
from nvrtc import require_compiles

import parpy


def goes_down_from_an_index(x, c, N):
    parpy.label("rows")
    for i in range(N):
        for k in range(8):
            t = (c[k] & 3) * 3
            x[i, 30 - (c[k] & 3) * 3] += x[i, 24]
            x[i, 30 - t] += x[i, 24]


def test_products_that_are_subtracted_from_an_index_are_hidden() -> None:
    """NVRTC would take the element at 24 for another than those that change."""
    x, c = np.zeros((4, 40), np.float32), np.zeros(8, np.int32)
    text = kernels(goes_down_from_an_index, [x, c, 4], {"rows": parpy.threads(4)})
    assert "30 - hidden_int32((c[k] & 3) * 3)" in text
    assert "30 - hidden_int32(t)" in text
    text = kernels(
        goes_down_from_an_index,
        [np.zeros((4, 120), np.float32)[:, ::-3], c, 4],
        {"rows": parpy.threads(4)},
    )
    assert "x[i * 120 - hidden_int" in text
    assert "+= x[i * 120 - 72]" in text, "products of numbers are numbers"


def goes_down_from_both_ends(x, N):
    parpy.label("rows")
    for i in range(N):
        for j in range(N):
            x[40 - 3 * i - 2 * j] += x[41 - 3 * i] - x[40 - i * i]


def test_loops_have_one_hidden_copy_of_their_variable() -> None:
    args = [np.zeros(42, np.float32), 4]
    text = kernels(goes_down_from_both_ends, args, {"rows": parpy.threads(4)})
    assert text.count("const int i_hidden = hidden_int32(i);") == 1
    assert text.count("const int j_hidden = hidden_int32(j);") == 1
    assert "x[41 - 3 * i_hidden]" in text
    assert "40 - hidden_int32(i * i)" in text, "no square is negative"


def goes_down_columns(x, c, step):
    parpy.label("columns")
    for j in range(x.shape[1] - 1):
        own = c[j] & 3
        for i in range(x.shape[0]):
            x[i, j + 1] -= parpy.math.erf(x[i, j + 1])
            c[i * step] = c[i * own] * step


def test_integers_that_multiply_in_an_index_are_hidden() -> None:
    """NVRTC up to 13.1 would store some elements one place too far."""
    opts = cuda({"columns": parpy.threads(32)})
    opts.specialize = "never"
    args = [np.zeros((9, 7), np.float32), np.zeros(40, np.int64), 4]
    text = parpy.print_compiled(goes_down_columns, args, opts)
    require_compiles(text)
    assert "  x_extent1 = hidden_int32(x_extent1);\n" in text
    assert "  step = hidden_int32(step);\n" in text
    assert "int x_extent1" in text and "const int x_extent1" not in text
    assert "const int x_extent0" in text, "it multiplies nothing"
    assert "c[hidden_int64((int64_t)i * own)" in text


def sums_products(x, c, N):
    parpy.label("rows")
    for i in range(N):
        s = parpy.operators.int32(0)
        for k in range(8):
            s += c[k] * c[i]
        x[i] = s


def test_products_that_are_no_part_of_an_index_are_not_hidden() -> None:
    """`s += c[k] * c[i]` is one instruction."""
    x, c = np.zeros(8, np.float32), np.zeros(8, np.int32)
    assert "hidden" not in kernels(sums_products, [x, c, 8], {"rows": parpy.threads(8)})


def chooses_elements(x, y, z, c, N):
    parpy.label("rows")
    for i in range(N):
        x[i, 0] = x[i, 1] if c[i] > 0 else x[i, 2]
        k = 3
        if c[i] > 1:
            k = 4
        y[i, k] += 1.0
        if c[i] > 2:
            t = c[i] - 1
            z[i, t] += 1.0


def test_buffers_that_are_read_at_chosen_places_are_not_restricted() -> None:
    """NVRTC leaves out a store before `x[i, 1] if c[i] > 0 else x[i, 2]`, if another follows."""
    rows = [np.zeros((8, 8), np.float32) for _ in range(3)]
    c = np.zeros(8, np.int64)
    text = kernels(chooses_elements, [*rows, c, 8], {"rows": parpy.threads(8)})
    assert "float *x, float *y, float *__restrict__ z" in text


def rounds_products(x, y, z, N):
    parpy.label("rows")
    for i in range(N):
        s = parpy.operators.float64(z[i])
        x[i] += parpy.operators.float32(parpy.operators.float64(y[i]) * s)
        t = parpy.operators.float64(y[i]) * parpy.operators.float64(z[i])
        y[i] += parpy.operators.float32(t)
        z[i] = parpy.operators.float32(parpy.operators.float64(y[i]) + 1.0)


def test_products_of_float64_are_rounded_where_they_become_float32() -> None:
    """As a cast it would be a product of float32, which a sum takes in unrounded."""
    text = kernels(
        rounds_products,
        [*(np.zeros(8, np.float32) for _ in range(3)), 8],
        {"rows": parpy.threads(8)},
    )
    assert "x[i] += __double2float_rn((double)y[i] * s);" in text
    assert "y[i] += __double2float_rn(t);" in text
    assert text.count("__double2float_rn(") == 2
