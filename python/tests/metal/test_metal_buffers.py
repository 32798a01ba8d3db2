"""`parpy.buffer` on an emulated Metal device, with `--emulate-metal`."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import parpy
from parpy import buffer
from parpy.types import BF16, F16, F32, F64, I32, ElemSize

CPU, METAL = parpy.CompileBackend.Cpu, parpy.CompileBackend.Metal


@pytest.fixture(autouse=True)
def _needs_the_emulator(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--emulate-metal") is None:
        pytest.skip("about a Metal device: --emulate-metal emulates one")
    gc.collect()
    before = live_bytes()
    yield
    gc.collect()
    assert live_bytes() == before, "memory of the device is kept"


def live_bytes() -> int:
    import emulator

    return emulator.live_bytes()


def options() -> parpy.CompileOptions:
    opts = parpy.par({"N": parpy.threads(64)})
    opts.backend = METAL
    return opts


@parpy.jit
def axpy(a, x, y):
    parpy.label("N")
    y[:] = a * x[:] + y[:]


def on_metal(x: Any) -> buffer.Buffer:
    return buffer.from_array(x, METAL)


# --- Making ---------------------------------------------------------------------------------


@pytest.mark.parametrize("elem", [e for e in ElemSize if e is not BF16])
def test_every_type(elem: ElemSize) -> None:
    b = buffer.zeros((2, 3), elem, METAL)
    assert (b.dtype, b.shape, b.size(), len(b), b.backend()) == (elem, (2, 3), 6, 2, METAL)
    assert b.numpy().dtype == elem.to_numpy() and not b.numpy().any()
    x = np.arange(6).reshape(2, 3).astype(elem.to_numpy())
    np.testing.assert_array_equal(on_metal(x).numpy(), x)


def test_bfloat16() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.arange(6).astype(ml_dtypes.bfloat16)
    b = on_metal(x)
    assert b.dtype == BF16
    np.testing.assert_array_equal(b[::-2].numpy(), x[::-2])


@pytest.mark.parametrize("shape", [(), (0,), 5, (3, 0, 2), [2, 2], np.int32(4), (1,) * 16])
def test_every_shape(shape: Any) -> None:
    b = buffer.empty(shape, F32, METAL)
    assert b.shape == np.empty(shape).shape
    assert b.numpy().shape == b.shape
    assert b.backend() is METAL


def test_like() -> None:
    b = buffer.zeros((2, 3), I32, METAL)
    for c in (buffer.empty_like(b), buffer.zeros_like(b)):
        assert (c.shape, c.dtype, c.backend()) == (b.shape, b.dtype, METAL)
        assert not np.shares_memory(c.numpy(), b.numpy())
    assert not buffer.zeros_like(b).numpy().any()


def test_float64_is_only_kept() -> None:
    """Metal has no float64; its memory does not mind."""
    b = on_metal(np.arange(3.0))
    assert b.with_type(F32).dtype == F32
    with pytest.raises(parpy.CompileError, match="double-precision"):
        axpy(2.0, b, buffer.zeros(3, F64, METAL), opts=options())


def test_the_default_backend() -> None:
    parpy.backend.set_default(METAL)
    try:
        assert buffer.empty(3, F32).backend() is METAL
    finally:
        parpy.backend.set_default(parpy.CompileBackend.Auto)


@pytest.mark.parametrize("shape", [1 << 50, (1 << 40, 1 << 40)])
def test_out_of_memory_leaves_all_usable(shape: Any) -> None:
    with pytest.raises(MemoryError, match="out of memory") as caught:
        buffer.empty(shape, F32, METAL)
    assert isinstance(caught.value, RuntimeError)
    assert buffer.zeros(3, F32, METAL).numpy().tolist() == [0, 0, 0]


# --- Memory that host and GPU share ---------------------------------------------------------


def test_numpy_sees_what_kernels_write_and_kernels_what_numpy_writes() -> None:
    x, y = on_metal(np.ones(100, np.float32)), buffer.zeros(100, F32, METAL)
    seen = y.numpy()
    axpy(2.0, x, y, opts=options())
    assert seen.tolist() == [2] * 100
    seen[:] = 5
    x.numpy()[:] = 3
    axpy(2.0, x, y, opts=options())
    assert seen.tolist() == [11] * 100
    assert np.shares_memory(seen, y.numpy())


@parpy.callback
def memory_of_the_device(x):
    seen.append((live_bytes(), x.numpy().ctypes.data))


seen: list[tuple[int, int]] = []


@parpy.jit
def calls_back(x, n):
    parpy.label("N")
    for i in range(n):
        x[i] = x[i] + 1.0
    memory_of_the_device(x)


def test_buffers_are_not_copied() -> None:
    seen.clear()
    b = buffer.zeros(1000, F32, METAL)
    before = live_bytes()
    for x in (b, b.numpy(), b[::-2], b.numpy()[3:], buffer.from_array(b, CPU)):
        calls_back(x, len(x), opts=options())
        address = x.ctypes.data if isinstance(x, np.ndarray) else x.numpy().ctypes.data
        assert seen.pop() == (before, address)
    copied = np.zeros(1000, np.float32)
    calls_back(copied, 1000, opts=options())
    assert seen.pop()[0] >= before + copied.nbytes
    assert b.numpy()[:5].tolist() == [3, 4, 3, 5, 4]
    assert copied.tolist() == [1] * 1000


def test_buffers_and_arrays_stand_side_by_side() -> None:
    y = np.zeros(10, np.float32)
    axpy(2.0, on_metal(np.arange(10, dtype=np.float32)), y, opts=options())
    assert y.tolist() == list(range(0, 20, 2))
    b = buffer.zeros(10, F32, METAL)
    axpy(2.0, np.arange(10, dtype=np.float32), b, opts=options())
    assert b.numpy().tolist() == list(range(0, 20, 2))


def test_parts_of_one_buffer_overlap() -> None:
    b = on_metal(np.arange(10, dtype=np.float32))
    axpy(2.0, b[:5], b[5:], opts=options())
    assert b.numpy().tolist() == [0, 1, 2, 3, 4, 5, 8, 11, 14, 17]
    b = on_metal(np.arange(10, dtype=np.float32))
    axpy(2.0, b, b, opts=options())
    assert b.numpy().tolist() == [3 * i for i in range(10)]


def test_the_cpu_uses_them_in_place() -> None:
    x, y = on_metal(np.ones(10, np.float32)), buffer.zeros(10, F32, METAL)
    opts = options()
    opts.backend = CPU
    axpy(2.0, x, y, opts=opts)
    assert y.numpy().tolist() == [2] * 10


def test_memory_lives_as_long_as_a_view_of_it() -> None:
    before = live_bytes()
    view = buffer.zeros(100, F32, METAL)[5:].numpy()[::2]
    gc.collect()
    assert live_bytes() == before + 400
    axpy(1.0, np.ones(48, np.float32), view, opts=options())
    assert view.tolist() == [1] * 48
    del view
    gc.collect()
    assert live_bytes() == before


def test_elements_without_dimensions_are_passed_by_value() -> None:
    y = buffer.zeros(4, F32, METAL)
    axpy(on_metal(np.float32(2.5)), on_metal(np.ones(4, np.float32)), y, opts=options())
    assert y.numpy().tolist() == [2.5] * 4


# --- Views, copies, other libraries ---------------------------------------------------------


def test_views_share_the_memory() -> None:
    b = on_metal(np.arange(12, dtype=np.float32))
    for part in (b.reshape(3, 4), b[2:], b[::-1], b.reshape(3, 4)[1], b[5:5]):
        assert isinstance(part, buffer.Buffer)
        assert part.backend() is METAL
        assert part.size() == 0 or np.shares_memory(part.numpy(), b.numpy())
    assert float(b[3]) == 3.0


def test_what_is_gathered_lies_on_the_cpu() -> None:
    chosen = on_metal(np.arange(12, dtype=np.float32))[np.array([1, 5])]
    assert chosen.backend() is CPU
    assert chosen.numpy().tolist() == [1, 5]


def test_copies() -> None:
    b = on_metal(np.arange(4, dtype=np.float32))
    c = b.copy()
    assert c.backend() is METAL
    assert not np.shares_memory(c.numpy(), b.numpy())
    c.numpy()[:] = 7
    b.copy_from(c)
    assert b.numpy().tolist() == [7] * 4
    b.copy_from(np.arange(4))
    assert b.with_type(F16)[::-1].numpy().tolist() == [3, 2, 1, 0]
    on_cpu = buffer.from_array(np.zeros(4, np.float32), CPU)
    on_cpu.copy_from(b)
    assert on_cpu.numpy().tolist() == [0, 1, 2, 3]
    b.sync()
    buffer.sync(METAL)


def test_from_array_borrows_shared_memory_and_copies_other() -> None:
    b = buffer.zeros(10, F32, METAL)
    assert np.shares_memory(on_metal(b).numpy(), b.numpy())
    assert np.shares_memory(on_metal(b.numpy()[2:5]).numpy(), b.numpy())
    x = np.zeros(10, np.float32)
    assert not np.shares_memory(on_metal(x).numpy(), x)
    assert buffer.from_array(b, CPU).backend() is CPU


def test_from_raw_knows_its_memory() -> None:
    b = on_metal(np.arange(10, dtype=np.float32))
    address = b.numpy().ctypes.data
    part = buffer.from_raw(address + 8, 3, F32, METAL)
    assert part.backend() is METAL
    axpy(1.0, np.ones(3, np.float32), part, opts=options())
    assert b.numpy().tolist() == [0, 1, 3, 4, 5, 5, 6, 7, 8, 9]
    elsewhere = np.zeros(3, np.float32)
    for place, count in ((address, 11), (elsewhere.ctypes.data, 3), (address + 4, 1 << 62)):
        with pytest.raises(ValueError, match="no address"):
            buffer.from_raw(place, count, F32, METAL)
    assert buffer.from_raw(0, 0, F32, METAL).backend() is METAL


def test_other_libraries_see_the_same_memory() -> None:
    b = on_metal(np.arange(4, dtype=np.float32))
    for seen in (np.asarray(b), np.from_dlpack(b)):  # type: ignore[arg-type]
        assert np.shares_memory(seen, b.numpy())
    first = ctypes.c_float.from_address(b.__array_interface__["data"][0])
    first.value = 9
    assert float(b[0]) == 9.0
    assert not hasattr(b, "__cuda_array_interface__")


def test_torch_sees_the_same_memory() -> None:
    torch = pytest.importorskip("torch")
    b = on_metal(np.arange(4, dtype=np.float32))
    tensor = b.torch_ref()
    tensor[0] = 5
    assert float(b[0]) == 5.0
    assert torch.equal(b.torch(), tensor)
    del tensor
