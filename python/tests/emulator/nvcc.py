"""`nvcc` for the emulator: host code becomes machine code that launches by the emulated driver.

The kernels are compiled by the emulated NVRTC and stand in the library as bytes. Launches are
written as calls before the C++ compiler sees the text; everything else is as it is.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from emulator.build import DRIVER, build, compiler
from emulator.launcher import compiled

# Arguments that mean nothing here.
_IGNORED = re.compile(r"-shared|-O\d|-arch=.*|-std=.*|--fmad=.*|-Xcompiler=.*")
_ATTRIBUTE = re.compile(r"\bcudaFuncSetAttribute\(\(const void \*\)(\w+),")
_LAUNCH = re.compile(r"\b(\w+)<<<(.*?)>>>\(")


def main(arguments: list[str]) -> int:
    """Does what the command line says; what it gives is the exit status."""
    directory = build()
    if arguments == ["--version"]:
        print(f"nvcc of the emulator {directory.name}")
        return 0
    source, target, words = _parsed(arguments)
    text = source.read_text()
    options = [w for w in words if w.startswith(("-I", "-D"))] + ["-DEMULATOR_FOR_KERNELS"]
    try:
        # Headers may have host code beside what kernels call.
        image = compiled(f'#include <cuda_runtime.h>\n#line 1 "{source.name}"\n{text}', options)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        binary, host = Path(folder, "kernels.bin"), Path(folder, "host.cpp")
        binary.write_bytes(image)
        launches = _LAUNCH.sub(r'emulator_configured(\1, "\1", \2)(', text)
        launches = _ATTRIBUTE.sub(r'emulator_set_attribute("\1",', launches)
        host.write_text(f'#line 1 "{source.name}"\n{launches}\n{_image(binary)}')
        include = directory / "include"
        command = [compiler(), "-std=c++17", "-O0", "-fPIC", "-shared", "-w", f"-I{include}"]
        command += ["-fno-rtti", "-fno-show-column", "-fdiagnostics-format=msvc"]
        command += ["-include", str(include / "emulator.h")]
        command += ["-include", str(include / "cuda_runtime.h"), str(host)]
        command += [str(directory / "support.o"), str(directory / DRIVER)]
        # The linker's arguments reach it by way of the compiler.
        command += [re.sub("^-Xlinker=", "-Wl,", word) for word in words]
        done = subprocess.run([*command, "-o", target], capture_output=True, text=True)
    print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode


def _parsed(arguments: list[str]) -> tuple[Path, Path, list[str]]:
    """The source, the target, and the arguments that the C++ compiler is given."""
    words = [a for a in arguments if not _IGNORED.fullmatch(a)]
    at = words.index("-o")
    target = Path(words[at + 1])
    del words[at : at + 2]
    source = next(w for w in words if w.endswith(".cu"))
    words.remove(source)
    return Path(source), target, words


def _image(binary: Path) -> str:
    """What puts the kernels into the library."""
    return (
        'asm(".section .rodata\\n.balign 16\\n.hidden emulator_image\\n.globl emulator_image\\n'
        f'emulator_image:\\n.incbin \\"{binary}\\"\\n.previous\\n");\n'
    )
