"""What `python -m parpy doctor` prints: what is here, what is missing, and how to get it.

Each check yields findings and never raises: a broken installation is what it is for.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parpy import _cache, _cuda, _native, backend
from parpy._jit import jit
from parpy._options import CompileBackend, CompileOptions, par
from parpy._schedule import threads
from parpy._structure import label
from parpy._version import __version__

__all__ = ["Finding", "main"]


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was looked for.
        found: what was found, or why nothing.
        remedy: what to do where it is missing.
        is_needed: whether ParPy lacks something without it, where it is missing.
    """

    subject: str
    found: str
    remedy: str | None = None
    is_needed: bool = True

    @property
    def is_missing(self) -> bool:
        """Whether something is to be done."""
        return self.remedy is not None and self.is_needed

    def __str__(self) -> str:
        mark = "ok" if self.remedy is None else "!!" if self.is_needed else "--"
        return f"  {mark}  {self.subject}: {self.found}".replace("\n", "\n      ")


def main() -> int:
    """Prints the report; returns 0 where the default backend works, else 1."""
    print(f"ParPy {__version__}, {Path(__file__).parent}")
    missing: list[Finding] = []
    missing += _print("Python", _python())
    missing += _print("CPU", _cpu())
    missing += _print("CUDA", _cuda_findings())
    missing += _print("Metal", _metal_findings())
    missing += _print("Cache", _cache_findings())
    missing += _print("Other libraries", _libraries())
    trials = {b: _trial(b) for b in _worth_trying()}
    missing += _print("Backends", trials.values())
    try:
        default = backend.default_backend()
        works = trials[default].remedy is None
        verdict = f"The default backend, {default.name}, {'works' if works else 'does not work'}."
    except (RuntimeError, ValueError) as error:
        works, verdict = False, f"The default backend cannot be used: {error}"
    if missing:
        print("\nMissing")
        for finding in missing:
            print(f"  {finding.subject}: {finding.remedy}")
    print(f"\n{verdict}")
    return 0 if works else 1


def _print(section: str, findings: Iterable[Finding]) -> list[Finding]:
    """Prints a section; returns the findings that say what is missing."""
    print(f"\n{section}")
    missing = []
    for finding in findings:
        print(finding)
        if finding.is_missing:
            missing.append(finding)
    return missing


# --- The checks -----------------------------------------------------------------------------


def _python() -> Iterator[Finding]:
    yield Finding("Python", f"{platform.python_version()}, {sys.executable}")
    yield Finding("NumPy", np.__version__)
    version = _version("llvmlite")
    if version is None:
        remedy = "pip install 'llvmlite>=0.50,<0.51'"
        yield Finding("llvmlite", "not installed, and nothing is compiled for the CPU", remedy)
    else:
        yield Finding("llvmlite", version)


def _cpu() -> Iterator[Finding]:
    limit = os.environ.get("PARPY_NUM_THREADS")
    why = f"PARPY_NUM_THREADS={limit}" if limit else "PARPY_NUM_THREADS sets fewer"
    yield Finding("workers", f"{_native.worker_count()} of {os.cpu_count()} cores; {why}")
    if _version("llvmlite") is None:
        return
    try:
        from parpy._llvm import target

        machine = target()
    except Exception as error:
        remedy = "pip install --force-reinstall 'llvmlite>=0.50,<0.51'"
        yield Finding("LLVM", f"does not load: {error}", remedy)
        return
    yield Finding("LLVM", f"{machine.toolchain}, {machine.triple}")
    known = ("avx2", "fma", "avx512f", "avx512bf16", "amx-tile", "neon", "sve")
    features = [name for name in known if f"+{name}" in machine.features.split(",")]
    yield Finding("processor", f"{machine.cpu}: {', '.join(features) or 'no vector extensions'}")
    yield Finding("vector math", machine.vector_math)


def _metal_findings() -> Iterator[Finding]:
    obstacle = _native.metal_obstacle()
    if obstacle is None:
        yield Finding("GPU", "found")
    else:
        yield _absent("GPU", RuntimeError(obstacle), is_needed=sys.platform == "darwin")


def _cuda_findings() -> Iterator[Finding]:
    is_needed = _has_gpu()
    if not is_needed:
        found = "none of NVIDIA's was found, so that CUDA is not needed"
        yield Finding("GPU", found, "needs one", is_needed=False)
    try:
        path, version, devices = _native.cuda_report()
    except RuntimeError as error:
        yield _absent("driver", error, is_needed)
    else:
        yield Finding("driver", f"{path}, which runs CUDA {version // 1000}.{version % 1000 // 10}")
        for number, (name, architecture, memory) in enumerate(devices):
            digits = architecture.removeprefix("sm_")
            capability = f"compute capability {digits[:-1]}.{digits[-1:]}"
            yield Finding(f"GPU {number}", f"{name}, {capability}, {_size(memory)}")
    try:
        path, nvrtc = _native.nvrtc_report(_cuda.library_directories())
    except RuntimeError as error:
        yield _absent("NVRTC", error, is_needed)
    else:
        yield Finding("NVRTC", f"{nvrtc}, {path}")
    directories = _cuda.header_directories()
    if directories:
        yield Finding("headers", directories[0])
    else:
        places = "NVIDIA's wheels, $CUDA_HOME, $CUDA_PATH and /usr/local/cuda"
        absence = RuntimeError(
            f"cuda_fp16.h, which 16-bit floats need, was not found. Looked for in {places}."
            "\nhelp: pip install 'parpy[cuda]'"
        )
        yield _absent("headers", absence, is_needed)
    nvcc = _nvcc()
    yield Finding("nvcc", nvcc or "not found", None if nvcc else "not needed", is_needed=False)


