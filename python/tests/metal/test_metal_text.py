"""Kernels in the Metal Shading Language, printed and checked; none ran on an Apple GPU yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from address_spaces import errors

import parpy

TYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32".split()


WARP = parpy.threads(32)


def metal(
    function: Any,
    args: list[Any],
    settings: dict[str, Any] | None = None,
    **schedule: parpy.LoopPar,
) -> str:
    """The text, which clang must accept with all its address spaces."""
    opts = parpy.par(schedule)
    opts.backend = parpy.CompileBackend.Metal
    for name, value in (settings or {}).items():
        setattr(opts, name, value)
    text = parpy.print_compiled(function, args, opts)
    assert errors(text) == ""
    return text


def sum_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i] = parpy.operators.sum(x[i, :])


def largest(x, y):
    parpy.label("N")
    y[0] = parpy.operators.max(x[:])


def counted(b, h, N):
    parpy.label("N")
    for i in range(N):
        h[b[i]] += 1


def functions(x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = parpy.math.log1p(x[i]) + parpy.math.expm1(x[i]) + parpy.math.hypot(x[i], y[i])
        y[i] += parpy.math.erf(x[i]) + parpy.math.gamma(x[i]) + parpy.math.lgamma(x[i])


def scaled(x, y, a, N):
    parpy.label("N")
    for i in range(N):
        y[i] = a * 0.5 * x[i] // 3


def test_the_text_of_the_first_tutorial() -> None:
    """`PARPY_UPDATE_GOLDENS=1` writes it anew, for a change that was read line by line."""
    golden = Path(__file__).parent / "goldens" / "sum_rows.metal"
    x, y = np.zeros((100, 1024), np.float32), np.zeros(100, np.float32)
    text = metal(sum_rows, [x, y, 100], rows=parpy.threads(100), columns=parpy.threads(128))
    kernels = text[: text.index("// host program")].replace(
        f"// {Path(__file__).name}:{_line(text)}\n", ""
    )
    if os.environ.get("PARPY_UPDATE_GOLDENS"):
        golden.write_text(kernels)
    assert kernels == golden.read_text()


def _line(text: str) -> str:
    return text.split(f"// {Path(__file__).name}:")[1].split("\n")[0]


def test_rows_run_on_threadgroups_and_columns_on_threads() -> None:
    x, y = np.zeros((100, 1024), np.float32), np.zeros(100, np.float32)
    text = metal(sum_rows, [x, y, 100], rows=parpy.threads(100), columns=parpy.threads(128))
    assert "device const float *x [[buffer(0)]]" in text
    assert "device float *y [[buffer(1)]]" in text
    assert "for (int i = block_index.x; i < 100; i += grid_size.x) {" in text
    assert "threadgroup float partial_float32[32];" in text
    assert "sum = block_add_float32(sum, partial_float32, thread_index.x, block_size.x);" in text
    assert "if (thread_index.x == 0) y[i] = sum;" in text


@pytest.mark.parametrize("dtype", TYPES)
def test_reductions_of_every_type_are_accepted(dtype: str) -> None:
    args = [np.zeros(5000, dtype), np.zeros(1, dtype)]
    assert "simd_shuffle_xor" in metal(largest, args, N=parpy.threads(256).reduce())


@pytest.mark.parametrize("dtype", [t for t in TYPES if t not in ("bool", "int64", "uint64")])
def test_elements_that_threads_share_change_in_one_step(dtype: str) -> None:
    args = [np.zeros(5000, np.int32), np.zeros(10, dtype), 5000]
    text = metal(counted, args, N=parpy.threads(256).reduce())
    assert f"atomic_add_{dtype}(&h[" in text


def test_functions_that_the_library_lacks_come_with_the_text() -> None:
    args = [np.zeros(50, np.float32), np.zeros(50, np.float32), 50]
    text = metal(functions, args, N=parpy.threads(64))
    assert "inline float log1p_float32(float x)" in text
    assert text.index("inline float erfc_float32") < text.index("inline float erf_float32")


def test_weak_numbers_have_32_bits() -> None:
    args = [np.zeros(50, np.float32), np.zeros(50, np.float32), 2.5, 50]
    text = metal(scaled, args, N=parpy.threads(64))
    assert "double" not in text


def products_of_numbers(x, y, a, b, N):
    parpy.label("N")
    for i in range(N):
        y[i] = a * b + a * x[i]


def test_products_of_numbers_are_rounded_as_constants_are() -> None:
    x = np.zeros(50, np.float32)
    text = metal(products_of_numbers, [x, x.copy(), 1.1, 2.2, 50], {"specialize": "never"}, N=WARP)
    assert "y[i] = rounded_product_float32(a, b) + a * x[i];" in text
    assert text.count("#pragma clang fp contract(off)") == 1


def test_strict_text_keeps_products_and_sums_apart() -> None:
    args = [np.zeros(50, np.float32), np.zeros(50, np.float32), 2.5, 50]
    assert "#pragma" not in metal(scaled, args, N=WARP)
    text = metal(scaled, args, {"strict": True}, N=WARP)
    assert text.index("#pragma clang fp contract(off)") < text.index("kernel void")


def refused(function: Any, *args: Any) -> str:
    with pytest.raises(parpy.CompileError) as error:
        metal(function, list(args), N=parpy.threads(64).reduce())
    return str(error.value)


def test_doubles_are_refused_with_the_way_out() -> None:
    message = refused(scaled, np.zeros(50), np.zeros(50), 2.5, 50)
    assert "Metal does not support double-precision floating-point numbers" in message
    assert "force_float_size" in message
    assert "float32" in message


def test_what_metal_lacks_is_refused() -> None:
    assert "64 bits" in refused(counted, np.zeros(50, np.int32), np.zeros(9, np.int64), 50)


def test_a_wrong_address_space_is_found() -> None:
    x, y = np.zeros((100, 1024), np.float32), np.zeros(100, np.float32)
    text = metal(sum_rows, [x, y, 100], rows=parpy.threads(100), columns=parpy.threads(128))
    assert errors(text.replace("threadgroup float *partial", "device float *partial"))
