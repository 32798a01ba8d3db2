"""Buffers of the CUDA backend and arrays of other libraries, in one memory."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from typing import Any

import numpy as np
import pytest
from cuda_buffers import CPU, CUDA, OPTIONS, Interface, axpy, on_gpu

import parpy
from parpy import _native, buffer
from parpy.types import F32, I32

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)


class TestOtherLibraries:
    def test_numpy_gets_copies(self) -> None:
        b = on_gpu(np.arange(3.0))
        assert np.asarray(b).tolist() == [0, 1, 2]
        assert np.asarray(b, np.float32).dtype == np.float32
        assert not hasattr(b, "__array_interface__")
        with pytest.raises(ValueError, match="must be copied"):
            b.__array__(copy=False)
        assert not hasattr(buffer.zeros(3, F32, CPU), "__cuda_array_interface__")

    def test_cuda_array_interface(self) -> None:
        b = buffer.zeros((2, 3), F32, CUDA)
        interface = b[:, ::2].__cuda_array_interface__
        assert interface["shape"] == (2, 2) and interface["strides"] == (12, 8)
        assert interface["typestr"] == "<f4" and interface["version"] == 3
        assert b.__cuda_array_interface__["strides"] is None

    def test_dlpack(self) -> None:
        b = on_gpu(np.arange(3.0))
        assert b.__dlpack_device__() == (2, 0)
        for stream in (None, 1, 2, -1):
            assert "dltensor" in repr(b.__dlpack__(stream=stream))
        assert "dltensor_versioned" in repr(b.__dlpack__(max_version=(1, 1)))
        with pytest.raises(ValueError, match="ambiguous"):
            b.__dlpack__(stream=0)
        with pytest.raises(BufferError):
            b.__dlpack__(dl_device=(10, 0))
        host = np.from_dlpack(b[:], device="cpu", copy=True)
        assert host.tolist() == [0, 1, 2]
        assert "dltensor" in repr(b.__dlpack__(copy=True))

    @pytest.mark.parametrize("version", [None, (1, 0)])
    def test_capsules_keep_the_memory(self, version: Any) -> None:
        other: Any = Interface(on_gpu(np.arange(3.0)))
        before = sys.getrefcount(other)
        capsule = buffer.from_array(other, CUDA).__dlpack__(max_version=version)
        assert sys.getrefcount(other) == before + 1
        del capsule
        assert sys.getrefcount(other) == before

    def test_consumers_free_capsules_from_any_thread(self) -> None:
        other: Any = Interface(on_gpu(np.arange(3.0)))
        before = sys.getrefcount(other)
        capsule = buffer.from_array(other, CUDA).__dlpack__()
        api = ctypes.pythonapi
        api.PyCapsule_GetPointer.restype = ctypes.c_void_p
        api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
        name = b"used_dltensor"
        managed = api.PyCapsule_GetPointer(capsule, b"dltensor")
        api.PyCapsule_SetName(capsule, name)
        del capsule
        assert sys.getrefcount(other) == before + 1
        # The deleter stands behind the tensor, of 48 bytes, and the context.
        deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(
            ctypes.c_uint64.from_address(managed + 56).value
        )
        thread = threading.Thread(target=deleter, args=(managed,))
        thread.start()
        thread.join()
        assert sys.getrefcount(other) == before

    def test_sync(self) -> None:
        b = buffer.zeros(3, I32, CUDA)
        b.sync()
        buffer.sync(CUDA)
        parpy.sync(CUDA)


FAKE_CUPY = """
import sys, types
import numpy as np
import parpy
from parpy import buffer

CUDA = parpy.CompileBackend.Cuda

class ndarray:
    def __init__(self, b):
        self.owner = b
        self.shape, self.dtype = b.shape, b.dtype.to_numpy()
        interface = b.__cuda_array_interface__
        self.data = types.SimpleNamespace(ptr=interface["data"][0])
        self.strides = interface["strides"]
        self._c_contiguous = self.strides is None
    def __dlpack_device__(self):
        return (2, 0)

asked = 0
def get_current_stream():
    global asked
    asked += sum(1 for _ in [0])  # Python code, which needs the interpreter's lock
    return types.SimpleNamespace(ptr=0)

