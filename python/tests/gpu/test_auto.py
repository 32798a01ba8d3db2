"""`CompileBackend.Auto` on a machine with a GPU: which backend runs what."""

from __future__ import annotations

from conftest import Run

PROGRAMS = """
import os
import numpy as np
import parpy
from parpy import CompileBackend

def scale(x, N):
    parpy.label('N')
    for i in range(N):
        x[i] *= 2.0

def starts_on_the_host(x, N):
    x[0] = 1.0
    parpy.label('N')
    for i in range(1, N):
        x[i] = i

PAR = parpy.par({'N': parpy.threads(32)})
scale, starts_on_the_host = parpy.jit(scale), parpy.jit(starts_on_the_host)

def called(function, opts=PAR):
    x = np.ones(5)
    expected = x.copy()
    function.__wrapped__(expected, 5)
    function(x, 5, opts=opts)
    np.testing.assert_array_equal(x, expected)

def backend_of(function, opts=PAR):
    text = parpy.print_compiled(function, [np.ones(5), 5], opts)
    return 'Cuda' if '__global__' in text else 'Cpu'
"""


def ran(run: Run, script: str, **environment: str) -> str:
    """What a script prints after the programs, where the environment names no backend."""
    return run(PROGRAMS + script, **{"PARPY_DEFAULT_BACKEND": "", **environment})


def test_the_gpu_is_the_default(run_script: Run) -> None:
    script = """
print(parpy.default_backend(), backend_of(scale))
called(scale)
parpy.compile_string('scale', parpy.print_compiled(scale, [np.ones(5), 5], PAR))(np.ones(5), 5)
print(parpy.buffer.zeros(3, 'float32').backend())
"""
    assert ran(run_script, script).split() == [
        "CompileBackend.Cuda",
        "Cuda",
        "CompileBackend.Cuda",
    ]


def test_nothing_is_started_at_import(run_script: Run) -> None:
    script = """
called(scale, parpy.CompileOptions(backend=CompileBackend.Cpu))
child = os.fork()
if child == 0:
    called(scale)
    assert backend_of(scale) == 'Cuda'
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
called(scale)
print(backend_of(scale))
"""
    assert ran(run_script, script) == "Cuda\n"


def test_a_child_of_fork_takes_the_cpu(run_script: Run) -> None:
    script = """
called(scale)
child = os.fork()
if child == 0:
    called(scale)
    assert parpy.default_backend() is CompileBackend.Cpu
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
called(scale)
print(parpy.default_backend())
"""
    assert ran(run_script, script) == "CompileBackend.Cuda\n"


def test_what_a_gpu_does_not_run_runs_on_the_cpu(run_script: Run) -> None:
    script = """
called(starts_on_the_host)
called(scale, None)
print(backend_of(starts_on_the_host), backend_of(scale, parpy.CompileOptions()))
verbose = parpy.par({'N': parpy.threads(32)})
verbose.verbose_backend_resolution = True
called(starts_on_the_host, verbose)
parpy.compile_string(
    'starts_on_the_host', parpy.print_compiled(starts_on_the_host, [np.ones(5), 5], PAR)
)(np.ones(5), 5)
"""
    printed = ran(run_script, script)
    assert printed.startswith("Cpu Cpu\n")
    assert "CompileBackend.Auto stands for parpy.CompileBackend.Cuda" in printed
    assert "starts_on_the_host runs on parpy.CompileBackend.Cpu" in printed
    assert "Assignments are not allowed outside parallel code." in printed


def test_arrays_on_the_gpu_bring_the_error_of_cuda(run_script: Run) -> None:
    script = """
x = parpy.buffer.zeros(5, 'float64', CompileBackend.Cuda)
for _ in range(2):
    try:
        starts_on_the_host(x, 5, opts=PAR)
    except parpy.CompileError as error:
        print(str(error).splitlines()[0])
    called(starts_on_the_host)
"""
    message = "Assignments are not allowed outside parallel code.\n"
    assert ran(run_script, script) == 2 * message


def test_a_wrong_program_is_refused_once(run_script: Run) -> None:
    script = """
@parpy.jit
def wrong(x):
    x[0] = unknown

try:
    wrong(np.ones(3))
except NameError as error:
    print(str(error).splitlines()[0])
"""
    assert ran(run_script, script) == "name 'unknown' is not defined\n"


