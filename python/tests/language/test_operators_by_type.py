"""Every operator for every pair of types, held to NumPy: values, result types, NEP 50.

Results are stored in the widest type of their kind, so that an operation done in too wide or too
narrow a type shows: int8 + int8 must wrap although it is stored in int64.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness import DTYPES, FLOATS, INTEGERS, check, define, each

import parpy

# --- Values ---------------------------------------------------------------------------------


def values(dtype: str) -> np.ndarray:
    """The ends of a type's range and what is special between them."""
    if dtype == "bool":
        return np.array([False, True])
    if dtype in FLOATS:
        largest = np.finfo(dtype).max
        finite = [0.0, -0.0, 1.0, -1.0, 0.1, 2.5, -2.5, 3.0, 7.0, 1e10, -largest]
        with np.errstate(over="ignore"):
            return np.array([*finite, np.inf, -np.inf, np.nan], dtype)
    info = np.iinfo(dtype)
    chosen = {info.min, info.min + 1, -7, -2, -1, 0, 1, 2, 3, 7, 100, info.max - 1, info.max}
    return np.array(sorted(v for v in chosen if info.min <= v <= info.max), dtype)


def pairs(left: str, right: str) -> tuple[np.ndarray, np.ndarray]:
    """Every value of one type with every value of the other."""
    a, b = values(left), values(right)
    return np.repeat(a, len(b)), np.tile(b, len(a))


def widest(dtype: np.dtype) -> str:
    """The widest type of the kind."""
    return {"b": "bool", "i": "int64", "u": "uint64", "f": "float64"}[dtype.kind]


def outputs(operations: list[Callable[[Any, Any], Any]], *operands: Any) -> list[np.ndarray]:
    """An array for the result of each operation."""
    with np.errstate(all="ignore"):
        results = [operation(*operands) for operation in operations]
    return [np.zeros(r.shape, widest(r.dtype)) for r in results]


# --- Two arrays -----------------------------------------------------------------------------

# Name → (expression, its meaning for NumPy arrays).
CHEAP: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "total": ("x[i] + y[i]", operator.add),
    "difference": ("x[i] - y[i]", operator.sub),
    "product": ("x[i] * y[i]", operator.mul),
    "equal": ("x[i] == y[i]", operator.eq),
    "unequal": ("x[i] != y[i]", operator.ne),
    "less": ("x[i] < y[i]", operator.lt),
    "at_most": ("x[i] <= y[i]", operator.le),
    "greater": ("x[i] > y[i]", operator.gt),
    "at_least": ("x[i] >= y[i]", operator.ge),
    "lesser": ("min(x[i], y[i])", np.minimum),
    "larger": ("max(x[i], y[i])", np.maximum),
    "both": ("x[i] & y[i]", operator.and_),
    "either": ("x[i] | y[i]", operator.or_),
    "one": ("x[i] ^ y[i]", operator.xor),
    "left": ("x[i] << y[i]", operator.lshift),
    "right": ("x[i] >> y[i]", operator.rshift),
}
DIVISIONS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "quotient": ("x[i] / y[i]", operator.truediv),
    "floored": ("x[i] // y[i]", operator.floordiv),
    "remainder": ("x[i] % y[i]", operator.mod),
}


