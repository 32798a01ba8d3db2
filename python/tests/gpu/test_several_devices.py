"""Several GPUs in one process: two of the emulator, or of this machine."""

from __future__ import annotations

import pytest
from conftest import Run

PROGRAMS = """
import ctypes
import numpy as np
import parpy
from parpy import buffer, CompileBackend

driver = ctypes.CDLL('libcuda.so.1')

def choose(device):
    # What cudaSetDevice and torch.cuda.set_device do.
    driver.cuInit(0)
    context = ctypes.c_void_p()
    assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) == 0
    assert driver.cuCtxSetCurrent(context) == 0

def on(device, x):
    choose(device)
    made = buffer.from_array(x, CompileBackend.Cuda)
    choose(0)
    assert made.__dlpack_device__() == (2, device)
    return made

@parpy.jit
def add(x, y, N):
    parpy.label('N')
    for i in range(N):
        x[i] += y[i]

@parpy.jit
def add_entries(x, d, N):
    parpy.label('N')
    for i in range(N):
        x[i] += d['y'][i]

PAR = parpy.par({'N': parpy.threads(32)})
PAR.backend = CompileBackend.Cuda
ones = np.ones(5)
"""


def test_the_device_is_that_of_the_arguments(on_two_devices: Run) -> None:
    script = """
counts = []
for device in (0, 1, 0, 1):
    x, y = on(device, ones), on(device, 2 * ones)
    add(x, y, 5, opts=PAR)
    add(x, ones, 5, opts=PAR)
    assert x.numpy().tolist() == [4.0] * 5
    assert x.copy().__dlpack_device__() == (2, device)
    counts.append(len(add.compilations))
# Each device has its versions, which later calls find.
assert counts[1] == counts[2] == counts[3], counts
"""
    on_two_devices(PROGRAMS + script)


def test_arrays_of_the_host_run_on_the_current_device(on_two_devices: Run) -> None:
    script = """
for device in (1, 0, 1):
    choose(device)
    x = ones.copy()
    add(x, ones, 5, opts=PAR)
    assert x.tolist() == [2.0] * 5
    assert buffer.zeros(3, 'float32', CompileBackend.Cuda).__dlpack_device__() == (2, device)
"""
    on_two_devices(PROGRAMS + script)


def test_arrays_on_two_devices_are_named(on_two_devices: Run) -> None:
    script = """
x, y = on(0, ones), on(1, ones)
for call in (lambda: add(x, y, 5, opts=PAR), lambda: add_entries(y, {'y': x}, 5, opts=PAR)):
    for _ in range(2):
        try:
            call()
        except ValueError as error:
            print(str(error).splitlines()[0])
add(x, on(0, ones), 5, opts=PAR)
assert x.numpy().tolist() == [2.0] * 5
"""
    first, again, entry, entry_again = on_two_devices(PROGRAMS + script).splitlines()
    assert first == again
    assert first.startswith("argument 'y' lies on CUDA device 1 but argument 'x' on device 0; ")
    assert entry == entry_again
    assert entry.startswith(
        "argument 'd[\"y\"]' lies on CUDA device 0 but argument 'x' on device 1; "
    )


def test_buffers_that_are_made_like_others_lie_beside_them(on_two_devices: Run) -> None:
    script = """
for device in (0, 1, 0):
    x = on(device, np.arange(6.0).reshape(2, 3))
    made = buffer.zeros_like(x), buffer.empty_like(x[:, ::2]), buffer.zeros_like(x[2:])
    made += x.copy(), x[:, 1].copy(), x.with_type('f4'), x[:, 1].with_type('i4')
    assert all(b.__dlpack_device__() == (2, device) for b in made)
    made[1].copy_from(x[:, ::2])
    add(made[0].reshape(6), x.reshape(6), 6, opts=PAR)
    assert made[0].numpy().tolist() == x.numpy().tolist()
    assert made[1].numpy().tolist() == [[0, 2], [3, 5]]
"""
    on_two_devices(PROGRAMS + script)


def test_printed_text_runs_on_both(on_two_devices: Run) -> None:
    script = """
text = parpy.compile_string('add', parpy.print_compiled(add, [ones, ones, 5], PAR), PAR)
for device in (0, 1):
    x = on(device, ones)
    text(x, on(device, ones), 5)
    assert x.numpy().tolist() == [2.0] * 5
"""
    on_two_devices(PROGRAMS + script)


