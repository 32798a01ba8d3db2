"""Builds the Swift core and puts it into the wheel.

Hatchling runs this for every wheel, editable ones included, and the Makefile runs it as a script
when only Swift sources changed. What it does, in order: finds Swift,
runs ``swift build`` for the one product that Python loads, strips the result, places it as
``parpy/_native.abi3.so``, and derives the wheel's tag from what the binary itself asks of the
system. SwiftPM's state stays in ``.build/``, so a second build compiles only what changed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PRODUCT = "ParPyNative"
EXTENSION = "_native.abi3.so"

# `@c`, which exports PyInit__native, is Swift 6.3's (SE-0495).
MINIMUM_SWIFT = (6, 3)

# The oldest glibc whose distributions carry each libstdc++, as auditwheel's policies pair them.
GLIBC_OF_GLIBCXX = {28: (2, 31), 29: (2, 34), 30: (2, 35), 33: (2, 39)}


class SwiftBuildHook(BuildHookInterface[Any]):
    """Compiles the extension module and adds it to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds, places and tags the extension; `version` is "standard" or "editable"."""
        root = Path(self.root)
        staged = root / ".build" / "wheel" / EXTENSION
        copy_stripped(build_core(root), staged)
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform_tag(staged)}"
        if version == "editable":
            place(staged, root / "python" / "parpy" / EXTENSION)
        else:
            build_data["force_include"][str(staged)] = f"parpy/{EXTENSION}"


def stop(message: str) -> NoReturn:
    """Ends the build with `message` alone: a traceback would only hide it."""
    print(f"\nparpy: {message}\n", file=sys.stderr)
    raise SystemExit(1)


# --- Compiling ------------------------------------------------------------------------------


def build_core(root: Path) -> Path:
    """Runs SwiftPM and returns the path of the dynamic library it wrote."""
    command = [find_swift(), "build", "--configuration", "release", "--package-path", str(root)]
    command += ["--product", PRODUCT, "-Xcc", f"-I{python_include()}"]
    if sys.platform != "darwin":  # The Swift runtime is a part of macOS.
        command += ["-Xswiftc", "-static-stdlib"]
    # Standard output belongs to the build front end.
    result = subprocess.run(command, stdout=sys.stderr, stderr=sys.stderr)
    if result.returncode != 0:
        stop(f"`{' '.join(command)}` failed; the compiler's messages are above")
    shown = subprocess.run([*command, "--show-bin-path"], stdout=subprocess.PIPE, text=True)
    suffix = "dylib" if sys.platform == "darwin" else "so"
    library = Path(shown.stdout.strip().splitlines()[-1]) / f"lib{PRODUCT}.{suffix}"
    if not library.is_file():
        stop(f"swift build ended well, but {library} is not there")
    return library


def find_swift() -> str:
    """The `swift` on PATH, or a stop that says which version is needed and where to get it."""
    needed = ".".join(map(str, MINIMUM_SWIFT))
    way_out = (
        f"Building ParPy from source needs Swift {needed} or newer: "
        "https://www.swift.org/install\n"
        "Then open a new shell, check `swift --version`, and run the same command again.\n"
        "A prebuilt wheel needs no Swift: pip install --only-binary parpy parpy"
    )
    swift = shutil.which("swift")
    if swift is None:
        stop(f"no `swift` was found on PATH.\n{way_out}")
    reply = subprocess.run([swift, "--version"], capture_output=True, text=True)
    found = re.search(r"Swift version (\d+)\.(\d+)", reply.stdout + reply.stderr)
    if found is None:
        said = (reply.stdout + reply.stderr).strip() or "nothing"
        stop(f"`{swift} --version` does not name a Swift version; it said: {said}\n{way_out}")
    if (int(found[1]), int(found[2])) < MINIMUM_SWIFT:
        stop(f"{swift} is Swift {found[1]}.{found[2]}, which is too old.\n{way_out}")
    return swift


def python_include() -> str:
    """The folder of Python.h of the interpreter that runs the build."""
    include = sysconfig.get_paths()["include"]
    if not Path(include, "Python.h").is_file():
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        stop(
            f"{include}/Python.h is missing: the headers of {sys.executable} are not installed.\n"
            f"On Debian and Ubuntu: apt install {name}-dev; on Fedora: dnf install {name}-devel"
        )
    return include


# --- Placing --------------------------------------------------------------------------------


def copy_stripped(library: Path, target: Path) -> None:
    """Copies `library` to `target` without its local symbols, where a `strip` is at hand."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(library, target)
    target.chmod(0o755)
    strip = shutil.which("strip") or shutil.which("llvm-strip")
    if strip is None:
        print("parpy: no `strip` on PATH; the extension keeps its symbols", file=sys.stderr)
        return
    flag = "-x" if sys.platform == "darwin" else "--strip-unneeded"
    subprocess.run([strip, flag, str(target)], check=True)
    if sys.platform == "darwin":
        # Stripping breaks the ad-hoc signature that Apple silicon insists on.
        subprocess.run(["codesign", "--force", "--sign", "-", str(target)], check=True)


