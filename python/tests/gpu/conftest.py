"""The modules beside the tests are imported by their names; scripts get processes of their own."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
if str(_HERE) not in sys.path:
    sys.path.insert(0, str(_HERE))

Run = Callable[..., str]


@pytest.fixture
def run_script(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a script on the emulated GPU, or on the one of this machine; gives what it printed.

    Keywords are environment variables; `status` is the exit status that the script must have.
    """
    is_emulated = request.config.getoption("--emulate") is not None
    if not is_emulated and request.config.getoption("--gpu") is None:
        pytest.skip("needs a GPU, or --emulate")

    def run(text: str, status: int = 0, **environment: str) -> str:
        script = tmp_path / "script.py"
        script.write_text(text)
        emulator = [str(_HERE.parent / "emulator")] if is_emulated else []
        done = subprocess.run(
            [sys.executable, *emulator, str(script)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def emulated_script(run_script: Run, request: pytest.FixtureRequest) -> Run:
    """The same, on another machine than this one."""
    if request.config.getoption("--emulate") is None:
        pytest.skip("needs --emulate: only the emulated GPU can be another one")
    return run_script


@pytest.fixture
def on_two_devices(run_script: Run, request: pytest.FixtureRequest) -> Run:
    """The same, on a machine with two GPUs: the emulated one, or this one if it has them."""
    if request.config.getoption("--emulate") is not None:
        return functools.partial(run_script, PARPY_EMULATOR_DEVICES="2")
    driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or count.value < 2:
        pytest.skip("needs two GPUs, or --emulate")
    return run_script
