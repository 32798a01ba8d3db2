"""The CUDA C++ of a program, for tests that look at it."""

from __future__ import annotations

from typing import Any

from nvrtc import require_compiles

import parpy


def cuda(schedule: dict[str, parpy.LoopPar]) -> parpy.CompileOptions:
    opts = parpy.par(schedule)
    opts.backend = parpy.CompileBackend.Cuda
    return opts


def kernels(function: Any, args: list[Any], schedule: dict[str, parpy.LoopPar]) -> str:
    """The text, which must compile."""
    text = parpy.print_compiled(function, args, cuda(schedule))
    require_compiles(text)
    return text