def is_meant_for(name: str, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether NumPy has the operation for these types."""
    if name in ("both", "either", "one", "left", "right"):
        return np.result_type(x, y).kind != "f"
    return name != "difference" or not x.dtype == y.dtype == bool


def program_of(expressions: dict[str, str]) -> Any:
    """A loop that stores each expression in the array of its name."""
    lines = [f"        {name}[i] = {e}" for name, e in expressions.items()]
    head = f"def table(x, y, {', '.join(expressions)}):"
    return define("\n".join([head, '    parpy.label("N")', "    for i in range(len(x)):", *lines]))


PAIRS = [(a, b) for a in DTYPES for b in DTYPES]
PARALLEL = [{"N": parpy.threads(64)}]
SCHEDULES = each("N", threads=[64])


def check_table(
    table: dict[str, tuple[str, Callable[[Any, Any], Any]]], x: np.ndarray, y: np.ndarray
) -> None:
    meant = {name: row for name, row in table.items() if is_meant_for(name, x, y)}
    results = outputs([meaning for _, meaning in meant.values()], x, y)
    program = program_of({name: expression for name, (expression, _) in meant.items()})
    # Scalar code differs by the type of the result, not by pair of types.
    plain = x.dtype == y.dtype or x.dtype == np.int8
    check(program, x, y, *results, schedules=PARALLEL, plain=plain)


@pytest.mark.parametrize(("left", "right"), PAIRS)
class TestTwoArrays:
    def test_operators(self, left: str, right: str) -> None:
        check_table(CHEAP, *pairs(left, right))

    def test_division(self, left: str, right: str) -> None:
        check_table(DIVISIONS, *pairs(left, right))

    def test_power(self, left: str, right: str) -> None:
        x, y = pairs(left, right)
        if left not in FLOATS and right not in FLOATS:
            # To a negative power is a case of its own, below.
            x, y = x[y >= 0], y[y >= 0]
        with np.errstate(all="ignore"):
            result = x**y
        program = program_of({"power": "x[i] ** y[i]"})
        ulps = 4 if result.dtype.kind == "f" else 0
        schedules = PARALLEL if left == right and x.dtype.itemsize >= 4 else []
        check(program, x, y, result, schedules=schedules, ulps=ulps)


def subtracts(x, y, r):
    for i in range(len(x)):
        r[i] = x[i] - y[i]


def combines_bits(x, y, r):
    for i in range(len(x)):
        r[i] = x[i] & y[i]


def shifts(x, y, r):
    for i in range(len(x)):
        r[i] = x[i] << y[i]


@pytest.mark.parametrize(
    ("function", "left", "right", "op"),
    [
        (subtracts, "bool", "bool", "-"),
        *((combines_bits, a, b, "&") for a, b in PAIRS if {a, b} & {*FLOATS}),
        *((shifts, a, b, "<<") for a, b in PAIRS if {a, b} & {*FLOATS}),
    ],
)
def test_what_numpy_refuses_is_refused(function: Any, left: str, right: str, op: str) -> None:
    x, y = pairs(left, right)
    message = re.escape(f"operator {op} is not defined for {left} and {right}")
    with pytest.raises(parpy.TypeMismatchError, match=message):
        parpy.jit(function)(x, y, np.zeros(len(x)))


def propagates_extremes(x, y, least, greatest):
    parpy.label("N")
    for i in range(len(x)):
        least[i] = np.minimum(x[i], y[i])
        greatest[i] = np.maximum(x[i], y[i])


@pytest.mark.parametrize(
    ("left", "right"),
    [*((d, d) for d in DTYPES), ("int8", "uint16"), ("float32", "int8"), ("float32", "float64")],
)
def test_minimum_and_maximum(left: str, right: str) -> None:
    x, y = pairs(left, right)
    # Which zero wins is open, in NumPy too.
    x = np.where(x == 0, np.abs(x), x) if left in FLOATS else x
    y = np.where(y == 0, np.abs(y), y) if right in FLOATS else y
    results = outputs([np.minimum, np.maximum], x, y)
    check(propagates_extremes, x, y, *results, schedules=SCHEDULES)


# --- An array and a Python scalar -------------------------------------------------------------

BITWISE = ("&", "|", "^", "<<", ">>")
MEANING: dict[str, Callable[[Any, Any], Any]] = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv},
    **{"//": operator.floordiv, "%": operator.mod},
    **{"&": operator.and_, "|": operator.or_, "^": operator.xor},
    **{"<<": operator.lshift, ">>": operator.rshift},
    **{"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le},
    **{">": operator.gt, ">=": operator.ge},
}


def is_defined(op: str, array: np.ndarray, scalar: bool | int | float) -> bool:
    """Whether the operator has a meaning for these types."""
    kinds = {array.dtype.kind, {bool: "b", int: "i", float: "f"}[type(scalar)]}
    if op in BITWISE:
        return "f" not in kinds
    return op != "-" or kinds != {"b"}


def weak_program(ops: list[str], scalar: str, parameter: str) -> Any:
    """A program that applies each operator with the scalar on the right, then on the left."""
    names = [f"r{k}" for k in range(2 * len(ops))]
    lines = [f"        {names[2 * k]}[i] = x[i] {op} {scalar}" for k, op in enumerate(ops)]
    lines += [f"        {names[2 * k + 1]}[i] = {scalar} {op} x[i]" for k, op in enumerate(ops)]
    head = f"def weak(x, {parameter}{', '.join(names)}):"
    return define("\n".join([head, '    parpy.label("N")', "    for i in range(len(x)):", *lines]))


@pytest.mark.parametrize("given", ["literal", "constant", "parameter"])
@pytest.mark.parametrize("scalar", [True, 3, 0.1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_weak_scalars_keep_the_type_of_arrays(
    dtype: str, scalar: bool | int | float, given: str
) -> None:
    x = values(dtype)
    ops = [op for op in MEANING if is_defined(op, x, scalar)]
    results = []
    for op in ops:
        results += outputs([MEANING[op], lambda a, b, op=op: MEANING[op](b, a)], x, scalar)
    if given == "literal":
        program = weak_program(ops, repr(scalar), "")
        check(program, x, *results, schedules=PARALLEL, plain=False)
    else:
        specialize = "always" if given == "constant" else "never"
        check(weak_program(ops, "s", "s, "), x, scalar, *results, specialize=specialize)


@pytest.mark.parametrize("zero_dimensional", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_scalars_are_strong(dtype: str, zero_dimensional: bool) -> None:
    x = values(dtype)
    scalars = [np.dtype(strong).type(1) for strong in DTYPES]
    results = []
    for scalar in scalars:
        results += outputs([operator.add, operator.mul], x, scalar)
    if zero_dimensional:
        scalars = [np.array(s) for s in scalars]
    names = [f"s{k}" for k in range(len(scalars))]
    outs = [f"r{k}" for k in range(len(results))]
    lines = ["for i in range(len(x)):"]
    for k, name in enumerate(names):
        lines += [
            f"    {outs[2 * k]}[i] = x[i] + {name}",
            f"    {outs[2 * k + 1]}[i] = x[i] * {name}",
        ]
    head = f"def strong(x, {', '.join(names)}, {', '.join(outs)}):"
    program = define("\n".join([head, *("    " + line for line in lines)]))
    check(program, x, *scalars, *results)


def powers_with_literals(x, zeroth, first, second, third, tenth):
    parpy.label("N")
    for i in range(len(x)):
        zeroth[i] = x[i] ** 0
        first[i] = x[i] ** 1
        second[i] = x[i] ** 2
        third[i] = x[i] ** 3
        tenth[i] = x[i] ** 10


@pytest.mark.parametrize("dtype", DTYPES)
def test_power_by_a_literal(dtype: str) -> None:
    x = values(dtype)
    with np.errstate(all="ignore"):
        results = [np.zeros(len(x), (x[0] ** n).dtype) for n in (0, 1, 2, 3, 10)]
    # Multiplications, of which each may round.
    check(powers_with_literals, x, *results, schedules=SCHEDULES, ulps=10)


def float_powers(x, half, square, inverse, inverse_square, of_two):
    parpy.label("N")
    for i in range(len(x)):
        half[i] = x[i] ** 0.5
        square[i] = x[i] ** 2.0
        inverse[i] = x[i] ** -1.0
        inverse_square[i] = x[i] ** -2.5
        of_two[i] = 2.0 ** x[i]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_power_by_a_float(dtype: str, strict: bool) -> None:
    x = values(dtype)
    result = np.float64 if dtype != "float32" else np.float32
    results = [np.zeros(len(x), result) for _ in range(5)]
    check(float_powers, x, *results, schedules=SCHEDULES, ulps=4, strict=strict)


def negative_power_of_float(x, y):
    for i in range(len(x)):
        y[i] = x[i] ** -2


@pytest.mark.parametrize("dtype", FLOATS)
def test_float_to_a_negative_integer_power(dtype: str) -> None:
    x = values(dtype)
    check(negative_power_of_float, x, np.zeros_like(x), ulps=4)


def raises_to_a_power(x, y, power):
    parpy.label("N")
    for i in range(len(x)):
        power[i] = x[i] ** y[i]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_an_integer_to_a_negative_run_time_power_is_zero(dtype: str) -> None:
    # SPEC §1; NumPy raises.
    x = np.array([2, 1, -1, 0, 5, 3], dtype)
    y = np.array([-1, -1, -3, -2, 0, 2], dtype)
    z = np.full(len(x), 77, dtype)
    for schedule in ({}, *(PARALLEL if x.dtype.itemsize > 1 else [])):
        parpy.jit(raises_to_a_power)(x, y, z, opts=parpy.par(schedule))
        assert z.tolist() == [0, 0, 0, 0, 1, 9]


# --- One operand ------------------------------------------------------------------------------


def negates(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = -x[i]


def inverts(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = ~x[i]


def takes_magnitude(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = abs(x[i])
        z[i] = +x[i]


def denies(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = not x[i]
        z[i] = not (not x[i])  # noqa: SIM208


@pytest.mark.parametrize("dtype", DTYPES)
class TestOneOperand:
    def test_negate(self, dtype: str) -> None:
        x = values(dtype)
        if dtype == "bool":
            with pytest.raises(parpy.TypeMismatchError, match="operator - is not defined for bool"):
                parpy.jit(negates)(x, np.zeros_like(x))
            return
        check(negates, x, np.zeros(len(x), widest(x.dtype)), schedules=SCHEDULES)

    def test_invert(self, dtype: str) -> None:
        x = values(dtype)
        if dtype in FLOATS:
            with pytest.raises(parpy.TypeMismatchError, match=f"~ is not defined for {dtype}"):
                parpy.jit(inverts)(x, np.zeros_like(x))
            return
        check(inverts, x, np.zeros(len(x), widest(x.dtype)), schedules=SCHEDULES)

    def test_absolute_and_plus(self, dtype: str) -> None:
        x = values(dtype)
        if dtype == "bool":
            return  # NumPy has no +, and abs of a scalar and of an array differ
        results = [np.zeros(len(x), widest(x.dtype)) for _ in range(2)]
        check(takes_magnitude, x, *results, schedules=SCHEDULES)

    def test_not(self, dtype: str) -> None:
        x = values(dtype)
        check(denies, x, *(np.zeros(len(x), bool) for _ in range(2)), schedules=SCHEDULES)


# --- Whole slices ---------------------------------------------------------------------------


def slices(x, y, total, product, less, quotient):
    total[:] = x[:] + y[:]
    product[:] = x * y
    less[:] = x[:] < y
    quotient[:] = x[:] / y[:]


@pytest.mark.parametrize(
    ("left", "right"), [*((d, d) for d in DTYPES), ("int8", "float32"), ("uint64", "int64")]
)
def test_operators_on_slices(left: str, right: str) -> None:
    x, y = pairs(left, right)
    meanings = [operator.add, operator.mul, operator.lt, operator.truediv]
    check(slices, x, y, *outputs(meanings, x, y))


def augmented(x, y, a, b, c):
    a[:] += x[:]
    b[:] *= y
    c[:] -= x[:]
    a[0] += 1
    b[1] *= 2
    c[-1] -= 3


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_augmented_assignment_of_slices(dtype: str) -> None:
    x = values(dtype)
    y = x[::-1].copy()
    start = np.ones(len(x), dtype)
    check(augmented, x, y, start, start.copy(), start.copy())


# --- Comparisons with integers out of range -----------------------------------------------------


def compares_with_far_integers(x, r):
    for i in range(len(x)):
        r[i, 0] = x[i] < 300
        r[i, 1] = x[i] > -1
        r[i, 2] = x[i] == 9223372036854775807
        r[i, 3] = x[i] >= -9223372036854775807
        r[i, 4] = x[i] != 65536
        r[i, 5] = 4294967296 > x[i]  # noqa: SIM300


@pytest.mark.parametrize("dtype", INTEGERS)
def test_comparison_with_an_integer_beyond_the_type_is_exact(dtype: str) -> None:
    x = values(dtype)
    check(compares_with_far_integers, x, np.zeros((len(x), 6), bool))


def least_literal(x, r):
    for i in range(len(x)):
        r[i, 0] = x[i] == -9223372036854775808
        r[i, 1] = x[i] > -0x8000000000000000


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64"])
def test_the_least_integer_is_a_literal(dtype: str) -> None:
    x = values(dtype)
    check(least_literal, x, np.zeros((len(x), 2), bool))


def compares_with_argument(x, n, r):
    for i in range(len(x)):
        r[i, 0] = x[i] < n
        r[i, 1] = x[i] == n
        r[i, 2] = n <= x[i]


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_comparison_with_an_integer_argument_is_exact(dtype: str, specialize: str) -> None:
    x = values(dtype)
    for n in (-1, 0, 200, 2**31, 2**63 - 1, -(2**63)):
        r = np.zeros((len(x), 3), bool)
        check(compares_with_argument, x, n, r, specialize=specialize)


def large_constants(x, y):
    y[0] = -(2**63)
    y[1] = (1 << 63) - 2**62
    y[2] = 2**63 - 1
    y[3] = -(2**64 - 2**63) + (10**30 >> 50 & 7)
    x[0] = -(2**63) + 0.5
    x[1] = x[1] < 2**62


def test_parts_of_constants_may_be_beyond_64_bits() -> None:
    check(large_constants, np.ones(2), np.zeros(4, np.int64))


def unsigned_constants(x, y):
    for i in range(len(x)):
        y[i, 0] = (x[i] ^ 0xCBF29CE484222325) * 0x9E3779B97F4A7C15
        y[i, 1] = x[i] & (1 << 64) - 1
        y[i, 2] = 1 if x[i] < 1 << 63 else 2
        y[i, 3] = x[i] >> 3 | 1 << 63


def test_constants_of_64_bits_are_unsigned() -> None:
    """As NumPy takes them beside uint64."""
    x = np.array([0, 5, 2**62, 2**63, 2**64 - 1], np.uint64)
    check(unsigned_constants, x, np.zeros((5, 4), np.uint64))
