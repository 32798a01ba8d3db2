"""Where CUDA's libraries and headers lie: in wheels beside this package, or in a toolkit."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

__all__ = ["header_directories", "included_contents", "library_directories"]

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


def included_contents(text: str, directories: Sequence[str]) -> str:
    """The contents of the user's headers that CUDA C++ includes, and of those that they include.

    Headers that are in none of the directories, nor beside the one that includes them, are of the
    compiler's. Conditions around an `#include` are not looked at.

    Args:
        text: the CUDA C++.
        directories: where headers are looked for.

    Example:
        >>> included_contents("int main() {}", ["/usr/include"])
        ''
    """
    found: dict[Path, str] = {}
    # From the root, absolute paths are what they are.
    _follow(text, [*map(Path, directories), Path("/")], None, found)
    return "".join(f"\n// {path}\n{content}" for path, content in found.items())


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^<>\n]+)>|"([^"\n]+)")', re.MULTILINE)


def _follow(
    text: str, directories: list[Path], beside: Path | None, found: dict[Path, str]
) -> None:
    for bracketed, quoted in _INCLUDE.findall(text):
        places = [beside, *directories] if quoted and beside is not None else directories
        path = next((p for d in places if (p := d / (quoted or bracketed)).is_file()), None)
        if path is None or path in found:
            continue
        with suppress(OSError):
            found[path] = path.read_text(errors="replace")
            _follow(found[path], directories, path.parent, found)


def _wheel_directories(name: str) -> Iterator[Path]:
    """The directories called `name` of the wheels, the newest CUDA first; nothing is imported."""
    spec = importlib.util.find_spec("nvidia")
    for root in spec.submodule_search_locations or () if spec is not None else ():
        packages = sorted(Path(root).glob("cu[0-9]*"), reverse=True)
        packages += [Path(root, "cuda_nvrtc"), Path(root, "cuda_runtime")]
        yield from (path / name for path in packages if (path / name).is_dir())