def place(source: Path, target: Path) -> None:
    """Copies `source` over `target` in one step: a running Python keeps the file it mapped."""
    fresh = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, fresh)
    os.replace(fresh, target)


# --- Tagging --------------------------------------------------------------------------------


def platform_tag(library: Path) -> str:
    """The platform part of the wheel's tag: the oldest system `library` can load on.

    Read from the binary, not from the machine, so that the tag says what is needed and nothing
    more. `make wheel` has auditwheel confirm it.
    """
    data = library.read_bytes()
    machine = platform.machine().lower()
    if sys.platform == "darwin":
        major, minor = macho_minimum_version(data)
        if major >= 11 and minor > 0:  # tags from macOS 11 on name whole versions only
            major, minor = major + 1, 0
        return f"macosx_{major}_{minor}_{machine}"
    libc = platform.libc_ver(sys.executable)[0]
    if sys.platform.startswith("linux") and libc == "glibc" and data[:4] == b"\x7fELF":
        major, minor = needed_glibc(elf_version_names(data))
        return f"manylinux_{major}_{minor}_{machine}"
    return re.sub(r"[-.]", "_", sysconfig.get_platform())


def needed_glibc(names: Iterator[str]) -> tuple[int, int]:
    """The oldest glibc that has every symbol version in `names`."""
    needed = (2, 17)
    for name in names:
        if name == "GLIBC_ABI_DT_RELR":
            needed = max(needed, (2, 36))
        elif match := re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", name):
            needed = max(needed, (int(match[1]), int(match[2])))
        elif match := re.fullmatch(r"GLIBCXX_3\.4\.(\d+)", name):
            wanted = int(match[1])
            if wanted >= min(GLIBC_OF_GLIBCXX):
                carrying = [g for x, g in GLIBC_OF_GLIBCXX.items() if x >= wanted]
                if not carrying:
                    stop(f"{name}: no manylinux tag is known for this libstdc++")
                needed = max(needed, min(carrying))
    return needed


def elf_version_names(data: bytes) -> Iterator[str]:
    """The symbol versions a 64-bit little-endian ELF file needs, such as "GLIBC_2.34".

    Walks `.gnu.version_r` (System V ABI, "Symbol Versioning" in the Linux Standard Base).
    """
    sections_at = struct.unpack_from("<Q", data, 0x28)[0]
    size, count = struct.unpack_from("<HH", data, 0x3A)
    # name, type, flags, address, offset, size, link, info, alignment, entry size
    headers = [
        struct.unpack_from("<IIQQQQIIQQ", data, sections_at + i * size) for i in range(count)
    ]
    for _, kind, _, _, offset, _, link, entries, _, _ in headers:
        if kind != 0x6FFFFFFE:  # SHT_GNU_verneed
            continue
        strings = headers[link][4]
        need = offset
        for _ in range(entries):
            _, auxiliaries, _, first, following = struct.unpack_from("<HHIII", data, need)
            auxiliary = need + first
            for _ in range(auxiliaries):
                _, _, _, name, step = struct.unpack_from("<IHHII", data, auxiliary)
                start = strings + name
                yield data[start : data.index(b"\0", start)].decode()
                auxiliary += step
            need += following


def macho_minimum_version(data: bytes) -> tuple[int, int]:
    """The oldest macOS a 64-bit Mach-O file loads on, from its LC_BUILD_VERSION command."""
    commands = struct.unpack_from("<I", data, 16)[0]
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", data, at)
        if command == 0x32:  # LC_BUILD_VERSION
            version = struct.unpack_from("<I", data, at + 12)[0]
            return version >> 16, (version >> 8) & 0xFF
        at += size
    return 11, 0


def build_in_place(root: Path) -> None:
    """Brings `python/parpy/_native.abi3.so` of an editable install up to date."""
    staged = root / ".build" / "wheel" / EXTENSION
    copy_stripped(build_core(root), staged)
    place(staged, root / "python" / "parpy" / EXTENSION)


if __name__ == "__main__":
    build_in_place(Path(__file__).resolve().parent)
