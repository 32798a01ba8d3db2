"""Programs on an emulated Metal device (`--emulate-metal`), or on the GPU of a Mac (`--metal`).

None ran on an Apple GPU yet.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import assert_same

import parpy
from parpy.__main__ import main

METAL = parpy.CompileBackend.Metal
WARP = parpy.threads(32)


@pytest.fixture(autouse=True)
def _needs_a_device(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--metal") is not None:
        yield
        return
    if request.config.getoption("--emulate-metal") is None:
        pytest.skip("about a Metal device: --metal uses the Mac's, --emulate-metal emulates one")
    import emulator

    before = emulator.live_bytes()
    yield
    assert emulator.live_bytes() == before, "a call has kept memory of the device"


@pytest.fixture
def _emulated(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--metal") is not None:
        pytest.skip("about the emulated device")


def options(settings: dict[str, Any] | None = None, **schedule: parpy.LoopPar) -> Any:
    opts = parpy.par(schedule)
    opts.backend = METAL
    for name, value in (settings or {}).items():
        setattr(opts, name, value)
    return opts


def agrees(function: Any, *args: Any, rtol: float = 0, **schedule: parpy.LoopPar) -> None:
    """Whether a decorated function leaves on Metal what it leaves in plain Python."""
    expected = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    function(*expected, opts=parpy.seq())
    function(*args, opts=options(**schedule))
    for i, (a, e) in enumerate(zip(args, expected, strict=True)):
        if isinstance(a, np.ndarray):
            assert_same(a, e, rtol=rtol, what=f"argument {i}")


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


# --- Kernels --------------------------------------------------------------------------------


@parpy.jit
def add(x, y, z, N):
    parpy.label("N")
    for i in range(N):
        z[i] = x[i] + 2.0 * y[i]


@parpy.jit
def normalise(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        top = parpy.operators.max(x[i, :])
        parpy.label("columns")
        y[i, :] = parpy.operators.exp(x[i, :] - top)
        parpy.label("columns")
        total = parpy.operators.sum(y[i, :])
        parpy.label("columns")
        y[i, :] /= total


@parpy.jit
def total(x, s):
    parpy.label("N")
    s[0] = parpy.operators.sum(x[:])


@parpy.jit
def histogram(b, h, N):
    parpy.label("N")
    for i in range(N):
        h[b[i]] += 1


def test_vectors_are_added() -> None:
    agrees(add, floats(1000), floats(1000), floats(1000), 1000, N=parpy.threads(256))


def test_rows_are_normalised() -> None:
    schedule = {"rows": parpy.threads(20), "columns": parpy.threads(128)}
    agrees(normalise, floats(20, 300), floats(20, 300), 20, rtol=1e-5, **schedule)


@pytest.mark.parametrize("threads", [32, 1024, 50_000])
def test_sums_span_blocks(threads: int) -> None:
    x = np.arange(30_000, dtype=np.int32)
    agrees(total, x, np.zeros(1, np.int64), N=parpy.threads(threads).reduce())


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "float16", "float32"])
def test_threads_update_one_element(dtype: str) -> None:
    b = np.random.default_rng(2).integers(0, 5, 300).astype(np.int32)
    agrees(histogram, b, np.zeros(5, dtype), 300, N=parpy.threads(300).reduce())


# --- Roundings ------------------------------------------------------------------------------


@parpy.jit
def rounds(x, y, a, b, N):
    parpy.label("N")
    for i in range(N):
        y[i, 0] = a * b + x[i]
        y[i, 1] = x[i] * x[i] - a


def rounded(settings: dict[str, Any]) -> np.ndarray:
    x, y = floats(500), np.zeros((500, 2), np.float32)
    function = parpy.jit(rounds.__wrapped__)
    function(x, y, 1.1, 2.3, 500, opts=options(settings, N=parpy.threads(512)))
    return y


@pytest.fixture
def _contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    if platform.machine() == "x86_64" and " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no fused multiply-add")
    monkeypatch.setenv("PARPY_EMULATOR_LEVEL", "1")
    monkeypatch.setenv("PARPY_EMULATOR_CONTRACTS", "1")


@pytest.mark.usefixtures("_contracts")
def test_products_of_numbers_are_rounded_alone_whether_constants_or_not() -> None:
    """Those with elements join with the sum, which the GPU rounds once."""
    general = rounded({"specialize": "never"})
    assert_same(general, rounded({"specialize": "always"}))
    x, a, b = floats(500), np.float32(1.1), np.float32(2.3)
    assert_same(general[:, 0], a * b + x)
    assert np.any(general[:, 1] != x * x - a)


@pytest.mark.usefixtures("_contracts")
def test_strict_code_rounds_products_and_sums() -> None:
    x, a, b = floats(500), np.float32(1.1), np.float32(2.3)
    y = rounded({"strict": True})
    assert_same(y, np.stack([a * b + x, x * x - a], 1))


# --- Widths ---------------------------------------------------------------------------------


@parpy.jit
def weak(y, k, a):
    parpy.label("N")
    for i in range(len(y)):
        s = a * a
        k[i] = s
        y[i] = 1 / 3


def test_weak_numbers_have_32_bits() -> None:
    y, k = np.zeros(4, np.float32), np.zeros(4, np.int64)
    weak(y, k, 70_000, opts=options(N=WARP))
    assert k.tolist() == [70_000**2 - 2**32] * 4
    assert y.tolist() == [np.float32(1) / np.float32(3)] * 4
    weak(y, k, 70_000, opts=options({"force_int_size": parpy.types.I64}, N=WARP))
    assert k.tolist() == [70_000**2] * 4


def test_an_integer_beyond_32_bits_is_refused() -> None:
    y, k = np.zeros(4, np.float32), np.zeros(4, np.int64)
    with pytest.raises(OverflowError, match="int32"):
        weak(y, k, 2**40, opts=options(N=WARP))


# --- Host code ------------------------------------------------------------------------------


@parpy.jit
def iterates(x, y, n):
    s = 0.0
    y[3] = 7.0
    while y[0] < 3.0:
        parpy.label("N")
        for i in range(n):
            s += x[i]
        y[0] = y[0] + 1.0
        y[1] = s
        parpy.label("N")
        x[:] = x[:] * 0.5
    if s > 1.0 and y[3] == 7.0:
        y[2] = s * 2.0 + x[0]
    for k in range(int(y[0])):
        y[4] += x[k]


def test_the_host_reads_and_writes_elements_between_kernels() -> None:
    agrees(iterates, np.ones(100, np.float32), np.zeros(5, np.float32), 100, N=WARP.reduce())


@parpy.jit
def touches(x, k, n):
    x[0] = x[1]
    t = x[2] if k[1] > 0 else x[0]
    x[3] = t
    x[n - 1] = x[0] + t
    parpy.label("N")
    for i in range(n):
        x[i] = x[i] + t


@pytest.mark.parametrize("dtype", "bool int8 uint8 int16 int32 int64 float16 float32".split())
def test_elements_of_every_type(dtype: str) -> None:
    x = (np.arange(10) % 3).astype(dtype)
    agrees(touches, x, np.arange(3, dtype=np.int32), 10, N=WARP)


def test_elements_of_arrays_that_run_backwards() -> None:
    agrees(touches, floats(20)[::-2], np.arange(3, dtype=np.int32), 10, N=WARP)


@parpy.jit
def follows(x, k, n):
    parpy.label("N")
    for i in range(n):
        x[i] = 1.0
    x[k[0]] = x[k[1]] + 1.0


def test_an_index_of_the_host_is_checked() -> None:
    k = np.array([1, 12], np.int32)
    with pytest.raises(IndexError, match="index 12 of 'x'"):
        follows(floats(10), k, 10, opts=options({"check_bounds": True}, N=WARP))
    k[1] = 3
    x = floats(10)
    follows(x, k, 10, opts=options({"check_bounds": True}, N=WARP))
    assert x.tolist() == [1, 2] + [1] * 8


@parpy.jit
def goes_on(x, k, n):
    while x[0] < 1.0:
        parpy.label("N")
        for i in range(n):
            x[k[i]] = 2.0


def test_a_failed_test_of_a_kernel_ends_the_loop_around_it() -> None:
    """It leaves what the condition reads as it was."""
    k = np.full(10, 12, np.int32)
    with pytest.raises(IndexError, match="index 12 of 'x'"):
        goes_on(np.zeros(10, np.float32), k, 10, opts=options({"check_bounds": True}, N=WARP))


@parpy.jit
def halves(x, err, n):
    with parpy.gpu:
        err[0] = 1.0
        while err[0] > 0.01:
            parpy.label("N")
            for i in range(n):
                x[i] = x[i] * 0.5
            parpy.label("N")
            err[0] = parpy.operators.max(x[:])


@pytest.mark.parametrize("threads", [1024, 3000])
def test_data_of_a_device_block_decide_how_it_goes_on(threads: int) -> None:
    x = np.abs(floats(3000))
    agrees(halves, x, np.zeros(1, np.float32), 3000, N=parpy.threads(threads).reduce())


seen: list[Any] = []


@parpy.callback
def look(x):
    seen.append(x.numpy().copy())
    x.numpy()[0] = 9


@parpy.jit
def calls_back(x, n):
    t = np.zeros(n, np.float32)
    parpy.label("N")
    for i in range(n):
        x[i] = x[i] + 1.0
        t[i] = 2.0
    look(x)
    look(t)
    parpy.label("N")
    for i in range(n):
        x[i] = x[i] + t[i]


def test_python_sees_arrays_between_kernels() -> None:
    seen.clear()
    x = np.zeros(5, np.float32)
    calls_back(x, 5, opts=options(N=WARP))
    assert [a.tolist() for a in seen] == [[1] * 5, [2] * 5]
    assert x.tolist() == [18, 3, 3, 3, 3]


@parpy.callback
def doubles(x):
    x.numpy()[:] *= 2


@parpy.jit
def doubles_parts(x, y, n):
    parpy.label("N")
    for i in range(n):
        x[i, 1] = x[i, 1] + 1.0
    doubles(x[2:4, 1])
    doubles(y)
    parpy.label("N")
    for i in range(n):
        x[i, 0] = x[i, 1]


def test_python_writes_parts_of_arrays_and_arrays_of_no_kernel() -> None:
    x, y = np.ones((5, 2), np.float32), np.ones(3, np.float32)
    doubles_parts(x[::-1], y, 5, opts=options(N=WARP))
    assert x[::-1].tolist() == [[2, 2], [2, 2], [4, 4], [4, 4], [2, 2]]
    assert y.tolist() == [2, 2, 2]


# --- Text -----------------------------------------------------------------------------------


def printed(function: Any, args: list[Any], **schedule: parpy.LoopPar) -> str:
    return parpy.print_compiled(function, args, options(**schedule))


def test_printed_text_runs_edited_or_not() -> None:
    x, y, z = floats(50), floats(50), floats(50)
    text = printed(add, [x, y, z, 50], N=WARP)
    parpy.compile_string("add", text)(x, y, z, 50)
    assert_same(z, x + 2 * y)
    parpy.compile_string("add", text.replace("2.0f * y", "3.0f * y"))(x, y, z, 50)
    assert_same(z, x + 3 * y)
    parpy.compile_string("add", text, options())(x, y, z, 50)
    parpy.sync(METAL)
    assert_same(z, x + 2 * y)
    with pytest.raises(parpy.CompileError, match="undeclared"):
        parpy.compile_string("add", text.replace("2.0f *", "no_such_name *"))


def test_host_code_of_printed_text_touches_elements() -> None:
    x, y = np.ones(100, np.float32), np.zeros(5, np.float32)
    expected = [x.copy(), y.copy()]
    iterates(*expected, 100, opts=parpy.seq())
    text = printed(iterates, [x, y, 100], N=WARP.reduce())
    parpy.compile_string("iterates", text)(x, y, 100)
    assert_same(y, expected[1])


# --- What the device says -------------------------------------------------------------------

ROWS = {"rows": parpy.threads(20), "columns": parpy.threads(128)}


def test_a_missing_barrier_is_found() -> None:
    x, y = floats(20, 300), floats(20, 300)
    text = printed(normalise, [x, y, 20], **ROWS)
    barriers = re.findall("threadgroup_barrier.*;", text)
    assert len(barriers) == 4
    without = re.sub("threadgroup_barrier.*;", "", text)
    e = np.exp(x - x.max(1, keepdims=True))
    try:
        parpy.compile_string("normalise", without)(x, y, 20)
    except RuntimeError as error:
        assert "normalise_kernel0" in str(error)
    else:
        assert not np.allclose(y, e / e.sum(1, keepdims=True), rtol=1e-4)


def test_a_barrier_that_not_all_threads_reach_is_found() -> None:
    x, y = floats(20, 300), floats(20, 300)
    text = printed(normalise, [x, y, 20], **ROWS)
    parted = text.replace("threadgroup_barrier(", "if (thread_index < 100) threadgroup_barrier(")
    with pytest.raises(RuntimeError, match="they have parted"):
        parpy.compile_string("normalise", parted)(x, y, 20)


@parpy.jit
def shifts(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        x[i, :] = x[i, :] + 1.0
        parpy.label("columns")
        y[i, :] = x[i, ::-1]


def test_a_barrier_orders_the_memory_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARPY_EMULATOR_LEVEL", "1")
    x, y = floats(20, 300), floats(20, 300)
    agrees(shifts, x.copy(), y.copy(), 20, **ROWS)
    text = printed(shifts, [x, y, 20], **ROWS)
    assert "mem_flags::mem_device | " in text
    weaker = text.replace("mem_flags::mem_device | ", "")
    with pytest.raises(RuntimeError, match="since the last barrier"):
        parpy.compile_string("shifts", weaker)(x, y, 20)


@pytest.mark.usefixtures("_emulated")
def test_an_access_beside_an_array_is_found() -> None:
    x, y, z = floats(50), floats(50), floats(50)
    text = printed(add, [x, y, z, 50], N=WARP).replace("z[i] =", "z[i + 100000] =")
    with pytest.raises(RuntimeError, match="add_kernel0"):
        parpy.compile_string("add", text)(x, y, z, 50)
    agrees(add, x, y, z, 50, N=WARP)


@pytest.mark.usefixtures("_emulated")
def test_a_device_with_few_threads_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARPY_EMULATOR_THREADS", "512")
    x = floats(3000)
    function = parpy.jit(add.__wrapped__)
    with pytest.raises(parpy.CompileError, match=r"tpb\(512\)"):
        function(x, x.copy(), x.copy(), 3000, opts=options(N=parpy.threads(3000)))
    agrees(function, x, x.copy(), x.copy(), 3000, N=parpy.threads(3000).tpb(512))


def test_the_doctor_tries_metal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARPY_DEFAULT_BACKEND", "Metal")
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "ok  Metal: compiles and runs" in printed
    assert printed.endswith("The default backend, Metal, works.\n")


def test_metal_can_be_the_default() -> None:
    assert parpy.backend.is_enabled(METAL)
    parpy.backend.set_default(METAL)
    try:
        y, k = np.zeros(4, np.float32), np.zeros(4, np.int64)
        weak(y, k, 70_000, opts=parpy.par({"N": WARP}))
        assert k[0] == 70_000**2 - 2**32
        assert parpy.buffer.zeros(4, parpy.types.F32).shape == (4,)
    finally:
        parpy.backend.set_default(parpy.CompileBackend.Auto)
    weak(y, k, 70_000, opts=parpy.par({"N": WARP}))
    assert k[0] == 70_000**2
