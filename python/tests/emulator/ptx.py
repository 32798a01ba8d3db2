"""From PTX to C++ for the emulator: what NVRTC makes of kernels runs on the CPU.

    python -m emulator.ptx LIBRARY kernels.cu kernels.cpp OPTION...

`LIBRARY` is NVIDIA's NVRTC, which the options are for. Each instruction becomes a statement, each
register a word. The exit status is 1, with the reason, where NVRTC refuses the text or makes
instructions that are not known here.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from emulator.ptx_instructions import Instructions, Unknown, name_of, parts_of, word_of


class Refused(Exception):
    """A text that NVRTC does not compile."""


# --- NVRTC --------------------------------------------------------------------------------------


def ptx_of(text: str, library: str, options: list[str]) -> str:
    """The PTX of kernels.

    Raises:
        Refused: NVRTC refuses the text; the message is its log.
    """
    # Known by its name from then on, wherever NVRTC looks for it.
    for builtins in Path(library).parent.glob("libnvrtc-builtins.so*"):
        ctypes.CDLL(str(builtins))
    nvrtc = ctypes.CDLL(library)
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None)
    words = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
    if nvrtc.nvrtcCompileProgram(program, len(options), words):
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        raise Refused(log.value.decode())
    nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetPTX(program, ptx)
    return ptx.value.decode()


class Translator(Instructions):
    """Writes the C++ of one PTX module."""

    def __init__(self, ptx: str) -> None:
        super().__init__()
        self.ptx = re.sub(r"//[^\n]*", "", ptx)

    def module(self) -> str:
        """The C++ of all its variables and functions."""
        lines = ['#include "ptx.h"']
        text = self.ptx
        at = 0
        head = re.compile(
            r"(?:\.visible |\.weak |\.extern )?\.(entry|func)\s*(?:\(([^)]*)\)\s*)?(\w+)\s*"
            r"(?:\(([^)]*)\))?([^{;]*)([{;])"
        )
        while match := head.search(text, at):
            lines += self.variables(text[at : match.start()])
            kind, result, name, parameters = match[1], match[2], match[3], match[4] or ""
            end = match.end()
            if match[6] == ";":
                lines.append(self.head(kind, result, name, parameters) + ";")
            else:
                depth = 1
                while depth:
                    depth += (text[end] == "{") - (text[end] == "}")
                    end += 1
                body = text[match.end() : end - 1]
                lines.append(self.head(kind, result, name, parameters, body) + " {")
                lines += self.body(body, kind, parameters)
                lines.append("}")
            at = end
        return "\n".join([*lines, *self.variables(text[at:]), ""])

    def head(
        self, kind: str, result: str | None, name: str, parameters: str, body: str = ""
    ) -> str:
        words = [re.split(r"\s+", p.strip()) for p in parameters.split(",") if p.strip()]
        if kind == "entry":
            given = []
            for w in words:
                parameter, _, size = w[-1].partition("[")
                register = re.search(rf"ld\.param\.[bu]64\s+(%\w+), \[{parameter}\]", body)
                is_pointer = register and re.search(
                    rf"cvta\.to\.global\.u64\s+%\w+, {register[1]};", body
                )
                whole = f"Structure<{size[:-1]}>" if size else self.type(w[1])
                given.append(f"{'char *' if is_pointer else whole} {parameter}")
            return f'extern "C" PTX_UNWATCHED __global__ void {name}({", ".join(given)})'
        given = [f"char *{w[-1].partition('[')[0]}" for w in words]
        if result and result.strip():
            given.insert(0, f"char *{result.split()[-1].partition('[')[0]}")
        return f"PTX_UNWATCHED static void {name}({', '.join(given)})"

    def variables(self, text: str, *, is_local: bool = False) -> list[str]:
        lines = []
        form = re.compile(
            r"\.(shared|const|global|local|param)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(\w+)(?:\[(\d*)\])?(?:\s*=\s*([^;]*))?;"
        )
        for space, align, kind, name, count, value in form.findall(text):
            size = int(count or 1) * (int(re.sub(r"\D", "", kind)) // 8)
            if space == "shared":
                self.shared.add(name)
                aligned = f"__attribute__((aligned({align or 8})))"
                lines.append(f"__shared__ char {name}[{max(1, size)}] {aligned};")
            elif value:
                values = value.strip().strip("{}")
                item = self.type(kind)
                lines.append(
                    f"static {item} {name_of(name)}[] __attribute__((aligned(16))) = {{{values}}};"
                )
            else:
                kept = "" if is_local else "static "
                lines.append(
                    f"{kept}char {name_of(name)}[{max(1, size)}] __attribute__((aligned(16)));"
                )
        return lines

    # --- Functions

    def body(self, text: str, kind: str, parameters: str) -> list[str]:
        self.parameters = {p.split()[-1].split("[")[0] for p in parameters.split(",") if p.strip()}
        self.is_kernel = kind == "entry"
        lines = []
        for table, labels in re.findall(r"(\$?\w+):\s*\.branchtargets\s+([^;]*);", text):
            self.tables[table] = [x.strip() for x in labels.split(",")]
        text = re.sub(r"\$?\w+:\s*\.branchtargets\s+[^;]*;", "", text)
        text = re.sub(r"\.pragma[^;]*;", "", text)
        if re.search(r"\.cc\b|\baddc|\bsubc|\bmadc", text):
            lines.append("bool carry = false;")
        for statement in self.statements(text):
            lines.append(self.statement(statement))
        return lines

    def statements(self, text: str) -> Iterator[str]:
        """Labels, braces and what ends in a semicolon."""
        start, depth = 0, 0
        for i, c in enumerate(text):
            if c == "{" and not text[start:i].strip():
                yield "{"
                start = i + 1
            elif c == "{":
                depth += 1
            elif c == "}" and depth:
                depth -= 1
            elif c == "}":
                yield "}"
                start = i + 1
            elif c == ";" or (c == ":" and re.fullmatch(r"\s*\$?\w+", text[start:i])):
                yield text[start : i + 1].strip()
                start = i + 1

    def statement(self, text: str) -> str:
        if text in "{}":
            return text
        if text.endswith(":"):
            return f"{name_of(text[:-1])}:;"
        text = text[:-1].strip()
        if not text:
            return ";"
        if text.startswith(".reg"):
            return self.declarations(text)
        if text.startswith("."):
            if re.match(r"\.(loc|file|section)\b", text):
                return ";"
            made = self.variables(text + ";", is_local=True)
            if not made:
                raise Unknown(text)
            return " ".join(made)
        guard = ""
        if match := re.match(r"@(!?)(%\w+)\s+(.*)", text, re.S):
            guard, text = f"if ({match[1]}{name_of(match[2])}) ", match[3]
        words = text.split(None, 1)
        operands = parts_of(words[1]) if len(words) > 1 else []
        return f"{guard}{{ {self.instruction(words[0], operands)} }}"

    def declarations(self, text: str) -> str:
        match = re.match(r"\.reg\s+\.(\w+)\s+(.*)", text, re.S)
        if match is None:
            raise Unknown(text)
        kind = "bool" if match[1] == "pred" else word_of(match[1])
        names = []
        for item in match[2].split(","):
            counted = re.match(r"\s*(%?\w+)<(\d+)>", item)
            if counted:
                names += [f"{counted[1]}{i}" for i in range(int(counted[2]))]
            else:
                names.append(item.strip())
        self.registers.update(names)
        # NVRTC may leave registers unset whose value does not matter.
        return f"{kind} {', '.join(f'{name_of(name)} = 0' for name in names)};"


def main() -> int:
    library, source, made, *options = sys.argv[1:]
    try:
        text = Translator(ptx_of(Path(source).read_text(), library, options)).module()
    except (Unknown, Refused) as error:
        print(error, file=sys.stderr)
        return 1
    Path(made).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
