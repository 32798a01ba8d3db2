"""What a program must leave in its arguments, and how far a result may be from it.

The program runs in plain Python. To learn how much its results may move, it runs again several
times with every operation that SPEC §1 lets differ moved at random, by a few units in the last
place:

- a product of floats that is not exact, where multiply and add may be contracted (not `strict`);
- a function of `math`, and a power but the second;
- a product of complex numbers that is not exact, which NumPy contracts where it can, and, where
  not `strict`, a quotient of them;
- a reduction over a slice, and each step of a loop under `.reduce()`, unless the numbers are
  such that every order gives the same sum.

An element that no such run moves must agree exactly: integers, and every float of a `strict`
program without inexact reductions and functions. Any other may differ by a multiple of the greatest
movement seen, and by two units where none was. An integer that moves is not compared. The sign of a
zero and the sign and the payload of a NaN are left open.

On Metal weak floats have 32 bits: the instrumented program rounds each, literals included.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
import random
from typing import Any, Literal

import floats
import numpy as np
import on_cuda
import types_of as t
from floats import is_complex, is_floating

import parpy

RUNS = 4
_SLACK = 6
_MOST_OPERATIONS = 30_000


class Discard(Exception):
    """The program leaves what SPEC defines: a Python integer beyond 64 bits, for one."""


# --- Running --------------------------------------------------------------------------------

_OPERATORS = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"},
    **{ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"},
    **{ast.LShift: "<<", ast.RShift: ">>"},
}


class _Instrument(ast.NodeTransformer):
    """Sends operators and calls through `_op` and `_call`."""

    def __init__(self, reassociated: set[str]) -> None:
        self.reassociated = reassociated
        self.label = ""
        self.reduces = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "parpy.label":
            self.label = node.value.args[0].value  # type: ignore[attr-defined]
            return ast.Pass()
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> Any:
        inside = self.label in self.reassociated
        self.label = ""
        self.reduces += inside
        node = self.generic_visit(node)  # type: ignore[assignment]
        self.reduces -= inside
        return node

    def _operation(self, op: ast.operator, left: ast.expr, right: ast.expr) -> ast.expr:
        name, reduces = _OPERATORS[type(op)], self.reduces > 0
        arguments = [ast.Constant(name), left, right, ast.Constant(reduces)]
        return ast.Call(ast.Name("_op", ast.Load()), arguments, [])

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        return self._operation(node.op, node.left, node.right)

    def visit_Constant(self, node: ast.Constant) -> Any:
        return ast.Constant(_weak(node.value))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        is_constant = isinstance(node.operand, ast.Constant)
        self.generic_visit(node)
        if is_constant:
            return node
        return ast.Call(ast.Name("_checked", ast.Load()), [node], [])

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        value = self._operation(node.op, read, node.value)
        if isinstance(node.target, ast.Name):
            value = ast.Call(ast.Name("_in_place", ast.Load()), [read, value], [])
        elif isinstance(node.target, ast.Subscript):
            name = "_narrowed" if self.reduces else "_fits"
            value = ast.Call(ast.Name(name, ast.Load()), [read, value], [])
        return ast.Assign([node.target], value)

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        if self.reduces and isinstance(node.targets[0], ast.Subscript):
            read = ast.parse(ast.unparse(node.targets[0]), mode="eval").body
            node.value = ast.Call(ast.Name("_narrowed", ast.Load()), [read, node.value], [])
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        name = ast.unparse(node.func)
        self.generic_visit(node)
        if name == "range":
            return ast.Call(ast.Name("_short", ast.Load()), [node], [])
        if name.startswith("np.") and name.split(".")[1] in _MAKERS:
            return node
        return ast.Call(
            ast.Name("_call", ast.Load()),
            [ast.Constant(name), node.func, *node.args],
            node.keywords,
        )


_MAKERS = ("zeros", "empty", "ones", "full", "zeros_like", "float64", "float32")
# One of another may be near a zero, again and again.
_MOST_GAMMAS = 20
_ULPS = {"lgamma": 2000, "gamma": 64}
_EXACT = ("fabs", "sqrt", "floor", "ceil", "trunc", "copysign", "fmod", "isnan", "isfinite", "abs")


class Perturbation:
    """What the instrumented operators do; without `source`, what Python does."""

    def __init__(self, source: random.Random | None, contracts: bool) -> None:
        self.source = source
        self.contracts = contracts
        self.moved = False
        self.operations = 0
        self.nans = False
        self.gammas = 0

    def move(self, value: Any, ulps: float) -> Any:
        """`value` with each float moved by about that many units in the last place."""
        assert self.source is not None
        self.moved = True
        array = np.asarray(value)
        if not is_floating(array):
            return value
        with np.errstate(all="ignore"):
            moved = self.moved_by(array, ulps * floats.unit(array))
        return type(value)(moved) if type(value) in (float, complex) else moved[()]

    def moved_by(self, array: np.ndarray, most: np.ndarray) -> np.ndarray:
        """An array with each float, and each part of a complex number, moved by up to `most`."""
        if is_complex(array):
            moved = np.empty(array.shape, array.dtype)
            moved.real, moved.imag = (self.moved_by(p, most) for p in (array.real, array.imag))
            # Products of parts cancel in a part that is zero, or leave what they were rounded by.
            for part in (moved.real, moved.imag):
                rest = (part == 0) & (array != 0) & np.isfinite(most)
                part[...] = np.where(rest, most * self.source.choice([-1, 0, 1]), part)
            return moved
        assert self.source is not None
        rng = np.random.default_rng(self.source.getrandbits(32))
        steps = rng.uniform(0.6, 1.0, array.shape) * rng.choice([-1.0, 1.0], array.shape) * most
        moved = np.where(np.isfinite(array), array.astype(np.float64) + steps, array)
        moved = np.where(array == 0, array * (1 - 2 * rng.integers(0, 2, array.shape)), moved)
        return np.asarray(moved.astype(array.dtype))

    def count(self) -> None:
        self.operations += 1
        if self.operations > _MOST_OPERATIONS:
            raise Unlimited("too long for plain Python")

    def op(self, op: str, left: Any, right: Any, reduces: bool) -> Any:
        self.count()
        if type(left) is complex and type(right) is np.float64:
            raise Discard("a float64 that Python takes for a float of its own, which is weak")
        value = checked(t.OPERATORS[op](left, right))
        if on_cuda.is_metal() and float in (type(left), type(right)) and is_floating(value):
            # Beside a weak float, integers become floats of 32 bits before, and are rounded.
            value = checked(t.OPERATORS[op](_narrowed(left), _narrowed(right)))
        moved = self.moved_op(op, _sized(value), _sized(left), _sized(right), reduces)
        return _weak(moved, type(value))

    def moved_op(self, op: str, value: Any, left: Any, right: Any, reduces: bool) -> Any:
        """The value of an operation as it may be moved."""
        if op == "/" and type(left) is type(right) is int and self.source is not None:
            # Python rounds the quotient of integers once, ParPy each of them to float64 before.
            beyond = max(abs(left), abs(right)) > 2**53
            return self.move(value, 2) if beyond else value
        if self.source is None or not is_floating(value):
            return value
        if is_complex(value):
            return self.complex_op(op, value, left, right, reduces)
        if op == "**" and not (type(right) in (int, float) and right in (0, 1, 2)):
            return self.move(value, 6)
        if reduces and op in "+-*":
            _require_in_range(op, value, left, right)
        if reduces and op in "+-*" and not (op != "*" and _coarse(left, right)):
            with np.errstate(all="ignore"):
                same = np.asarray(value).dtype.type
                size = same(abs(left)) + same(abs(right))
                moved = same(value) + (self.move(size, 4) - size) if op != "*" else None
                kept = float if type(value) is float else same
                return self.move(value, 4) if moved is None else kept(moved)
        if op == "**" and right == 2:
            op, right = "*", left  # a multiplication, which a sum may take in
            if not isinstance(value, np.ndarray) and not _exact_product(left, left, value):
                return self.move(value, 2)  # of a number, Python's and NumPy's are those of C's pow
        if op == "*" and self.contracts:
            if np.any(np.isinf(value) & np.isfinite(left) & np.isfinite(right)):
                raise Discard("a product that overflows, unless a sum takes it in")
            return value if _exact_product(left, right, value) else self.move(value, 2)
        return value

    def complex_op(self, op: str, value: Any, left: Any, right: Any, reduces: bool) -> Any:
        if on_cuda.is_on() and self.contracts and op in ("*", "/", "**") and not _is_finite(value):
            raise Discard("parts of complex numbers that are contracted beyond the finite")
        if op == "**":
            if _is_finite(left) and not _is_finite(value):
                raise Discard("a power of a complex number that overflows")
            _require_finite_products(left, left * left, floats.greatest(np.asarray(value).dtype))
            return self.move(value, 16)
        if reduces and op in "+-*":
            _require_in_range(op, value, left, right)
            if op != "*" and not _coarse(left, right):
                self.moved = True
                with np.errstate(all="ignore"):
                    array = np.asarray(value)
                    size = np.asarray(np.abs(left) + np.abs(right))
                    most = 4 * floats.unit(size.astype(floats.part(array.dtype)))
                    moved = self.moved_by(array, most)
                return complex(moved) if type(value) is complex else moved[()]
        if op == "*":
            _require_finite_products(left, right, floats.greatest(np.asarray(value).dtype))
            return value if _is_short(left) and _is_short(right) else self.move(value, 4)
        return self.move(value, 8) if op == "/" and self.contracts else value

    def narrowed(self, target: Any, value: Any) -> Any:
        """What an element of a reduction takes in, rounded at each step or once, at the end."""
        if self.source is None:
            return value
        wide, narrow = np.asarray(value).dtype, np.asarray(target).dtype
        if not (is_floating(value) and is_floating(target)) or wide.itemsize <= narrow.itemsize:
            return value
        if wide.kind == "c" and narrow.kind != "c":
            return value
        with np.errstate(all="ignore"):
            if np.any(np.isfinite(value) & ~np.isfinite(np.asarray(value).astype(narrow))):
                raise Discard("a step of a reduction that the element cannot hold")
            return self.move(np.asarray(value).astype(narrow), 4)

    def call(self, name: str, function: Any, *args: Any, **keywords: Any) -> Any:
        if name == "parpy.builtin.inline":
            return args[0]
        self.count()
        value = checked(function(*args, **keywords))
        if name in ("min", "max") and _becomes_float(args, value) and value < 0:
            raise Discard("a negative float of ParPy, of which no unsigned integer is defined")
        if self.source is None:
            return value
        sized = [_sized(a) for a in args]
        return _weak(self.moved_call(name, _sized(value), *sized, **keywords), type(value))

    def moved_call(self, name: str, value: Any, *args: Any, **keywords: Any) -> Any:
        """The value of a call as it may be moved."""
        short = name.rpartition(".")[2]
        module = name.rpartition(".")[0]
        self.gammas += short in ("gamma", "lgamma")
        if self.gammas > _MOST_GAMMAS:
            raise Discard("many functions that Python computes in its own way")
        if short in ("min", "max", "minimum", "maximum"):
            if not module and any(np.any(np.isnan(a)) for a in args if is_floating(a)):
                # Python's depends on the order; a declared reduction passes NaN on.
                self.nans = True
            return self.move(value, 0) if np.any(np.asarray(value) == 0) else value
        if short == "copysign" and np.any(np.isnan(args[1])):
            self.moved = True
            return np.where(np.isnan(args[1]), value * self.source.choice([-1, 1]), value)[()]
        if short in ("sum", "prod") and module:
            return self.reduction(short, value, *args, **keywords)
        if any(is_complex(a) for a in args):
            if short not in _EXACT_OF_COMPLEX and _has_open_sign(value):
                raise Discard("an infinity beside NaN, whose sign C leaves open")
            return value if short in _EXACT_OF_COMPLEX else self.move(value, 16)
        if module.endswith("math") or module in ("np", "parpy.operators"):
            known = short in _EXACT or hasattr(np.dtype, short) or short in _CONVERSIONS
            # Python's own lgamma and gamma are not of the C library's precision.
            return value if known else self.move(value, _ULPS.get(short, 8))
        return value

    def reduction(self, op: str, value: Any, x: Any, axis: int | None = None) -> Any:
        array = np.asarray(x)
        if not is_floating(array) or (op == "sum" and _coarse(x, np.sum(np.abs(array)))):
            return self.move(value, 0) if is_floating(array) else value
        self.moved = True
        n = array.size if axis is None else array.shape[axis]
        if op == "prod":
            if is_complex(array) and not _is_finite(value):
                raise Discard("a product of complex numbers beyond the finite")
            return self.move(value, (2 + n) * (4 if is_complex(array) else 1))
        with np.errstate(all="ignore"):
            size = np.sum(np.abs(array).astype(np.float64), axis=axis)
            noise = floats.epsilon(array.dtype) * size * (1 + math.log2(1 + n) + n / 8)
            return self.moved_by(np.asarray(value), noise)[()]


_CONVERSIONS = {*t.INTEGERS, "bfloat16", "float16", "float32", "float64", "label"}
_EXACT_OF_COMPLEX = (
    "complex",
    "complex64",
    "complex128",
    "conj",
    "conjugate",
    "real",
    "imag",
    "bool",
)


class Unlimited(Discard):
    """The program takes more steps than can be waited for, or integers beyond 64 bits."""


def _short(trips: range) -> range:
    if trips and (trips[-1] - trips[0]) // trips.step >= _MOST_OPERATIONS:
        raise Unlimited("too many iterations for plain Python")
    return trips


def _becomes_float(operands: tuple[Any, ...], value: Any) -> bool:
    """Whether numbers of these types together are floats, though Python chose an integer."""
    return not is_floating(value) and np.result_type(*operands).kind == "f"


def checked(value: Any) -> Any:
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise Unlimited("a Python integer beyond 64 bits")
    return _weak(value)


def _weak(value: Any, kind: type | None = None) -> Any:
    """A value as weak numbers hold it: on Metal Python's floats are rounded to 32 bits.

    With a type of Python's own, a NumPy value that stands for one of it becomes one again.
    """
    kind = kind or type(value)
    if not on_cuda.is_metal():
        return value
    with np.errstate(all="ignore"):
        if kind in (float, complex):
            return kind((np.float32 if kind is float else np.complex64)(value))
        # Of an integer array with a weak float.
        narrow = {"float64": np.float32, "complex128": np.complex64}
        dtype = narrow.get(str(getattr(value, "dtype", "")))
        return value if dtype is None else np.asarray(value).astype(dtype)[()]


def _narrowed(value: Any) -> Any:
    """An integer of Metal as a float; other values as they are."""
    if type(value) is int:
        return float(np.float32(value))
    array = np.asarray(value)
    return array.astype(np.float32)[()] if array.dtype.kind in "iu" else value


def _sized(value: Any) -> Any:
    """A weak number of Metal as one of NumPy's of its size, which decides how far it may move."""
    if not on_cuda.is_metal() or type(value) not in (float, complex):
        return value
    with np.errstate(all="ignore"):
        return (np.float32 if type(value) is float else np.complex64)(value)


