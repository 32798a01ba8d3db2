"""Where CUDA's libraries and headers lie: in wheels beside this package, or in a toolkit."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["header_directories", "library_directories"]

_TOOLKITS = ("CUDA_HOME", "CUDA_PATH")


def library_directories() -> tuple[str, ...]:
    """Directories that may hold libnvrtc: those of NVIDIA's wheels."""
    return tuple(str(path) for path in _wheel_directories("lib"))


def header_directories() -> tuple[str, ...]:
    """Directories that hold cuda_fp16.h: of wheels, of CUDA_HOME, of the usual place."""
    candidates = list(_wheel_directories("include"))
    candidates += [Path(os.environ[name], "include") for name in _TOOLKITS if name in os.environ]
    candidates.append(Path("/usr/local/cuda/include"))
    return tuple(str(path) for path in candidates if (path / "cuda_fp16.h").is_file())


def _wheel_directories(name: str) -> Iterator[Path]:
    """The directories called `name` of the wheels, the newest CUDA first; nothing is imported."""
    spec = importlib.util.find_spec("nvidia")
    for root in spec.submodule_search_locations or () if spec is not None else ():
        packages = sorted(Path(root).glob("cu[0-9]*"), reverse=True)
        packages += [Path(root, "cuda_nvrtc"), Path(root, "cuda_runtime")]
        yield from (path / name for path in packages if (path / name).is_dir())
