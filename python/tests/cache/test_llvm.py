"""LLVM behind its small interface: IR compiles, loads and runs, and bad input is an exception."""

from __future__ import annotations

import ctypes
import gc
import math
import multiprocessing
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from parpy import _llvm
from parpy._compile import compile_and_load
from parpy._llvm import Library, LLVMError

ADD = """
define i64 @add(i64 %a, i64 %b) {
  %sum = add i64 %a, %b
  ret i64 %sum
}
"""


def call_add(library: Library, a: int, b: int) -> int:
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    return int(function(library.address)(a, b))


def call_float(library: Library, *arguments: float) -> float:
    types = [ctypes.c_double] * len(arguments)
    return float(ctypes.CFUNCTYPE(ctypes.c_double, *types)(library.address)(*arguments))


def load(ir: str, entry: str) -> Library:
    return _llvm.load(_llvm.compile(ir), entry)


class TestTarget:
    def test_is_the_same_object_each_time(self) -> None:
        assert _llvm.target() is _llvm.target()

    def test_says_what_it_is_made_for(self) -> None:
        target = _llvm.target()
        assert target.cpu
        assert target.triple.count("-") >= 2
        assert "llvmlite" in target.toolchain

    def test_lists_vector_functions_exactly_where_there_is_a_library(self) -> None:
        target = _llvm.target()
        assert bool(target.vector_functions) == (target.vector_math != "none")
        if target.vector_functions:
            assert {"cos", "exp", "log", "pow", "sin"} <= set(target.vector_functions)

    def test_claims_no_more_than_the_cpu_has(self) -> None:
        target = _llvm.target()
        if target.vector_math == "libmvec-avx512":
            assert "+avx512f" in target.features
        if target.vector_math == "libmvec-avx2":
            assert "+avx2" in target.features

    def test_importing_the_module_does_not_load_llvm(self) -> None:
        code = "import sys, parpy._compile; sys.exit('llvmlite' in sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True)


class TestCompiling:
    @pytest.mark.parametrize("optimize", [True, False])
    def test_compiled_function_runs(self, optimize: bool) -> None:
        library = _llvm.load(_llvm.compile(ADD, optimize=optimize), "add")
        assert call_add(library, 40, 2) == 42
        assert call_add(library, -(2**63), -1) == 2**63 - 1

    def test_same_text_gives_same_object_code(self) -> None:
        before = _llvm.compile(ADD)
        _llvm.compile("%T = type { i64 }\n@g = global %T zeroinitializer")
        assert _llvm.compile(ADD) == before

    def test_optimises(self) -> None:
        loop = """
        define i64 @triangle(i64 %n) {
        entry:
          br label %loop
        loop:
          %i = phi i64 [ 0, %entry ], [ %next, %loop ]
          %sum = phi i64 [ 0, %entry ], [ %more, %loop ]
          %more = add i64 %sum, %i
          %next = add i64 %i, 1
          %again = icmp slt i64 %next, %n
          br i1 %again, label %loop, label %done
        done:
          ret i64 %more
        }
        """
        assert "phi" not in _llvm.optimized_ir(loop)  # LLVM finds the closed form.

    def test_vectorises_a_scalar_loop(self) -> None:
        ir = """
        define void @double(ptr noalias %x, i64 %n) {
        entry:
          br label %loop
        loop:
          %i = phi i64 [ 0, %entry ], [ %next, %loop ]
          %p = getelementptr inbounds float, ptr %x, i64 %i
          %v = load float, ptr %p, align 4
          %w = fadd float %v, %v
          store float %w, ptr %p, align 4
          %next = add nuw nsw i64 %i, 1
          %again = icmp slt i64 %next, %n
          br i1 %again, label %loop, label %done
        done:
          ret void
        }
        """
        assert " x float>" in _llvm.optimized_ir(ir)

    def test_assembly_names_the_function(self) -> None:
        assert "add:" in _llvm.assembly(ADD)

    def test_contracts_only_where_the_ir_allows(self) -> None:
        a = 1.0 + 2.0**-30
        exact = math.ldexp(1.0, -60)  # What a*a - (1 + 2**-29) is without the rounding of a*a.
        ir = """
        define double @f(double %a, double %c) {{
          %product = fmul {0} double %a, %a
          %sum = fadd {0} double %product, %c
          ret double %sum
        }}
        """
        assert call_float(load(ir.format(""), "f"), a, -(1.0 + 2.0**-29)) == 0.0
        if "+fma" in _llvm.target().features:
            assert call_float(load(ir.format("contract"), "f"), a, -(1.0 + 2.0**-29)) == exact

    def test_threads_compile_at_once(self) -> None:
        results: dict[int, int] = {}

        def work(number: int) -> None:
            ir = f"define i64 @f() {{\n  ret i64 {number}\n}}"
            library = load(ir, "f")
            results[number] = ctypes.CFUNCTYPE(ctypes.c_int64)(library.address)()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {i: i for i in range(8)}


