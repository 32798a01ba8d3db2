"""Printed CUDA C++, edited or not, runs again by the host program in its comments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

needs_gpu = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)
RANDOM = np.random.default_rng(1)
CUDA = parpy.CompileBackend.Cuda


def rebuilt(
    function: Callable[..., None],
    arguments: list[Any],
    edit: Callable[[str], str] = lambda text: text,
    /,
    *,
    check_bounds: bool = False,
    specialize: str = "auto",
    **schedule: parpy.LoopPar,
) -> Any:
    """The function that the printed and edited text is."""
    opts = cuda(schedule)
    opts.check_bounds = check_bounds
    opts.specialize = specialize  # type: ignore[assignment]
    text = parpy.print_compiled(function, arguments, opts=opts)
    edited = edit(text)
    assert edited != text or edit("same") == "same"
    return parpy.compile_string(function.__name__, edited, opts=opts)


@needs_gpu
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_host_loops_and_several_kernels(specialize: str) -> None:
    x, y = RANDOM.standard_normal(500), np.zeros(500)
    again = rebuilt(programs.steps, [x, y, 500, 3], specialize=specialize, N=parpy.threads(128))
    expected = [a.copy() for a in (x, y)]
    programs.steps(*expected, 500, 3)
    again(x, y, 500, 3)
    np.testing.assert_allclose(x, expected[0])
    np.testing.assert_allclose(y, expected[1])


@needs_gpu
def test_other_values_where_they_are_parameters() -> None:
    x = RANDOM.standard_normal((40, 70))
    again = rebuilt(
        programs.sum_rows,
        [x, np.zeros(40), 40],
        specialize="never",
        rows=parpy.threads(40),
        columns=parpy.threads(64),
    )
    for n, m in ((40, 70), (3, 500), (2, 2)):
        x, y = RANDOM.standard_normal((n, m)), np.zeros(n)
        again(x, y, n)
        np.testing.assert_allclose(y, x.sum(1))


@needs_gpu
def test_temporaries_and_scalars_of_the_device() -> None:
    x, y = RANDOM.standard_normal(3000), np.zeros(3000)
    schedule = {"sum": parpy.threads(2048).reduce(), "scale": parpy.threads(2048)}
    again = rebuilt(programs.scaled_by_mean_square, [x, y, 3000], **schedule)
    again(x, y, 3000)
    np.testing.assert_allclose(y, x / (x * x).mean())


@needs_gpu
def test_edited_kernels() -> None:
    x, y = RANDOM.standard_normal(100), np.zeros(100)
    again = rebuilt(
        programs.negate, [x, y, 100], lambda t: t.replace("-x[i]", "2 * x[i]"), N=parpy.threads(64)
    )
    again(x, y, 100)
    np.testing.assert_array_equal(y, 2 * x)


@needs_gpu
def test_wrong_calls_of_the_text() -> None:
    x, y = np.zeros(100), np.zeros(100)
    again = rebuilt(programs.negate, [x, y, 100], N=parpy.threads(64))
    with pytest.raises(TypeError, match="'x' does not fit the code, which is for float64"):
        again(x.astype(np.float32), y, 100)
    with pytest.raises(TypeError, match="does not fit the code"):
        again(x[:50], y, 100)
    y.flags.writeable = False
    with pytest.raises(ValueError, match="'y' is read-only but the function writes it"):
        again(x, y, 100)


@needs_gpu
def test_code_that_counts_in_32_bits_takes_nothing_large() -> None:
    x, y = np.zeros(100), np.zeros(100)
    opts = cuda({"N": parpy.threads(64)})
    opts.specialize = "never"
    text = parpy.print_compiled(programs.negate, [x, y, 100], opts)
    assert "const int N" in text
    again = parpy.compile_string("negate", text, opts)
    again(x, y, 50)
    with pytest.raises(TypeError, match="'N' does not fit the code, which is for weak int64 = p"):
        again(x, y, 1 << 40)
    text = parpy.print_compiled(programs.negate, [x, y, 1 << 40], opts)
    assert "// argument N: weak int64 = p1 large\n" in text
    parpy.compile_string("negate", text, opts)(x, y, 50)


@needs_gpu
def test_accesses_out_of_range_are_told() -> None:
    b, h = np.array([1, 2, 7]), np.zeros(4, np.int64)
    again = rebuilt(programs.histogram, [b, h, 3], check_bounds=True, N=parpy.threads(32).reduce())
    with pytest.raises(IndexError, match="index 7 .* out of bounds"):
        again(b, h, 3)
    again(np.array([1, 1, 3]), h, 3)
    assert h[3] >= 1


@needs_gpu
def test_strict_text_stays_strict() -> None:
    """A product and a sum are not contracted, as when the function itself is called."""
    a, x, y = np.float32(0.1), *RANDOM.standard_normal((2, 2000)).astype(np.float32)
    opts = cuda({"N": parpy.threads(64)})
    opts.strict = True
    expected = a * x + y
    text = parpy.print_compiled(programs.complex_axpy, [a, x, y, 2000], opts=opts)
    assert "\n// strict\n" in text
    parpy.compile_string("complex_axpy", text, opts=opts)(a, x, y, 2000)
    np.testing.assert_array_equal(y, expected)


@needs_gpu
def test_what_nvrtc_refuses() -> None:
    x = np.zeros(100)
    with pytest.raises(RuntimeError, match=r"(?s)-y\[i\]|nonsense"):
        rebuilt(
            programs.negate,
            [x, x.copy(), 100],
            lambda t: t.replace("-x[i]", "nonsense[i]"),
            N=parpy.threads(64),
        )


def test_damaged_comments() -> None:
    x = np.zeros(100)
    opts = cuda({"N": parpy.threads(64)})
    text = parpy.print_compiled(programs.negate, [x, x.copy(), 100], opts=opts)
    lines = text.splitlines()
    start = lines.index("// host program")
    end = lines.index("// end of host program")
    for position in range(start + 1, end):
        damaged = "\n".join([*lines[:position], "// ? 1 2 3", *lines[position + 1 :], ""])
        with pytest.raises(parpy.CompileError, match="damaged host program"):
            parpy.compile_string("negate", damaged, opts=opts)
    with pytest.raises(parpy.CompileError, match="damaged host program"):
        parpy.compile_string("negate", "\n".join([*lines[:end], *lines[end + 1 :]]), opts=opts)
    for changed in ("arrays 0 9", "arrays -1", "threads 0", "values 77"):
        damaged = text.replace("arrays 0 1", changed).replace("threads 64 ", changed + " ")
        with pytest.raises(parpy.CompileError, match="damaged host program"):
            parpy.compile_string("negate", damaged, opts=opts)


def test_text_of_another_backend() -> None:
    text = parpy.print_compiled(programs.negate, [np.zeros(3), np.zeros(3), 3])
    with pytest.raises(parpy.CompileError, match="no host program, so it is not for"):
        parpy.compile_string("negate", text, opts=cuda({}))
