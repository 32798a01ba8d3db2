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
