"""What is judged when a function is decorated."""

# ruff: noqa: C416, E731, F821, F841

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np
import pytest

import parpy


def for_else(x):
    for i in range(3):
        x[i] = 0
    else:
        x[0] = 1  # expect: `for` with `else` is not supported


def while_else(x):
    while x[0] > 0:
        x[0] -= 1
    else:
        x[0] = 1  # expect: `while` with `else` is not supported


def with_as(x):
    with parpy.gpu as g:  # expect: `with` with `as` is not supported
        x[0] = 1


def try_except(x):
    try:  # expect: `try` is not supported
        x[0] = 1
    except ValueError:
        x[0] = 2


def raises(x):
    raise ValueError("no")  # expect: `raise` is not supported


def asserts(x):
    assert x[0] > 0  # expect: `assert` is not supported


def deletes(x):
    del x  # expect: `del` is not supported


def imports(x):
    import math  # noqa: F401  # expect: `import` inside a function is not supported


def declares_global(x):
    global somewhere  # expect: `global` is not supported
    somewhere = 1


def nested_function(x):
    def inner():  # expect: Functions inside functions are not supported
        return 1


def nested_class(x):
    class Inner:  # expect: Classes are not supported
        pass


def matches(x):
    match x[0]:  # expect: `match` is not supported
        case 1:
            x[0] = 2


def uses_lambda(x):
    f = lambda a: a  # expect: `lambda` is not supported


def comprehends(x):
    y = [a for a in x]  # expect: Comprehensions are not supported


def generates(x):
    x[0] = sum(a for a in x)  # expect: Comprehensions are not supported


def formats(x):
    y = f"{x}"  # expect: F-strings are not supported


def lists(x):
    y = [1, 2]  # expect: List displays are not supported


def dictionaries(x):
    y = {"a": 1}  # expect: Dictionary displays are not supported


def sets(x):
    y = {1, 2}  # expect: Set displays are not supported


def walrus(x):
    x[0] = (y := 1)  # expect: `:=` is not supported


def star_call(x):
    x[0] = max(*x)  # expect: Star-arguments are not supported


def double_star_call(x):
    x[0] = max(x[0], **x)  # expect: Star-arguments are not supported


def star_target(x):
    a, *b = x  # expect: Starred targets are not supported


def attribute_target(x):
    x.shape = 3  # expect: Assigning to an attribute is not supported


def compares_identity(x):
    if x is None:  # expect: `is` is not supported
        x[0] = 1


def compares_membership(x):
    if 1 in x:  # expect: `in` is not supported
        x[0] = 1


def raw_bytes(x):
    x[0] = b"a"  # expect: Literals of the type bytes are not supported


def returns_nothing(x):
    if x[0] > 0:
        return  # expect: `return` without a value is not supported
    x[0] = 1


def several_targets(x):
    a = b = x[0]  # expect: Assigning anything but a name or a literal to several targets at once is


def default_value(x, n=3):  # expect: Default values of parameters are not supported
    x[0] = n


def keyword_only(x, *, n):  # expect: Keyword-only parameters are not supported
    x[0] = n


def star_parameter(x, *rest):  # expect: Star-parameters (*rest) are not supported
    x[0] = 1


def double_star_parameter(x, **rest):  # expect: Star-parameters (**rest) are not supported
    x[0] = 1


def parameter_called_opts(x, opts):  # expect: A parameter cannot be called 'opts'
    x[0] = 1


REJECTED = [value for value in list(vars().values()) if inspect.isfunction(value)]


def expectation(function: Callable[..., Any]) -> tuple[int, str]:
    """The line that bears the comment, and the message in it."""
    lines, first = inspect.getsourcelines(function)
    for number, line in enumerate(lines, first):
        if "# expect: " in line:
            return number, line.split("# expect: ")[1].strip()
    raise AssertionError("no expectation")


@pytest.mark.parametrize("function", REJECTED, ids=lambda f: f.__name__)
def test_unsupported_syntax_is_rejected_at_its_line(function: Callable[..., Any]) -> None:
    line, message = expectation(function)
    with pytest.raises(parpy.CompileError) as caught:
        parpy.jit(function)
    assert str(caught.value).startswith(message)
    assert caught.value.lineno == line
    assert caught.value.end_lineno == line
    assert caught.value.filename == inspect.getsourcefile(function)
    assert f"On line {line} of file {caught.value.filename}:" in str(caught.value)
    assert "^" in str(caught.value)
    quoted = inspect.getsource(function).splitlines()
    assert any(row.strip() and row.strip() in str(caught.value) for row in quoted)


def test_everything_wrong_is_said_at_once() -> None:
    def wrong(x):
        y = [1]
        z = lambda: 0
        del x

    with pytest.raises(parpy.CompileError) as caught:
        parpy.jit(wrong)
    text = str(caught.value)
    assert text.index("List displays") < text.index("`lambda`") < text.index("`del`")


