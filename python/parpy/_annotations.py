"""What the annotations of a function's parameters say of its arguments."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from parpy._errors import CompileError
from parpy.types import BufferType, ElemSize, ShapeVariable, TypeVariable

__all__ = ["annotations_of", "bound", "described", "evaluated", "require_values", "variable_names"]


def annotations_of(
    function: FunctionType, scope: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The annotations that ParPy knows, by parameter; all others mean nothing to it.

    Args:
        function: the function.
        scope: what is in scope where it is decorated, for postponed annotations that mean nothing
            in the function's own scopes.
    """
    values = evaluated(function)
    if scope and any(value is None for value in values.values()):
        elsewhere = evaluated(function, scope)
        values = {
            name: elsewhere.get(name) if value is None else value for name, value in values.items()
        }
    return {
        name: value
        for name, value in values.items()
        if name != "return" and isinstance(value, (ElemSize, TypeVariable, BufferType))
    }


def evaluated(function: FunctionType, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The values of all annotations of a function, `return` among them; None where one has none.

    Args:
        function: the function.
        names: what is in scope where it is defined, beside what it uses itself.
    """
    try:
        written = function.__annotations__
    except NameError:  # Python 3.14 evaluates them here.
        return {}
    return {
        name: _evaluated(value, function, names or {}) if isinstance(value, str) else value
        for name, value in written.items()
    }


def require_values(function: FunctionType, scope: Mapping[str, Any]) -> None:
    """Refuses postponed annotations that name something of ParPy's and cannot be evaluated.

    Args:
        function: the function.
        scope: what is in scope where it is defined.

    Raises:
        CompileError: an annotation is wrong, as Python says at once of one that is not postponed.
    """
    for name, text in function.__annotations__.items():
        if not isinstance(text, str) or not _is_ours(text, function, scope):
            continue
        try:
            _value(text, function, scope)
        except Exception as error:
            code = function.__code__
            raise CompileError(
                f"The annotation {text!r} of '{name}' in '{code.co_name}' has no value: {error}",
                code.co_filename,
                code.co_firstlineno,
            ) from error


def _is_ours(text: str, function: FunctionType, scope: Mapping[str, Any]) -> bool:
    """Whether a postponed annotation names something of ParPy's; all others mean nothing to it."""
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        return False
    names = function.__globals__ | _names(function, scope)
    for node in nodes:
        value = names.get(node.id) if isinstance(node, ast.Name) else None
        home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
        if isinstance(home, str) and home.partition(".")[0] == "parpy":
            return True
    return False


def _evaluated(text: str, function: FunctionType, names: Mapping[str, Any]) -> Any:
    """The value of a postponed annotation; None where it has none here."""
    try:
        return _value(text, function, names)
    except Exception:
        return None


def _value(text: str, function: FunctionType, names: Mapping[str, Any]) -> Any:
    return eval(text, function.__globals__, _names(function, names))  # the user's own annotation


def _names(function: FunctionType, names: Mapping[str, Any]) -> dict[str, Any]:
    """The names of the scopes around a function but the module's, and others."""
    local: dict[str, Any] = dict(names)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            local[name] = cell.cell_contents
        except ValueError:
            continue
    return local


def variable_names(function: FunctionType, scope: Mapping[str, Any]) -> dict[int, str]:
    """What a function calls the variables of annotations, by their `id`; for messages.

    Args:
        function: the function.
        scope: what is in scope where it is defined.
    """
    return {
        id(value): name
        for names in (function.__globals__, scope)
        for name, value in list(names.items())
        if type(value) in (ShapeVariable, TypeVariable) and not name.startswith("_")
    }


def described(annotation: Any, names: Mapping[int, str]) -> str:
    """The annotation as the core reads it: see `Annotation` in Sources/Syntax.

    Args:
        annotation: one that ParPy knows.
        names: those of `variable_names`.
    """

    def variable(v: ShapeVariable | TypeVariable) -> str:
        return f"${id(v)}:{names[id(v)]}" if id(v) in names else f"${id(v)}"

    def element(elem: ElemSize | TypeVariable) -> str:
        return variable(elem) if isinstance(elem, TypeVariable) else elem.value

    if not isinstance(annotation, BufferType):
        return f"scalar {element(annotation)}"
    text = f"array {element(annotation.elem)}"
    if annotation.shape is None:
        return text
    extents = (variable(e) if isinstance(e, ShapeVariable) else int(e) for e in annotation.shape)
    return " ".join((text, "[", *map(str, extents), "]"))


class bound:
    """Gives the variables of annotations their values for a call in plain Python."""

    def __init__(self, annotations: dict[str, Any], arguments: dict[str, Any]) -> None:
        self._extents: dict[ShapeVariable, int] = {}
        self._types: dict[TypeVariable, np.dtype[Any]] = {}
        for name, annotation in annotations.items():
            argument = arguments.get(name)
            elem = annotation.elem if isinstance(annotation, BufferType) else annotation
            if isinstance(elem, TypeVariable):
                self._types[elem] = np.asarray(argument).dtype
            if isinstance(annotation, BufferType) and annotation.shape is not None:
                for extent, size in zip(annotation.shape, np.asarray(argument).shape, strict=False):
                    if isinstance(extent, ShapeVariable):
                        self._extents[extent] = size

    def __enter__(self) -> None:
        """Sets the values."""
        self._former = (
            {variable: variable.extent for variable in self._extents},
            {variable: variable.type for variable in self._types},
        )
        for variable, size in self._extents.items():
            variable.extent = size
        for kind, dtype in self._types.items():
            kind.type = dtype

    def __exit__(self, *_: object) -> None:
        """Puts the values back that were there before."""
        for variable, size in self._former[0].items():
            variable.extent = size
        for kind, dtype in self._former[1].items():
            kind.type = dtype
