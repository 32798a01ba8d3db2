"""From LLVM IR text to a loaded function, by way of the disk cache."""

from __future__ import annotations

import tempfile
import time

from parpy import _cache, _llvm
from parpy._llvm import Library, LLVMError

__all__ = ["LLVMError", "compile_and_load", "written"]


def compile_and_load(ir: str, entry: str, *, optimize: bool = True) -> Library:
    """Makes the function `entry` of a module callable.

    The Swift core calls this when a call needs a specialisation that the process does not have.

    Args:
        ir: A module of LLVM IR for this machine.
        entry: The name of a function that the module defines.
        optimize: Whether to run LLVM's O3 pipeline.

    Returns:
        The loaded code; keep it as long as its address is in use.

    Raises:
        LLVMError: LLVM refuses the module, or a symbol that it uses does not exist.
    """
    start = time.perf_counter()
    target = _llvm.target()
    cache = _cache.default()
    key = _cache.key(
        ir,
        target.toolchain,
        target.cpu,
        target.features,
        target.triple,
        _llvm.PIPELINE,
        f"optimize={optimize}",
    )
    library = _load_cached(cache, key, entry)
    if library is None:
        object_code = _llvm.compile(ir, optimize=optimize)
        library = _llvm.load(object_code, entry)
        if cache is not None:
            cache.put(key, object_code)
    library.milliseconds = (time.perf_counter() - start) * 1e3
    return library


def _load_cached(cache: _cache.DiskCache | None, key: str, entry: str) -> Library | None:
    """Loads the object code stored under `key`, or gives None where there is none that loads."""
    object_code = None if cache is None else cache.get(key)
    if object_code is None:
        return None
    try:
        library = _llvm.load(object_code, entry)
    except _llvm.LLVMError:
        return None  # Compiling again says what is wrong, or replaces the entry.
    library.from_disk = True
    return library


def written(ir: str, entry: str) -> str:
    """Writes code that was refused to a new file among the temporary ones; returns its path."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{entry}_", suffix=".ll", encoding="utf-8", delete=False
    ) as file:
        file.write(ir)
    return file.name
