"""From a Python function to its source and syntax tree.

`inspect` and `ast` would do, but loading them takes 20 ms, twice what a first call from the disk
cache takes without them.
"""

from __future__ import annotations

import os
from types import FunctionType
from typing import TYPE_CHECKING, NamedTuple

from parpy._errors import CompileError

if TYPE_CHECKING:
    import ast

__all__ = ["Source", "source_of"]

_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST
_MOST_ATTEMPTS = 200


class Source(NamedTuple):
    """Where a function stands and what was written there.

    Attributes:
        definition: the function; its line numbers count from 1 at `lines[0]`, its columns from 0
            as in the file.
        filename: the file, as `inspect` gives it.
        lines: the lines as in the file, decorators included, without line ends.
        first_line: the number of `lines[0]` in the file, counted from 1.
        column_offset: how many columns were taken from each line before parsing; always 0, for
            an indented function is parsed as it stands.
    """

    definition: ast.FunctionDef
    filename: str
    lines: list[str]
    first_line: int
    column_offset: int = 0


def source_of(function: FunctionType) -> Source:
    """Finds and parses the source of `function`.

    Raises:
        CompileError: `function` is a lambda, is asynchronous, was replaced by another decorator,
            or its source is not to be found; or it is a method, whose object is not compiled.
    """
    code = function.__code__
    filename, line = code.co_filename, code.co_firstlineno
    if function.__name__ == "<lambda>":
        raise CompileError(
            "A lambda cannot be compiled: ParPy compiles statements.\n\n"
            f"On line {line} of file {filename}\n"
            "help: write a `def` with the decorator @parpy.jit",
            filename,
            line,
            0,
            line,
        )
    try:
        # Of the code, not of the function: what a wrapper wraps is not what would run.
        file = _lines_of_file(filename, function)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        file, reason = [], str(error)
    else:
        reason = "could not get source code"
    if not 1 <= line <= len(file):
        raise CompileError(
            f"The source of function {function.__qualname__} cannot be found ({reason}).\n\n"
            f"On line {line} of file {filename}\n"
            "help: ParPy reads a function's source; define it in a file or a notebook cell, not "
            "in text given to exec or eval",
            filename,
            line,
            0,
            line,
        ) from None
    first_line = line
    definition, lines = _parse_block(file, line - 1, filename)
    if definition is None or definition.name != code.co_name:
        raise CompileError(
            f"The source of function {function.__qualname__} cannot be found: another text stands "
            f"in its place.\n\nOn line {line} of file {filename}\n"
            "help: if the file was changed since it was imported, restart Python",
            filename,
            line,
            0,
            line,
        )
    place = first_line + definition.lineno - 1
    if type(definition).__name__ == "AsyncFunctionDef":
        raise CompileError(
            f"Function {function.__qualname__} is asynchronous; ParPy compiles ordinary functions."
            f"\n\nOn line {place} of file {filename}:\n{lines[definition.lineno - 1].rstrip()}\n"
            "help: write `def` instead of `async def`",
            filename,
            place,
            definition.col_offset,
            place,
        )
    if hasattr(function, "__wrapped__"):
        raise CompileError(
            f"Function {function.__qualname__} was replaced by a decorator below @parpy.jit.\n\n"
            f"On line {place} of file {filename}:\n{lines[definition.lineno - 1].rstrip()}\n"
            "help: make @parpy.jit the decorator next to the `def`",
            filename,
            place,
            definition.col_offset,
            place,
        )
    written = [text.rstrip("\n") for text in lines]
    _refuse_method(function, definition, filename, written, first_line)
    return Source(definition, filename, written, first_line)


def _refuse_method(
    function: FunctionType,
    definition: ast.FunctionDef,
    filename: str,
    lines: list[str],
    first_line: int,
) -> None:
    """Raises for a function in a class whose first parameter is the object or the class."""
    is_in_class = "." in function.__qualname__.rpartition("<locals>.")[2]
    parameters = [*definition.args.posonlyargs, *definition.args.args]
    if not is_in_class or not parameters or parameters[0].arg not in ("self", "cls"):
        return
    first = parameters[0]
    line = lines[first.lineno - 1]
    place = first_line + first.lineno - 1
    column = len(line.encode()[: first.col_offset].decode()) - _indentation(line)
    raise CompileError(
        f"Function {function.__qualname__} is a method: ParPy compiles functions of arrays and "
        f"numbers, and '{first.arg}' is neither.\n\n"
        f"On line {place} of file {filename}:\n"
        f"    {line.strip()}\n"
        f"    {' ' * column}{'^' * len(first.arg)}\n"
        "help: write a function outside the class, or below @staticmethod, that takes what it uses "
        f"of '{first.arg}', and call it in the method",
        filename,
        place,
        first.col_offset,
        place,
    )


def _lines_of_file(filename: str, function: FunctionType) -> list[str]:
    """The lines of a file as it is now, or of a notebook cell; none where there is neither."""
    if not os.path.isfile(filename):
        import linecache

        return linecache.getlines(filename, function.__globals__)
    with open(filename, "rb") as file:
        data = file.read()
    declaration = b"\n".join(data.split(b"\n", 2)[:2])
    if b"coding" in declaration:  # PEP 263
        import tokenize

        with tokenize.open(filename) as text:
            return text.readlines()
    lines = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [f"{line}\n" for line in lines]


def _parse_block(
    file: list[str], start: int, filename: str
) -> tuple[ast.FunctionDef | None, list[str]]:
    """The function that begins on line `start` of a file, counted from 0, and its lines.

    It ends before a line that stands no deeper than its first one. Such lines also stand within
    brackets and strings, and after decorators; the text up to them is not complete, so it does not
    parse, and the next one is tried.
    """
    indentation = _indentation(file[start])
    attempts = 0
    for end in range(start + 1, len(file) + 1):
        if end < len(file):
            text = file[end].strip()
            if not text or text.startswith("#") or _indentation(file[end]) > indentation:
                continue
        lines = file[start:end]
        while lines and not lines[-1].strip():
            lines.pop()
        definition = _parse(lines, filename)
        attempts += 1
        if definition is not None or attempts == _MOST_ATTEMPTS:
            return definition, lines
    return None, []


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t\f"))


def _parse(lines: list[str], filename: str) -> ast.FunctionDef | None:
    """The one function that `lines` define, or None.

    An indented function is parsed in the block of an `if`, not dedented: so columns, and what
    stands in strings of several lines, stay as they are in the file.
    """
    indented = lines[0][:1] in (" ", "\t", "\f")
    text = ("if 1:\n" if indented else "") + "".join(lines)
    try:
        tree = compile(text, filename, "exec", _ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    body = tree.body[0].body if indented else tree.body
    if len(body) != 1 or type(body[0]).__name__ not in ("FunctionDef", "AsyncFunctionDef"):
        return None
    definition: ast.FunctionDef = body[0]
    if indented:
        _move_up(definition)
    return definition


def _move_up(node: ast.AST) -> None:
    """Takes the line of the `if` off the line numbers of a node and all below it."""
    for attribute in ("lineno", "end_lineno"):
        if hasattr(node, attribute):
            setattr(node, attribute, getattr(node, attribute) - 1)
    for field in node._fields:
        value = getattr(node, field, None)
        for child in value if isinstance(value, list) else (value,):
            if child is not None and hasattr(child, "_fields"):
                _move_up(child)
