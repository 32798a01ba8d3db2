"""The tutorials' programs as text for GPUs, to be read: `goldens/PAGE.FUNCTION.cu` and `.metal`.

`PARPY_UPDATE_GOLDENS=1` rewrites the files, for a change that was read line by line. With
`--emulate-metal` the programs run, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import assert_same, options

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


PROGRAMS = [
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
]
SUFFIXES = {parpy.CompileBackend.Cuda: "cu", parpy.CompileBackend.Metal: "metal"}


def without_doubles(args: tuple[Any, ...]) -> list[Any]:
    """The arguments with float32 for float64, which Metal does not have."""
    return [
        a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a
        for a in args
    ]


@pytest.mark.parametrize("backend", SUFFIXES, ids=lambda backend: backend.name)
@pytest.mark.parametrize(
    ("page", "name", "args", "schedule"),
    PROGRAMS,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_text(
    page: str,
    name: str,
    args: tuple[Any, ...],
    schedule: dict[str, parpy.LoopPar],
    backend: parpy.CompileBackend,
    tmp_path: Path,
) -> None:
    function = defined(page, name, tmp_path)
    is_metal = backend is parpy.CompileBackend.Metal
    opts = options(schedule, backend=backend)
    text = parpy.print_compiled(function, without_doubles(args) if is_metal else list(args), opts)
    # Behind the code stand comments for compile_string, which have tests of their own.
    code = text.partition("\n// host program\n")[0].rstrip() + "\n"
    golden = GOLDENS / f"{page}.{name}.{SUFFIXES[backend]}"
    if os.environ.get("PARPY_UPDATE_GOLDENS") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(code)
    assert code == golden.read_text()


@pytest.mark.parametrize(
    ("page", "name", "args", "schedule"),
    PROGRAMS,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_on_metal(
    page: str,
    name: str,
    args: tuple[Any, ...],
    schedule: dict[str, parpy.LoopPar],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    if not (pytestconfig.getoption("--emulate-metal") or pytestconfig.getoption("--metal")):
        pytest.skip("about a Metal device: --metal uses the Mac's, --emulate-metal emulates one")
    function = defined(page, name, tmp_path)
    rng = np.random.default_rng(1)
    passed = without_doubles(args)
    for a in passed:
        if isinstance(a, np.ndarray) and a.dtype == np.float32:
            a[...] = rng.standard_normal(a.shape)
    expected = [a.copy() if isinstance(a, np.ndarray) else a for a in passed]
    function(*expected, opts=parpy.seq())
    function(*passed, opts=options(schedule, backend=parpy.CompileBackend.Metal))
    for a, e in zip(passed, expected, strict=True):
        if isinstance(a, np.ndarray):
            assert_same(a, e, rtol=1e-5)
