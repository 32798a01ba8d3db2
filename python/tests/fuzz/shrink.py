"""Makes a failing program small: drops and simplifies parts while it still fails the same way.

Works on the text of the program, so it serves what a person wrote as well. A smaller program must
be accepted by the oracle, which discards what plain Python refuses.
"""

from __future__ import annotations

import ast
import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

from cases import Case

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, seconds: float = 120) -> Case:
    """The smallest case found in that time for which `fails`."""
    end = time.monotonic() + seconds
    case = _simplify_options(case, fails)
    changed = True
    while changed and time.monotonic() < end:
        changed = False
        for smaller in _smaller_programs(case):
            if time.monotonic() > end:
                break
            if fails(smaller):
                case, changed = smaller, True
                break
    return _simplify_options(_drop_arguments(case, fails), fails)


def _simplify_options(case: Case, fails: Fails) -> Case:
    def attempt(change: Callable[[Case], Any]) -> None:
        nonlocal case
        other = copy.deepcopy(case)
        change(other)
        if other != case and fails(other):
            case = other

    for settings in case.settings[:]:
        attempt(lambda c, s=settings: setattr(c, "settings", [s]))
    attempt(lambda c: setattr(c, "schedule", {}))
    for label in list(case.schedule):
        attempt(lambda c, n=label: c.schedule.pop(n, None))
    for i in range(len(case.arguments)):
        attempt(lambda c, i=i: setattr(c.arguments[i], "layout", "contiguous"))
        attempt(lambda c, i=i: setattr(c.arguments[i], "alias", ""))
        if case.arguments[i].data not in ("small", "halves"):
            attempt(lambda c, i=i: setattr(c.arguments[i], "data", "halves"))
            attempt(lambda c, i=i: setattr(c.arguments[i], "data", "small"))
    return case


def _drop_arguments(case: Case, fails: Fails) -> Case:
    """Drops parameters that the program does not name."""
    for argument in case.arguments[:]:
        tree = ast.parse(case.text)
        functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
        program = next((f for f in functions if f.name == "program"), None)
        if program is None:  # A mutation renamed it.
            return case
        program.args.args = [a for a in program.args.args if a.arg != argument.name]
        other = copy.deepcopy(case)
        other.text = ast.unparse(tree) + "\n"
        other.arguments = [a for a in other.arguments if a.name != argument.name]
        if other.arguments and fails(other):
            case = other
    return case


def _smaller_programs(case: Case) -> Iterator[Case]:
    tree = ast.parse(case.text)
    for smaller in _smaller_trees(tree):
        text = ast.unparse(ast.fix_missing_locations(smaller)) + "\n"
        if text != case.text:
            other = copy.deepcopy(case)
            other.text = text
            yield other


def _smaller_trees(tree: ast.Module) -> Iterator[ast.Module]:
    # Large parts first: runs of statements, then single ones, then expressions.
    for chunk in (8, 4, 2, 1):
        for path in _bodies(tree):
            length = len(_at(tree, path))
            for start in range(0, length, chunk):
                if chunk > 1 and length < chunk:
                    continue
                other = copy.deepcopy(tree)
                body = _at(other, path)
                del body[start : start + chunk]
                if not body and path[-1] == "body":
                    body.append(ast.Pass())
                yield other
    for path in _bodies(tree):
        for i, statement in enumerate(_at(tree, path)):
            if isinstance(statement, ast.If | ast.For | ast.While):
                for field in ("body", "orelse"):
                    other = copy.deepcopy(tree)
                    body = _at(other, path)
                    body[i : i + 1] = getattr(body[i], field) or [ast.Pass()]
                    yield other
    count = sum(1 for _ in _expressions(tree))
    for i in range(count):
        other = copy.deepcopy(tree)
        parent, field, index, node = list(_expressions(other))[i]
        choices: list[ast.AST] = []
        if not isinstance(node, ast.Constant):
            choices = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
            choices += [ast.Constant(1), ast.Constant(0.5)]
        elif type(node.value) is int and node.value not in (0, 1):
            choices = [ast.Constant(0), ast.Constant(1)]
        for choice in choices:
            another = copy.deepcopy(other)
            parent, field, index, _ = list(_expressions(another))[i]
            if index is None:
                setattr(parent, field, copy.deepcopy(choice))
            else:
                getattr(parent, field)[index] = copy.deepcopy(choice)
            yield another


def _bodies(tree: ast.AST, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for field in ("body", "orelse"):
        for i, child in enumerate(getattr(tree, field, [])):
            if i == 0:
                yield (*path, field)
            yield from _bodies(child, (*path, field, i))


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step] if isinstance(step, int) else getattr(tree, step)
    return tree


def _expressions(tree: ast.AST) -> Iterator[tuple[Any, str, int | None, ast.expr]]:
    """Every expression that is a value, with its place in its parent."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if field in ("targets", "target", "func", "decorator_list"):
                continue
            if isinstance(value, ast.expr):
                if isinstance(parent, ast.Subscript) and field == "value":
                    continue
                yield parent, field, None, value
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, ast.expr):
                        yield parent, field, i, item
