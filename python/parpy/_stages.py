"""What a decorated function shows of its compilations."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Compilation", "Lowered"]


class Compilation(NamedTuple):
    """One entry of `fn.compilations`.

    Attributes:
        key: the types, sizes and schedule of the calls that the code serves; `p0` is a parameter.
        reason: why no code that was there already served the call.
        milliseconds: what compiling took, or loading from the cache on disk.
    """

    key: str
    reason: str
    milliseconds: float


class Lowered:
    """The stages of one compilation, as text: what `fn.lower(*args, opts=…)` returns.

    Attributes:
        loop_ir: what the program means: typed loops, after checks and folding.
        program: how it runs: the host part and its kernels, with their workers and lanes.
        code: what is generated: LLVM IR for the CPU.

    Example:
        >>> import numpy as np, parpy
        >>> @parpy.jit
        ... def double(x):
        ...     x[:] *= 2.0
        >>> stages = double.lower(np.ones(4))
        >>> print(stages.loop_ir)
        def double(x: float64[4]):
          local k0: int64
          @independent
          for k0 in 0..<4:
            x[k0] = x[k0] * 2.0
        <BLANKLINE>
        >>> 'ret' in stages.assembly
        True
    """

    __slots__ = ("_assembly", "_name", "code", "loop_ir", "program")

    def __init__(self, name: str, loop_ir: str, program: str, code: str) -> None:
        self._name = name
        self.loop_ir = loop_ir
        self.program = program
        self.code = code
        self._assembly: str | None = None

    @property
    def assembly(self) -> str:
        """The code as assembly of this machine; made by LLVM when it is first asked for.

        Raises:
            NotImplementedError: the code is CUDA C++, of which NVRTC or `nvcc -ptx` makes PTX.
        """
        if self._assembly is None:
            if not self.code.startswith("source_filename"):
                raise NotImplementedError(
                    "CUDA C++ has no assembly here; write .code to a file and run nvcc -ptx"
                )
            # LLVM is slow to load, and only this needs it.
            from parpy import _llvm

            self._assembly = _llvm.assembly(self.code)
        return self._assembly

    def __repr__(self) -> str:
        texts = [("loop_ir", self.loop_ir), ("program", self.program), ("code", self.code)]
        if self._assembly is not None:
            texts.append(("assembly", self._assembly))
        sizes = ", ".join(f".{name} of {text.count(chr(10))} lines" for name, text in texts)
        more = "" if self._assembly is not None else ", .assembly"
        return f"<stages of {self._name}: {sizes}{more}>"
