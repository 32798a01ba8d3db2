"""LLVM through llvmlite: IR text in, object code or an address out.

The only module that touches llvmlite. Loading it costs about 70 ms, so that happens at the
first compilation or the first load from the disk cache, never at ``import parpy``.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, NamedTuple, final

__all__ = [
    "PIPELINE",
    "LLVMError",
    "Library",
    "Target",
    "VectorMath",
    "assembly",
    "compile",
    "load",
    "optimized_ir",
    "target",
]

VectorMath = Literal["none", "libmvec-sse", "libmvec-avx2", "libmvec-avx512"]
"""The widest vector math functions that this machine can run."""

PIPELINE: Final = "O3 slp loop-vectorize codegen-3 small pic"
"""What ``compile`` does, as text for cache keys: change it whenever the object code changes."""

_LIBMVEC = "libmvec.so.1"

# Two sets exist: glibc 2.22 has the first six, glibc 2.35 all (sysdeps/x86_64/fpu/Versions).
_VECTOR_FUNCTIONS = (
    *("cos", "exp", "log", "pow", "sin", "sincos"),
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cosh", "erf", "erfc"),
    *("exp10", "exp2", "expm1", "hypot", "log10", "log1p", "log2", "sinh", "tan", "tanh"),
)

# One lock for all of LLVM. It is held across fork (see `_host`), so that a child never
# inherits it locked by a thread which does not exist there.
_lock = threading.RLock()


class LLVMError(RuntimeError):
    """LLVM refused the IR or the object code; the message is LLVM's own.

    The IR is ours, never the user's, so this is always a bug of the compiler: callers turn it
    into ``parpy.InternalCompilerError``.
    """


class Target(NamedTuple):
    """The machine that code is generated for.

    Attributes:
        cpu: LLVM's name of the host CPU, such as ``"cascadelake"``.
        features: LLVM's feature string, sorted, such as ``"+avx2,-avx512f"``.
        triple: The target triple of this process.
        data_layout: LLVM's data layout string for modules.
        vector_math: The widest variant of libmvec that this CPU runs: ``_ZGVb`` (SSE, 4 float32
            lanes), ``_ZGVd`` (AVX2, 8) or ``_ZGVe`` (AVX-512, 16); ``"none"`` without libmvec.
        vector_functions: The functions that this libmvec has, under their float64 names, sorted.
        cache_size: The bytes of the last-level cache; 32 MiB where the system does not tell.
        toolchain: The versions of llvmlite and LLVM, for cache keys.
    """

    cpu: str
    features: str
    triple: str
    data_layout: str
    vector_math: VectorMath
    vector_functions: tuple[str, ...]
    cache_size: int
    toolchain: str


@final
class Library:
    """Object code loaded into this process, unloaded when the last reference is dropped.

    Attributes:
        address: Where the entry function begins.
        from_disk: Whether the object code came from the disk cache.
        milliseconds: What compiling (or reading) and loading took.
    """

    __slots__ = ("__weakref__", "_tracker", "address", "from_disk", "milliseconds")

    def __init__(self, address: int, tracker: object) -> None:
        self.address = address
        self.from_disk = False
        self.milliseconds = 0.0
        self._tracker = tracker

    def __repr__(self) -> str:
        origin = "disk" if self.from_disk else "compiler"
        return f"<Library at {self.address:#x}, from {origin}, {self.milliseconds:.1f} ms>"


class _Host(NamedTuple):
    """The llvmlite objects made once a process. `llvm` is the module `llvmlite.binding`."""

    llvm: Any
    machine: Any
    jit: Any
    target: Target
    serial: Iterator[int]


def target() -> Target:
    """Describes this machine; the first call loads LLVM."""
    with _lock:
        return _host().target


def compile(ir: str, *, optimize: bool = True) -> bytes:
    """Compiles LLVM IR text to a relocatable object file for this machine.

    Args:
        ir: A module; target triple and data layout may be left out.
        optimize: Whether to run LLVM's O3 pipeline before code generation.

    Returns:
        The object file, ELF on Linux.

    Raises:
        LLVMError: The IR does not parse or does not verify.
    """
    with _optimized(ir, optimize=optimize) as (host, module):
        return bytes(host.machine.emit_object(module))


def assembly(ir: str, *, optimize: bool = True) -> str:
    """Compiles LLVM IR text to the assembly that `compile` would encode.

    Raises:
        LLVMError: The IR does not parse or does not verify.
    """
    with _optimized(ir, optimize=optimize) as (host, module):
        return str(host.machine.emit_assembly(module))


def optimized_ir(ir: str) -> str:
    """Shows LLVM IR text after the optimisations that `compile` runs.

    Raises:
        LLVMError: The IR does not parse or does not verify.
    """
    with _optimized(ir, optimize=True) as (_, module):
        return str(module)


def load(object_code: bytes, entry: str, imports: Mapping[str, int] | None = None) -> Library:
    """Links object code into this process.

    Symbols it leaves undefined are looked up in the process, libm and libmvec.

    Args:
        object_code: What `compile` returned, here or in an earlier process on this machine.
        entry: The name of the function whose address is wanted.
        imports: The addresses of symbols that are to be found nowhere else.

    Raises:
        LLVMError: The object file is damaged, or a symbol is missing.
    """
    with _lock:
        host = _host()
        builder = host.llvm.JITLibraryBuilder()
        builder.add_object_img(object_code).add_current_process().export_symbol(entry)
        for name, address in (imports or {}).items():
            builder.import_symbol(name, address)
        try:
            tracker = builder.link(host.jit, f"parpy.{next(host.serial)}")
        except RuntimeError as error:
            raise LLVMError(str(error)) from None
        return Library(tracker[entry], tracker)


@contextmanager
def _optimized(ir: str, *, optimize: bool) -> Iterator[tuple[_Host, Any]]:
    """Lends a parsed, verified and optimised module, with LLVM locked until it is closed."""
    with _lock:
        host = _host()
        # A context of its own: what it interns is freed, and no name depends on earlier modules.
        with host.llvm.create_context() as context, _parsed(host, ir, context) as module:
            if optimize:
                _optimize(host, module)
            yield host, module


def _parsed(host: _Host, ir: str, context: Any) -> Any:
    """Parses and verifies `ir`; leaving the result as a context manager closes it."""
    try:
        module = host.llvm.parse_assembly(ir, context)
    except RuntimeError as error:
        raise LLVMError(str(error)) from None
    try:
        module.triple = host.target.triple
        module.data_layout = host.target.data_layout
        module.verify()
    except RuntimeError as error:
        module.close()
        raise LLVMError(str(error)) from None
    return module


def _optimize(host: _Host, module: Any) -> None:
    """Runs O3 with objects made for this one run: LLVM aborts on a pass manager run twice.

    Unrolling stays on, for scalar loops with a short constant trip count. Loops that are
    vectors already say ``llvm.loop.unroll.disable``: unrolling them doubles the time of code
    generation and gains nothing.
    """
    llvm = host.llvm
    with llvm.create_pipeline_tuning_options(speed_level=3) as tuning:
        tuning.loop_vectorization = True
        tuning.slp_vectorization = True
        with llvm.create_pass_builder(host.machine, tuning) as builder:
            passes = builder.getModulePassManager()
            try:
                passes.run(module, builder)
            finally:
                # llvmlite 0.50's own `close` finds the empty `_dispose` of the wrong base class
                # and leaks 100 KB a run.
                llvm.newpassmanagers.NewPassManager._dispose(passes)
                passes.detach()


@functools.cache
def _host() -> _Host:
    """Loads LLVM and describes this machine. Requires: `_lock` is held."""
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    triple = llvm.get_process_triple()
    cpu = llvm.get_host_cpu_name()
    try:
        features = llvm.get_host_cpu_features().flatten(sort=True)
    except RuntimeError:  # LLVM cannot tell on this system: the features of `cpu` hold.
        features = ""
    # The small model addresses constants relative to the code; the JIT's default, large, spends
    # an instruction and a register on every constant and call. JITLink places code and data of
    # one object side by side, which the small model needs, and gives the memory back.
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic", codemodel="small", jit=True
    )
    jit = llvm.create_lljit_compiler(machine, use_jit_link=True, suppress_errors=True)
    vector_math, vector_functions = _vector_math(features)
    if sys.platform == "linux":
        _make_available(llvm.load_library_permanently, "libm.so.6")
        if vector_math != "none":
            _make_available(llvm.load_library_permanently, _LIBMVEC)
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
    version = ".".join(map(str, llvm.llvm_version_info))
    return _Host(
        llvm=llvm,
        machine=machine,
        jit=jit,
        target=Target(
            cpu=cpu,
            features=features,
            triple=triple,
            data_layout=str(machine.target_data),
            vector_math=vector_math,
            vector_functions=vector_functions,
            cache_size=_cache_size(),
            toolchain=f"llvmlite {llvmlite.__version__}, LLVM {version}",
        ),
        serial=itertools.count(),
    )


def _make_available(load_library: Callable[[str], None], name: str) -> None:
    """Makes the symbols of a system library visible to loaded code, if the library exists."""
    # Missing where the C library is not glibc: it holds libm itself, or linking will fail.
    with suppress(RuntimeError):
        load_library(name)


def _cache_size() -> int:
    """The bytes of the last-level cache, as the C library knows it."""
    for level in (4, 3, 2):
        with suppress(ValueError, OSError):  # unknown names; systems without `sysconf`
            size = os.sysconf(f"SC_LEVEL{level}_CACHE_SIZE")
            if size > 0:
                return size
    return 1 << 25


def _vector_math(features: str) -> tuple[VectorMath, tuple[str, ...]]:
    """Finds the libmvec variant for CPU `features`, and the functions that it has."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "none", ()
    try:
        library = ctypes.CDLL(_LIBMVEC)
    except OSError:
        return "none", ()
    found = (f for f in _VECTOR_FUNCTIONS if hasattr(library, f"_ZGVbN2{_parameters(f)}_{f}"))
    functions = tuple(sorted(found))
    if not functions:
        return "none", ()
    enabled = set(features.split(","))
    if {"+avx512f", "+avx512dq"} <= enabled:
        return "libmvec-avx512", functions
    if {"+avx2", "+fma"} <= enabled:
        return "libmvec-avx2", functions
    return "libmvec-sse", functions


def _parameters(function: str) -> str:
    """Spells the parameters of `function` in the vector function ABI: ``v`` for each vector."""
    return {"atan2": "vv", "hypot": "vv", "pow": "vv", "sincos": "vvv"}.get(function, "v")
