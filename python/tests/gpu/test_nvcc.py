"""Host code of CUDA programs by way of nvcc: the user's own, and what it calls on the host."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from c_libraries import build, needs_compiler
from device_memory import DeviceArray
from test_cuda_text import cuda

import parpy
from parpy import _native, _nvcc
from parpy.types import F16, F32, F64, I8, I64, Bool, pointer


def _obstacle() -> str | None:
    try:
        _nvcc.find()
    except parpy.CompileError as error:
        return str(error)
    return _native.cuda_obstacle()


needs_nvcc = pytest.mark.skipif(_obstacle() is not None, reason=f"{_obstacle()}")
CUDA, HOST = parpy.CompileBackend.Cuda, parpy.Target.Host

HEADER = """
#pragma once

inline double total(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double value;
    cudaMemcpy(&value, x + i, sizeof value, cudaMemcpyDeviceToHost);
    sum += value;
  }
  return sum;
}

inline void put(double *x, int64_t n, double value) {
  for (int64_t i = 0; i < n; i++) cudaMemcpy(x + i, &value, sizeof value, cudaMemcpyHostToDevice);
}

inline double join(bool a, int8_t b, float c, double d, int64_t e) {
  return (a ? 1 : 2) + b + c + d + e;
}
"""


HALVES = """
#pragma once

inline float halve(__half x) { return __half2float(x) / 2; }
inline __half first(const __half *x) {
  __half value;
  cudaMemcpy(&value, x, sizeof value, cudaMemcpyDeviceToHost);
  return value;
}
"""


@parpy.external("total", CUDA, HOST, header="host.h")
def total(x: pointer(F64), n: I64) -> F64:
    return x[:n].sum()


@parpy.external("put", CUDA, HOST, header="<host.h>")
def put(x: pointer(F64), n: I64, value: F64) -> None:
    x[:n] = value


@parpy.external("join", CUDA, HOST, header="host.h")
def join(a: Bool, b: I8, c: F32, d: F64, e: I64) -> F64:
    return (1 if a else 2) + b + c + d + e


@parpy.external("halve", CUDA, HOST, header="halves.h")
def halve(x: F16) -> F32:
    return x / 2


@parpy.external("first", CUDA, HOST, header="halves.h")
def first(x: pointer(F16)) -> F16:
    return x[0]


@pytest.fixture(scope="module")
def includes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the headers."""
    folder = tmp_path_factory.mktemp("includes")
    (folder / "host.h").write_text(HEADER)
    (folder / "halves.h").write_text(HALVES)
    return folder


def options(includes: Path, **settings: Any) -> parpy.CompileOptions:
    opts = cuda({"N": parpy.threads(32)})
    opts.includes = [includes]
    for name, value in settings.items():
        setattr(opts, name, value)
    return opts


def same(function: Callable[..., None], opts: parpy.CompileOptions, *args: Any) -> None:
    """Holds the function to plain Python, called, and as text that is compiled again."""
    expected = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    function(*expected)
    again = parpy.compile_string(
        function.__name__, parpy.print_compiled(function, list(args), opts), cuda({})
    )
    for run in (lambda *a: parpy.jit(function)(*a, opts=opts), again):
        mine = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        run(*mine)
        for a, b in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(a, b)


# --- Functions of the host -------------------------------------------------------------------


def scaled(x, y, N):
    t = np.empty(N)
    for k in range(3):
        parpy.label("N")
        for i in range(N):
            t[i] = x[i] * (k + 1)
        s = total(t, N)
        if total(x[1:], N - 1) < 100.0:
            put(x[k:], 1, s)
        parpy.label("N")
        for i in range(N):
            y[i] += x[i] + s


