"""Statements and expressions that are not in the language: refused by name, at their place."""

# Wrong programs are what is tested.
# ruff: noqa: B007, B018, C416, F401, F811, F821, F841, E731, SIM105, SIM117, B015, E712, E711, B011
# ruff: noqa: C419, B020, SIM113, PT015, UP031, E741, UP032, F632

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from harness import Case, Wrong, assert_alive, define, reject, survives

import parpy

X = np.arange(6.0)
Y = np.zeros(6)
A = np.zeros((3, 4))
wrong = Wrong()
CE = parpy.CompileError
TME = parpy.TypeMismatchError

# --- Statements -------------------------------------------------------------------------------


@wrong(CE, X, Y, at="return x[0]", helps=True)
def returns_a_value(x, y):
    y[0] = x[0]
    return x[0]  # error: Main function returns_a_value cannot return a value


@wrong(CE, X, Y, at="return 1, 2")
def returns_a_tuple(x, y):
    return 1, 2  # error: Main function returns_a_tuple cannot return a value


@wrong(CE, X, Y)
def returns_inside(x, y):
    for i in range(3):
        if x[i] > 0:
            return x[i]  # error: Main function returns_inside cannot return a value


@wrong(CE, X, Y, at="return")
def returns_nothing(x, y):
    if x[0] > 0:
        return  # error: `return` without a value is not supported
    y[0] = 1


@wrong(CE, X, Y)
def for_else(x, y):
    for i in range(3):
        y[i] = x[i]
    else:
        y[0] = 1  # error: `for` with `else` is not supported


@wrong(CE, X, Y)
def while_else(x, y):
    while y[0] < 1:
        y[0] += 1
    else:
        y[0] = 1  # error: `while` with `else` is not supported


@wrong(CE, X, Y, at="contextlib.nullcontext()")
def other_context(x, y):
    with contextlib.nullcontext():  # error: context manager is not supported
        y[0] = 1


@wrong(CE, X, Y, at="as ‹g›")
def context_with_name(x, y):
    with parpy.gpu as g:  # error: `with` with `as` is not supported
        y[0] = 1


@wrong(CE, X, Y, at="x[:]", helps=True)
def loop_over_an_array(x, y):
    for v in x[:]:  # error: a loop over anything but range is not supported
        y[0] += v


@wrong(CE, X, Y, at="enumerate(x)", helps=True)
def loop_over_enumerate(x, y):
    for i in enumerate(x):  # error: a loop over anything but range is not supported
        y[0] += 1


@wrong(CE, X, Y, at="i, v")
def loop_with_a_tuple(x, y):
    for i, v in range(3):  # error: a loop target other than a name is not supported
        y[0] += v


@wrong(CE, X, Y, at="y[0]")
def loop_into_an_element(x, y):
    for y[0] in range(3):  # error: a loop target other than a name is not supported
        x[0] = 1


@wrong(CE, X, Y)
def range_of_nothing(x, y):
    for i in range():  # error: range
        y[0] += 1


@wrong(parpy.TypeMismatchError, X, Y, at="x[0]")
def range_of_a_float(x, y):
    for i in range(x[0]):  # error: an argument of range must be an integer, not float64
        y[i] += 1


@wrong(ValueError, X, Y, at="0")
def range_with_step_zero(x, y):
    for i in range(5, 9, 0):  # error: range() arg 3 must not be zero
        y[i] += 1


@wrong(CE, X, np.array([2]))
def range_with_step_from_data(x, c):
    for i in range(0, 6, c[0]):  # error: a step that is not known when compiling is not supported
        x[i] += 1


@wrong(CE, X, Y)
def tries(x, y):
    try:  # error: `try` is not supported
        y[0] = x[0]
    except ValueError:
        y[0] = 0


@wrong(CE, X, Y)
def raises(x, y):
    if x[0] > 100:
        raise ValueError  # error: `raise` is not supported


@wrong(CE, X, Y)
def asserts(x, y):
    assert x[0] >= 0  # error: `assert` is not supported
    y[0] = 1


@wrong(CE, X, Y)
def deletes(x, y):
    t = 1
    del t  # error: `del` is not supported


