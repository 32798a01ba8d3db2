"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "llvmlite", "numba")


def machine() -> dict[str, Any]:
    """Describes processor, memory, GPUs of NVIDIA's and system."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "caches": _caches(),
        "memory_bytes": _memory(),
        "gpus": _gpus(),
        "system": platform.platform(),
        "load_average": load_average(),
    }


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """The versions of Python, ParPy, what it runs on and its peers; only what is installed."""
    import parpy  # late: it may read the environment that the benchmark sets

    found = {"parpy": parpy.__version__, "python": platform.python_version()}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    with suppress(OSError, subprocess.CalledProcessError):
        found["commit"] = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    return found


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """How many threads wanted to run in the last minute; None where the system cannot tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


class Neighbours:
    """Measures how much of the machine others had since this was made.

    Linux only: elsewhere it does not know.
    """

    def __init__(self) -> None:
        self._start = self._times()

    def cores(self) -> dict[str, float]:
        """Cores kept busy by other work on this system, and cores that the hypervisor took."""
        now = self._times()
        if now is None or self._start is None or now["wall"] <= self._start["wall"]:
            return {}
        passed = {name: now[name] - self._start[name] for name in now}
        others = max(0.0, passed["busy"] - passed["own"])
        return {
            "other work": round(others / passed["wall"], 2),
            "hypervisor": round(passed["stolen"] / passed["wall"], 2),
        }

    @staticmethod
    def _times() -> dict[str, float] | None:
        """Seconds since some moment, for all cores together."""
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        except OSError:
            return None
        tick = os.sysconf("SC_CLK_TCK")
        user, nice, system, _idle, _wait, hard, soft, stolen = (int(f) / tick for f in fields)
        return {
            "wall": time.monotonic(),
            "busy": user + nice + system + hard + soft,
            "stolen": stolen,
            "own": sum(os.times()[:4]),
        }


def _processor() -> str:
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return found[1]
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """The size of each data cache that the first core sees."""
    found = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        with suppress(OSError):
            kind, level, size = (
                (cache / name).read_text().strip() for name in ("type", "level", "size")
            )
            if kind != "Instruction":
                found[f"L{level}"] = size
    return found


def _memory() -> int | None:
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _gpus() -> list[str]:
    """The names of NVIDIA's GPUs; none where their driver is not installed."""
    with suppress(OSError, subprocess.CalledProcessError):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    return []


def _sysctl(name: str) -> str:
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["sysctl", "-n", name], capture_output=True, text=True, check=True
        ).stdout.strip()
    return ""