@needs_nvcc
def test_arrays_and_results(includes: Path) -> None:
    same(scaled, options(includes), np.arange(6.0), np.zeros(6), 6)
    wide, y = np.zeros((2, 20)), np.zeros(6)
    wide[0, :6] = np.arange(6.0)
    plain = [np.arange(6.0), np.zeros(6)]
    scaled(*plain, 6)
    parpy.jit(scaled)(wide[0, :6], y, 6, opts=options(includes))
    np.testing.assert_array_equal(y, plain[1])
    np.testing.assert_array_equal(wide[0], [*plain[0], *[0.0] * 14])


@needs_nvcc
def test_arrays_of_the_device(includes: Path) -> None:
    x, y = np.arange(6.0), np.zeros(6)
    device = [DeviceArray(x), DeviceArray(y)]
    scaled(x, y, 6)
    parpy.jit(scaled)(*device, 6, opts=options(includes))
    np.testing.assert_array_equal(device[0].numpy(), x)
    np.testing.assert_array_equal(device[1].numpy(), y)


@needs_nvcc
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_scalars(includes: Path, specialize: str) -> None:
    def apply(y, a, b, c, d, h, n):
        s = join(a, b, c, d, n) + halve(h) + join(n > 3, 2, 0.25, 1.5, n + 1)
        parpy.label("N")
        for i in range(len(y)):
            y[i] = s

    compiled = parpy.jit(apply)
    opts = options(includes, specialize=specialize)
    for n in (3, 4, 5):
        args = (
            np.bool_(n == 4),
            np.int8(-n),
            np.float32(0.1 * n),
            np.float64(0.1),
            np.float16(n),
            n,
        )
        mine, theirs = np.zeros(40), np.zeros(40)
        compiled(mine, *args, opts=opts)
        apply(theirs, *args)
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


@needs_nvcc
def test_halves_that_no_kernel_knows(includes: Path) -> None:
    def apply(h, y):
        s = halve(first(h[1:]))
        parpy.label("N")
        for i in range(len(y)):
            y[i] = s

    same(apply, options(includes), np.array([1, 7], np.float16), np.zeros(3))


@needs_nvcc
def test_tests_of_host_and_kernels(includes: Path) -> None:
    def apply(x, c, n):
        put(x, 1, 5.0)
        a = 0
        while a < n:
            a += 2
        parpy.label("N")
        x[1:a] = x[1:n]
        parpy.label("N")
        for i in range(len(c)):
            x[c[i]] = 1.0
        put(x, 1, 7.0)

    compiled, opts = parpy.jit(apply), options(includes, check_bounds=True)
    x = np.zeros(6)
    with pytest.raises(TypeError, match=r"shapes \(2,\) and \(3,\) do not broadcast"):
        compiled(x, np.array([1]), 3, opts=opts)
    np.testing.assert_array_equal(x, [5, 0, 0, 0, 0, 0])
    with pytest.raises(IndexError, match="index 6 of 'x'"):
        compiled(x, np.array([1, 6]), 4, opts=opts)
    np.testing.assert_array_equal(x, [7, 1, 0, 0, 0, 0])
    same(apply, opts, np.arange(6.0), np.array([2, 3]), 4)


@needs_nvcc
def test_checks_come_first(includes: Path) -> None:
    @parpy.jit
    def apply(x, n):
        put(x, 1, 5.0)
        parpy.label("N")
        for i in range(n):
            x[i] = 1.0

    x = np.zeros(4)
    with pytest.raises(IndexError):
        apply(x, 9, opts=options(includes, specialize="never"))
    assert not x.any()


@needs_nvcc
@needs_compiler
def test_libraries(tmp_path: Path) -> None:
    """By path, by name, and with the linker's own flags."""
    folder = tmp_path / "lib"
    folder.mkdir()
    library = build(folder, "double own_pi(double x) { return 3 * x; }\n", "own_pi")
    (tmp_path / "own.h").write_text('extern "C" double own_pi(double x);\n')

    @parpy.external("own_pi", CUDA, HOST, header="own.h")
    def own_pi(x: F64) -> F64:
        return 3 * x

    def apply(x):
        s = own_pi(2.0)
        parpy.label("N")
        for i in range(len(x)):
            x[i] += s

    same(apply, options(tmp_path, libs=[library]), np.zeros(3))
    flags = [f"-L{folder}", "-lown_pi", f"-Xlinker=-rpath={folder}"]
    same(apply, options(tmp_path, extra_flags=flags), np.zeros(3))
    with pytest.raises(parpy.CompileError, match="own_pi"):
        parpy.jit(apply)(np.zeros(3), opts=options(tmp_path))


