"""What the Swift core calls back for; the contract is docs/native-interface.md."""

from __future__ import annotations

import os
import warnings
from types import FunctionType
from typing import TYPE_CHECKING, Any

from parpy import _errors, _foreign, _intrinsics, _stages, backend, types
from parpy._buffer import Buffer
from parpy._errors import CompileError, InternalCompilerError
from parpy._options import CHECKS_BOUNDS, CompileBackend

if TYPE_CHECKING:
    from parpy._llvm import Library, Target


# What was warned of in each file, as the `__warningregistry__` of a module has it.
_warned: dict[str, dict[Any, Any]] = {}


class Hooks:
    """The object given to `_native.initialize`; never instantiated.

    LLVM is imported in the hooks that need it: loading it takes longer than all of ParPy.
    """

    intrinsics = _intrinsics.INTRINSICS
    dtypes = _intrinsics.DTYPES
    CompileError = _errors.CompileError
    ShapeVariable = types.ShapeVariable
    TypeVariable = types.TypeVariable
    TypeMismatchError = _errors.TypeMismatchError
    InternalCompilerError = _errors.InternalCompilerError
    DeviceMemoryError = _errors.DeviceMemoryError
    check_bounds = CHECKS_BOUNDS
    Buffer = Buffer
    Compilation = _stages.Compilation
    Lowered = _stages.Lowered
    External = _foreign.External
    Callback = _foreign.Callback
    callback_buffer = staticmethod(_foreign.callback_buffer)
    show_callback = staticmethod(_foreign.show_callback)

    @staticmethod
    def compile_and_load(
        text: str,
        entry: str,
        externals: tuple[str, ...],
        libs: tuple[str, ...],
        edited: bool,
        write_output: bool,
        print_time: bool,
    ) -> Library:
        """Machine code for the LLVM IR `text`; the result's address is that of `entry`.

        The code calls the symbols `externals`, which are looked for in the libraries `libs`. Text
        that LLVM refuses is an error of the program where a user may have edited it, else one of
        ParPy.
        """
        from parpy._compile import LLVMError, compile_and_load, written

        try:
            library = compile_and_load(text, entry, externals, libs)
        except LLVMError as error:
            message = str(error).strip()
            if edited:
                message = f"LLVM refuses the code: {message}"
            else:
                message = f"LLVM refuses the code that ParPy has generated, a bug: {message}"
            if write_output:
                message += f"\n\nThe code was written to {written(text, entry, '.ll')}"
            raise (CompileError if edited else InternalCompilerError)(message) from None
        if print_time:
            origin = "the cache on disk" if library.from_disk else "LLVM"
            took = f"{library.milliseconds:.2f} ms"
            os.write(2, f"// machine code from {origin}: {took}\n".encode())
        return library

    @staticmethod
    def plain_call(function: FunctionType, arguments: tuple[Any, ...]) -> Any:
        """Runs an undecorated function; the variables of its annotations have their values."""
        if not function.__annotations__:
            return function(*arguments)
        from parpy._annotations import annotations_of, bound

        names = function.__code__.co_varnames
        named = dict(zip(names, arguments, strict=False))
        with bound(annotations_of(function), named):
            return function(*arguments)

    @staticmethod
    def cuda_directories() -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Where CUDA's libraries and its headers may lie: those of wheels, then of a toolkit."""
        from parpy._cuda import header_directories, library_directories

        return library_directories(), header_directories()

    @staticmethod
    def included_contents(text: str, directories: tuple[str, ...]) -> str:
        """What the headers hold that `text` includes from those directories, for a cache's key."""
        from parpy._cuda import included_contents

        return included_contents(text, directories)

    @staticmethod
    def compile_with_nvcc(
        text: str,
        entry: str,
        architecture: str,
        strict: bool,
        includes: tuple[str, ...],
        libs: tuple[str, ...],
        flags: tuple[str, ...],
        write_output: bool,
    ) -> int:
        """The address of the function `entry` of CUDA C++ with host code; it stays loaded."""
        from parpy._nvcc import compile_and_load

        return compile_and_load(
            text,
            entry,
            architecture,
            strict=strict,
            includes=includes,
            libs=libs,
            flags=flags,
            write_output=write_output,
        )

    @staticmethod
    def cached_binary(text: str) -> bytes | None:
        """The compiled kernels that are stored for `text`, if any."""
        from parpy import _cache

        cache = _cache.default()
        return None if cache is None else cache.get(_cache.key(text))

    @staticmethod
    def cache_binary(text: str, binary: bytes) -> None:
        """Stores compiled kernels for later processes."""
        from parpy import _cache

        cache = _cache.default()
        if cache is not None:
            cache.put(_cache.key(text), binary)

    @staticmethod
    def written(code: str, name: str) -> str:
        """Keeps CUDA C++ that was refused in a file; returns its path."""
        from parpy._compile import written

        return written(code, name, ".cu")

    @staticmethod
    def target() -> Target:
        """The machine that CPU code is made for."""
        from parpy._llvm import target

        return target()

    @staticmethod
    def default_backend() -> tuple[CompileBackend, bool]:
        """The backend that `Auto` stands for now, and whether somebody chose it."""
        return backend.settled()

    @staticmethod
    def report_backends() -> None:
        """Prints of each backend why it is enabled or not, and which one `Auto` stands for."""
        for b in backend.backends:
            backend.is_enabled(b, verbose=True)
        print(f"{CompileBackend.Auto!r} stands for {backend.default_backend()!r}")

    @staticmethod
    def report_refusal(name: str, reason: str) -> None:
        """Prints why the GPU that `Auto` stands for does not run a function."""
        print(f"{name} runs on {CompileBackend.Cpu!r}, since the GPU does not have it: {reason}")

    @staticmethod
    def warn(message: str, filename: str, lineno: int) -> None:
        """Emits a `RuntimeWarning` about a line of the user's program.

        Python's filters then show it once for the line, however often its function is decorated.
        """
        registry = _warned.setdefault(filename, {})
        warnings.warn_explicit(message, RuntimeWarning, filename, lineno, registry=registry)
