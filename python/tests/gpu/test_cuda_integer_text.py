"""How the printed text counts, and that its arithmetic is written as in C."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
from cuda_text import cuda, kernels
from nvrtc import require_compiles

import parpy

ROWS = np.zeros((100, 1024), np.float32)
VECTOR = np.zeros(100_000)


def columns_of_rows(x, y, N, M):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(1, M):
            y[i, j] = x[i, j - 1] + i * j


WIDTHS = {"rows": parpy.threads(100), "columns": parpy.threads(128)}


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_what_fits_is_counted_in_32_bits(specialize: Any) -> None:
    opts = cuda(WIDTHS)
    opts.specialize = specialize
    text = parpy.print_compiled(columns_of_rows, [ROWS, ROWS.copy(), 100, 1024], opts)
    require_compiles(text)
    assert re.search(r"for \(int j = .*threadIdx.x;", text)
    if specialize == "always":
        assert "y[i * 1024 + j] = x[i * 1024 + (j - 1)] + (float)(i * j);" in text
    else:
        assert "int x_extent1, const int N, const int M) {" in text
        # A sum or product of what has 31 bits may need more.
        assert "x[i * x_extent1 + (j - 1)] + (float)((int64_t)i * j);" in text


def test_large_arrays_and_numbers_are_counted_in_64_bits() -> None:
    """2³⁰ elements, and a number of 31 bits."""
    opts = cuda(WIDTHS)
    opts.specialize = "never"
    x = np.broadcast_to(np.zeros(1, np.float32), (1 << 15, 1 << 15))
    large = [x, ROWS.copy(), 100, 1024]
    assert "j" in kernels(columns_of_rows, large, WIDTHS)
    text = parpy.print_compiled(columns_of_rows, [*large[:2], 100, 1 << 40], opts)
    require_compiles(text)
    assert "const int64_t M" in text
    assert "for (int64_t j = 1 + threadIdx.x;" in text
    assert "wrapping_multiply_int64(i, j)" in text


def far_elements(x, y, N):
    parpy.label("N")
    for i in range(N):
        for j in range(3):
            y[i] += x[j, i]


def test_offsets_beyond_32_bits_are_computed_in_64() -> None:
    x = np.lib.stride_tricks.as_strided(np.zeros(1), (3, 10), (8 << 30, 8), writeable=False)
    text = kernels(far_elements, [x, np.zeros(10), 10], {"N": parpy.threads(10)})
    assert "x[(int64_t)j * 1073741824 + i]" in text


def steps_back(x, y, N):
    parpy.label("N")
    for i in range(N):
        for j in range(9, -1, -3):
            y[i, j] = x[i, j // 3] + (i + j) % 4 + (j - 5) % 4


def test_loops_and_divisions_are_written_as_in_c() -> None:
    args = [np.zeros((64, 10)), np.zeros((64, 10)), 64]
    text = kernels(steps_back, args, {"N": parpy.threads(64)})
    assert "for (int j = 9; j > -1; j -= 3) {" in text
    assert "x[i * 10 + j / 3] + (double)((i + j) % 4) + (double)modulo_int32(j - 5, 4)" in text


def neighbours(x, y, N):
    parpy.label("N")
    for i in range(N):
        left = i - 1
        if left < 0:
            left += N
        right = i + 1
        if right >= N:
            right = right - N
        far = i - 5 if i >= 5 else i - 5 + N
        y[i] = x[left] + x[right] - x[far]


def test_locals_of_several_assignments_are_counted_in_32_bits() -> None:
    args = [VECTOR, VECTOR.copy(), len(VECTOR)]
    opts = cuda({"N": parpy.threads(256)})
    for opts.specialize in ("always", "never"):
        text = parpy.print_compiled(neighbours, args, opts)
        require_compiles(text)
        kernel = text[text.index("neighbours_kernel0") :].split("#ifndef")[0]
        assert "int left = 0;" in kernel
        assert "int right = 0;" in kernel
        assert "int64_t" not in kernel
        assert "wrapping" not in kernel
        if opts.specialize == "always":
            assert "x[left] + x[right] - x[far]" in kernel, "none is negative"


def doubled_elements(x, c, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = x[c[i] * 4 % 7]


def test_indices_that_depend_on_data_wrap() -> None:
    """C++ leaves open what a signed product is that does not fit."""
    args = [VECTOR, np.zeros(100, np.int64), VECTOR.copy(), 100]
    text = kernels(doubled_elements, args, {"N": parpy.threads(64)})
    assert "wrapping_multiply_int64(c[i], 4)" in text


def updates(x, y, c, N):
    parpy.label("N")
    for i in range(N):
        s = 0.0
        k = 0
        while k < 100 and s < 50.0:
            s = s + x[i]
            k += 3
        y[i] = y[i] - s
        y[i] += -1.5
        c[i, 0] = k // 2
        c[i, 1] = c[i, 1] * k
        c[0, i] = max(i, -1)


def test_assignments_are_written_as_in_c() -> None:
    args = [VECTOR, VECTOR.copy(), np.zeros((100, 100), np.int64), 100]
    text = kernels(updates, args, {"N": parpy.threads(100)})
    assert "s += x[i];" in text
    assert "k += 3;" in text, "a counter does not overflow"
    assert "y[i] -= s;" in text
    assert "y[i] -= 1.5;" in text
    assert "c[i * 100] = k / 2;" in text, "nor does it fall"
    assert "c[i * 100 + 1] = wrapping_multiply_int64(c[i * 100 + 1], k);" in text
    assert "c[i] = i;" in text


def test_kernels_name_their_place() -> None:
    text = kernels(
        updates, [VECTOR, VECTOR, np.zeros((100, 100), np.int64), 100], {"N": parpy.threads(100)}
    )
    line = inspect.getsourcelines(updates)[1] + 2
    assert f"\n// test_cuda_integer_text.py:{line}\nextern" in text
