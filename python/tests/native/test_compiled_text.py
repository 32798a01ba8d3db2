"""Code that was printed, and called again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import parpy


def scale(x, y, n):
    for i in range(n):
        y[i] = x[i] * 2.0


def text(*, n: int = 8, specialize: str = "auto", dtype: str = "f8") -> str:
    opts = parpy.CompileOptions(specialize=specialize)
    return parpy.print_compiled(scale, [np.zeros(n, dtype), np.zeros(n, dtype), n], opts)


def check(fn: Any, n: int, **kw: Any) -> None:
    x, y = np.arange(float(n)), np.zeros(n)
    fn(x, y, n, **kw)
    np.testing.assert_array_equal(y, 2 * x)


def test_printed_code_runs() -> None:
    fn = parpy.compile_string("scale", text())
    check(fn, 8)
    check(fn, 8, opts=parpy.CompileOptions())
    x, y = np.arange(8.0), np.zeros(8)
    fn(n=8, y=y, x=x)
    np.testing.assert_array_equal(y, 2 * x)
    assert repr(fn) == "<parpy compiled text scale>"


def test_text_with_open_sizes_says_which_it_takes() -> None:
    fn = parpy.compile_string("scale", text(specialize="never"))
    check(fn, 5)
    for n in (0, 1):
        says = r"'x' does not fit the code, which is for float64\[p0\] with sizes of 2 and more"
        with pytest.raises(TypeError, match=says):
            check(fn, n)


def test_the_name_is_that_of_the_function() -> None:
    with pytest.raises(parpy.CompileError) as caught:
        parpy.compile_string("other", text())
    assert str(caught.value).splitlines() == [
        "The code text holds the function 'scale', not 'other'.",
        "",
        "help: call parpy.compile_string('scale', …)",
    ]


def test_edited_code_does_something_else() -> None:
    code = text()
    assert "2.0" in code or "0x4000000000000000" in code
    edited = code.replace("0x4000000000000000", "0x4008000000000000").replace("2.0", "3.0")
    x, y = np.arange(8.0), np.zeros(8)
    parpy.compile_string("scale", edited)(x, y, 8)
    np.testing.assert_array_equal(y, 3 * x)


def strided(x, n, step):
    for i in range(0, n, step):
        x[i] += 1.0


def test_what_must_be_known_is_a_constant_as_at_a_call() -> None:
    opts = parpy.CompileOptions(specialize="never")
    x, expected = np.zeros(9), np.zeros(9)
    parpy.jit(strided)(x, 9, 2, opts=opts)
    parpy.compile_string("strided", parpy.print_compiled(strided, [x, 9, 2], opts))(x, 9, 2)
    strided(expected, 9, 2)
    np.testing.assert_array_equal(x, 2 * expected)


def test_parameters() -> None:
    code = text(specialize="never")
    assert "parameter p0 is word" in code
    fn = parpy.compile_string("scale", code)
    for n in (8, 2, 100):
        check(fn, n)
    with pytest.raises(parpy.TypeMismatchError):
        fn(np.zeros(5), np.zeros(6), 5)
    for n in (0, 1):
        with pytest.raises(parpy.TypeMismatchError):
            fn(np.zeros(n), np.zeros(n), n)
    with pytest.raises(IndexError):
        fn(np.zeros(5), np.zeros(5), 6)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (lambda: (np.zeros(9), np.zeros(8), 8), "argument 'x' does not fit .* float64\\[8\\]"),
        (lambda: (np.zeros(8), np.zeros(8, "f4"), 8), "argument 'y' does not fit"),
        (lambda: (np.zeros(8), np.zeros(8), 7), "argument 'n' does not fit .* weak int64 = 8"),
        (lambda: (np.zeros(8), np.zeros(8), 8.0), "argument 'n'"),
        (lambda: (np.zeros(8), np.zeros(8), np.int64(8)), "argument 'n'"),
        (lambda: (np.zeros((8, 1)), np.zeros(8), 8), "argument 'x'"),
        (lambda: (np.zeros(16)[::2], np.zeros(8), 8), "argument 'x'"),
        (lambda: (np.zeros(8), [1], 8), "argument 'y': a list is not supported"),
        (lambda: (np.zeros(8),), r"scale\(\) was not given 'y', 'n'"),
    ],
)
def test_other_arguments_are_refused(arguments: Any, what: str) -> None:
    fn = parpy.compile_string("scale", text())
    with pytest.raises(parpy.TypeMismatchError, match=what):
        fn(*arguments())


def test_read_only_and_overlapping_arguments_are_refused() -> None:
    fn = parpy.compile_string("scale", text())
    frozen = np.arange(8.0)
    frozen.flags.writeable = False
    y = np.zeros(8)
    fn(frozen, y, 8)
    assert y[1] == 2
    with pytest.raises(ValueError, match="argument 'y' is read-only"):
        fn(y, frozen, 8)
    with pytest.raises(ValueError, match="shares memory"):
        fn(y, y, 8)


def damaged() -> list[str]:
    code = text(specialize="never")
    start = code.index("; ParPy signature")
    head, lines = code[:start], code[start:].splitlines(keepends=True)
    texts = [
        head,
        "",
        "nothing",
        head + "; ParPy signature",
        head + "; ParPy signature 2 of scale\n",
    ]
    # Every line left out, and every line cut short.
    texts += [head + "".join(lines[:i] + lines[i + 1 :]) for i in range(len(lines))]
    texts += [
        head + "".join([*lines[:i], line[: len(line) // 2], "\n", *lines[i + 1 :]])
        for i, line in enumerate(lines)
    ]
    return texts


@pytest.mark.parametrize("code", damaged())
def test_damaged_text_is_an_exception(code: str) -> None:
    try:
        fn = parpy.compile_string("scale", code)
        fn(np.zeros(8), np.zeros(8), 8)
    except Exception as error:
        assert str(error)


def test_text_that_is_no_code() -> None:
    code = text()
    with pytest.raises(RuntimeError):
        parpy.compile_string("scale", "this is no LLVM IR\n" + code)