def _absent(subject: str, error: Exception, is_needed: bool) -> Finding:
    """What the text of an error says: why, and the way out."""
    found, _, remedy = str(error).partition("\nhelp: ")
    hint = "" if is_needed or not remedy else f"\n{remedy}"
    return Finding(subject, found + hint, remedy or "see the message above", is_needed)


def _cache_findings() -> Iterator[Finding]:
    cache = _cache.default()
    if cache is None:
        yield Finding(
            "directory",
            "none that is safe to use; what is compiled is kept in memory alone",
            "set PARPY_CACHE_DIR to a directory that you alone can write",
        )
        return
    count, size = cache.usage()
    where = f"{cache.directory}: {count} entries, {_size(size)}"
    if os.access(cache.directory, os.W_OK | os.X_OK):
        yield Finding("directory", f"{where}, writable")
    else:
        remedy = f"chmod u+rwx {cache.directory}, or set PARPY_CACHE_DIR to another directory"
        yield Finding("directory", f"{where}, not writable", remedy)


def _libraries() -> Iterator[Finding]:
    """Libraries whose arrays are taken; none is needed, and none is imported."""
    # CuPy's wheels are called after the version of CUDA.
    of_cupy = ("cupy", "cupy-cuda13x", "cupy-cuda12x")
    for name in ("torch", "cupy", "jax", "ml_dtypes"):
        version = _version(*(of_cupy if name == "cupy" else (name,)))
        yield Finding(name, version or "not installed", None if version else name, is_needed=False)


# --- The backends ---------------------------------------------------------------------------


def _worth_trying() -> list[CompileBackend]:
    """The CPU, and what could run on a GPU that is there."""
    obstacles = {
        CompileBackend.Cuda: _native.cuda_obstacle(),
        CompileBackend.Metal: _native.metal_obstacle(),
    }
    return [CompileBackend.Cpu, *(b for b, why in obstacles.items() if why is None)]


def _trial(b: CompileBackend) -> Finding:
    """Whether a small function compiles and runs on a backend; what is cached does not count."""
    opts: CompileOptions = par({"N": threads(64)})
    opts.backend = b
    x = np.zeros(100, np.float32)
    try:
        with _empty_cache():
            jit(_count)(x, opts=opts)
    except Exception as error:
        return _absent(b.name, RuntimeError(f"does not work: {error}"), is_needed=True)
    if not np.array_equal(x, np.arange(100)):
        return Finding(b.name, "gives wrong results", "report this, with all of these lines")
    return Finding(b.name, "compiles and runs")


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Keeps what is compiled in a directory of its own."""
    former = os.environ.get("PARPY_CACHE_DIR")
    with tempfile.TemporaryDirectory() as directory:
        os.environ["PARPY_CACHE_DIR"] = directory
        try:
            yield
        finally:
            os.environ.pop("PARPY_CACHE_DIR")
            if former is not None:
                os.environ["PARPY_CACHE_DIR"] = former


def _count(x):  # type: ignore[no-untyped-def]
    label("N")
    for i in range(x.shape[0]):
        x[i] = i


# --- Looking around -------------------------------------------------------------------------


def _version(*names: str) -> str | None:
    """The version of the first of these distributions that is installed; nothing is imported."""
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _has_gpu() -> bool:
    """Whether this machine has a GPU of NVIDIA's, with a driver or without."""
    if _native.cuda_obstacle() is None or Path("/proc/driver/nvidia").exists():
        return True
    for vendor in Path("/sys/bus/pci/devices").glob("*/vendor"):
        try:
            kind = vendor.with_name("class").read_text()
            # Displays and accelerators.
            if vendor.read_text().strip() == "0x10de" and kind.startswith(("0x03", "0x12")):
                return True
        except OSError:
            continue
    return False


def _nvcc() -> str | None:
    """The compiler of an installed toolkit."""
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    places = [Path(home, "bin") for home in homes if home] + [Path("/usr/local/cuda/bin")]
    return shutil.which("nvcc") or shutil.which("nvcc", path=os.pathsep.join(map(str, places)))


def _size(count: float) -> str:
    """A number of bytes as people write it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
