"""Environment variables with values that mean nothing: a `ValueError` that names what they may be.

`PARPY_DEFAULT_BACKEND` is tested in `test_options.py`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from harness import assert_alive

import parpy

X = np.ones(3)


def doubles(x):
    for i in range(len(x)):
        x[i] *= 2


def imported(**variables: str) -> subprocess.CompletedProcess[str]:
    """Imports the package in a process with other environment variables."""
    program = (
        "import parpy; print(parpy._native.worker_count(), parpy.CompileOptions().check_bounds)"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("value", ["abc", "0", "-1", "2.5", "4,2"])
def test_numbers_of_workers(value: str) -> None:
    result = imported(PARPY_NUM_THREADS=value)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"ValueError: PARPY_NUM_THREADS='{value}' is no number of workers; "
        "it may be a positive integer, such as 4"
    )


@pytest.mark.parametrize("value", ["maybe", "2", "true", "-1"])
def test_the_check_of_bounds(value: str) -> None:
    result = imported(PARPY_CHECK_BOUNDS=value)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"ValueError: PARPY_CHECK_BOUNDS='{value}' is neither on nor off; it may be 1 or 0"
    )


def test_values_that_are_taken() -> None:
    cores = imported().stdout.split()[0]
    for workers, checks, expected in (
        ("1", "1", ["1", "True"]),
        (" 1 ", "0", ["1", "False"]),
        ("", "", [cores, "False"]),
        ("1000000", " 1", [cores, "True"]),
    ):
        result = imported(PARPY_NUM_THREADS=workers, PARPY_CHECK_BOUNDS=checks)
        assert result.stdout.split() == expected, result.stderr


def accepted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that the message about a wrong one lists."""
    monkeypatch.setenv("PARPY_DUMP", "lower, fold-constant")
    with pytest.raises(ValueError, match="PARPY_DUMP=") as caught:
        parpy.jit(doubles)(X.copy())
    monkeypatch.delenv("PARPY_DUMP")
    message, _, last = str(caught.value).partition("\n\n")
    assert last == "help: did you mean 'fold-constants'?"
    start, _, names = message.partition("; it may name, separated by commas, ")
    assert start == "PARPY_DUMP='lower, fold-constant' names no stage by 'fold-constant'"
    return names.split(", ")


def test_stages_to_show(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    names = accepted(monkeypatch)
    assert names[0] == "all"
    function = parpy.jit(doubles)
    monkeypatch.setenv("PARPY_DUMP", "nothing")
    with pytest.raises(ValueError, match="'nothing'"):
        function(X.copy())
    # The function is none the worse for it.
    monkeypatch.setenv("PARPY_DUMP", "all")
    x = X.copy()
    function(x)
    assert x.tolist() == [2, 2, 2]
    shown = re.findall("^// after (.*)$", capfd.readouterr().err, re.MULTILINE)
    assert shown
    assert set(shown) <= set(names)
    # Those of the CPU that are only there for some options are taken as well.
    assert {"remove-unobserved", "check-accesses", "map-to-device"} <= set(names)
    monkeypatch.setenv("PARPY_DUMP", " fold-constants, lower")
    parpy.jit(doubles)(X.copy())
    shown = re.findall("^// after (.*)$", capfd.readouterr().err, re.MULTILINE)
    assert shown == ["lower", "fold-constants"]
    assert_alive()


def test_the_documentation_lists_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[3] / "docs/how-to/debugging.md"
    listed = re.search(r"^(`all`, `lower`.*?)\n\n", page.read_text(), re.DOTALL | re.MULTILINE)
    assert listed
    assert re.findall("`(.*?)`", listed[1]) == accepted(monkeypatch)
