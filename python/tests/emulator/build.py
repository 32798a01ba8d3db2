"""Builds the emulator's libraries, once for each state of its sources."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SOURCES = Path(__file__).parent
_ROOT = _SOURCES.parents[2]

DRIVER = "libcuda.so.1"
NVRTC = "libnvrtc.so.13"
METAL = "libparpymetal.so"

# Kernels are compiled without contraction. At level 0 they are compiled soonest, and undefined
# behaviour is reported: emitted code has none. At level 1 they are optimised, and `__restrict__`
# counts; with these checks clang 21 would make wrong ends of loops (`IndVarSimplify`).
_UNDEFINED = (
    "signed-integer-overflow,shift,integer-divide-by-zero,float-cast-overflow,bool,unreachable,"
    "return,alignment,null"
)
_COMMON = [
    "-O{level}",
    "-fPIC",
    "-fno-strict-aliasing",
    "-fno-stack-protector",
    "-ffp-contract=off",
    "-w",
]
_CXX = ["-std=c++17", "-fno-exceptions", "-fno-rtti"]
_KERNEL_FLAGS = [*_CXX, *_COMMON, "-D__CUDACC_RTC__"]
# Without float64, which Metal does not have.
METAL_FLAGS = [
    *("-x", "cl", "-cl-std=clc++2021"),
    *("-Xclang", "-cl-ext=-cl_khr_fp64,-__opencl_c_fp64"),
]
# Products join with sums, as on a GPU, except where the text forbids it.
_CONTRACTING = [
    "-ffp-contract=fast-honor-pragmas",
    *(["-mfma"] if platform.machine() == "x86_64" else []),
]
INCLUDE = _SOURCES / "include"
_OF_CLANG = [
    f"0:-fsanitize={_UNDEFINED},array-bounds",
    "0:-fno-sanitize-recover=all",
    "-fno-show-column",
    "-fdiagnostics-format=msvc",
    "-fno-asynchronous-unwind-tables",
]
# The compiler says of each access that it is about to be made.
_WATCHED = [
    "-fsanitize=thread",
    *("-mllvm", "-tsan-instrument-func-entry-exit=0"),
    *("-mllvm", "-tsan-distinguish-volatile=1"),
    *("-mllvm", "-tsan-instrument-memintrinsics=0"),
]
_OF_GCC = [
    f"0:-fsanitize={_UNDEFINED},bounds",
    "0:-fno-sanitize-recover=all",
    "-fno-diagnostics-show-caret",
    "-fsanitize=thread",
    "--param=tsan-instrument-func-entry-exit=0",
    "--param=tsan-distinguish-volatile=1",
]
LEVELS = ("0", "1")


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
    sources += [Path(__file__), *_SOURCES.glob("ptx*.py"), INCLUDE / "metal_stdlib"]
    sources += [_ROOT / f"Sources/{name}/include/{name}.h" for name in ("CCUDA", "CMetal")]
    state = hashlib.sha256(compiler().encode())
    for path in sources:
        state.update(path.read_bytes())
    directory = _ROOT / ".build" / "emulator" / state.hexdigest()[:16]
    directory.mkdir(parents=True, exist_ok=True)
    # Processes that start together build once.
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / NVRTC).is_file():
            _build(directory)
    return directory


@functools.cache
def build_metal() -> Path:
    """The library that stands for a Metal device, built where it is not up to date.

    Raises:
        Unavailable: there is no clang, or none that can build it.
    """
    library = build() / METAL
    if not Path(compiler()).name.startswith("clang"):
        raise Unavailable("kernels in the Metal Shading Language are compiled by clang alone")
    with (library.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.is_file():
            _build_metal(library)
    return library


# What runs the lanes of kernels.
_ENGINE = "fibers grid memory module signals watch".split()


def _build(directory: Path) -> None:
    (directory / "cache").mkdir(exist_ok=True)
    program = (
        f"import sys; sys.path.insert(0, '{_SOURCES.parent}');"
        " from emulator.ptx import main; sys.exit(main())"
    )
    shutil.copytree(INCLUDE, directory / "include", dirs_exist_ok=True)
    _support(directory, "support")
    _link(_library("driver", *_ENGINE, soname=DRIVER), directory / DRIVER)
    definitions = [
        f"-DEMULATOR_COMPILE={_quoted(_compile_command(directory))}",
        f"-DEMULATOR_LINK={_quoted(_link_command(directory))}",
        f'-DEMULATOR_CACHE="{directory / "cache"}"',
        f"-DEMULATOR_STATE=0x{directory.name[:6]}",
        f"-DEMULATOR_PYTHON={_quoted([sys.executable])}",
        f"-DEMULATOR_PTX={_quoted([program])}",
    ]
    _link([*_library("nvrtc", "compiler"), *definitions], directory / NVRTC)


def _build_metal(library: Path) -> None:
    directory = library.parent
    _support(directory, "metal_support")
    include = f"-I{directory / 'include'}"
    kernels = [compiler(), *METAL_FLAGS, *_COMMON, *_OF_CLANG, *_WATCHED, include]
    names = [compiler(), *_CXX, "-O0", "-fPIC", "-w", include]
    link = [*_link_command(directory), str(directory / "metal_support.o")]
    # What a threadgroup shares is all that is not initialised in the kernels' objects.
    script = directory / "shared.ld"
    sections = " ".join(f"EXCLUDE_FILE(*support.o) {name}" for name in (".bss", ".bss.*"))
    script.write_text(
        "SECTIONS { parpy_shared : { __start_parpy_shared = .; "
        f"*({sections}) __stop_parpy_shared = .; }} }} INSERT AFTER .data;\n"
    )
    option = "-T" if Path(link[0]).name == "ld" else "-Wl,-T,"
    link += [option, str(script)] if option == "-T" else [f"{option}{script}"]
    definitions = [
        f"-DEMULATOR_METAL={_quoted(kernels)}",
        f"-DEMULATOR_METAL_CONTRACTING={_quoted(_CONTRACTING)}",
        f"-DEMULATOR_METAL_NAMES={_quoted(names)}",
        f"-DEMULATOR_METAL_LINK={_quoted(link)}",
        f'-DEMULATOR_CACHE="{directory / "cache"}"',
    ]
    _link([*_library("metal", "compiler", *_ENGINE, soname=METAL), *definitions], library)


def _cxx() -> list[str]:
    return [compiler(), "-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra"]


def _support(directory: Path, name: str) -> None:
    """Compiles what modules of kernels are linked with."""
    source = _SOURCES / f"{name}.cpp"
    _run([*_cxx(), "-fno-exceptions", "-c", source, "-o", directory / f"{name}.o"])


def _library(*names: str, soname: str = "") -> list[str | Path]:
    """The command that makes a library of some sources, without its own name."""
    command = [*_cxx(), "-shared", "-fvisibility=hidden", "-pthread", "-ldl"]
    sources = [_SOURCES / f"{name}.cpp" for name in names]
    return [*command, *sources, *([f"-Wl,-soname,{soname}"] if soname else [])]


def _compile_command(directory: Path) -> list[str]:
    """What makes an object of kernels, without its files: the fastest that works.

    Where it says {level}, the level of optimisation belongs.
    """
    header = directory / "include" / "emulator.h"
    command = [compiler(), *_KERNEL_FLAGS, f"-I{header.parent}"]
    clang = [*command, *_OF_CLANG, *_WATCHED]
    try:
        for level in LEVELS:
            made = directory / f"emulator-{level}.pch"
            _run([*_at(level, clang), "-x", "c++-header", header, "-o", made])
        ways = [[*clang, "-include-pch", str(directory / "emulator-{level}.pch")]]
    except Unavailable:
        ways = []
    ways += [[*flags, "-include", str(header)] for flags in (clang, [*command, *_OF_GCC])]
    trial = directory / "trial.cpp"
    trial.write_text('extern "C" __global__ void trial(float *x) { *x = sinf(*x); }\n')
    return _first(ways, "-c", trial, "-o", directory / "trial.o")


def _link_command(directory: Path) -> list[str]:
    """What makes a library of an object of kernels, without these two."""
    support = str(directory / "support.o")
    ways = [[compiler(), "-shared", "-nostdlib", support, "-lm", "-lc"]]
    linker = shutil.which("ld")
    if linker is not None:
        # Without the compiler in between it takes a third of the time.
        found = [f"-print-file-name=lib{name}.so.6" for name in ("m", "c")]
        libraries = [subprocess.check_output([compiler(), n], text=True).strip() for n in found]
        ways.insert(0, [linker, "-shared", support, *libraries])
    return _first(ways, directory / "trial.o", "-o", directory / "trial.so")


def _first(ways: list[list[str]], *files: str | Path) -> list[str]:
    """The first command that can do its work."""
    failure = Unavailable("there is no way to do it")
    for way in ways:
        try:
            _run([*_at(LEVELS[0], way), *files])
        except Unavailable as error:
            failure = error
        else:
            return way
    raise failure


def _at(level: str, command: list[str]) -> list[str]:
    """The command at a level; words for one level alone begin with `0:` or `1:`."""
    words = [word.replace("{level}", level) for word in command]
    other = f"{1 - int(level)}:"
    return [w.removeprefix(f"{level}:") for w in words if not w.startswith(other)]


def _quoted(command: list[str]) -> str:
    """A command as one literal of C++, a word a line."""
    return '"' + "\\n".join(command) + '"'


def _link(command: list[str | Path], library: Path) -> None:
    """Makes a library in one step, so that nobody opens half of it."""
    own = library.with_name("part.so")
    _run([*command, "-o", own])
    own.rename(library)


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{Path(command[0]).name} cannot build it:\n{done.stderr}")
