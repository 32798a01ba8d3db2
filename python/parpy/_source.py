"""From a Python function to its source and syntax tree."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from types import FunctionType

from parpy._errors import CompileError

__all__ = ["Source", "source_of"]


@dataclass(frozen=True)
class Source:
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
            or its source is not to be found.
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
        lines, first_line = inspect.getsourcelines(code)
    except (OSError, TypeError, SyntaxError, IndentationError) as error:
        raise CompileError(
            f"The source of function {function.__qualname__} cannot be found ({error}).\n\n"
            f"On line {line} of file {filename}\n"
            "help: ParPy reads a function's source; define it in a file or a notebook cell, not "
            "in text given to exec or eval",
            filename,
            line,
            0,
            line,
        ) from None
    first_line = max(first_line, 1)
    definition = _parse(lines, filename, first_line)
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
    if isinstance(definition, ast.AsyncFunctionDef):
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
    return Source(definition, filename, written, first_line)


def _parse(
    lines: list[str], filename: str, first_line: int
) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The one function that `lines` define, or None.

    An indented function is parsed in the block of an `if`, not dedented: so columns, and what
    stands in strings of several lines, stay as they are in the file.
    """
    indented = lines[0][:1] in (" ", "\t", "\f")
    text = ("if 1:\n" if indented else "") + "".join(lines)
    try:
        body = ast.parse(text, filename).body
    except (SyntaxError, ValueError):
        return None
    if indented and isinstance(body[0], ast.If):
        ast.increment_lineno(body[0], -1)
        body = body[0].body
    found = body[0]
    return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) else None