def test_buffers_are_copied_between_devices(on_two_devices: Run) -> None:
    script = """
x, y = on(0, np.arange(6.0)), on(1, np.zeros(6, np.float32))
y.copy_from(x)
assert y.numpy().tolist() == list(range(6))
y[::2].copy_from(x[3:])
assert y.numpy()[::2].tolist() == [3, 4, 5]
assert y.with_type('int32').__dlpack_device__() == (2, 1)
"""
    on_two_devices(PROGRAMS + script)


def test_loops_of_launches_run_on_both(on_two_devices: Run) -> None:
    """With temporaries, sums of many blocks, and launches enough for a graph."""
    script = """
@parpy.jit
def steps(x, total, n):
    for t in range(20):
        parpy.label('N')
        for i in range(n):
            x[i] += t
    y = np.empty(n)
    parpy.label('N')
    for i in range(n):
        y[i] = 2 * x[i]
    parpy.label('R')
    total[0] = parpy.operators.sum(y[:])

n = 5000
opts = parpy.par({'N': parpy.threads(1024), 'R': parpy.threads(2048)})
opts.backend = CompileBackend.Cuda
for device in (0, 1, 1, 0, 1):
    x, total = on(device, np.arange(float(n))), on(device, np.zeros(1))
    for k in range(1, 4):
        steps(x, total, n, opts=opts)
        assert total.numpy()[0] == n * (n - 1) + 2 * 190 * n * k, (device, k)
"""
    on_two_devices(PROGRAMS + script)


def test_threads_choose_devices_of_their_own(on_two_devices: Run) -> None:
    script = """
import threading

failures = []

def work(device):
    try:
        choose(device)
        for k in range(20):
            x, y = ones.copy(), buffer.from_array(ones, CompileBackend.Cuda)
            add(x, ones, 5, opts=PAR)
            add(y, y, 5, opts=PAR)
            assert y.__dlpack_device__() == (2, device)
            assert x.tolist() == y.numpy().tolist() == [2.0] * 5
    except Exception as error:
        failures.append(error)

threads = [threading.Thread(target=work, args=(k % 2,)) for k in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
"""
    on_two_devices(PROGRAMS + script)


def test_tensors_run_where_they_lie(on_two_devices: Run) -> None:
    """On the stream that Torch has chosen there, and Torch's device stays the chosen one."""
    pytest.importorskip("torch")
    script = """
import torch

for device in (0, 1, 0, 1):
    x = torch.zeros(5, dtype=torch.float64, device=f'cuda:{device}')
    y = torch.ones(5, dtype=torch.float64, device=x.device)
    torch.cuda.synchronize(device)
    with torch.cuda.device(1 - device):
        assert torch.cuda.current_device() == 1 - device
        add(x, y, 5, opts=PAR)
        add(x, buffer.from_array(y, CompileBackend.Cuda), 5, opts=PAR)
        assert torch.cuda.current_device() == 1 - device
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda._sleep(100_000_000)
        x += 1
        add(x, y, 5, opts=PAR)
        z = 2 * x
    torch.cuda.synchronize(device)
    assert z.tolist() == [8.0] * 5, (device, z)
try:
    add(torch.zeros(5, device='cuda:0'), torch.zeros(5, device='cuda:1'), 5, opts=PAR)
except ValueError as error:
    assert "argument 'y' lies on CUDA device 1 but argument 'x' on device 0" in str(error)
else:
    raise AssertionError('two devices in one call')
"""
    on_two_devices(PROGRAMS + script)


def test_cupy_arrays_run_where_they_lie(on_two_devices: Run) -> None:
    pytest.importorskip("cupy")
    script = """
import cupy

for device in (0, 1, 0, 1):
    with cupy.cuda.Device(device):
        x, y = cupy.zeros(5), cupy.ones(5)
        add(x, y, 5, opts=PAR)
    with cupy.cuda.Device(1 - device):
        add(x, y, 5, opts=PAR)
    with cupy.cuda.Device(device):
        assert (2 * x).get().tolist() == [4.0] * 5
"""
    on_two_devices(PROGRAMS + script)