@wrong(CE, X, Y)
def imports(x, y):
    import math  # error: `import` inside a function is not supported

    y[0] = math.sqrt(x[0])


@wrong(CE, X, Y)
def defines_a_function(x, y):
    def inner(a):  # error: unctions inside functions are not supported
        return a

    y[0] = 1


@wrong(CE, X, Y)
def defines_a_class(x, y):
    class Inner:  # error: lasses are not supported
        pass

    y[0] = 1


@wrong(CE, X, Y)
def declares_global(x, y):
    global Z  # error: `global` is not supported
    y[0] = 1


@wrong(CE, X, Y)
def matches(x, y):
    match x[0]:  # error: `match` is not supported
        case 1:
            y[0] = 1


@wrong(CE, X, Y)
def computes_for_nothing(x, y):
    x[0] + 1  # error: an expression as a statement is not supported


@wrong(CE, X, Y, at="print", helps=True)
def prints(x, y):
    print(x[0])  # error: Call to unknown function print


# --- Expressions ------------------------------------------------------------------------------


@wrong(CE, X, Y, at="lambda a: a + 1")
def has_a_lambda(x, y):
    f = lambda a: a + 1  # error: `lambda` is not supported
    y[0] = 1


@wrong(CE, X, Y, at="[v for v in x]")
def has_a_comprehension(x, y):
    y[0] = parpy.operators.sum([v for v in x])  # error: omprehensions are not supported


@wrong(CE, X, Y, at="(v for v in x)")
def has_a_generator(x, y):
    y[0] = sum(v for v in x)  # error: omprehensions are not supported


@wrong(CE, X, Y, at='f"{x}"')
def has_an_f_string(x, y):
    s = f"{x}"  # error: -strings are not supported
    y[0] = 1


@wrong(CE, X, Y, at='"text"')
def has_a_string(x, y):
    y[0] = "text"  # error: a string is not supported


@wrong(CE, X, Y, at="None")
def has_none(x, y):
    t = None  # error: None is not supported


@wrong(CE, X, Y, at='b"a"')
def has_raw_bytes(x, y):
    y[0] = b"a"  # error: iterals of the type bytes are not supported


@wrong(CE, X, Y, at="[1, 2]")
def has_a_list(x, y):
    y[0:2] = [1, 2]  # error: ist displays are not supported


@wrong(CE, X, Y, at="{1: 2}")
def has_a_dictionary(x, y):
    t = {1: 2}  # error: ictionary displays are not supported


@wrong(CE, X, Y, at="t := 5")
def has_a_walrus(x, y):
    y[0] = (t := 5)  # error: `:=` is not supported


@wrong(CE, X, Y)
def uses_is(x, y):
    if x is y:  # error: `is` is not supported
        y[0] = 1


@wrong(CE, X, Y)
def uses_in(x, y):
    if 3 in x:  # error: `in` is not supported
        y[0] = 1


@wrong(CE, A, A, helps=True)
def matrix_product(a, b):
    a[:, :] = a @ b  # error: the operator @ is not supported


@wrong(CE, X, Y)
def star_arguments(x, y):
    y[0] = max(*x)  # error: tar-arguments are not supported


@wrong(CE, X, Y)
def double_star_arguments(x, y):
    y[0] = parpy.operators.sum(x, **Y)  # error: tar-arguments are not supported


@wrong(CE, X, Y, at="x.T")
def unknown_attribute(x, y):
    y[:] = x.T  # error: attribute 'T' of an array is not supported


@wrong(CE, X, Y, at="x.mean()")
def unknown_method(x, y):
    y[0] = x.mean()  # error: method 'mean' of an array is not supported


@wrong(CE, X, Y, at="None")
def new_axis(x, y):
    y[0] = parpy.operators.sum(x[:, None])  # error: newaxis


@wrong(CE, X, Y)
def keyword_of_a_function(x, y):
    y[0] = parpy.operators.sum(x, keepdims=True)  # error: sum


@wrong(CE, X, Y)
def subscripts_a_number(x, y):
    t = 5
    y[0] = t[0]  # error: subscript


