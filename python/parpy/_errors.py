"""The exceptions that ParPy raises about a program."""

from __future__ import annotations


class _PlacedError(RuntimeError):
    """An error that knows which lines of the user's program it is about."""

    def __init__(
        self,
        message: str = "",
        filename: str | None = None,
        lineno: int | None = None,
        col_offset: int | None = None,
        end_lineno: int | None = None,
    ) -> None:
        """Keeps the place beside the message; pickling keeps both."""
        super().__init__(message)
        self.filename = filename
        self.lineno = lineno
        self.col_offset = col_offset
        self.end_lineno = end_lineno


class CompileError(_PlacedError):
    """The program, or its schedule, is not one that ParPy can compile.

    The text names what was found, what is supported and, where there is one, the way out, and
    quotes the source.

    Attributes:
        filename: the file of the function, as `inspect` gives it; None where there is none.
        lineno: the first line the error is about, counted from 1.
        col_offset: the column on that line, counted from 0 in UTF-8 bytes as in `ast`.
        end_lineno: the last line the error is about.

    Example:
        >>> import parpy
        >>> try:
        ...     parpy.jit(lambda x: x)
        ... except parpy.CompileError as error:
        ...     print(error.lineno is not None)
        True
    """


class TypeMismatchError(CompileError, TypeError):
    """A type or shape does not fit; also a `TypeError`."""


class DeviceMemoryError(MemoryError, RuntimeError):
    """A GPU has not as much memory as was asked for; both it and the process stay usable."""


class InternalCompilerError(_PlacedError):
    """ParPy failed on a program that may be right: a bug of ours. The text names the pass."""
