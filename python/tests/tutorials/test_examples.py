"""The examples run as a user runs them, on sizes that are done at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import parpy

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(example: str, *arguments: str, cache: Path) -> str:
    """What an example prints; it must end well and have nothing to complain about."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / example), *arguments],
        env={**os.environ, "PARPY_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def rows(table: str) -> dict[str, str]:
    """The indented lines of a table: name to the value beside it."""
    found = re.findall(r"^  (\S.*?) {2,}(\S.*?)(?: {3,}.*)?$", table, re.MULTILINE)
    return dict(found)


# A tail of every kind: rows that no two workers share evenly, columns that fill no vector.
@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 33), (64, 1024)])
def test_hello(n: int, m: int, tmp_path: Path) -> None:
    printed = run("hello.py", f"--rows={n}", f"--columns={m}", "--repeats=3", cache=tmp_path)

    heading, *_ = printed.splitlines()
    assert heading.startswith(f"sum_rows of {n} x {m} float32")
    table = rows(printed)
    assert table["backend"] == parpy.default_backend().name
    assert table["schedule"] == f"outer: parpy.threads({n})"
    times = [table[name] for name in ("compile time", "run time", "NumPy's time")]
    milliseconds = [float(time.removesuffix(" ms")) for time in times]
    assert all(time >= 0 for time in milliseconds)
    assert float(table["ratio"].removesuffix(" x")) > 0
    assert any(tmp_path.iterdir()), "nothing was kept for the next process"
