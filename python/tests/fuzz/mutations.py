"""Programs that are out of the language, in its types or out of range: right ones, mutated.

Each is refused with a Python exception, which names a line of the program where it is about one, or
is accepted; it never crashes, hangs, or writes beside an array. `check_bounds` is on.
"""

from __future__ import annotations

import ast
import copy
import random
from typing import Any

from cases import Case
from generator import generate

_STATEMENTS = (
    *("break", "continue", "return", "return 1", "x[0] = unknown", "del x", "import os"),
    *("x = 3", "x[0] = [1, 2]", "x[0] = 'a'", "for j in x:\n    pass", "s9 = lambda: 0"),
    *("try:\n    pass\nfinally:\n    pass", "with parpy.gpu:\n    pass", "with x:\n    pass"),
    *("parpy.label('Z')", "parpy.label(3)", "x[0] = f'{x[0]}'", "x[0] = x[99999]", "raise"),
    *("x[:, :, :, :] = 0", "x[::0] = 1", "x[0] = x", "x += x", "y9 = x[:]", "x.shape = (2,)"),
    *("x[0] = len(3)", "x[0] = parpy.operators.sum(1)", "x[0] = np.sum(x, axis=9)", "x.y = 1"),
    *("for j in range(0, 9, 0):\n    pass", "while True:\n    break\nelse:\n    pass", "x()"),
    *("x[0] = program(x)", "x[0] = (1, 2)", "x[0], x[1] = 1", "a9, b9 = x", "x[0] = 1j", "1 + x"),
    *("x[0] = 10 ** 30", "x[0] = 1 << 100", "x[0] = 1 // 0", "x[0] = None", "x[None] = 1"),
    *("x[...] = 1", "x[0:2, 0:2] = x[:, 0]", "global x", "assert x[0]", "async def f(): pass"),
    *("def f(): pass", "class C: pass", "x[-1 - len(x)] = 0", "x[x[0]] = 0", "x[int(x[0])] = 1"),
    *("x[1.5] = 0", "x[True] = 0", "parpy.builtin.static_fail('no')", "x[0] = print(1)"),
    *("x[0] = np.empty(3)", "t9 = np.zeros(-1)", "t9 = np.zeros(2**58)", "t9 = np.empty(x)"),
    *("x[0] = x[0] if x else 1", "x[0] = x @ x", "x[0] = not x", "x[0] = x and x", "x[0] = -x"),
    *("x[0] = x[0:0].shape[3]", "nonlocal x", "x[0] = (yield)", "x[0] = {}", "x[0] = max(x, x)"),
    *("x[0] = max()", "x[0] = max(1)", "x[0] = abs(1, 2)", "x[0] = min(1, 2, 3, key=x)", "..."),
    *("x[0] = -9223372036854775808", "x[0] = 9223372036854775808", "x[0] = 1e400", "x[0] = 0x7f"),
    *("parpy.builtin.inline(x)", "x[0] = range(3)", "x[0] = np", "x[0] = parpy", "x[0] = x.T[0]"),
    *("u9: int", "x[0]: int = 1", "x[0] = (z9 := 3)", "x[0] = x[0] is x[1]", "'a'"),
)  # fmt: skip


