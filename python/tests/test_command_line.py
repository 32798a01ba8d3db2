"""`python -m parpy`, on a machine without a GPU or with one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parpy
from parpy import _doctor, _native
from parpy.__main__ import main


def test_alone_it_prints_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "parpy"], capture_output=True, text=True, check=True
    )
    assert "usage: python -m parpy" in done.stdout and "doctor" in done.stdout


def test_version_and_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert parpy.__version__ in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main(["docter"])
    assert caught.value.code == 2


def test_doctor_finds_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor"])
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert f"ok  NumPy: {np.__version__}" in printed
    assert f"ok  workers: {_native.worker_count()} of " in printed
    assert "ok  Cpu: compiles and runs" in printed
    assert printed.endswith("The default backend, Cpu, works.\n")


@pytest.mark.skipif(_native.cuda_obstacle() is None, reason="this machine has a GPU")
def test_doctor_without_a_gpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARPY_DEFAULT_BACKEND", "Cuda")
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "driver: " in printed and "NVRTC: " in printed
    assert "The default backend cannot be used: PARPY_DEFAULT_BACKEND='Cuda'" in printed
    if sys.platform != "darwin":
        assert "--  GPU: Metal is Apple's, and this is not a Mac" in printed
    # The CPU works all the same.
    assert "ok  Cpu: compiles and runs" in printed


@pytest.mark.parametrize("is_there", [True, False])
def test_doctor_names_what_a_gpu_needs(
    is_there: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(directories: tuple[str, ...]) -> Any:
        raise RuntimeError(
            "NVRTC was not found. Looked for in /a.\nhelp: pip install 'parpy[cuda]'"
        )

    monkeypatch.setattr(_doctor, "_has_gpu", lambda: is_there)
    monkeypatch.setattr(_native, "nvrtc_report", nowhere)
    monkeypatch.setattr(_doctor._cuda, "header_directories", tuple)
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    mark = "!!" if is_there else "--"
    assert f"{mark}  NVRTC: NVRTC was not found. Looked for in /a.\n" in printed
    assert f"{mark}  headers: cuda_fp16.h" in printed
    missing = printed.partition("\nMissing\n")[2]
    assert ("NVRTC: pip install 'parpy[cuda]'" in missing) == is_there
    assert ("none of NVIDIA's was found" in printed) != is_there


def test_doctor_on_a_broken_installation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("PARPY_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    version = _doctor.importlib.metadata.version

    def without_llvmlite(name: str) -> str:
        if name == "llvmlite":
            raise _doctor.importlib.metadata.PackageNotFoundError(name)
        return version(name)

    def fails(function: Any) -> Any:
        raise ModuleNotFoundError("No module named 'llvmlite'")

    monkeypatch.setattr(_doctor.importlib.metadata, "version", without_llvmlite)
    monkeypatch.setattr(_doctor, "jit", fails)
    with pytest.warns(RuntimeWarning, match="another user can write it"):
        status = main(["doctor"])
    printed = capsys.readouterr().out
    assert status == 1
    missing = printed.partition("\nMissing\n")[2]
    assert "llvmlite: pip install 'llvmlite>=0.50,<0.51'" in missing
    assert "directory: set PARPY_CACHE_DIR to a directory that you alone can write" in missing
    assert "The default backend cannot be used: PARPY_DEFAULT_BACKEND='Cpu'" in printed