cupy = types.ModuleType("cupy")
cupy.ndarray = ndarray
cupy.cuda = types.SimpleNamespace(get_current_stream=get_current_stream)
sys.modules["cupy"] = cupy

a = ndarray(buffer.from_array(np.arange(6.0), CUDA))
b = buffer.from_array(a, CUDA)
for use in (
    b.numpy, b.sync, lambda: b[1], lambda: b[::2].copy(), lambda: b.copy_from(np.ones(6)),
    lambda: b.copy_from(buffer.zeros(6, "f8", CUDA)), b.__dlpack__, lambda: b[::-1].numpy(),
    lambda: buffer.zeros(6, "f8", CUDA).copy_from(b),
):
    before = asked
    use()
    assert asked > before, use
assert not b.numpy().any() and not a.owner.numpy().any()
"""


def test_the_stream_of_another_library_is_asked_for(run_script: Any) -> None:
    """Asking CuPy runs Python code."""
    run_script(FAKE_CUPY)


def test_memory_is_given_back(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--emulate") is None:
        pytest.skip("the emulator counts what is allocated")
    import emulator

    gc.collect()
    before = emulator.live_bytes()
    x = on_gpu(np.ones((100, 10)))
    part = x[::2, 1:3]
    axpy(2.0, x[0], x[1], opts=OPTIONS)
    part.numpy(), part.copy(), x.with_type(F32), x.__dlpack__()
    del x
    assert emulator.live_bytes() == before + 8000
    del part
    assert emulator.live_bytes() == before


class TestTorchAndCuPy:
    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    @pytest.fixture
    def cupy(self) -> Any:
        return pytest.importorskip("cupy")

    def test_torch_shares_the_memory(self, torch: Any) -> None:
        b = on_gpu(np.arange(4.0))
        for tensor in (b.torch(), b.torch_ref(), torch.from_dlpack(b)):
            tensor += 1
        torch.cuda.synchronize()
        assert b.numpy().tolist() == [3, 4, 5, 6]
        assert b[::-1].torch().tolist() == [6, 5, 4, 3]
        with pytest.raises(ValueError, match="which copies"):
            b[::-1].torch_ref()
        t = torch.arange(4.0, device="cuda", dtype=torch.float64)
        axpy(1.0, b, buffer.from_array(t, CUDA), opts=OPTIONS)
        assert t.tolist() == [3, 5, 7, 9]

    def test_calls_wait_for_torch_and_it_for_them(self, torch: Any) -> None:
        x = on_gpu(np.zeros(1000))
        tensor, y = x.torch(), on_gpu(np.zeros(1000))
        axpy(1.0, x, y, opts=OPTIONS)
        torch.cuda.synchronize()
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda._sleep(100_000_000)
            tensor += 1
            axpy(1.0, x, y, opts=OPTIONS)
            # `y` is not Torch's: its copy waits for that stream, too.
            assert (y.numpy() == 1).all()

    def test_a_buffer_may_go_while_it_is_used(self, torch: Any) -> None:
        x = torch.ones(1000, device="cuda", dtype=torch.float64)
        axpy(1.0, x, on_gpu(np.zeros(1000)), opts=OPTIONS)
        torch.cuda.synchronize()
        with torch.cuda.stream(torch.cuda.Stream()):
            torch.cuda._sleep(100_000_000)
            y = on_gpu(np.zeros(1000))
            axpy(1.0, y, x, opts=OPTIONS)
            del y
            # This would take the same memory at once.
            z = on_gpu(np.full(1000, 9.0))
        torch.cuda.synchronize()
        assert (x == 1).all()
        del z

    def test_cupy_shares_the_memory(self, cupy: Any) -> None:
        b = on_gpu(np.arange(4.0))
        for array in (cupy.asarray(b), cupy.from_dlpack(b)):
            array += 1
        cupy.cuda.runtime.deviceSynchronize()
        assert b.numpy().tolist() == [2, 3, 4, 5]
        a = cupy.arange(4.0)
        axpy(1.0, b, buffer.from_array(a, CUDA), opts=OPTIONS)
        assert a.tolist() == [2, 4, 6, 8]