def _has_open_sign(value: Any) -> bool:
    """Whether a complex value has an infinite part beside NaN (C99 Annex G: its sign is open)."""
    parts = np.real(value), np.imag(value)
    return bool(np.any(np.isinf(parts)) and np.any(np.isnan(parts)))


def _fits(target: Any, value: Any) -> Any:
    """In place, NumPy converts within a kind only."""
    if not np.can_cast(np.asarray(value).dtype, np.asarray(target).dtype, "same_kind"):
        raise Discard("an in-place operation that NumPy refuses")
    return value


def _in_place(target: Any, value: Any) -> Any:
    """What a name stands for after an in-place operation: an array stays the same one."""
    if not isinstance(target, np.ndarray):
        return value
    target[...] = _fits(target, value)
    return target


def _coarse(*values: Any) -> bool:
    """Whether sums of such numbers are exact in every order: multiples of 2⁻⁶, not large."""
    for value in values:
        array = np.asarray(value)
        if not is_floating(array):
            continue
        kind = floats.part(array.dtype)
        limit = {"bfloat16": 2.0, "float16": 2.0**4, "float32": 2.0**16, "float64": 2.0**40}
        numbers = floats.parts(array)
        scaled = numbers * 64
        if not np.all(np.abs(numbers) < limit[kind.name]) or np.any(scaled != np.trunc(scaled)):
            return False
    return True


