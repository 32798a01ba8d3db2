"""The translation of PTX by which the emulated GPU runs what NVRTC makes of kernels."""

from __future__ import annotations

from typing import Any

import cuda_programs as programs
import numpy as np
import nvrtc
import pytest
from cuda_text import kernels
from emulator.ptx import Translator, ptx_of
from emulator.ptx_instructions import Unknown

import parpy

ROWS, VECTOR = np.ones((100, 1024), np.float32), np.zeros(100, np.float32)
WIDE = {"rows": parpy.threads(100), "columns": parpy.threads(128)}


def translated(ptx: str) -> str:
    """The C++ of instructions in a kernel without parameters."""
    registers = ".reg .pred %p<3>; .reg .f32 %f<9>; .reg .b32 %r<9>; .reg .b64 %rd<9>;"
    return Translator(f".visible .entry k()\n{{\n{registers}\n{ptx}\nret;\n}}").module()


@pytest.mark.parametrize(
    ("function", "args"),
    [(programs.softmax, [ROWS, ROWS.copy(), 100]), (programs.until_small, [VECTOR, VECTOR, 100])],
)
def test_the_instructions_of_a_kernel_are_known(function: Any, args: list[Any]) -> None:
    text = kernels(function, args, {**WIDE, "N": parpy.threads(64)})
    library = nvrtc.library_path()
    if "emulator" in library:
        pytest.skip("about NVIDIA's NVRTC, which the emulated one stands before")
    made = Translator(ptx_of(text, library, ["--gpu-architecture=sm_90"])).module()
    assert '#include "ptx.h"' in made
    assert "__global__ void" in made
    assert "store<f32>" in made


@pytest.mark.parametrize(
    "instruction",
    [
        "mul.sat.f32 %f1, %f2, %f3;",
        "min.xorsign.abs.f32 %f1, %f2, %f3;",
        "mov.u32 %r1, %lanemask_lt;",
        "lop3.or.b32 %r1|%p1, %r2, %r3, %r4, 3, %p2;",
        "vadd4.u32.u32.u32 %r1, %r2, %r3, %r4;",
        "bar.sync 1, 64;",
    ],
)
def test_instructions_that_are_not_known_are_refused(instruction: str) -> None:
    with pytest.raises(Unknown):
        translated(instruction)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("add.s32 %r1, %r2, -1;", "add(as<s32>(_r2), as<s32>((u64)18446744073709551615ul))"),
        ("xor.pred %p1, %p2, -1;", "(bool)(_p2 ^ true)"),
        ("fma.rz.f32 %f1, %f2, %f3, %f1;", "rounded<f32>('z'"),
        ("setp.ltu.f32 %p1, %f1, %f2;", "isNaN(as<f32>(_f1)) || isNaN(as<f32>(_f2)) ||"),
        ("st.shared.f32 [%r1+8], %f1;", "store<f32>(shared(as<u32>(_r1) + (u32)8u)"),
        ("dp2a.hi.s32.u32 %r1, %r2, %r3, %r4;", "dp2a<s16, u8>("),
        ("dp4a.u32.s32 %r1, %r2, %r3, %r4;", "dp4a<u8, s8>("),
        ("@!%p1 bra $L1; $L1:", "if (!_p1) { goto _L1; }"),
        ("{ .reg .b32 t; mov.b32 t, %r1; }", "u32 t = 0;"),
    ],
)
def test_instructions(instruction: str, expected: str) -> None:
    assert expected in translated(instruction)
