"""What goes wrong on a GPU is said in words, and leaves the process usable.

Each case is a script in a process of its own: on the emulated GPU, which can be another machine,
and where a GPU is there and the case needs no other one, on that.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

PRELUDE = """
import numpy as np
import parpy
from parpy import buffer

CUDA = parpy.CompileBackend.Cuda
OPTS = parpy.par({"N": parpy.threads(64)})
OPTS.backend = CUDA

@parpy.jit
def double(x):
    parpy.label("N")
    x[:] *= 2.0

@parpy.jit
def with_temporary(x, n):
    t = np.empty((n, 1024), np.float64)
    parpy.label("N")
    for i in range(x.shape[0]):
        t[0, i] = x[i]
    parpy.label("N")
    for i in range(x.shape[0]):
        x[i] = t[0, i] + 1.0

def edited(old, new):
    x = np.ones(64)
    text = parpy.print_compiled(double, [x], OPTS)
    assert old in text, text
    return parpy.compile_string("double", text.replace(old, new), OPTS)

def message(call):
    try:
        call()
    except Exception as error:
        print(f"{type(error).__mro__[0].__name__}: {error}")
        assert isinstance(error, RuntimeError), type(error)
        return str(error)
    raise AssertionError("no error")

def cpu_works():
    x = np.ones(64)
    double(x, opts=parpy.par({"N": parpy.threads(64)}))
    assert (x == 2).all()

def gpu_works():
    x = np.ones(64)
    double(x, opts=OPTS)
    assert (x == 2).all()
    assert (buffer.from_array(x, CUDA).numpy() == 2).all()
"""

Run = Callable[..., str]


@pytest.fixture
def run(run_script: Run) -> Run:
    """Runs a script after the prelude; gives what it printed."""

    def run(body: str, **environment: str) -> str:
        return run_script(PRELUDE + textwrap.dedent(body), **environment)

    return run


@pytest.fixture
def emulated(run: Run, emulated_script: Run) -> Run:
    """The same, on another machine than this one."""
    return run


# --- Machines on which nothing runs ---------------------------------------------------------

REFUSED = """
    from parpy import backend
    for call in (
        lambda: double(np.ones(64), opts=OPTS),
        lambda: buffer.zeros(3, parpy.types.F32, CUDA),
        lambda: backend.set_default(CUDA),
    ):
        message(call)
    assert not backend.is_enabled(CUDA) and CUDA not in backend.available
    parpy.print_compiled(double, [np.ones(64)], OPTS)
    cpu_works()
