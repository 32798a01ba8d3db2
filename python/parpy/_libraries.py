"""Where external functions are: shared libraries, and the process itself.

LLVM's linker is given addresses, so that a library or a symbol that is missing is an error here,
with its name, and so that a user's `exp` is not taken for the C library's.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Sequence

from parpy._errors import CompileError

__all__ = ["addresses"]

_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"

# Loaded once and never unloaded: compiled code holds addresses in them.
_libraries: dict[str, ctypes.CDLL] = {}
_lock = threading.Lock()


def addresses(symbols: Sequence[str], libs: Sequence[str]) -> list[int]:
    """Finds functions in libraries, in their order, and then among what the process has loaded.

    Args:
        symbols: The names of the functions.
        libs: Paths of libraries, or names such as `"m"` for `libm.so`.

    Raises:
        CompileError: A library cannot be loaded, or none has a function of that name.
    """
    loaded = [(name, _library(name)) for name in libs]
    process = ctypes.CDLL(None)
    return [_address(symbol, loaded, process) for symbol in symbols]


def _library(name: str) -> ctypes.CDLL:
    """Loads a library by its path or its name."""
    # A relative path means another file after a change of the directory.
    key = os.path.abspath(name) if os.sep in name else name
    with _lock:
        if key not in _libraries:
            _libraries[key] = _loaded(name)
        return _libraries[key]


def _loaded(name: str) -> ctypes.CDLL:
    failures: list[str] = []
    for candidate in _candidates(name):
        try:
            return ctypes.CDLL(candidate)
        except OSError as error:
            failures.append(f"{candidate}: {error}")
    if os.sep not in name:
        # Asks the system's linker, which takes a while.
        from ctypes.util import find_library

        found = find_library(name)
        if found is not None:
            try:
                return ctypes.CDLL(found)
            except OSError as error:
                failures.append(f"{found}: {error}")
    tried = "\n".join(f"    {failure}" for failure in failures)
    raise CompileError(
        f"The library {name!r} of opts.libs cannot be loaded. Looked for with dlopen:\n{tried}\n"
        "help: name the library by its path, such as '/home/user/libfoo.so'"
    )


def _candidates(name: str) -> list[str]:
    """The files that a library's name may stand for, the likeliest first."""
    if os.sep in name or _SUFFIX in name:
        return [name]
    return [f"lib{name}{_SUFFIX}"]


def _address(symbol: str, loaded: list[tuple[str, ctypes.CDLL]], process: ctypes.CDLL) -> int:
    if symbol.isascii() and symbol.isidentifier():
        for library in [library for _, library in loaded] + [process]:
            try:
                function = library[symbol]
            except AttributeError:
                continue
            address = ctypes.cast(function, ctypes.c_void_p).value
            if address is not None:
                return address
    places = [*(repr(name) for name, _ in loaded), "the process itself"]
    raise CompileError(
        f"The external function {symbol!r} is not to be found. Looked for with dlsym in "
        f"{', '.join(places)}.\n"
        'help: name the library that has it in opts.libs, and declare it extern "C" in C++'
    )