def mutated(seed: int) -> Case:
    """The program of a seed, out of the language in one to three places; always the same."""
    source = random.Random(seed)
    case = copy.deepcopy(generate(seed))
    tree = ast.parse(case.text)
    for _ in range(source.randint(1, 3)):
        source.choice(
            [_insert, _insert, _insert, _swap_names, _swap_operators, _swap_expressions, _drop,
             _shift_index, _shift_index, _duplicate]
        )(tree, source)  # fmt: skip
    _limit_loops(tree)
    try:
        case.text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        compile(case.text, "mutated", "exec")
    except (SyntaxError, ValueError, RecursionError):
        case.text = generate(seed).text
    if source.random() < 0.25:
        argument = source.choice(case.arguments)
        if argument.shape is not None:
            argument.shape = source.choice([(0,), (1,), (3, 3), (2, 2, 2, 2), (0, 0), (7,)])
            argument.alias = ""
            for other in case.arguments:
                if other.alias.endswith(f" {argument.name}"):
                    other.alias = ""
        argument.kind = source.choice(["float64", "int8", "bool", "uint64", "float16", "int64"])
    # None of this may be a race: what runs in parallel need not be independent any more.
    case.schedule = {label: (1, reduces) for label, (_, reduces) in case.schedule.items()}
    case.settings = [{"check_bounds": True, "specialize": source.choice(["always", "never"])}]
    return case


def _limit_loops(tree: ast.AST) -> None:
    """Lets no `while` loop run for ever."""
    for body in _bodies(tree):
        for i, node in reversed(list(enumerate(body))):
            if isinstance(node, ast.While):
                limit = ast.parse("fuel = 30").body
                node.test = ast.BoolOp(ast.And(), [ast.parse("fuel > 0").body[0].value, node.test])  # type: ignore[attr-defined]
                node.body[:0] = ast.parse("fuel -= 1").body
                body[i:i] = limit


def _bodies(tree: ast.AST) -> list[list[ast.stmt]]:
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    nodes = [n for f in functions for n in ast.walk(f)]
    return [n.body for n in nodes if isinstance(getattr(n, "body", None), list)]


def _insert(tree: ast.AST, source: random.Random) -> None:
    body = source.choice(_bodies(tree))
    new = ast.parse("def f():\n    " + source.choice(_STATEMENTS).replace("\n", "\n    ")).body[0]
    assert isinstance(new, ast.FunctionDef)
    place = source.randint(0, len(body))
    body[place:place] = new.body


def _drop(tree: ast.AST, source: random.Random) -> None:
    body = source.choice(_bodies(tree))
    if len(body) > 1:
        del body[source.randrange(len(body))]


def _duplicate(tree: ast.AST, source: random.Random) -> None:
    bodies = _bodies(tree)
    statement = copy.deepcopy(source.choice(source.choice(bodies)))
    body = source.choice(bodies)
    body.insert(source.randint(0, len(body)), statement)


def _all(tree: ast.AST, kind: Any) -> list[Any]:
    return [n for n in ast.walk(tree) if isinstance(n, kind)]


def _swap_names(tree: ast.AST, source: random.Random) -> None:
    names = _all(tree, ast.Name)
    source.choice(names).id = source.choice([*(n.id for n in names), "unknown"])


_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift)
_BINARY += (ast.BitOr, ast.BitAnd, ast.MatMult, ast.RShift)  # type: ignore[assignment]


def _swap_operators(tree: ast.AST, source: random.Random) -> None:
    found = _all(tree, ast.BinOp | ast.AugAssign)
    if found:
        source.choice(found).op = source.choice(_BINARY)()


def _swap_expressions(tree: ast.AST, source: random.Random) -> None:
    """One expression takes the place of another."""
    places = []
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            loads = isinstance(value, ast.expr) and isinstance(
                getattr(value, "ctx", ast.Load()), ast.Load
            )
            if loads and field not in ("func",):
                places.append((parent, field))
    if len(places) > 1:
        (parent, field), (other, name) = source.sample(places, 2)
        setattr(parent, field, copy.deepcopy(getattr(other, name)))


def _shift_index(tree: ast.AST, source: random.Random) -> None:
    """An index that may be out of range."""
    found = _all(tree, ast.Subscript)
    if found:
        node = source.choice(found)
        if not isinstance(node.slice, ast.Tuple | ast.Slice):
            by = ast.Constant(source.choice([1, 2, 50, 1000, 2**40, 2**62]))
            node.slice = ast.BinOp(node.slice, source.choice([ast.Add(), ast.Sub()]), by)
