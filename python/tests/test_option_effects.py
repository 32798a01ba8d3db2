"""What options do that change no result: unrolling, and what is printed or written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import check, decorated, options

import parpy
from parpy import _hooks, _llvm


def polynomial(y, x, c):
    parpy.label("N")
    for i in range(len(y)):
        s = 0.0
        parpy.label("T")
        for k in range(c.shape[0]):
            if k % 3 != 1:
                s = s * x[i] + c[k]
        y[i] = s


ARGS = (np.zeros(70), np.linspace(-1, 1, 70), np.linspace(2, 3, 24))


def _copies(opts: parpy.CompileOptions) -> int:
    """How many times LLVM has written out the product in the inner loop, of 300 iterations."""
    args = (*ARGS[:2], np.ones(300))
    code = decorated(polynomial).lower(*args, opts=opts).code
    return len(re.findall(r"= .*call double @llvm\.fma\.", _llvm.optimized_ir(code)))


@pytest.mark.parametrize("threads", [0, 8])
@pytest.mark.parametrize("most", [0, 1, 5, 24, 100])
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_unrolling_changes_no_result(threads: int, most: int, specialize: str) -> None:
    inner: dict[str, Any] = {"T": parpy.unroll(), "N": parpy.threads(8).unroll()}
    outer = inner if threads else {"T": parpy.unroll()}
    for schedule in (outer, {"N": parpy.unroll()}):
        check(
            polynomial,
            *ARGS,
            schedules=[schedule],
            strict=True,
            max_unroll_count=most,
            specialize=specialize,
        )


def test_what_is_unrolled() -> None:
    schedule = {"T": parpy.unroll()}
    plain = _copies(options({}))
    assert plain < 10
    assert _copies(options(schedule, max_unroll_count=300)) >= 200
    assert plain < _copies(options(schedule)) < 20
    assert _copies(options(schedule, max_unroll_count=0)) == plain


def test_stages_are_printed_with_times(capfd: pytest.CaptureFixture[str]) -> None:
    function = parpy.jit(polynomial)
    function(*ARGS, opts=options(debug_print=True))
    text = capfd.readouterr().err
    stages = re.findall(r"^// after ([\w-]+): \d+\.\d\d ms$", text, re.MULTILINE)
    assert stages[0] == "lower"
    assert stages[-2:] == ["outline-kernels", "emit-llvm"]
    assert "fold-constants" in stages
    assert "define internal i64 @parpy_polynomial.host" in text
    assert re.search(r"^// machine code from .*: \d+\.\d\d ms$", text, re.MULTILINE)
    function(*ARGS)
    assert capfd.readouterr().err == ""


def test_backends_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    function = parpy.jit(polynomial)
    function(*ARGS, opts=options(verbose_backend_resolution=True))
    text = capsys.readouterr().out
    assert "parpy.CompileBackend.Cpu is enabled\n" in text
    for b in parpy.backend.backends:
        if not parpy.backend.is_enabled(b):
            assert f"{b!r} is not enabled: " in text
    assert f"Auto stands for {parpy.default_backend()!r}" in text
    with pytest.raises(RuntimeError):
        unavailable = options(verbose_backend_resolution=True)
        unavailable.backend = parpy.CompileBackend.Metal
        function(*ARGS, opts=unavailable)
    assert "Metal is not enabled" in capsys.readouterr().out
    function(*ARGS)
    assert capsys.readouterr().out == ""


# --- Code that LLVM refuses -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ret i64 0", "ret i65 0", "value doesn't match function result type"),
        ("br label", "brr label", "expected instruction opcode"),
        ("define i64 @parpy_polynomial(", "define i64 @other(", "Symbols not found"),
    ],
)
def test_edited_code_that_is_wrong(old: str, new: str, message: str) -> None:
    text = parpy.print_compiled(polynomial, ARGS)
    assert old in text
    with pytest.raises(parpy.CompileError, match=re.escape(message)) as caught:
        parpy.compile_string("polynomial", text.replace(old, new, 1))
    assert not isinstance(caught.value, parpy.InternalCompilerError)
    parpy.compile_string("polynomial", text)(*ARGS)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """LLVM refuses everything; the folder is where temporary files go."""

    def compile_nothing(ir: str, **_: Any) -> bytes:
        raise _llvm.LLVMError("no such instruction")

    monkeypatch.setattr(_llvm, "compile", compile_nothing)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("parpy._cache.default", lambda: None)
    assert _hooks.Hooks.compile_and_load is not None
    return tmp_path


def test_generated_code_that_is_wrong(refused: Path) -> None:
    with pytest.raises(parpy.InternalCompilerError, match="no such instruction"):
        parpy.jit(polynomial)(*ARGS)
    assert list(refused.iterdir()) == []


def test_generated_code_that_is_wrong_is_written(refused: Path) -> None:
    function = parpy.jit(polynomial)
    with pytest.raises(parpy.InternalCompilerError, match="The code was written to ") as caught:
        function(*ARGS, opts=options(write_output=True))
    (file,) = refused.iterdir()
    assert str(file) in str(caught.value)
    assert file.suffix == ".ll"
    assert "define i64 @parpy_polynomial" in file.read_text()


def test_options_left_out_are_the_default_ones() -> None:
    function = parpy.jit(polynomial)
    function(*ARGS)
    function(*ARGS, opts=parpy.CompileOptions())
    function(*ARGS, opts=parpy.par({}))
    function(*ARGS, opts=None)
    assert len(function.compilations) == 1
