"""The CUDA C++ of the tutorials' programs, whole, to be read: `goldens/PAGE.FUNCTION.cu`.

`PARPY_UPDATE_GOLDENS=1` rewrites the files, for a change that was read line by line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import options

import parpy

TUTORIALS = Path(__file__).parents[3] / "docs" / "tutorials"
GOLDENS = Path(__file__).parent / "goldens"


def defined(page: str, name: str, folder: Path) -> Callable[..., Any]:
    """The decorated function of a tutorial, by the block that defines it."""
    text = (TUTORIALS / f"{page}.md").read_text()
    found = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (code,) = (c for c in found if "@parpy.jit" in c and f"def {name}(" in c)
    file = folder / "example.py"
    file.write_text(code)
    namespace: dict[str, Any] = {"np": np, "parpy": parpy, "__name__": "example"}
    exec(compile(code, str(file), "exec"), namespace)
    return namespace[name]


@pytest.mark.parametrize(
    ("page", "name", "args", "schedule"),
    [
        (
            "basic-parallelization",
            "sum_rows",
            (np.zeros((100, 1024), np.float32), np.zeros(100, np.float32), 100),
            {"outer": parpy.threads(100)},
        ),
        (
            "jit-compiling-a-function",
            "mandelbrot",
            (np.zeros(60), np.zeros(40), np.zeros((40, 60), np.int64), 100),
            {"rows": parpy.threads(40)},
        ),
        ("externals", "relax", (np.ones(1000), 10), {"N": parpy.threads(1000)}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_cuda_text(
    page: str,
    name: str,
    args: tuple[Any, ...],
    schedule: dict[str, parpy.LoopPar],
    tmp_path: Path,
) -> None:
    function = defined(page, name, tmp_path)
    opts = options(schedule, backend=parpy.CompileBackend.Cuda)
    text = parpy.print_compiled(function, list(args), opts)
    # Behind the code stand comments for compile_string, which have tests of their own.
    code = text.partition("\n// host program\n")[0].rstrip() + "\n"
    golden = GOLDENS / f"{page}.{name}.cu"
    if os.environ.get("PARPY_UPDATE_GOLDENS") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(code)
    assert code == golden.read_text()