def _is_finite(value: Any) -> bool:
    return bool(np.all(np.isfinite(value)))


def _is_short(value: Any) -> bool:
    """Whether products of such numbers are exact in their type: parts of at most 11 bits."""
    with np.errstate(all="ignore"):
        numbers = floats.parts(np.asarray(value))
        mantissa = np.frexp(np.where(np.isfinite(numbers), numbers, 0))[0] * 2.0**11
        return bool(np.all(mantissa == np.trunc(mantissa)))


def _require_in_range(op: str, value: Any, left: Any, right: Any) -> None:
    """A step that leaves the range of its type may not, in another order or in wider steps."""
    with np.errstate(all="ignore"):
        inputs = np.isfinite(left) & np.isfinite(right)
        leaves = ~np.isfinite(value)
        if op == "*":
            # Where one factor is 0, others may overflow before it comes: halves do, and large ones.
            nonzero = np.not_equal(left, 0), np.not_equal(right, 0)
            is_half = np.asarray(value).dtype.itemsize == 2
            vanishes = (nonzero[0] | nonzero[1]) if is_half else (nonzero[0] & nonzero[1])
            vanishes = vanishes | (np.abs(left) > 2) | (np.abs(right) > 2)
            leaves = leaves | (np.equal(value, 0) & vanishes)
        if np.any(inputs & leaves):
            raise Discard("a step of a reduction that overflows or vanishes")


