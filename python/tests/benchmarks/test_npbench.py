"""The programs of NPBench give NumPy's results: in plain Python, and compiled."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parpy
from parpy import _native

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.npbench import _catalog, _report, gpu_table  # noqa: E402
from benchmarks.npbench._inputs import DeviceInputs, HostInputs  # noqa: E402
from benchmarks.npbench._result import Result, Status  # noqa: E402

NAMES = _catalog.names()


def made(program: _catalog.Program) -> dict[str, Any]:
    """The arguments of the smallest preset."""
    return program.initialize(**program.sizes["test"])


def run(
    program: _catalog.Program, function: Callable[..., object], **options: Any
) -> dict[str, Any]:
    """The arguments of the smallest preset after a call of `function`."""
    arguments = made(program)
    with np.errstate(all="ignore"):
        function(*arguments.values(), **options)
    return arguments


def compiled(program: _catalog.Program, backend: parpy.CompileBackend) -> dict[str, Any]:
    """As `run`, compiled; warnings about performance are welcome."""
    kernel, opts = program.call(backend, "test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return run(program, kernel, opts=opts)


@pytest.mark.parametrize("name", NAMES)
def test_program_is_complete(name: str) -> None:
    program = _catalog.load(name)
    assert set(program.sizes) == set(_catalog.PRESETS)
    arguments = program.initialize(**program.sizes["test"])
    kernels = (program.kernel, program.gpu_kernel)
    for function in (program.reference, *map(_catalog.plain, kernels)):
        code = function.__code__
        assert list(code.co_varnames[: code.co_argcount]) == list(arguments)
    assert set(program.outputs) <= set(arguments)
    for kernel, schedule in zip(kernels, (program.schedule, program.gpu_schedule), strict=True):
        labels = set(schedule(**program.sizes["test"]))
        assert labels <= set(_constants(kernel)), "a label that no statement bears"


def _constants(kernel: Any) -> list[str]:
    """The strings in a kernel and in the decorated functions that it may call."""
    functions = [kernel, *kernel.__wrapped__.__globals__.values()]
    codes = [f.__wrapped__.__code__ for f in functions if isinstance(f, type(kernel))]
    return [c for code in codes for c in code.co_consts if isinstance(c, str)]


@pytest.mark.parametrize("name", NAMES)
def test_plain(name: str) -> None:
    program = _catalog.load(name)
    expected = run(program, program.reference)
    for kernel in {program.kernel, program.gpu_kernel}:
        assert program.mistakes(run(program, _catalog.plain(kernel)), expected) == []


@pytest.mark.parametrize("dtype", _catalog.DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_that_does_nothing_is_wrong(name: str, dtype: str) -> None:
    program = _catalog.load(name, dtype)
    assert program.mistakes(run(program, lambda *_: None), run(program, program.reference)) != []


@pytest.mark.parametrize("name", NAMES)
def test_compiled(name: str) -> None:
    program = _catalog.load(name)
    actual = compiled(program, parpy.CompileBackend.Cpu)
    assert program.mistakes(actual, run(program, program.reference)) == []


@pytest.mark.parametrize("name", NAMES)
def test_compiled_in_float32(name: str) -> None:
    program = _catalog.load(name, "float32")
    actual = compiled(program, parpy.CompileBackend.Cpu)
    assert program.mistakes(actual, program.in_float64(made(program))) == []
    kinds = {v.dtype.name for v in actual.values() if isinstance(v, np.ndarray)}
    assert not kinds & {"float64", "complex128"}


@pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)
@pytest.mark.parametrize("name", NAMES)
def test_on_cuda(name: str) -> None:
    program = _catalog.load(name)
    actual = compiled(program, parpy.CompileBackend.Cuda)
    assert program.mistakes(actual, run(program, program.reference)) == []


HAS_METAL = pytest.mark.skipif(
    _native.metal_obstacle() is not None, reason=f"no Metal device: {_native.metal_obstacle()}"
)


@HAS_METAL
@pytest.mark.parametrize("name", NAMES)
def test_on_metal(name: str) -> None:
    program = _catalog.load(name, "float32")
    actual = compiled(program, parpy.CompileBackend.Metal)
    assert program.mistakes(actual, program.in_float64(made(program))) == []


@HAS_METAL
@pytest.mark.parametrize("name", NAMES)
def test_float64_is_refused_on_metal(name: str) -> None:
    """A program of NPBench without float64 runs."""
    program = _catalog.load(name)
    kinds = {v.dtype.name for v in made(program).values() if isinstance(v, np.ndarray)}
    if not kinds & {"float64", "complex128"}:
        assert (
            program.mistakes(
                compiled(program, parpy.CompileBackend.Metal), run(program, program.reference)
            )
            == []
        )
        return
    with pytest.raises(parpy.CompileError, match="double-precision floating-point") as caught:
        compiled(program, parpy.CompileBackend.Metal)
    assert "pass arrays of float32" in str(caught.value)


def test_a_refusal_names_the_line() -> None:
    def refused(y):
        y[0] = 1.0
        parpy.label("N")
        y[1:] = 2.0

    opts = parpy.par({"N": parpy.threads(8)})
    opts.backend = parpy.CompileBackend.Cuda
    with pytest.raises(parpy.CompileError) as caught:
        parpy.print_compiled(refused, [np.zeros(9)], opts)
    result = Result("refused").failed(Status.NOT_COMPILED, caught.value)
    line = refused.__code__.co_firstlineno + 1
    message = "Assignments are not allowed outside parallel code."
    assert result.detail == f"line {line}: {message}"
    assert f"not compiled  line {line}: {message}" in _report.line(result)


def test_inputs_start_from_the_same_values() -> None:
    inputs = HostInputs(lambda: {"b": np.zeros(3), "n": 2, "a": np.arange(4.0)}, ["a", "b", "n"])
    assert list(inputs.arguments) == ["a", "b", "n"]
    a, b, _ = inputs.values()
    b += 1
    inputs.learn()
    assert np.array_equal(b, np.zeros(3)) and np.array_equal(a, np.arange(4.0))
    a *= 2
    inputs.learn()
    a *= 3
    b -= 1
    inputs.restore()
    assert np.array_equal(b, np.zeros(3)) and np.array_equal(a, np.arange(4.0))


def test_inputs_on_a_device_start_from_the_same_values() -> None:
    arguments = {"a": np.arange(4.0), "n": 2, "b": np.zeros(3)}
    inputs = DeviceInputs(arguments, parpy.CompileBackend.Cpu)
    a, n, b = inputs.values()
    assert n == 2 and isinstance(a, parpy.buffer.Buffer)
    b.copy_from(np.ones(3))
    taken = inputs.taken(["b"])
    inputs.restore()
    assert np.array_equal(taken["b"], np.ones(3))
    assert np.array_equal(b.numpy(), np.zeros(3)) and np.array_equal(a.numpy(), np.arange(4.0))


def test_mistakes_are_told() -> None:
    program = _catalog.load("compute")
    expected = run(program, program.reference)
    wrong = {**expected, "out": expected["out"].copy()}
    wrong["out"][1, 2] += 3
    assert program.mistakes(wrong, expected) == ["out: 1 of 198 elements differ, by up to 3"]
    wrong["out"] = expected["out"].astype(np.float64)
    assert program.mistakes(wrong, expected) == [
        "out: float64 (11, 18), expected int64 (11, 18)",
    ]


def test_results_survive_json() -> None:
    samples = {"numpy": [2.0, 4.0, 3.0], "parpy": [1.5], "numba": [2.0], "numba parallel": [1.0]}
    result = Result("gemm", Status.WRONG, "C: …", 0.5, samples)
    assert Result.of(result.data()) == result
    assert (result.numpy, result.parpy, result.numba) == (3.0, 1.5, 1.0)
    assert result.speedup(result.parpy) == 2.0


def test_the_table_of_a_gpu_compares_with_the_best_peer(tmp_path: Path) -> None:
    file = tmp_path / "peers.csv"
    file.write_text(
        "program,cupy_ms,jax_ms,jax_first_s,torch_ms\ngemm,2,8,0.5,\natax,1,,,1.5\nlu,1,1,1,1\n"
    )
    results = [
        Result("atax", first_call=0.25, samples={"parpy": [0.004]}),
        Result("gemm", first_call=0.5, samples={"parpy": [0.0005]}),
        Result("lu", Status.WRONG, samples={"parpy": [0.001]}),
        Result("mvt", samples={"parpy": [0.0625]}),
    ]
    about = {
        "title": "NPBench",
        "date": "2026-11-27T10:00:00",
        "versions": {"parpy": "1"},
        "options": {"reference": "cpu"},
    }
    lines = gpu_table.table(results, gpu_table.read_peers(file), about).splitlines()
    assert "| atax | 4.000 | 0.25 | 1.000 | – | 1.500 | 0.25 x |" in lines
    assert "| gemm | 0.500 | 0.50 | 2.000 | 8.000 | – | 4.00 x |" in lines
    assert "| lu | wrong | – | 1.000 | 1.000 | 1.000 | – |" in lines
    assert "| mvt | 62.500 | – | – | – | – | – |" in lines
    assert "- 3 of 4 programs give the results of ParPy's CPU backend." in lines
    mean = "the best peer over ParPy's: 1.00 x in 2 programs; ParPy is faster in 1."
    assert lines[-1] == f"- Geometric mean of the time of {mean}"
