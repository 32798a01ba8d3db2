"""From LLVM IR text to a loaded function, by way of the disk cache."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence

from parpy import _cache, _llvm
from parpy._llvm import Library, LLVMError

__all__ = ["LLVMError", "compile_and_load", "written"]


def compile_and_load(
    ir: str,
    entry: str,
    externals: Sequence[str] = (),
    libs: Sequence[str] = (),
    *,
    optimize: bool = True,
) -> Library:
    """Makes the function `entry` of a module callable.

    The Swift core calls this when a call needs a specialisation that the process does not have.

    Args:
        ir: A module of LLVM IR for this machine.
        entry: The name of a function that the module defines.
        externals: The symbols of the external functions that the module calls by the names
            `parpy.external.0.SYMBOL`, `parpy.external.1.SYMBOL` and so on.
        libs: The libraries that they are looked for in, before the process itself.
        optimize: Whether to run LLVM's O3 pipeline.

    Returns:
        The loaded code; keep it as long as its address is in use.

    Raises:
        LLVMError: LLVM refuses the module, or a symbol that it uses does not exist.
        CompileError: A library or an external function is not to be found.
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
        *externals,
        *(libs if externals else ()),
    )
    imports = _imports(externals, libs)
    library = _load_cached(cache, key, entry, imports)
    if library is None:
        object_code = _llvm.compile(ir, optimize=optimize)
        library = _llvm.load(object_code, entry, imports)
        if cache is not None:
            cache.put(key, object_code)
    library.milliseconds = (time.perf_counter() - start) * 1e3
    return library


def _imports(externals: Sequence[str], libs: Sequence[str]) -> dict[str, int]:
    """The addresses of external functions, by the names that compiled code calls them by."""
    if not externals:
        return {}
    from parpy._libraries import addresses

    return {
        f"parpy.external.{position}.{symbol}": address
        for position, (symbol, address) in enumerate(
            zip(externals, addresses(externals, libs), strict=True)
        )
    }


def _load_cached(
    cache: _cache.DiskCache | None, key: str, entry: str, imports: Mapping[str, int]
) -> Library | None:
    """Loads the object code stored under `key`, or gives None where there is none that loads."""
    object_code = None if cache is None else cache.get(key)
    if object_code is None:
        return None
    try:
        library = _llvm.load(object_code, entry, imports)
    except _llvm.LLVMError:
        return None  # Compiling again says what is wrong, or replaces the entry.
    library.from_disk = True
    return library


def written(code: str, entry: str, suffix: str) -> str:
    """Writes code that was refused to a new file among the temporary ones; returns its path."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{entry}_", suffix=suffix, encoding="utf-8", delete=False
    ) as file:
        file.write(code)
    return file.name