@needs_nvcc
def test_what_is_refused(includes: Path) -> None:
    @parpy.jit
    def inside(x):
        parpy.label("N")
        for i in range(len(x)):
            put(x[i:], 1, 1.0)

    with pytest.raises(parpy.CompileError, match="put is declared with Target.Host"):
        inside(np.zeros(3), opts=options(includes))


# --- Host code of the user's own -----------------------------------------------------------------


def edited(function: Callable[..., None], args: list[Any], old: str, new: str) -> Any:
    """The function of printed text in which something reads otherwise."""
    opts = cuda({"N": parpy.threads(32)})
    text = parpy.print_compiled(function, args, opts)
    assert text.count(old) == 1
    return parpy.compile_string(function.__name__, text.replace(old, new), opts)


LAUNCH = "negate_kernel0<<<1, 32, 0, stream>>>(x, y);"


@needs_nvcc
def test_edited_host_code_runs() -> None:
    x, y = np.arange(1.0, 9), np.zeros(8)
    again = edited(
        programs.negate,
        [x, y, 8],
        LAUNCH,
        f"{LAUNCH}\n  cudaMemcpyAsync(y, x + 4, 32, cudaMemcpyDeviceToDevice, stream);",
    )
    again(x, y, 8)
    np.testing.assert_array_equal(y, [5, 6, 7, 8, -5, -6, -7, -8])
    device = [DeviceArray(x), DeviceArray(np.zeros(8))]
    again(*device, 8)
    np.testing.assert_array_equal(device[1].numpy(), y)
    with pytest.raises(TypeError, match="'x' does not fit the code"):
        again(x[:4], y, 8)


@needs_nvcc
def test_results_of_edited_host_code() -> None:
    x, y = np.ones(8), np.zeros(8)
    memory = edited(programs.negate, [x, y, 8], LAUNCH, "return -1;")
    with pytest.raises(MemoryError):
        memory(x, y, 8)
    failed = edited(programs.negate, [x, y, 8], LAUNCH, "return -3;")
    with pytest.raises(RuntimeError, match="'negate' gave -3"):
        failed(x, y, 8)
    unknown = edited(programs.negate, [x, y, 8], LAUNCH, "return 77;")
    with pytest.raises(parpy.InternalCompilerError, match="unknown result 77"):
        unknown(x, y, 8)


