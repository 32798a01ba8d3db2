"""The words that shape a program and do nothing when it runs as plain Python."""

from __future__ import annotations

from types import TracebackType

__all__ = ["gpu", "label"]


def label(name: str) -> None:
    """Names the next statement, so that a schedule can say how it runs.

    In plain Python this does nothing.

    Args:
        name: the label, a string literal; the same one may stand at many statements.

    Raises:
        TypeError: `name` is not a string.

    Example:
        >>> import parpy
        >>> parpy.label('outer')
    """
    if not isinstance(name, str):
        raise TypeError(f"a label must be a string, not {type(name).__name__} ({name!r})")


class _Gpu:
    """The type of `parpy.gpu`: `with parpy.gpu:` runs its block on the device.

    On the CPU, and in plain Python, the block is ordinary code.

    Example:
        >>> import parpy
        >>> with parpy.gpu:
        ...     y = 0.0
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def __repr__(self) -> str:
        return "parpy.gpu"

    def __reduce__(self) -> str:
        return "gpu"


gpu = _Gpu()
