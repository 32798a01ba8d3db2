"""How C functions are declared for backends, what is wrong with them, and code that is kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_libraries import build, needs_compiler
from external_functions import CPU, CUDA, DEVICE, HOST, first, options, row_sum, same, scale
from harness import define

import parpy
from parpy.types import F32, F64, pointer

pytestmark = needs_compiler


# --- Backends -------------------------------------------------------------------------------


def test_the_declaration_of_the_backend_counts(library: str) -> None:
    @parpy.external("nothing", CUDA, DEVICE, header="nothing.h")
    @parpy.external("twice_float64", CPU, DEVICE)
    def stacked(x: F64) -> F64:
        return x + x

    @parpy.external("twice_float64", CPU, DEVICE, parallelize=parpy.threads(4))
    def again(x: F64) -> F64:
        return x + x

    first_form = again

    @parpy.external("nothing", CUDA, HOST)
    def again(x: F32) -> F32:  # noqa: F811
        return x + x

    @parpy.external("nothing", CUDA, HOST)
    def elsewhere(x: F64) -> F64:
        return x + x

    def apply(x):
        x[0] = stacked(x[0]) + again(x[0]) + first_form(x[0])

    @parpy.jit
    def refused(x):
        x[0] = elsewhere(x[0])

    same(apply, options(library), np.ones(1))
    with pytest.raises(
        parpy.CompileError, match=r"elsewhere is declared for CompileBackend.Cuda, not for .*Cpu"
    ):
        refused(np.ones(1), opts=options(library))


def test_a_function_that_is_declared_anew_is_not_stale(library: str) -> None:
    def declare(symbol: str) -> Any:
        @parpy.external(symbol, CPU, DEVICE)
        def f(x: F64) -> F64:
            return x

        return f

    f = declare("twice_float64")

    @parpy.jit
    def apply(x):
        x[0] = f(x[0])

    x = np.ones(1)
    apply(x, opts=options(library))
    f = declare("exp")
    apply(x, opts=options(library))
    assert x[0] == 1002


# --- Errors ---------------------------------------------------------------------------------

WRONG = {
    "scale(x, 2.5, 2.0)": (TypeError, "'n' of scale is float64, .* asks for int64"),
    "scale(x, u[0], 2.0)": (TypeError, "'n' of scale is uint64, .* asks for int64"),
    "scale(d, 2, 2.0)": (TypeError, "'x' of scale is an array of float64, .* array of float32"),
    "scale(x[0], 2, 2.0)": (TypeError, "'x' of scale is a scalar of type float32, .* an array"),
    "scale(3.0, 2, 2.0)": (TypeError, "'x' of scale is a scalar of type float64"),
    "scale(x, x, 2.0)": (TypeError, "'n' of scale is an array, .* asks for int64"),
    "scale(x * 2, 1, 2.0)": (TypeError, "'x' of scale is an array expression"),
    "scale(x.shape, 1, 2.0)": (TypeError, "'x' of scale is a tuple"),
    "scale(e, 1, 2.0)": (TypeError, "'x' of scale is a dictionary"),
    "scale(x, 1)": (TypeError, r"scale takes 3 arguments \(x, n, a\), 2 were given"),
    "scale(x, 1, 2.0, 3)": (TypeError, "scale takes 3 arguments"),
    "scale(x, 1, b=2.0)": (TypeError, "scale has no parameter 'b'"),
    "scale(x, 1, 2.0, x=x)": (TypeError, "scale was given 'x' twice"),
    "y = scale + 1": (parpy.CompileError, "'scale' as a value"),
    "y = nothing(x)": (TypeError, "nothing returns no value"),
    "parpy.label('i')\n    scale(x, 1, 2.0)": (parpy.CompileError, "stands before a call"),
}


@parpy.external("nothing", CPU, HOST)
def nothing(x: pointer(F32)) -> None:
    pass


@pytest.mark.parametrize("call", WRONG)
def test_calls_that_do_not_fit(library: str, call: str) -> None:
    function = define(f"def f(x, d, u, e):\n    {call}\n", scale=scale, nothing=nothing)
    error, message = WRONG[call]
    args = (np.ones(4, np.float32), np.ones(4), np.ones(4, np.uint64), {"a": np.ones(3)})
    with pytest.raises(error, match=message) as caught:
        parpy.jit(function)(*args, opts=options(library))
    assert call.splitlines()[-1].strip() in str(caught.value) or "label" in call


def test_a_library_or_symbol_that_is_not_there(library: str, tmp_path: Path) -> None:
    @parpy.external("not_there_at_all", CPU, DEVICE)
    def missing(x: F64) -> F64:
        return x

    @parpy.jit
    def apply(x):
        x[0] = missing(x[0])

    @parpy.jit
    def works(x):
        x[0] = row_sum(x, 1)

    x = np.ones(1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="'not_there_at_all' is not to be found") as caught:
            apply(x, opts=options(library))
        assert library in str(caught.value)
        assert "the process itself" in str(caught.value)
        for name in (str(tmp_path / "libnone.so"), "surely_not_there"):
            with pytest.raises(RuntimeError, match="cannot be loaded. Looked for") as caught:
                works(x, opts=parpy.CompileOptions(libs=[name]))
            assert name in str(caught.value)
    damaged = tmp_path / "libdamaged.so"
    damaged.write_text("no library")
    with pytest.raises(RuntimeError, match="libdamaged.so"):
        works(x, opts=parpy.CompileOptions(libs=[str(damaged)]))
    works(x, opts=options(library))


def test_libraries_are_part_of_the_key(library: str, tmp_path: Path) -> None:
    other = build(
        tmp_path,
        "#include <stdint.h>\ndouble row_sum(double *x, int64_t n) { return -1; }\n",
        "other",
    )

    @parpy.jit
    def apply(x):
        x[0] = row_sum(x, 1)

    for path, expected in ((library, 3.0), (other, -1.0), (library, 3.0)):
        x = np.array([3.0])
        apply(x, opts=options(path))
        assert x[0] == expected


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: parpy.external(3, CPU, HOST), TypeError, "ext_name must be a string"),
        (lambda: parpy.external("a b", CPU, HOST), ValueError, "name of a C function"),
        (lambda: parpy.external("f", "Cpu", HOST), TypeError, "backend must be"),
        (
            lambda: parpy.external("f", parpy.CompileBackend.Auto, HOST),
            ValueError,
            "not for CompileBackend.Auto",
        ),
        (lambda: parpy.external("f", CPU, "Host"), TypeError, "target must be"),
        (lambda: parpy.external("f", CPU, HOST, header=1), TypeError, "header must be"),
        (lambda: parpy.external("f", CPU, HOST, parallelize=4), TypeError, "parallelize must be"),
        (lambda: parpy.external("f", CPU, HOST)(3), TypeError, "decorates a Python function"),
        (lambda: parpy.external("f", CPU, HOST)(first), TypeError, "'x' of first must be annot"),
        (lambda: parpy.external("f", CPU, HOST)(stars), TypeError, "plain parameters"),
        (lambda: parpy.external("f", CPU, HOST)(python_types), TypeError, "not with .*float"),
        (lambda: parpy.external("f", CPU, HOST)(wrong_result), TypeError, "must return a scalar"),
        (lambda: parpy.jit(scale), TypeError, "decorates a Python function, not External"),
    ],
)
def test_declarations_that_are_wrong(
    declare: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        declare()


def stars(*x: F32) -> None: ...


def python_types(x: float) -> None: ...


def wrong_result(x: F32) -> float:
    return 1.0


def test_a_declared_function_is_a_python_function() -> None:
    x = np.ones(3, np.float32)
    assert scale(x, 2, 3.0) == 3.0
    assert x.tolist() == [3, 3, 1]
    assert scale.__name__ == "scale"
    assert scale.__wrapped__(x, n=1, a=2.0) == 6.0
    assert repr(scale) == "<parpy external scale>"


# --- Code that is kept ----------------------------------------------------------------------


def test_print_compiled_and_back(library: str) -> None:
    def apply(x, y):
        y[0] = row_sum(x, 3)

    x, y = np.arange(3.0), np.zeros(1)
    text = parpy.print_compiled(apply, [x, y], opts=options(library))
    assert "@parpy.external.0.row_sum(" in text
    parpy.compile_string("apply", text)(x, y)
    assert y[0] == 3.0
    with pytest.raises(RuntimeError, match="'no_such_function' is not to be found"):
        parpy.compile_string("apply", text.replace("row_sum", "no_such_function"))


SECOND = """
import sys
import numpy as np
import parpy
from parpy.types import F64, I64, pointer
import parpy._compile as compile_module

@parpy.external("row_sum", parpy.CompileBackend.Cpu, parpy.Target.Device)
def row_sum(row: pointer(F64), n: I64) -> F64:
    return 0.0

@parpy.jit
def apply(x, y):
    y[0] = row_sum(x, 3)

found = []
load = compile_module._load_cached
def spy(*args):
    found.append(load(*args))
    return found[-1]
compile_module._load_cached = spy
x, y = np.arange(3.0), np.zeros(1)
apply(x, y, opts=parpy.CompileOptions(libs=[sys.argv[1]]))
assert y[0] == 3.0, y
print("disk" if found[0] is not None else "compiled")
"""


def test_a_second_process_finds_the_code_and_the_library(library: str, tmp_path: Path) -> None:
    program = tmp_path / "second.py"
    program.write_text(SECOND)
    outputs = [
        subprocess.run(
            [sys.executable, str(program), library], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert outputs == ["compiled", "disk"]