def _require_finite_products(left: Any, right: Any, greatest: float) -> None:
    """Where products of parts overflow, it depends on their order whether infinities meet."""
    with np.errstate(all="ignore"):
        numbers = [np.asarray(v) for v in (left, right)]
        sizes = [np.stack([v.real, v.imag], -1).astype(np.float64) for v in numbers]
        a, b = (np.max(np.where(np.isfinite(s), np.abs(s), 0), -1) for s in sizes)
        if np.any(a * b > greatest):
            raise Discard("a product of complex numbers with parts that overflow")


def _exact_product(left: Any, right: Any, value: Any) -> bool:
    with np.errstate(all="ignore"):
        kind = np.asarray(value).dtype
        if kind != np.float64:
            # A Python float is rounded to the type of the other operand.
            wide = np.asarray(left, kind).astype(np.float64)
            wide = wide * np.asarray(right, kind).astype(np.float64)
            return bool(np.all((wide == value) | ~np.isfinite(wide)))
        # Both of at most 26 bits, and no underflow.
        short = [np.asarray(v, np.float64) for v in (left, right)]
        for v in short:
            mantissa = np.frexp(np.where(np.isfinite(v), v, 0))[0] * 2.0**26
            if np.any(mantissa != np.trunc(mantissa)):
                return False
        return bool(np.all((np.abs(value) > 1e-290) | (value == 0) | ~np.isfinite(value)))


