"""Several GPUs in one process: the emulator has two."""

from __future__ import annotations

from conftest import Run

TWO = {"PARPY_EMULATOR_DEVICES": "2"}

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


def test_the_device_is_that_of_the_arguments(emulated_script: Run) -> None:
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
    emulated_script(PROGRAMS + script, **TWO)


def test_arrays_of_the_host_run_on_the_current_device(emulated_script: Run) -> None:
    script = """
for device in (1, 0, 1):
    choose(device)
    x = ones.copy()
    add(x, ones, 5, opts=PAR)
    assert x.tolist() == [2.0] * 5
    assert buffer.zeros(3, 'float32', CompileBackend.Cuda).__dlpack_device__() == (2, device)
"""
    emulated_script(PROGRAMS + script, **TWO)


def test_arrays_on_two_devices_are_named(emulated_script: Run) -> None:
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
    first, again, entry, entry_again = emulated_script(PROGRAMS + script, **TWO).splitlines()
    assert first == again
    assert first.startswith("argument 'y' lies on CUDA device 1 but argument 'x' on device 0; ")
    assert entry == entry_again
    assert entry.startswith(
        "argument 'd[\"y\"]' lies on CUDA device 0 but argument 'x' on device 1; "
    )


def test_buffers_that_are_made_like_others_lie_beside_them(emulated_script: Run) -> None:
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
    emulated_script(PROGRAMS + script, **TWO)


def test_printed_text_runs_on_both(emulated_script: Run) -> None:
    script = """
text = parpy.compile_string('add', parpy.print_compiled(add, [ones, ones, 5], PAR), PAR)
for device in (0, 1):
    x = on(device, ones)
    text(x, on(device, ones), 5)
    assert x.numpy().tolist() == [2.0] * 5
"""
    emulated_script(PROGRAMS + script, **TWO)


def test_buffers_are_copied_between_devices(emulated_script: Run) -> None:
    script = """
x, y = on(0, np.arange(6.0)), on(1, np.zeros(6, np.float32))
y.copy_from(x)
assert y.numpy().tolist() == list(range(6))
y[::2].copy_from(x[3:])
assert y.numpy()[::2].tolist() == [3, 4, 5]
assert y.with_type('int32').__dlpack_device__() == (2, 1)
"""
    emulated_script(PROGRAMS + script, **TWO)
