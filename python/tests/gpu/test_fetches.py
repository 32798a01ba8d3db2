"""What data of the device decide around loops of several blocks: the host fetches the data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from test_cuda_text import cuda
from test_nvcc import needs_nvcc

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

RANDOM = np.random.default_rng(1)
N = 5000
UNEVEN = np.where(np.arange(N) == 2, 100.0, np.arange(float(N)))

CASES: list[tuple[Callable[..., None], list[Any]]] = [
    (programs.until_small, [RANDOM.random(N), np.zeros(1), N]),
    (programs.until_small, [RANDOM.random(N).astype(np.float16), np.zeros(1, np.float16), N]),
    (programs.until_halves_are_small, [RANDOM.random(N) + 1j, N]),
    (programs.until_growth_ends, [RANDOM.random(N), np.zeros(1, np.int64), N]),
    (programs.as_data_say, [UNEVEN, np.array([2, 7, 3]), N]),
    (programs.until_first_is_small, [np.ones(N), N]),
    (programs.shorter, [np.arange(float(N)), np.zeros(N), np.array([N - 1])]),
]


def options(program: Callable[..., None], threads: int = N) -> parpy.CompileOptions:
    opts = cuda({"N": parpy.threads(threads)})
    if program is programs.until_growth_ends:
        opts.parallelize = {**opts.parallelize, "sum": parpy.threads(threads).reduce()}
    return opts


def copied(arguments: list[Any]) -> list[Any]:
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(("program", "arguments"), CASES)
def test_the_host_does_as_data_say(
    program: Callable[..., None], arguments: list[Any], specialize: str
) -> None:
    expected, found = copied(arguments), copied(arguments)
    program(*expected)
    opts = options(program)
    opts.specialize = specialize  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parpy.jit(program)(*found, opts=opts)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(("program", "arguments"), CASES)
def test_printed_text_does_so_too(program: Callable[..., None], arguments: list[Any]) -> None:
    expected, found = copied(arguments), copied(arguments)
    program(*expected)
    opts = options(program)
    text = parpy.print_compiled(program, arguments, opts)
    assert "fetched(" in text
    parpy.compile_string(program.__name__, text)(*found)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def by_nvcc(text: str) -> str:
    """The text with host code that is the user's own, so that it is not interpreted."""
    assert "T value;" in text
    return text.replace("T value;", "T value{};")


@needs_nvcc
@pytest.mark.parametrize(("program", "arguments"), CASES)
def test_nvcc_compiles_it(program: Callable[..., None], arguments: list[Any]) -> None:
    expected, found = copied(arguments), copied(arguments)
    program(*expected)
    text = by_nvcc(parpy.print_compiled(program, arguments, options(program)))
    parpy.compile_string(program.__name__, text)(*found)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@needs_nvcc
def test_a_failed_test_ends_what_nvcc_compiled() -> None:
    x = np.zeros(N)
    opts = options(programs.while_chosen)
    opts.check_bounds = True
    text = by_nvcc(parpy.print_compiled(programs.while_chosen, [x, np.array([N]), N], opts))
    with pytest.raises(IndexError, match=f"index {N} of 'x'"):
        parpy.compile_string("while_chosen", text)(x, np.array([N]), N)
    assert not x.any()


def test_one_block_is_one_kernel() -> None:
    for program, arguments in CASES:
        text = parpy.print_compiled(program, arguments, options(program, 1024))
        assert "fetched(" not in text


def test_the_loop_ends_where_an_index_is_out_of_range() -> None:
    x = np.zeros(N)
    opts = options(programs.while_chosen)
    opts.check_bounds = True
    with pytest.raises(IndexError, match=f"index {N} of 'x'"):
        parpy.jit(programs.while_chosen)(x, np.array([N]), N, opts=opts)
    assert not x.any(), "the first test of the condition failed"
    parpy.jit(programs.while_chosen)(x, np.array([3]), N, opts=opts)
    assert (x == 50).all()


def test_lengths_that_differ() -> None:
    y = np.zeros(N)
    opts = options(programs.shorter)
    with pytest.raises(TypeError, match="do not broadcast"):
        parpy.jit(programs.shorter)(np.ones(N), y, np.array([7]), opts=opts)
    assert not y.any()
    x = np.arange(float(N))
    with pytest.raises(TypeError, match="do not broadcast"):
        parpy.jit(programs.shorter_in_place)(x, np.array([7]), opts=opts)
    assert np.array_equal(x, np.arange(N))
    parpy.jit(programs.shorter_in_place)(x, np.array([N - 1]), opts=opts)
    assert np.array_equal(x, [*np.arange(1.0, N) * 2, N - 1])


def test_host_code_reads_nothing_by_itself() -> None:
    """Only what a device block leaves to the host is fetched."""

    @parpy.jit
    def apply(x, err, N):
        while err[0] > 0.01:
            parpy.label("N")
            x[:] = x[:] * 0.5

    with pytest.raises(parpy.CompileError, match="Data cannot be accessed outside parallel code"):
        apply(np.ones(N), np.ones(1), N, opts=cuda({"N": parpy.threads(N)}))
