"""What the core knows of the machine it generates code for."""

from __future__ import annotations

import numpy as np
import pytest

import parpy
from parpy import _llvm


@parpy.jit
def exponentials(x, y):
    parpy.label("i")
    y[:] = parpy.operators.exp(x[:])


def test_math_in_lanes_calls_the_vector_library() -> None:
    if "exp" not in _llvm.target().vector_functions:
        pytest.skip("this C library has no vector math")
    x, y = np.zeros(100), np.zeros(100)
    text = parpy.print_compiled(exponentials, [x, y])
    assert "@_ZGV" in text
    strict = parpy.print_compiled(exponentials, [x, y], parpy.CompileOptions(strict=True))
    assert "@_ZGV" not in strict
    assert "@exp(" in strict


def test_parpy_dump_shows_what_a_pass_leaves(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARPY_DUMP", "lower,choose-vector-loops")
    parpy.print_compiled(exponentials, [np.zeros(100), np.zeros(100)])
    shown = capfd.readouterr().err
    assert "// after lower\n" in shown
    assert "@lanes(" in shown.split("// after choose-vector-loops\n")[1]
    assert "after fold-constants" not in shown


def test_a_function_may_be_named_like_one_of_the_math_library() -> None:
    @parpy.jit
    def exp(x, y):
        y[:] = parpy.operators.exp(x[:]) ** 1.5

    x, y, expected = np.linspace(0, 1, 37), np.zeros(37), np.zeros(37)
    exp(x, y)
    exp.__wrapped__(x, expected)
    np.testing.assert_allclose(y, expected, rtol=1e-14)
