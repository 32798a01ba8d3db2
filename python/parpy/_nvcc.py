"""From CUDA C++ with host code to a loaded function, by way of `nvcc` and the disk cache."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from parpy import _cache, _cuda
from parpy._errors import CompileError

__all__ = ["compile_and_load", "find"]

_REMEDY = "pip install 'parpy[nvcc]'"
_FILE = "kernels.cu"

# Never unloaded: CUDA's runtime has registered their kernels.
_loaded: dict[str, ctypes.CDLL] = {}


def find() -> str:
    """The path of `nvcc`: the one of PATH, of CUDA_HOME or CUDA_PATH, of a toolkit, or of a wheel.

    Raises:
        CompileError: there is none; the message says where it was looked for.
    """
    on_path = shutil.which("nvcc")
    if on_path is not None:
        return on_path
    candidates = list(_candidates())
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return str(candidate)
    raise CompileError(
        "Host code of CUDA programs is compiled by nvcc, which was not found. Looked for on PATH "
        f"and at {', '.join(map(str, candidates))}.\nhelp: {_REMEDY}"
    )


def _candidates() -> Iterator[Path]:
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if home := os.environ.get(name):
            yield Path(home, "bin", "nvcc")
    yield Path("/usr/local/cuda/bin/nvcc")
    spec = importlib.util.find_spec("nvidia")
    for root in spec.submodule_search_locations or () if spec is not None else ():
        for package in sorted(Path(root).glob("cu[0-9]*"), reverse=True):
            yield package / "bin" / "nvcc"


def compile_and_load(
    text: str,
    entry: str,
    architecture: str,
    *,
    strict: bool,
    includes: Sequence[str] = (),
    libs: Sequence[str] = (),
    flags: Sequence[str] = (),
    write_output: bool = False,
) -> int:
    """The address of the function `entry` of CUDA C++, which stays loaded.

    Args:
        text: the translation unit.
        entry: an `extern "C"` function that it defines.
        architecture: what the kernels are compiled for, such as `sm_90`.
        strict: no contraction of multiply and add.
        includes: directories with headers.
        libs: libraries, by path or as the linker names them.
        flags: further arguments for `nvcc`.
        write_output: whether text that is refused is written to a file.

    Raises:
        CompileError: there is no `nvcc`, or it refuses the text; or the library cannot be loaded.
    """
    nvcc = find()
    arguments = [
        "-shared",
        f"-arch={architecture}",
        "-std=c++17",
        "-O3",
        "-Xcompiler=-fPIC",
        *(["--fmad=false"] if strict else []),
        *(f"-I{directory}" for directory in includes),
        *_linked(libs),
        *flags,
    ]
    key = _cache.key(
        "nvcc", _version(nvcc), text, _cuda.included_contents(text, includes), *arguments
    )
    library = _loaded.get(key)
    if library is None:
        cache = _cache.default()
        binary = None if cache is None else cache.get(key)
        library = None if binary is None else _opened(binary)
        if library is None:
            binary = _compiled(nvcc, text, arguments, write_output)
            library = _opened(binary, complain=True)
            if cache is not None:
                cache.put(key, binary)
        assert library is not None
        _loaded[key] = library
    try:
        address = ctypes.cast(library[entry], ctypes.c_void_p).value
    except AttributeError:
        address = None
    if address is None:
        raise CompileError(f"The compiled code has no function {entry!r}")
    return address


def _linked(libs: Sequence[str]) -> Iterator[str]:
    """The arguments that link libraries, which are found again where they are now."""
    for library in libs:
        if os.sep in library or ".so" in library:
            path = os.path.abspath(library)
            yield path
            yield f"-Xlinker=-rpath={os.path.dirname(path)}"
        else:
            yield f"-l{library}"


@functools.cache
def _version(nvcc: str) -> str:
    done = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False)
    return f"{nvcc}\n{done.stdout}"


def _compiled(nvcc: str, text: str, arguments: Sequence[str], write_output: bool) -> bytes:
    """The shared library that `nvcc` makes of a text."""
    with tempfile.TemporaryDirectory(prefix="parpy-nvcc-") as folder:
        source, target = Path(folder, _FILE), Path(folder, "kernels.so")
        source.write_text(text)
        # Libraries come behind what uses them.
        command = [nvcc, "-o", str(target), _FILE, *arguments]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, errors="replace"
        )
        if done.returncode == 0 and target.is_file():
            return target.read_bytes()
    log = (done.stdout + done.stderr).strip()
    message = f"nvcc could not compile the code ({' '.join(command)}):\n{log}{_quoted(log, text)}"
    if write_output:
        with tempfile.NamedTemporaryFile(
            "w", prefix="kernels_", suffix=".cu", encoding="utf-8", delete=False
        ) as file:
            file.write(text)
        message += f"\n\nThe code was written to {file.name}"
    raise CompileError(message)


def _quoted(log: str, text: str) -> str:
    """The line of the text that the first error is about; empty where that is in a header."""
    error = re.search(r"^(.*?)[(:](\d+)[):].*\berror\b", log, re.MULTILINE)
    if error is None or not error[1].endswith(_FILE):
        return ""
    lines = text.splitlines()
    number = int(error[2])
    if not 0 < number <= len(lines):
        return ""
    return f"\nThe line {number} of the code:\n    {lines[number - 1]}"


def _opened(binary: bytes, *, complain: bool = False) -> ctypes.CDLL | None:
    """The library that `binary` is; None where it cannot be loaded, unless the caller complains."""
    with tempfile.NamedTemporaryFile(prefix="parpy-", suffix=".so") as file:
        # The loader reads it while it has a name, and keeps it without one.
        file.write(binary)
        file.flush()
        try:
            return ctypes.CDLL(file.name)
        except OSError as error:
            if not complain:
                return None
            raise CompileError(
                f"The code that nvcc compiled cannot be loaded: {error}\n"
                "help: name the libraries that it needs in opts.libs or opts.extra_flags"
            ) from None