def test_columns_count_in_the_file_not_in_the_dedented_text() -> None:
    def wrong(x):
        if x[0] > 0:
            x[0] = [1]

    with pytest.raises(parpy.CompileError) as caught:
        parpy.jit(wrong)
    lines, first = inspect.getsourcelines(wrong)
    line = next(i for i, text in enumerate(lines) if "[1]" in text)
    assert caught.value.lineno == first + line
    assert caught.value.col_offset == lines[line].index("[1]")
    assert "\n    x[0] = [1]\n           ^^^" in str(caught.value)


def test_underlines_count_characters_and_columns_bytes() -> None:
    def wrong(größe):
        größe[0] = [1]

    with pytest.raises(parpy.CompileError) as caught:
        parpy.jit(wrong)
    assert "\n    größe[0] = [1]\n               ^^^" in str(caught.value)
    assert caught.value.col_offset == 8 + len("größe[0] = ".encode())


def test_what_is_supported_runs_as_in_python() -> None:
    def accepted(x, n, /, y: "no such type"):  # noqa: F722
        """Says nothing."""
        "a string that stands alone"
        pass
        a = b = 1
        c: int = 2
        d: float
        d = 0.5
        for i in range(n):
            if i == 0:
                pass
            elif i > 3:
                x[i] = d
            else:
                x[i] = a + b + c
        k = 0
        while k < 2:
            k += 1
            y[k, 0] = -k if k > 1 and k != 3 else ~k
        with parpy.gpu:
            y[0, 0] = x[1] ** 2 // 3 % 5

    x, y = np.zeros(5), np.zeros((3, 2))
    a, b = np.zeros(5), np.zeros((3, 2))
    accepted(a, 5, b)
    parpy.jit(accepted)(x, 5, y)
    np.testing.assert_array_equal(x, a)
    np.testing.assert_array_equal(y, b)


def test_integers_of_any_size_are_read() -> None:
    def big(x):
        x[0] = 123456789012345678901234567890

    with pytest.raises((parpy.CompileError, OverflowError)):
        parpy.jit(big)(np.zeros(1, dtype=np.int64))


@pytest.mark.parametrize("terms", [400, 900])
def test_deep_expressions_are_run_or_refused(terms: int, tmp_path, monkeypatch) -> None:
    body = " + ".join(["x[0]"] * terms)
    (tmp_path / f"deep{terms}.py").write_text(f"def deep(x):\n    x[1] = {body}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    deep = __import__(f"deep{terms}").deep
    x = np.array([1.0, 0.0])
    if terms == 400:
        parpy.jit(deep)(x)
        assert x[1] == terms
    else:
        with pytest.raises((parpy.CompileError, RecursionError)):
            parpy.jit(deep)(x)


def test_a_decorated_function_looks_like_the_function() -> None:
    @parpy.jit
    def documented(x, n):
        """What it does."""
        x[0] = n

    assert documented.__name__ == "documented"
    assert documented.__doc__ == "What it does."
    assert str(inspect.signature(documented)) == "(x, n)"
    assert inspect.isfunction(documented.__wrapped__)
    assert repr(documented) == "<parpy function documented>"


def test_an_ellipsis_is_no_statement() -> None:
    @parpy.jit
    def nothing(x): ...

    @parpy.jit
    def later(x):
        if x[0] > 0:
            ...
        x[1] = 2

    x = np.ones(2)
    nothing(x)
    later(x)
    assert x.tolist() == [1, 2]


def test_a_typo_in_a_postponed_annotation_is_an_error(tmp_path: Path) -> None:
    head = "import parpy\nfrom parpy.types import *\nN = shape_var()\n@parpy.jit\ndef f(y, x: "
    cases = {
        "buffer(F46, [N])": "name 'F46' is not defined",
        "bufer(F64, [N])": "name 'bufer' is not defined",
        "parpy.types.F46": "has no attribute 'F46'",
        "buffer(F64, N)": "a shape is a list of extents",
    }
    # The annotations of such a module are postponed.
    for text, says in cases.items():
        with pytest.raises(parpy.CompileError, match=says) as caught:
            harness.module(tmp_path, f"{head}{text}):\n    x[0] = y\n")
        assert f"The annotation {text!r} of 'x' in 'f' has no value" in str(caught.value)
        assert caught.value.lineno == 4
    # What is not ParPy's means nothing to it.
    for text in ("NDArray[np.float64]", "'an array'", "list[parpy.ElemSize]", "unknown"):
        x = np.zeros(1)
        harness.module(tmp_path, f"{head}{text}):\n    x[0] = y\n").f(3.0, x)
        assert x[0] == 3


def test_nonsense_for_a_definition_is_an_exception() -> None:
    from parpy import _native

    for definition in [None, 1, object()]:
        with pytest.raises(AttributeError):
            _native.Function(lambda: 0, definition, "f.py", [], 1, 0, {})
    with pytest.raises(TypeError):
        _native.Function()
    with pytest.raises(TypeError):
        _native.Function(1, 2, "f.py", "lines", 1, 0, {})
