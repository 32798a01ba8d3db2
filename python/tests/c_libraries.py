"""Small C libraries, compiled when a test asks for them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

COMPILER = next((c for c in ("cc", "clang", "gcc") if shutil.which(c)), None)

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler: cc, clang or gcc")


def build(folder: Path, source: str, name: str = "test") -> str:
    """The path of a shared library `libNAME.so` of C code; skips where it does not compile."""
    assert COMPILER is not None
    code, library = folder / f"{name}.c", folder / f"lib{name}.so"
    code.write_text(source)
    done = subprocess.run(
        [COMPILER, "-O2", "-shared", "-fPIC", "-o", str(library), str(code)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "_Float16" in done.stderr:
        pytest.skip(f"{COMPILER} has no _Float16")
    assert done.returncode == 0, done.stderr
    return str(library)
