"""`scripts/gpu-test`, on the emulated GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import emulator
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu-test"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    try:
        emulator.build()
    except emulator.Unavailable as error:
        pytest.skip(f"the emulated GPU cannot be had: {error}")
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    command = [sys.executable, str(SCRIPT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_parts_are_counted(output: Path) -> None:
    words = ("--pytest=-k", "--pytest=layout and other_numbers", "--output", str(output))
    status, printed = run(
        "--emulate", "--quick", "--fuzz=2", *words, "interop", "fuzz", "benchmarks"
    )
    assert status == 0, printed
    summary = printed.partition("=== summary\n")[2].splitlines()
    assert summary[0].split()[:7] == ["interop", "6", "passed", "0", "failed", "0", "skipped"]
    assert summary[1].split()[:3] == ["fuzz", "1", "passed"]
    assert "not run" in summary[2]
    assert summary[3] == "2 parts, 1 not run, 7 passed, 0 failed, 0 skipped"
    assert "2 programs" in (output / "fuzz.txt").read_text()
    assert (output / "interop.xml").is_file()


def test_failures_do_not_end_it(output: Path) -> None:
    words = ("--pytest=-k", "--pytest=there_is_no_such_test", "--output", str(output))
    status, printed = run("--emulate", "--fuzz=1", *words, "errors", "fuzz")
    assert status == 1, printed
    assert "2 parts, 0 not run, 1 passed, 1 failed, 0 skipped" in printed


def test_parts_have_a_limit(output: Path) -> None:
    status, printed = run("--emulate", "--limit=0.3", "--output", str(output), "gpu")
    assert status == 1
    assert "more than 0 s: the part is ended" in printed and "gpu was ended by signal 9" in printed


def test_unknown_parts(tmp_path: Path) -> None:
    status, printed = run("--output", str(tmp_path), "interop", "everything")
    assert status == 2
    assert "there is no part everything; there are doctor, gpu, language" in printed