@needs_nvcc
def test_unchanged_host_code_needs_no_nvcc(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise parpy.CompileError("nvcc was asked for")

    monkeypatch.setattr(_nvcc, "find", refuse)
    x, y = np.ones(8), np.zeros(8)
    opts = cuda({"N": parpy.threads(32)})
    text = parpy.print_compiled(programs.negate, [x, y, 8], opts)
    for same in (
        text.replace("-x[i]", "2 * x[i]"),
        text.replace(LAUNCH, f"{LAUNCH}  \n\n  // as it was"),
    ):
        parpy.compile_string("negate", same, opts)(x, y, 8)
    with pytest.raises(parpy.CompileError, match="nvcc was asked for"):
        parpy.compile_string("negate", text.replace(LAUNCH, f"{LAUNCH} {LAUNCH}"), opts)


@needs_nvcc
@needs_compiler
def test_options_reach_edited_host_code(tmp_path: Path) -> None:
    library = build(tmp_path, "int own_count(void) { return 3; }\n", "own_count")
    (tmp_path / "own.h").write_text('extern "C" int own_count(void);\n')
    opts = cuda({"N": parpy.threads(32)})
    x, y = np.arange(8.0), np.zeros(8)
    text = parpy.print_compiled(programs.negate, [x, y, 8], opts)
    text = text.replace(
        "#ifndef __CUDACC_RTC__\n", '#ifndef __CUDACC_RTC__\n#include "own.h"\n'
    ).replace(LAUNCH, f"if (own_count() == COUNT) {LAUNCH}")
    opts.includes, opts.libs = [tmp_path], [library]
    for count in (3, 4):
        opts.extra_flags = [f"-DCOUNT={count}"]
        y[:] = 0
        parpy.compile_string("negate", text, opts)(x, y, 8)
        np.testing.assert_array_equal(y, -x if count == 3 else 0 * x)


# --- The compiler --------------------------------------------------------------------------------


@needs_nvcc
def test_what_nvcc_refuses(includes: Path, tmp_path: Path) -> None:
    x = np.zeros(8)
    with pytest.raises(
        parpy.CompileError, match=r"(?s)nvcc could not compile.*nonsense.*The line \d+ of the code:"
    ) as caught:
        edited(programs.negate, [x, x.copy(), 8], LAUNCH, "nonsense(x);")
    assert str(caught.value).endswith("    nonsense(x);")
    (tmp_path / "host.h").write_text("inline double total(double *x, int64_t n) { return wrong; }")

    @parpy.jit
    def apply(x):
        s = total(x, len(x))
        parpy.label("N")
        for i in range(len(x)):
            x[i] = s

    with pytest.raises(parpy.CompileError, match=r"host\.h.*wrong") as caught:
        apply(x, opts=options(tmp_path, write_output=True))
    assert "The line" not in str(caught.value)
    written = str(caught.value).rsplit("The code was written to ", 1)[1]
    assert "apply_kernel0<<<" in Path(written).read_text()
    Path(written).unlink()


SECOND = """
import sys
import numpy as np
sys.path[:0] = sys.argv[2:4]
if sys.argv[4] == "emulated":
    import emulator
    emulator.start()
import test_nvcc
import parpy
from parpy import _nvcc

compile = _nvcc._compiled
def spy(*args):
    print("compiled")
    return compile(*args)
_nvcc._compiled = spy
x, y = np.arange(6.0), np.zeros(6)
parpy.jit(test_nvcc.scaled)(x, y, 6, opts=test_nvcc.options(sys.argv[1]))
print(x.sum() + y.sum())
"""


@needs_nvcc
def test_a_second_process_finds_the_code(
    includes: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    program = tmp_path / "second.py"
    program.write_text(SECOND)
    here = Path(__file__).parent
    mode = "emulated" if pytestconfig.getoption("--emulate") else "real"
    command = [sys.executable, str(program), str(includes), str(here.parent), str(here), mode]
    # A directory of its own: other tests compile the same text.
    environment = {**os.environ, "PARPY_CACHE_DIR": str(tmp_path / "cache")}
    outputs = [
        subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        ).stdout.split()
        for _ in range(2)
    ]
    assert outputs[0] == ["compiled", *outputs[1]]


def test_where_nvcc_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nvcc(*folders: str) -> str:
        file = tmp_path.joinpath(*folders, "nvcc")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
        return str(file)

    class Wheels:
        submodule_search_locations = (str(tmp_path / "nvidia"),)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Wheels)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUDA_PATH", raising=False)
    if not Path("/usr/local/cuda/bin/nvcc").exists():
        with pytest.raises(parpy.CompileError) as caught:
            _nvcc.find()
        for place in (str(tmp_path / "home/bin/nvcc"), "on PATH", "/usr/local/cuda/bin/nvcc"):
            assert place in str(caught.value)
        assert str(caught.value).endswith("help: pip install 'parpy[nvcc]'")
        nvcc("nvidia", "cu12", "bin")
        newest = nvcc("nvidia", "cu13", "bin")
        assert _nvcc.find() == newest
    home = nvcc("home", "bin")
    assert _nvcc.find() == home
    on_path = nvcc("path")
    assert _nvcc.find() == on_path