@wrong(CE, X, Y)
def calls_an_expression(x, y):
    y[0] = x[0](3)  # error: calling this expression is not supported


@wrong(CE, X, Y, at="np", helps=False)
def module_as_value(x, y):
    y[0] = np  # error: 'np'


@wrong(CE, X, Y, at="parpy.operators.sum", helps=True)
def function_as_value(x, y):
    y[0] = parpy.operators.sum  # error: 'parpy.operators.sum' as a value is not supported


# --- Assignments ------------------------------------------------------------------------------


@wrong(CE, X, Y, at="x[:]", helps=True)
def names_a_slice(x, y):
    t = x[:]  # error: 't' cannot name a slice
    y[0] = 1


@wrong(CE, X, Y, helps=True)
def names_an_array_expression(x, y):
    t = x * 2  # error: 't' cannot name a slice
    y[:] = t


@wrong(CE, X, Y, helps=True)
def assigns_a_parameter(x, y):
    y = 5  # error: 'y' is an array and cannot be assigned


@wrong(CE, X, Y)
def unpacks_too_few(x, y):
    a, b, c = 1, 2  # error: cannot unpack 2 values into 3 names
    y[0] = a


@wrong(CE, X, Y)
def unpacks_an_array(x, y):
    a, b = x  # error: unpacking anything but a tuple of scalars is not supported
    y[0] = a


@wrong(CE, X, Y)
def starred_target(x, y):
    a, *b = 1, 2  # error: tarred targets are not supported
    y[0] = a


@wrong(CE, X, Y)
def assigns_an_attribute(x, y):
    x.shape = 3  # error: ssigning to an attribute is not supported


@wrong(CE, X, Y)
def names_a_tuple(x, y):
    t = 1, 2  # error: a tuple as the value of a name is not supported


@wrong(CE, A, Y, at="(2, 3)")
def tuple_in_an_element(a, y):
    y[0] = (2, 3)  # error: tuple


# --- Later versions ---------------------------------------------------------------------------


@parpy.jit
def helper(x):
    x[0] = 1


@wrong(TME, X, Y, at="helper(x)", helps=True)
def uses_the_result_of_a_helper_without_one(x, y):
    y[0] = helper(x)  # error: helper returns no value


@wrong(TME, X, Y, at="helper(x, y)")
def gives_a_helper_too_much(x, y):
    helper(x, y)  # error: helper takes 1 argument (x), 2 were given
    y[0] = 1


@wrong(CE, X, Y, helps=True)
def inlines_what_is_no_call(x, y):
    parpy.builtin.inline(x[0])  # error: inline takes a call of a decorated function
    y[0] = 1


@wrong(CE, X, Y, at="np.zeros(3)", helps=True)
def makes_a_temporary_in_an_expression(x, y):
    y[0] = np.zeros(3)[0]  # error: np.zeros in an expression is not supported


@wrong(CE, X, Y, at="undecorated", helps=True)
def calls_an_undecorated_function(x, y):
    y[0] = undecorated(x[0])  # error: Call to unknown function undecorated


def undecorated(v):
    return v


@wrong(CE, X, Y, at="np.linalg.norm", helps=True)
def calls_an_unknown_function_of_numpy(x, y):
    y[0] = np.linalg.norm(x)  # error: Call to unknown function np.linalg.norm


# --- Signatures -------------------------------------------------------------------------------


@wrong(CE, X, Y, at="args")
def star_parameters(x, *args):  # error: tar-parameters (*args) are not supported
    x[0] = 1


@wrong(CE, X, at="*, ‹y›")
def keyword_parameters(x, *, y=3):  # error: eyword-only parameters are not supported
    x[0] = 1


@wrong(CE, X, at="3")
def default_values(x, y=3):  # error: efault values of parameters are not supported
    x[0] = 1


@wrong(CE, X, at="x, ‹opts›")
def parameter_opts(x, opts):  # error: A parameter cannot be called 'opts'
    x[0] = 1


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Case) -> None:
    reject(case)


# --- What has no lines, or several ------------------------------------------------------------