"""


def test_an_old_driver(emulated: Run) -> None:
    printed = emulated(REFUSED, PARPY_EMULATOR_DRIVER="11080")
    assert printed.count("The CUDA driver is too old: it runs CUDA 11.8, and 12.0 is needed.") == 3
    assert "help: install the driver of the NVIDIA GPU, version 525 or later" in printed


def test_no_gpu(emulated: Run) -> None:
    printed = emulated(REFUSED, PARPY_EMULATOR_DEVICES="0")
    assert printed.count("CUDA found no GPU: CUDA_ERROR_NO_DEVICE") == 3
    assert "`nvidia-smi` lists the GPUs; an empty CUDA_VISIBLE_DEVICES hides them" in printed


def test_no_driver() -> None:
    """Where this machine has none; nothing is emulated."""
    from parpy import _native

    obstacle = _native.cuda_obstacle()
    if obstacle is None or "was not found" not in obstacle:
        pytest.skip("this process has a driver")
    import parpy

    opts = parpy.CompileOptions(backend=parpy.CompileBackend.Cuda)

    @parpy.jit
    def fill(x):
        x[:] = 1.0

    for call in (
        lambda: fill(bytearray(3), opts=opts),
        lambda: parpy.buffer.zeros(3, parpy.types.F32, parpy.CompileBackend.Cuda),
        lambda: parpy.sync(parpy.CompileBackend.Cuda),
    ):
        with pytest.raises(RuntimeError, match="neither libcuda.so.1 nor libcuda.so") as caught:
            call()
        assert "version 525 or later" in str(caught.value)


# --- Compilation ----------------------------------------------------------------------------


def test_code_of_ours_that_nvrtc_refuses(emulated: Run) -> None:
    printed = emulated(
        """
        text = message(lambda: double(np.ones(64), opts=OPTS))
        assert "error: the emulator was told to refuse this" in text
        lines = parpy.print_compiled(double, [np.ones(64)], OPTS).splitlines()
        number = next(i for i, line in enumerate(lines, 1) if "x[k0] *= 2.0" in line)
        assert f"The line {number} of the generated code, made of script.py:" in text
        assert lines[number - 1] in text
        try:
            double(np.ones(64), opts=OPTS)
        except parpy.InternalCompilerError as error:
            assert error.filename == __file__
            source = open(__file__).read().splitlines()
            assert source[error.lineno - 1].strip() == "x[:] *= 2.0", error.lineno
        OPTS.write_output = True
        text = message(lambda: double(np.ones(64), opts=OPTS))
        path = text.partition("The code was written to ")[2].split()[0]
        assert path.endswith(".cu") and "__global__" in open(path).read()
        cpu_works()
        y = np.zeros(64)
        @parpy.jit
        def fill(y):
            parpy.label("N")
            y[:] = 3.0
        fill(y, opts=OPTS)
        assert (y == 3).all()
        """,
        PARPY_EMULATOR_REFUSES="x[k0] *= 2.0",
    )
    assert "InternalCompilerError: The code that ParPy has generated is refused, a bug" in printed


def test_edited_code_that_nvrtc_refuses(run: Run) -> None:
    printed = run(
        """
        message(lambda: edited("*= 2.0", "*= unknown"))
        gpu_works()
        """
    )
    assert "CompileError: NVRTC" in printed and "unknown" in printed
    line = PRELUDE.splitlines().index("    x[:] *= 2.0") + 1
    assert f"of the generated code, made of script.py:{line}:\n" in printed


# --- Memory ---------------------------------------------------------------------------------


def test_out_of_memory(emulated: Run) -> None:
    printed = emulated(
        """
        for call in (
            lambda: buffer.zeros(1 << 20, parpy.types.F64, CUDA),
            lambda: with_temporary(np.ones(64), 1024, opts=OPTS),
            lambda: double(np.ones(1 << 20), opts=OPTS),
        ):
            for _ in range(2):
                message(call)
            try:
                call()
            except MemoryError:
                pass
        gpu_works()
        x = np.ones(64)
        with_temporary(x, 8, opts=OPTS)
        assert (x == 2).all()
        """,
        PARPY_EMULATOR_MEMORY=str(1 << 20),
    )
    assert "out of memory for 8.0 MiB: without that, GPU 0 (ParPy's emulator) has 1.0 MiB of its 1.0 MiB free" in printed  # fmt: skip  # noqa: E501
    assert "out of memory for the temporaries of 'with_temporary' and its copies of host arrays" in printed  # fmt: skip  # noqa: E501
    assert printed.count("DeviceMemoryError: The GPU is out of memory") == 6


# --- Kernels --------------------------------------------------------------------------------


def test_a_launch_that_is_refused(run: Run) -> None:
    printed = run(
        """
        call = edited("__launch_bounds__(64)", "__launch_bounds__(32)")
        for _ in range(2):
            message(lambda: call(np.ones(64)))
        gpu_works()
        """
    )
    assert printed.count("RuntimeError: The GPU refused to run a kernel") == 2
    assert "while launching 'double_kernel0' with 1 x 1 x 1 blocks of 64 threads" in printed
    assert "help: fewer threads a block" in printed


LOST = """
    x = buffer.from_array(np.ones(64), CUDA)
    double(x, opts=OPTS)
    x.sync()
    with_temporary(x, 1, opts=OPTS)
    call = edited("x[k0] *= ", "x[k0 + (1ll << 40)] *= ")
    call(x)
    for use in (x.numpy, lambda: parpy.sync(CUDA), lambda: double(np.ones(64), opts=OPTS), x.sync):
        text = message(use)
        assert "It was a kernel of 'with_temporary' or 'double'." in text
        assert "The process cannot use the GPU any more, nor can other libraries in it." in text
        assert "help: `compute-sanitizer python …` finds the access" in text
    del x
    cpu_works()
"""


def test_an_access_that_loses_the_context(run: Run) -> None:
    printed = run(LOST, PARPY_EMULATOR_LOSES_CONTEXT="1")
    assert (
        printed.count("RuntimeError: A kernel failed on the GPU: CUDA_ERROR_ILLEGAL_ADDRESS") == 4
    )


def test_the_function_itself_is_named(run: Run) -> None:
    printed = run(
        """
        call = edited("x[k0] *= ", "x[k0 + (1ll << 40)] *= ")
        message(lambda: call(np.ones(64)))
        cpu_works()
        """,
        PARPY_EMULATOR_LOSES_CONTEXT="1",
    )
    assert "It was a kernel of 'double'." in printed
    assert "while running the kernels of 'double' ('double_kernel0')" in printed


def test_a_child_of_fork_is_told_so(run: Run) -> None:
    printed = run(
        """
        import os, sys
        gpu_works()
        if os.fork() == 0:
            message(lambda: double(np.ones(64), opts=OPTS))
            cpu_works()
            sys.stdout.flush()
            os._exit(0)
        assert os.wait()[1] == 0
        gpu_works()
        """
    )
    assert "a child of `fork` cannot use CUDA" in printed