class TestSymbols:
    @pytest.mark.parametrize("name", ["exp", "sin", "cbrt", "tgamma", "erf"])
    def test_libm_resolves(self, name: str) -> None:
        ir = f"""
        declare double @{name}(double)
        define double @f(double %x) {{
          %y = call double @{name}(double %x)
          ret double %y
        }}
        """
        expected = math.gamma(0.75) if name == "tgamma" else getattr(math, name)(0.75)
        assert call_float(load(ir, "f"), 0.75) == pytest.approx(expected, rel=1e-15)

    def test_remainder_resolves(self) -> None:
        ir = """
        define double @f(double %x, double %y) {
          %r = frem double %x, %y
          ret double %r
        }
        """
        assert call_float(load(ir, "f"), 7.5, 2.0) == 1.5

    @pytest.mark.parametrize("function", ["exp", "tanh"])
    def test_widest_libmvec_function_resolves_and_agrees(self, function: str) -> None:
        target = _llvm.target()
        if function not in target.vector_functions:
            pytest.skip(f"no vector {function} here")
        variants = {"libmvec-sse": ("b", 4), "libmvec-avx2": ("d", 8), "libmvec-avx512": ("e", 16)}
        letter, lanes = variants[target.vector_math]
        name, vector = f"_ZGV{letter}N{lanes}v_{function}f", f"<{lanes} x float>"
        ir = f"""
        declare {vector} @{name}({vector})
        define void @f(ptr %x, ptr %y) {{
          %v = load {vector}, ptr %x, align 4
          %w = call {vector} @{name}({vector} %v)
          store {vector} %w, ptr %y, align 4
          ret void
        }}
        """
        values = [(i - lanes / 2) / 4 for i in range(lanes)]
        x, y = (ctypes.c_float * lanes)(*values), (ctypes.c_float * lanes)()
        library = load(ir, "f")
        ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library.address)(x, y)
        assert list(y) == pytest.approx([getattr(math, function)(v) for v in values], rel=5e-7)


class TestErrors:
    @pytest.mark.parametrize("use", [_llvm.compile, _llvm.assembly, _llvm.optimized_ir])
    def test_text_that_does_not_parse(self, use: object) -> None:
        assert callable(use)
        with pytest.raises(LLVMError, match="expected value token"):
            use("define i64 @f() {\n  ret i64 oops\n}")

    def test_module_that_does_not_verify(self) -> None:
        with pytest.raises(LLVMError, match="does not dominate all uses"):
            _llvm.compile(
                "define i64 @f() {\n  %b = add i64 %a, 1\n  %a = add i64 1, 1\n  ret i64 %b\n}"
            )

    def test_missing_symbol(self) -> None:
        ir = """
        declare void @parpy_no_such_function()
        define void @f() {
          call void @parpy_no_such_function()
          ret void
        }
        """
        with pytest.raises(LLVMError):
            load(ir, "f")

    def test_missing_entry(self) -> None:
        with pytest.raises(LLVMError):
            load(ADD, "subtract")

    @pytest.mark.parametrize("length", [0, 3, 64, 200])
    def test_truncated_object_code(self, length: int) -> None:
        with pytest.raises(LLVMError):
            _llvm.load(_llvm.compile(ADD)[:length], "add")

    def test_compiling_goes_on_after_errors(self) -> None:
        for _ in range(3):
            with pytest.raises(LLVMError):
                _llvm.compile("nonsense")
        assert call_add(load(ADD, "add"), 1, 2) == 3


