"""Checks kernels of the Metal Shading Language by clang, as C++ for OpenCL: address spaces count.

Metal's are mapped to OpenCL's by the emulator's header that stands in the place of Metal's library.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest
from emulator.build import INCLUDE, METAL_FLAGS, Unavailable, compiler

_FLAGS = [
    *METAL_FLAGS,
    *("-fsyntax-only", "-Wno-unknown-attributes", "-Werror=implicit-function-declaration"),
    f"-I{INCLUDE}",
]


@functools.cache
def clang() -> str | None:
    """The clang beside Swift, else one of the system's; None where there is none."""
    try:
        found = compiler()
    except Unavailable:
        return None
    beside = shutil.which(str(Path(found).with_name("clang")))
    return found if found.endswith("clang++") and beside else beside


def errors(text: str) -> str:
    """What clang says of a text; empty where it accepts it."""
    command = clang()
    if command is None:
        pytest.skip("there is no clang to check the address spaces of Metal's kernels")
    done = subprocess.run(
        [command, *_FLAGS, "-"], input=text, capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode != 0 else ""
