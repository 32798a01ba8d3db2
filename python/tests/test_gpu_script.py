"""`scripts/gpu-test`, on the emulated GPU."""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import emulator
import pytest

CONFTEST = "python/tests/conftest.py"
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


def test_the_sanitizer_has_shards(output: Path) -> None:
    chosen = "--pytest=test_cuda and (layout or scalars or empty)"
    words = ("--pytest=-k", chosen, "--output", str(output))
    command = ("--emulate", "--quick", "--shards=3", "--pytest=-n2", *words, "sanitizer")
    status, printed = run(*command)
    assert status == 0, printed
    logs = [output / f"sanitizer-{shard}.txt" for shard in (1, 2, 3)]
    ran = [set(re.findall(r"::(\S+) PASSED", log.read_text())) for log in logs]
    # Each test is in one share.
    assert sum(map(len, ran)) == len(set.union(*ran)) > 3
    assert f"1 parts, 0 not run, {len(set.union(*ran))} passed, 0 failed, 0 skipped" in printed
    # Time that is over lets no test begin.
    status, printed = run(*command, "--limit=0.1")
    assert status == 1, printed
    assert "sanitizer-1 was ended by signal 9" in printed


def test_shares_end_when_they_are_told_to(output: Path) -> None:
    tests = output / "test_times.py"
    tests.write_text(
        "import time\ndef test_a(): time.sleep(2)\ndef test_b(): time.sleep(2)\n"
        "def test_c(): time.sleep(2)\n"
    )
    (output / "conftest.py").write_text((SCRIPT.parents[1] / CONFTEST).read_text())
    command = [sys.executable, "-m", "pytest", "-rs", "--seconds=1", "--shard=1/1", str(tests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=output)
    assert "1 passed, 2 skipped" in done.stdout, done.stdout + done.stderr
    assert "1 s have gone by" in done.stdout


def test_nvcc_of_a_wheel_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = importlib.machinery.SourceFileLoader("gpu_test", str(SCRIPT))
    spec = importlib.util.spec_from_loader("gpu_test", loader)
    assert spec is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gpu_test", script)
    loader.exec_module(script)
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    session = script.Session(argparse.Namespace(output=tmp_path, quick=True))
    path = session.environment["PYTHONPATH"]
    session.environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{path}"
    if not Path("/usr/local/cuda/bin/nvcc").exists():
        (tmp_path / "nvidia").mkdir()
        (tmp_path / "nvidia" / "__init__.py").touch()
        assert "by nvcc, which was not found. Looked for on PATH" in session.obstacle_to_nvcc()
    nvcc = tmp_path / "nvidia" / "cu13" / "bin" / "nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.touch()
    nvcc.chmod(0o755)
    assert session.obstacle_to_nvcc() == ""


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
