"""Builds the emulator's libraries, once for each state of its sources."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

_SOURCES = Path(__file__).parent
_ROOT = _SOURCES.parents[2]

DRIVER = "libcuda.so.1"
NVRTC = "libnvrtc.so.13"

# Kernels are compiled without contraction. Undefined behaviour is reported: emitted code has none.
_UNDEFINED = (
    "signed-integer-overflow,shift,integer-divide-by-zero,float-cast-overflow,bounds,alignment,"
    "null,bool,unreachable,return"
)
_KERNEL_FLAGS = [
    "-std=c++17",
    "-O1",
    "-shared",
    "-fPIC",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-strict-aliasing",
    "-fno-stack-protector",
    "-ffp-contract=off",
    f"-fsanitize={_UNDEFINED}",
    "-fno-sanitize-recover=all",
    "-nostdlib",
    "-w",
    "-D__CUDACC_RTC__",
]


class Unavailable(Exception):
    """The emulator cannot be built here; the message says why."""


def compiler() -> str:
    """A C++ compiler: the clang beside Swift, else one of the system's."""
    swift = shutil.which("swift")
    beside = [str(Path(swift).resolve().with_name("clang++"))] if swift else []
    for name in [*beside, "clang++", "g++"]:
        found = shutil.which(name)
        if found is not None:
            return found
    raise Unavailable("there is neither clang++ nor g++")


@functools.cache
def build() -> Path:
    """The directory with the libraries, built where they are not up to date.

    Raises:
        Unavailable: there is no compiler, or none that can build them.
    """
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise Unavailable(f"it runs on Linux on x86-64 and AArch64, not on {platform.platform()}")
    sources = sorted(p for p in _SOURCES.rglob("*") if p.suffix in (".cpp", ".h"))
    sources += [Path(__file__), _ROOT / "Sources/CCUDA/include/CCUDA.h"]
    state = hashlib.sha256(compiler().encode())
    for path in sources:
        state.update(path.read_bytes())
    directory = _ROOT / ".build" / "emulator" / state.hexdigest()[:16]
    if not (directory / NVRTC).is_file():
        _build(directory)
    return directory


def _build(directory: Path) -> None:
    (directory / "cache").mkdir(parents=True, exist_ok=True)
    support = directory / "support.o"
    common = [compiler(), "-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra"]
    _run([*common, "-fno-exceptions", "-c", _SOURCES / "support.cpp", "-o", support])
    library = [*common, "-shared", "-fvisibility=hidden", "-pthread", "-ldl"]
    driver = [
        _SOURCES / f"{name}.cpp" for name in "driver fibers grid memory module signals".split()
    ]
    _link([*library, *driver, f"-Wl,-soname,{DRIVER}"], directory / DRIVER)
    command = "\\n".join(_kernel_command(directory))
    definitions = [
        f'-DEMULATOR_COMMAND="{command}"',
        f'-DEMULATOR_CACHE="{directory / "cache"}"',
        f'-DEMULATOR_SUPPORT="{support}"',
    ]
    _link([*library, *definitions, _SOURCES / "nvrtc.cpp"], directory / NVRTC)


def _kernel_command(directory: Path) -> list[str]:
    """The command that compiles a library of kernels, without its files: the fastest that works."""
    include = _SOURCES / "include"
    command = [compiler(), *_KERNEL_FLAGS, f"-I{include}", "-include", str(include / "emulator.h")]
    trial = directory / f"trial-{os.getpid()}.cpp"
    output = trial.with_suffix(".so")
    trial.write_text('extern "C" __global__ void trial(float *x) { *x = sinf(*x); }\n')
    further = [
        [
            "-fno-sanitize-link-runtime",
            "-fuse-ld=lld",
            "-fno-show-column",
            "-fdiagnostics-format=msvc",
        ],
        ["-fno-sanitize-link-runtime", "-fno-show-column", "-fdiagnostics-format=msvc"],
        [],
    ]
    try:
        for flags in further:
            try:
                _run([*command, *flags, trial, directory / "support.o", "-o", output, "-lm", "-lc"])
            except Unavailable as error:
                failure = error
            else:
                return [*command, *flags]
        raise failure
    finally:
        trial.unlink(missing_ok=True)
        output.unlink(missing_ok=True)


def _link(command: list[str | Path], library: Path) -> None:
    """Makes a library in one step, so that nobody opens half of it."""
    own = library.with_name(f"{library.name}.{os.getpid()}")
    _run([*command, "-o", own])
    own.rename(library)


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{Path(command[0]).name} cannot build it:\n{done.stderr}")