def test_a_chosen_backend_wins(run_script: Run) -> None:
    script = """
called(scale)
parpy.backend.set_default(CompileBackend.Cpu)
called(scale)
count = len(scale.compilations)
print(backend_of(scale), count)
parpy.backend.set_default(CompileBackend.Auto)
called(scale)
print(backend_of(scale), len(scale.compilations) - count)
called(starts_on_the_host)
parpy.backend.set_default(CompileBackend.Cuda)
try:
    called(starts_on_the_host)
except parpy.CompileError as error:
    print(str(error).splitlines()[0])
"""
    refusal = "Assignments are not allowed outside parallel code.\n"
    assert ran(run_script, script) == f"Cpu 2\nCuda 0\n{refusal}"
    assert ran(run_script, "print(backend_of(scale))", PARPY_DEFAULT_BACKEND="cpu") == "Cpu\n"


def test_options_that_name_a_backend_keep_their_code(run_script: Run) -> None:
    script = """
on_cpu = parpy.par({'N': parpy.threads(32)})
on_cpu.backend = CompileBackend.Cpu
called(scale, on_cpu)
called(scale)
parpy.backend.set_default(CompileBackend.Cpu)
called(scale, on_cpu)
print(len(scale.compilations))
"""
    assert ran(run_script, script) == "2\n"


def test_no_gpu(emulated_script: Run) -> None:
    script = "called(scale); print(parpy.default_backend(), backend_of(scale))"
    printed = ran(emulated_script, script, PARPY_EMULATOR_DEVICES="0")
    assert printed == "CompileBackend.Cpu Cpu\n"


def test_no_nvrtc(emulated_script: Run) -> None:
    script = """
from parpy import _native

def nowhere(directories):
    raise RuntimeError('NVRTC was not found.')

_native.nvrtc_report = nowhere
called(scale)
print(parpy.default_backend(), backend_of(scale))
parpy.backend.is_enabled(CompileBackend.Cuda, verbose=True)
"""
    assert ran(emulated_script, script) == (
        "CompileBackend.Cpu Cpu\nparpy.CompileBackend.Cuda is not enabled: NVRTC was not found.\n"
    )


RACES = """
import threading, time, warnings
import emulator

def launched(dtype='float64'):
    before = emulator.launches()
    scale(np.ones(5, dtype), 5, opts=PAR)
    return emulator.launches() > before
"""


def test_a_default_chosen_while_others_compile_counts_later(emulated_script: Run) -> None:
    """A call that waits for another thread's compilation is for the backend it began with."""
    script = """
parpy.backend.set_default(CompileBackend.Cpu)
is_compiling, may_go_on = threading.Event(), threading.Event()

def wait(*args, **kwargs):
    is_compiling.set()
    may_go_on.wait()

with_unknown_label = parpy.par({'N': parpy.threads(32), 'M': parpy.threads(32)})
warnings.showwarning = wait
warnings.simplefilter('always')
def start(dtype, opts):
    thread = threading.Thread(target=scale, args=(np.ones(5, dtype), 5), kwargs={'opts': opts})
    thread.start()
    return thread

first = start('float64', with_unknown_label)
is_compiling.wait()
second = start('float32', PAR)
time.sleep(0.3)
parpy.backend.set_default(CompileBackend.Cuda)
may_go_on.set()
first.join()
second.join()
assert launched(dtype='float32')
assert launched(dtype='float64')
parpy.backend.set_default(CompileBackend.Cpu)
before = len(scale.compilations)
assert not launched(dtype='float32')
# The version of the second thread, which began before the choice.
assert len(scale.compilations) == before
"""
    ran(emulated_script, RACES + script)


def test_a_default_chosen_while_another_is_looked_up_is_not_lost(emulated_script: Run) -> None:
    script = """
settled = parpy.backend.settled

def settled_slowly():
    found = settled()
    # Another thread comes in between.
    parpy.backend.settled = settled
    parpy.backend.set_default(CompileBackend.Cuda)
    return found

parpy.backend.set_default(CompileBackend.Cpu)
parpy.backend.settled = settled_slowly
assert not launched()
assert launched()
parpy.backend.set_default(CompileBackend.Cpu)
assert not launched()
"""
    ran(emulated_script, RACES + script)