def test_all_wrong_statements_are_told_at_once() -> None:
    def two_errors(x, y):
        y[0] = x[0]
        first = lambda: 1  # error: `lambda` is not supported
        y[1] = "text" + f"{x}"  # error: -strings are not supported

    case = Case(two_errors, (X, Y), CE, None, {}, {})
    reject(case)


def test_all_wrong_types_are_told_at_once() -> None:
    def two_errors(x, y):
        y[0] = x[0] + nowhere  # error: name 'nowhere' is not defined
        y[1] = x[1]
        y[2] = unknown_function(3)  # error: unknown_function
        for i in range(x[0]):  # error: an argument of range must be an integer, not float64
            y[i] = 1

    case = Case(two_errors, (X, Y), NameError, None, {}, {})
    reject(case)


def test_an_error_over_several_lines_quotes_them_all() -> None:
    def long_error(x, y):
        y[:] = (
            x[:] @
            y[:]
        )  # fmt: skip

    with pytest.raises(CE, match="the operator @ is not supported") as caught:
        parpy.jit(long_error)(X, Y)
    error = caught.value
    first = long_error.__code__.co_firstlineno
    assert (error.lineno, error.end_lineno) == (first + 2, first + 3)
    assert f"On lines {first + 2}-{first + 3} of file {__file__}:\n" in str(error)
    assert "    x[:] @\n    y[:]" in str(error)
    assert_alive()


def test_columns_count_bytes_and_carets_characters() -> None:
    function = define('def f(größe):\n    größe[0] = größe[0] + "ä" # here', X=1)
    with pytest.raises(CE, match="a string is not supported") as caught:
        parpy.jit(function)(X)
    line = '    größe[0] = größe[0] + "ä" # here'
    assert caught.value.col_offset == len(line[: line.index('"')].encode())
    rows = str(caught.value).splitlines()
    assert rows[rows.index(line) + 1] == " " * line.index('"') + "^^^"


def test_tabs_are_kept() -> None:
    function = define("def f(x):\n\tif x[0] > 0:\n\t\tx[0] = \t'text'")
    with pytest.raises(CE, match="a string is not supported") as caught:
        parpy.jit(function)(X)
    rows = str(caught.value).splitlines()
    assert "    x[0] = \t'text'" in rows
    assert_alive()


def test_lambdas_and_text_without_a_file() -> None:
    with pytest.raises(CE, match="[Ll]ambda"):
        parpy.jit(lambda x: x)
    module: dict = {}
    exec("def from_text(x):\n    x[0] = 1", module)
    with pytest.raises(CE, match="source"):
        parpy.jit(module["from_text"])
    assert_alive()


@pytest.mark.parametrize(
    "make",
    [
        lambda depth: "+".join(["x[0]"] * depth),
        lambda depth: "-" * depth + "x[0]",
        lambda depth: "x[0]" + " ** 1" * depth,
        lambda depth: " if x[0] else ".join(["1"] * depth),
        lambda depth: "x[0]" + " and x[0]" * depth,
        lambda depth: "x[0] > 3" + " or x[0] > 3" * depth,
        lambda depth: "0" + " <= x[0]" * depth,
        lambda depth: f"min({'x[0], ' * depth} x[0])",
        lambda depth: "x" + "[0:1]" * depth + "[0]",
        lambda depth: f"x[{'0, ' * depth} 0]",
    ],
)
def test_expressions_of_any_size_do_no_harm(make) -> None:
    def run() -> None:
        for depth in (50, 400, 2000, 20_000):
            try:
                function = define(f"def deep(x):\n    x[0] = {make(depth)}")
            except (RecursionError, MemoryError, SyntaxError):
                continue
            x, expected = np.ones(1), np.ones(1)
            try:
                parpy.jit(function)(x)
            except (CE, IndexError, RecursionError):
                assert x[0] == 1
                continue
            function(expected)
            np.testing.assert_array_equal(x, expected)

    survives(run)


def test_many_statements() -> None:
    lines = [f"    x[{i % 6}] = x[{(i + 1) % 6}] + {i}" for i in range(2000)]
    function = define("\n".join(["def many(x):", *lines]))
    x, expected = np.zeros(6), np.zeros(6)
    parpy.jit(function)(x)
    function(expected)
    np.testing.assert_array_equal(x, expected)