class TestUnloading:
    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_memory_is_given_back(self) -> None:
        object_code = _llvm.compile(ADD)

        def maps_after(count: int) -> int:
            for _ in range(count):
                _llvm.load(object_code, "add")
            gc.collect()
            return Path("/proc/self/maps").read_text().count("\n")

        before = maps_after(20)
        assert maps_after(200) < before + 50

    @pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
    def test_compiling_does_not_leak(self) -> None:
        def resident_kilobytes_after(count: int) -> int:
            for _ in range(count):
                _llvm.compile(ADD)
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * (os.sysconf("SC_PAGE_SIZE") // 1024)

        before = resident_kilobytes_after(50)
        assert resident_kilobytes_after(200) - before < 200 * 20

    def test_library_outlives_others(self) -> None:
        kept = load(ADD, "add")
        load(ADD, "add")
        gc.collect()
        assert call_add(kept, 2, 3) == 5


def compile_in_child() -> None:
    os._exit(0 if call_add(load(ADD, "add"), 1, 1) == 2 else 1)


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_child_compiles_after_fork_during_a_compilation() -> None:
    stop = threading.Event()

    def keep_compiling() -> None:
        while not stop.is_set():
            _llvm.compile(ADD)

    busy = threading.Thread(target=keep_compiling)
    busy.start()
    try:
        for _ in range(5):
            child = multiprocessing.get_context("fork").Process(target=compile_in_child)
            child.start()
            child.join(timeout=60)
            assert child.exitcode == 0
    finally:
        stop.set()
        busy.join()


class TestCompileAndLoad:
    @pytest.fixture(autouse=True)
    def directory(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        directory = tmp_path / "cache"
        monkeypatch.setenv("PARPY_CACHE_DIR", str(directory))
        return directory

    def test_second_time_comes_from_disk(self) -> None:
        first, second = compile_and_load(ADD, "add"), compile_and_load(ADD, "add")
        assert (first.from_disk, second.from_disk) == (False, True)
        assert call_add(first, 1, 2) == call_add(second, 1, 2) == 3
        assert first.milliseconds > 0
        assert second.milliseconds > 0

    def test_another_process_loads_it(self) -> None:
        compile_and_load(ADD, "add")
        code = (
            "import sys; from parpy._compile import compile_and_load; "
            "sys.exit(not compile_and_load(sys.argv[1], 'add').from_disk)"
        )
        subprocess.run([sys.executable, "-c", code, ADD], check=True)

    @pytest.mark.parametrize("change", ["ir", "optimize"])
    def test_anything_different_is_compiled(self, change: str) -> None:
        compile_and_load(ADD, "add")
        ir = ADD.replace("add i64", "sub i64") if change == "ir" else ADD
        library = compile_and_load(ir, "add", optimize=change != "optimize")
        assert not library.from_disk
        assert call_add(library, 5, 3) == (2 if change == "ir" else 8)

    def test_damaged_entry_is_compiled_again(self, directory: Path) -> None:
        compile_and_load(ADD, "add")
        [entry] = directory.iterdir()
        entry.write_bytes(entry.read_bytes()[:-10])
        again = compile_and_load(ADD, "add")
        assert not again.from_disk
        assert call_add(again, 20, 22) == 42
        assert compile_and_load(ADD, "add").from_disk

    def test_intact_entry_that_is_no_object_code_is_compiled_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(_llvm, "compile", lambda *_, **__: struct.pack("<q", 42))
            patch.setattr(_llvm, "load", lambda *_: Library(0, None))
            compile_and_load(ADD, "add")
        assert not compile_and_load(ADD, "add").from_disk
        assert compile_and_load(ADD, "add").from_disk

    def test_failure_is_not_stored(self, directory: Path) -> None:
        with pytest.raises(LLVMError):
            compile_and_load("nonsense", "add")
        with pytest.raises(LLVMError):
            compile_and_load(ADD, "subtract")
        assert list(directory.iterdir()) == []

    def test_works_without_a_cache(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("PARPY_CACHE_DIR", str(tmp_path / "file/cache"))
        for _ in range(2):
            library = compile_and_load(ADD, "add")
            assert not library.from_disk
            assert call_add(library, 1, 1) == 2
