"""From a function to its source: what the core gets to see."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import parpy
from parpy._source import Source, source_of

HERE = str(Path(__file__))


def above(function: Any) -> Any:
    """Stands for decorators above @parpy.jit, which are none of its business."""
    return function


def check(source: Source, function: Any) -> None:
    """Every node of the tree stands in the file where its span says."""
    text = linecache.getlines(source.filename)[source.first_line - 1 :]
    assert source.lines == [line.rstrip("\n") for line in text[: len(source.lines)]]
    assert source.definition.name == function.__name__
    assert source.column_offset == 0
    whole = "\n".join(source.lines)
    for node in ast.walk(source.definition):
        if isinstance(node, ast.Name):
            assert ast.get_source_segment(whole, node) == node.id
        if isinstance(node, ast.arg):
            assert ast.get_source_segment(whole, node, padded=False).split(":")[0] == node.arg  # type: ignore[union-attr]


def at_module_level(x: Any, N: Any) -> None:
    for i in range(N):
        x[i] = i


@above
@functools.lru_cache
@above
def decorated(x: Any) -> None:
    x[0] = "ä" + x  # columns count in UTF-8 bytes


def test_a_function_of_a_module() -> None:
    source = source_of(at_module_level)
    check(source, at_module_level)
    assert source.filename == inspect.getsourcefile(at_module_level)
    assert source.first_line == at_module_level.__code__.co_firstlineno
    assert source.lines[0].startswith("def at_module_level")


def test_decorators_are_among_the_lines() -> None:
    function = decorated.__wrapped__
    source = source_of(function)
    check(source, function)
    assert source.lines[0] == "@above"
    assert source.definition.lineno == 4
    assert len(source.definition.decorator_list) == 3


def test_a_nested_function_keeps_its_columns(tmp_path: Path) -> None:
    text = """
def outer(above):
    if True:
        @above
        def nested(x):
            '''A docstring
        with less indentation.
'''
            # and a comment
    # with less
            x[0] = (1 +
  x[1])
        return nested
"""
    nested = load(tmp_path, text).outer(above)
    source = source_of(nested)
    check(source, nested)
    assert source.lines[0] == "        @above"
    assert source.lines[-1] == "  x[1])"
    assert (source.definition.lineno, source.definition.col_offset) == (2, 8)
    docstring = ast.get_docstring(source.definition, clean=False)
    assert docstring == "A docstring\n        with less indentation.\n"


def test_a_function_indented_by_tabs(tmp_path: Path) -> None:
    module = load(tmp_path, "class A:\n\tdef f(x):\n\t\tx[0] = 1\n")
    check(source_of(module.A.f), module.A.f)


def test_a_function_on_one_line_at_the_end_of_a_file(tmp_path: Path) -> None:
    module = load(tmp_path, "import math\n\n\ndef f(x): x[0] = 1")
    source = source_of(module.f)
    check(source, module.f)
    assert source.first_line == 4


def test_a_notebook_cell() -> None:
    """IPython compiles a cell under a name of its own and tells linecache about it."""
    text = "def f(x):\n    x[0] = 1\n"
    name = "/tmp/ipykernel_1/123456.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {}
    exec(compile(text, name, "exec"), scope)
    try:
        source = source_of(scope["f"])
        check(source, scope["f"])
        assert source.filename == name
    finally:
        del linecache.cache[name]


class TestRefusals:
    def test_a_lambda(self) -> None:
        with pytest.raises(parpy.CompileError, match="A lambda cannot be compiled") as caught:
            parpy.jit(lambda x: None)
        assert caught.value.filename == HERE
        assert "lambda x: None" in linecache.getline(HERE, caught.value.lineno or 0)

    def test_exec_text(self) -> None:
        scope: dict[str, Any] = {}
        exec("def f(x):\n    x[0] = 1\n", scope)
        with pytest.raises(parpy.CompileError, match=r"source of function f cannot be found") as e:
            parpy.jit(scope["f"])
        assert "define it in a file or a notebook cell" in str(e.value)
        assert e.value.filename == "<string>"

    def test_an_async_function(self) -> None:
        async def f(x: Any) -> None:
            x[0] = 1

        with pytest.raises(parpy.CompileError, match="write `def` instead of `async def`") as e:
            parpy.jit(f)
        assert linecache.getline(HERE, e.value.lineno or 0).strip().startswith("async def f")
        assert e.value.col_offset == 8

    def test_a_decorator_below(self) -> None:
        def below(function: Callable[..., None]) -> Callable[..., None]:
            @functools.wraps(function)
            def wrapper(*args: Any) -> None:
                function(*args)

            return wrapper

        @below
        def f(x: Any) -> None:
            x[0] = 1

        with pytest.raises(parpy.CompileError, match="decorator next to the `def`"):
            parpy.jit(f)

    def test_a_file_that_changed(self, tmp_path: Path) -> None:
        module = load(tmp_path, "def f(x):\n    x[0] = 1\n")
        (tmp_path / "module_under_test.py").write_text("def other(x):\n    x[0] = 1\n\n\n")
        linecache.clearcache()
        with pytest.raises(parpy.CompileError, match="restart Python"):
            parpy.jit(module.f)

    @pytest.mark.parametrize("thing", [print, 3, "f", dict, functools.partial(print)])
    def test_what_is_no_function(self, thing: Any) -> None:
        with pytest.raises(TypeError, match=r"parpy\.jit decorates a Python function, not "):
            parpy.jit(thing)


def test_jit_keeps_what_a_function_is() -> None:
    @parpy.jit
    def kernel(x: Any, N: int) -> None:
        """Fills x."""
        for i in range(N):
            x[i] = i

    assert kernel.__name__ == "kernel"
    assert kernel.__doc__ == "Fills x."
    assert list(inspect.signature(kernel).parameters) == ["x", "N"]
    assert isinstance(kernel.__wrapped__, type(check))
    assert parpy.jit(kernel) is kernel


def load(folder: Path, text: str) -> ModuleType:
    """Imports `text` as a module from a file in `folder`."""
    path = folder / "module_under_test.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
