"""Threads whose stack is too small to compile in get an error that says so; no process dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys, threading
import numpy as np
import parpy

@parpy.jit
def f(x):
    parpy.label("N")
    for i in range(len(x)):
        x[i] = DEEP

def call():
    try:
        f(x, opts=opts) if runs else parpy.print_compiled(f, [x], opts)
        print("ran", x[0])
    except RecursionError as error:
        print(error)

def call_in_thread(size):
    threading.stack_size(size << 10)
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()

x = np.ones(3)
opts = parpy.par({"N": parpy.threads(32)})
size, runs = int(sys.argv[1]), sys.argv[2] == "Cpu"
opts.backend = parpy.CompileBackend[sys.argv[2]]
call_in_thread(size)
call_in_thread(8192)
if runs:
    call_in_thread(size)
"""


@pytest.mark.parametrize("backend", ["Cpu", "Cuda"])
@pytest.mark.parametrize(("size", "depth"), [(64, 1), (512, 60)])
def test_a_small_stack_is_refused(tmp_path: Path, size: int, depth: int, backend: str) -> None:
    deep = "x[i]"
    for _ in range(depth):
        deep = f"(x[i] - {deep} * 0.5)"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("DEEP", deep))
    done = subprocess.run(
        [sys.executable, str(script), str(size), backend],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    refused, *ran = done.stdout.splitlines()
    assert refused.startswith("Compiling 'f' may take ")
    assert "call threading.stack_size(8388608) before the thread is started" in refused
    # What is compiled already runs in any thread.
    assert [line.split()[0] for line in ran] == ["ran"] * (2 if backend == "Cpu" else 1)


@pytest.mark.parametrize("depth", [1, 5])
def test_an_ordinary_program_is_compiled_in_half_a_megabyte(tmp_path: Path, depth: int) -> None:
    deep = "x[i]" + " + x[i] * 0.5" * depth
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("DEEP", deep))
    done = subprocess.run(
        [sys.executable, str(script), "512", "Cpu"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.count("ran") == 3, done.stdout
