"""`python -m parpy doctor` on machines with a GPU, and with a broken one."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., str]

DOCTOR = """
import sys
from parpy.__main__ import main
sys.exit(main(["doctor"]))
"""


def test_a_gpu(run_script: Run) -> None:
    printed = run_script(DOCTOR)
    assert "ok  driver: /" in printed and ", which runs CUDA 1" in printed
    assert "ok  GPU 0: " in printed and "compute capability" in printed
    assert "ok  NVRTC: " in printed
    assert "ok  Cuda: compiles and runs" in printed
    assert "The default backend, Cpu, works." in printed
    assert "!!" not in printed and "Missing" not in printed


def test_what_the_emulated_gpu_is(emulated_script: Run) -> None:
    printed = emulated_script(DOCTOR)
    assert "GPU 0: ParPy's emulator, compute capability 9.0, 8.0 GiB" in printed


def test_a_driver_that_is_too_old(emulated_script: Run) -> None:
    environment = {"PARPY_EMULATOR_DRIVER": "11080", "PARPY_DEFAULT_BACKEND": "Cuda"}
    printed = emulated_script(DOCTOR, status=1, **environment)
    assert "driver: The CUDA driver is too old: it runs CUDA 11.8" in printed
    assert "version 525 or later" in printed
    assert "The default backend cannot be used: PARPY_DEFAULT_BACKEND='Cuda'" in printed


def test_a_default_backend_that_fails(emulated_script: Run) -> None:
    environment = {"PARPY_EMULATOR_REFUSES": "__global__", "PARPY_DEFAULT_BACKEND": "Cuda"}
    printed = emulated_script(DOCTOR, status=1, **environment)
    assert "!!  Cuda: does not work: The code that ParPy has generated is refused" in printed
    assert "ok  Cpu: compiles and runs" in printed
    assert "The default backend, Cuda, does not work." in printed


def test_cuda_as_the_default(run_script: Run) -> None:
    printed = run_script(DOCTOR, PARPY_DEFAULT_BACKEND="Cuda")
    assert "The default backend, Cuda, works." in printed
