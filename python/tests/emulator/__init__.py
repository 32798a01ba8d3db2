"""A GPU of our own: kernels for CUDA or Metal run on the CPU, text unchanged; see README.md."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from emulator.build import DRIVER, Unavailable, build, build_metal

__all__ = [
    "Unavailable",
    "graph_launches",
    "launches",
    "live_bytes",
    "set_seed",
    "start",
    "start_metal",
]

# Of the emulated device that was started: CUDA's driver, or the one for Metal.
_driver: ctypes.CDLL | None = None


def start(*, through_nvrtc: bool = False) -> None:
    """Puts the emulator in the place of CUDA's libraries, for the rest of the process.

    Whoever opens `libcuda.so.1` by its name gets the library of that name that is open already.

    Args:
        through_nvrtc: whether kernels run as NVIDIA's NVRTC compiles them, that of
            `PARPY_EMULATOR_NVRTC` or of a wheel; see `ptx.py`.

    Raises:
        Unavailable: it cannot be built here, or the process uses CUDA already.
    """
    global _driver
    if _driver is not None:
        return
    directory = build()
    _driver = ctypes.CDLL(str(directory / DRIVER))
    if not hasattr(ctypes.CDLL(DRIVER), "parpy_emulator_launches"):
        raise Unavailable("the process has opened the CUDA driver")
    _declare(_driver)
    _driver.parpy_emulator_graph_launches.restype = ctypes.c_uint64

    from parpy import _cuda

    of_wheels = _cuda.library_directories
    if through_nvrtc and "PARPY_EMULATOR_NVRTC" not in os.environ:
        found = [p for d in of_wheels() for p in sorted(Path(d).glob("libnvrtc.so.*"))]
        if not found:
            raise Unavailable("NVRTC is not installed; pip install nvidia-cuda-nvrtc")
        os.environ["PARPY_EMULATOR_NVRTC"] = str(found[-1])
    _cuda.library_directories = lambda: (str(directory), *of_wheels())
    os.environ["PATH"] = os.pathsep.join([str(_nvcc(directory)), os.environ.get("PATH", "")])


def start_metal() -> None:
    """Gives the process an emulated Metal device.

    Raises:
        Unavailable: it cannot be built here.
    """
    global _driver
    library = build_metal()
    _driver = ctypes.CDLL(str(library))
    _declare(_driver)
    os.environ["PARPY_METAL_DEVICE"] = str(library)


def _declare(driver: ctypes.CDLL) -> None:
    driver.parpy_emulator_live_bytes.restype = ctypes.c_size_t
    driver.parpy_emulator_launches.restype = ctypes.c_uint64
    driver.parpy_emulator_set_seed.argtypes = [ctypes.c_uint64]


def _nvcc(directory: Path) -> Path:
    """A directory with a command `nvcc` that compiles for the emulator; see nvcc.py."""
    command = directory / "bin" / "nvcc"
    command.parent.mkdir(exist_ok=True)
    own = command.with_name(f"nvcc-{os.getpid()}")
    own.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from emulator.nvcc import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    own.chmod(0o755)
    own.rename(command)
    return command.parent


def _library() -> ctypes.CDLL:
    if _driver is None:
        raise RuntimeError("the emulator was not started")
    return _driver


def set_seed(seed: int) -> None:
    """Chooses another order of lanes and blocks for the launches to come."""
    _library().parpy_emulator_set_seed(seed)


def default_seed() -> int:
    """The seed that the process starts with."""
    return int(os.environ.get("PARPY_EMULATOR_SEED", "1"))


def live_bytes() -> int:
    """The bytes of the device that are allocated."""
    return int(_library().parpy_emulator_live_bytes())


def graph_launches() -> int:
    """How many CUDA graphs the process has launched."""
    return int(_library().parpy_emulator_graph_launches())


def launches() -> int:
    """How many kernels the process has launched."""
    return int(_library().parpy_emulator_launches())