@functools.lru_cache(maxsize=4)
def _instrumented(text: str, reassociated: frozenset[str]) -> Any:
    tree = _Instrument(set(reassociated)).visit(ast.parse(text))
    return compile(ast.fix_missing_locations(tree), "<instrumented>", "exec")


def run_plain(
    text: str,
    arguments: list[Any],
    reassociated: frozenset[str],
    how: Perturbation,
    errors: Literal["ignore", "raise"] = "ignore",
) -> None:
    """Runs the program on `arguments`, in place; `errors` is for `np.errstate`."""
    module: dict[str, Any] = {"np": np, "parpy": parpy, "__builtins__": builtins}
    module |= {"_op": how.op, "_call": how.call, "_checked": checked, "_fits": _fits}
    module |= {"_in_place": _in_place, "_narrowed": how.narrowed, "_short": _short}
    exec(_instrumented(text, reassociated), module)
    with np.errstate(all=errors, under="ignore"):
        module["program"](*arguments)


# --- Comparing ------------------------------------------------------------------------------


class Expectation:
    """The arrays after a program, and the bounds of what each element may be instead."""

    def __init__(self, text: str, make: Any, reassociated: frozenset[str], contracts: bool) -> None:
        self.make = make
        self.text = text
        self.reassociated = reassociated
        self.contracts = contracts
        self.expected = make()
        run_plain(text, self.expected, reassociated, Perturbation(None, False))
        self.bounds: list[Any] = [
            np.zeros(floats.parts(a).shape) if isinstance(a, np.ndarray) else None
            for a in self.expected
        ]
        self.moved = False
        self.widen(RUNS, 0)

    def widen(self, runs: int, seed: int) -> None:
        """Moves what may move in more runs."""
        for r in range(runs):
            how = Perturbation(random.Random(seed + r), self.contracts)
            arguments = self.make()
            try:
                run_plain(self.text, arguments, self.reassociated, how)
            except (ArithmeticError, ValueError, IndexError) as error:
                raise Discard(f"raises where rounding differs: {error}") from error
            self.moved |= how.moved
            if how.nans and self.reassociated:
                raise Discard("min or max of NaN in a program with reductions")
            if not how.moved:
                return
            for a, e, b in zip(arguments, self.expected, self.bounds, strict=True):
                if isinstance(a, np.ndarray):
                    with np.errstate(all="ignore"):
                        x, y = floats.parts(a), floats.parts(e)
                        away = np.abs(x - y)
                        away[np.isnan(x) & np.isnan(y)] = 0
                        away[x == y] = 0
                        away[np.isnan(away)] = np.inf
                    np.maximum(b, away, out=b)

    def differences(self, actual: list[Any], names: list[str]) -> list[str]:
        """Descriptions of the elements that are out of bounds."""
        found = []
        for name, a, e, b in zip(names, actual, self.expected, self.bounds, strict=True):
            if not isinstance(a, np.ndarray):
                continue
            with np.errstate(all="ignore"):
                if is_floating(e):
                    x, y = floats.parts(a), floats.parts(e)
                    allowed = _SLACK * b
                    if self.moved:
                        unit = floats.unit(e)
                        unit = unit[..., None] if is_complex(e) else unit
                        allowed = np.maximum(allowed, 2 * unit)
                    agree = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.abs(x - y) <= allowed)
                    agree |= np.isinf(b)
                    # Overflow where a bound reaches it.
                    top = floats.greatest(e.dtype)
                    agree |= np.isinf(x) & (np.abs(y) + allowed >= top)
                else:
                    agree = (a == e) | (b > 0)
            for place in np.argwhere(~np.asarray(agree))[:3]:
                p = tuple(map(int, place[: e.ndim]))
                most = np.max(b[p]) * _SLACK
                found.append(f"{name}{list(p)} is {a[p]!r}, expected {e[p]!r} ± {most:g}")
        return found
