"""Errors inside decorated helpers quote the calls that led there, innermost first."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from harness import assert_alive, module

import parpy

HEAD = """
    import numpy as np
    import parpy
    from parpy.types import F64, buffer, shape_var

"""
# Programs begin on line 6 of their files.
X = np.arange(6.0)


def error_of(
    program: ModuleType, *args: object, opts: parpy.CompileOptions | None = None
) -> BaseException:
    """What a call of the function `main` of a program raises."""
    with pytest.raises((parpy.CompileError, NameError, IndexError)) as caught:
        program.main(*args, opts=opts or parpy.CompileOptions())
    assert_alive()
    return caught.value


def test_the_call_is_quoted_after_the_error(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def helper(a):
        a[0] = foo(1)

    @parpy.jit
    def main(x):
        helper(x)
    """,
    )
    file = f"{tmp_path}/example.py"
    error = error_of(program, X)
    assert str(error) == (
        "Call to unknown function foo: the name is not defined\n"
        "\n"
        f"On line 8 of file {file}:\n"
        "    a[0] = foo(1)\n"
        "           ^^^\n"
        f"called from `main`, on line 12 of file {file}:\n"
        "    helper(x)\n"
        "    ^^^^^^^^^"
    )
    place = (error.filename, error.lineno, error.col_offset, error.end_lineno)
    assert place == (file, 8, 11, 8)


def test_a_chain_lists_every_helper(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def innermost(s):
        return s + nowhere

    @parpy.jit
    def inner(a, i):
        a[i] = 2.0 * innermost(a[i])

    @parpy.jit
    def main(x):
        for i in range(3):
            inner(x,
                  i)
    """,
    )
    file = f"{tmp_path}/example.py"
    error = error_of(program, X)
    assert isinstance(error, NameError)
    assert str(error) == (
        "name 'nowhere' is not defined\n"
        "\n"
        f"On line 8 of file {file}:\n"
        "    return s + nowhere\n"
        "               ^^^^^^^\n"
        f"called from `inner`, on line 12 of file {file}:\n"
        "    a[i] = 2.0 * innermost(a[i])\n"
        "                 ^^^^^^^^^^^^^^^\n"
        f"called from `main`, on lines 17-18 of file {file}:\n"
        "    inner(x,\n"
        "          i)\n"
        "help: 's' is a parameter of innermost"
    )
    assert (error.filename, error.lineno) == (file, 8)


def test_an_error_of_every_call_is_told_once(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def helper(a, b):
        a[0] = foo(1)
        b[0] = 0.5

    @parpy.jit
    def main(x, i):
        s = 0
        for k in range(3):
            helper(x, i)
            s = s + x[0]
        helper(x, i)
    """,
    )
    file = f"{tmp_path}/example.py"
    assert str(error_of(program, X, np.arange(3))) == (
        "Call to unknown function foo: the name is not defined\n"
        "\n"
        f"On line 8 of file {file}:\n"
        "    a[0] = foo(1)\n"
        "           ^^^\n"
        f"called from `main`, on line 15 of file {file}:\n"
        "    helper(x, i)\n"
        "    ^^^^^^^^^^^^\n"
        "\n"
        "a value of type float64 cannot be stored in an array of int64 without a conversion\n"
        "\n"
        f"On line 9 of file {file}:\n"
        "    b[0] = 0.5\n"
        "    ^^^^^^^^^^\n"
        f"called from `main`, on line 15 of file {file}:\n"
        "    helper(x, i)\n"
        "    ^^^^^^^^^^^^\n"
        "help: convert it: parpy.operators.int64(…)"
    )


def test_the_wrong_call_is_quoted(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def set_first(a, s):
        a[0] = s

    @parpy.jit
    def main(x, i):
        set_first(x, 0.5)
        set_first(i, 0.5)
    """,
    )
    file = f"{tmp_path}/example.py"
    assert str(error_of(program, X, np.arange(3))) == (
        "a value of type float64 cannot be stored in an array of int64 without a conversion\n"
        "\n"
        f"On line 8 of file {file}:\n"
        "    a[0] = s\n"
        "    ^^^^^^^^\n"
        f"called from `main`, on line 13 of file {file}:\n"
        "    set_first(i, 0.5)\n"
        "    ^^^^^^^^^^^^^^^^^\n"
        "help: convert it: parpy.operators.int64(…)"
    )


def test_inlined_helpers_and_helpers_of_other_files(tmp_path: Path) -> None:
    other = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def helper(a):
        parpy.label('i')
        for i in range(3):
            a[i] += nowhere
    """,
        "other",
    )
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def main(x):
        parpy.builtin.inline(helper(x))
    """,
    )
    program.helper = other.helper
    error = error_of(program, X, opts=parpy.par({"i": parpy.threads(3)}))
    assert str(error) == (
        "name 'nowhere' is not defined\n"
        "\n"
        f"On line 10 of file {tmp_path}/other.py:\n"
        "    a[i] += nowhere\n"
        "            ^^^^^^^\n"
        f"called from `main`, on line 8 of file {tmp_path}/example.py:\n"
        "    parpy.builtin.inline(helper(x))\n"
        "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "help: 'a' is a parameter of helper"
    )
    assert (error.filename, error.lineno) == (f"{tmp_path}/other.py", 10)


def test_arguments_that_annotations_of_a_helper_refuse(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    N = shape_var()

    @parpy.jit
    def add(a: buffer(F64, [N]), b: buffer(F64, [N])):
        for i in range(N):
            a[i] += b[i]

    @parpy.jit
    def main(x, y):
        add(x, y)
        add(y, x[1:])
    """,
    )
    file = f"{tmp_path}/example.py"
    assert str(error_of(program, X, np.ones(6))) == (
        "argument 'b' has size 5 in dimension 0 where its annotation asks for N = 6, the size of "
        "'a' in dimension 0\n"
        "\n"
        f"On line 9 of file {file}:\n"
        "    def add(a: buffer(F64, [N]), b: buffer(F64, [N])):\n"
        "                                 ^\n"
        f"called from `main`, on line 16 of file {file}:\n"
        "    add(y, x[1:])\n"
        "    ^^^^^^^^^^^^^\n"
        "\n"
        f"On line 9 of file {file}:\n"
        "    def add(a: buffer(F64, [N]), b: buffer(F64, [N])):\n"
        "            ^\n"
        "help: where the sizes may differ, give each a variable of its own"
    )


def test_what_is_wrong_with_the_call_itself_has_no_chain(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def helper(a, s):
        a[0] = s

    @parpy.jit
    def main(x):
        helper(x)
    """,
    )
    assert str(error_of(program, X)) == (
        "helper takes 2 arguments (a, s), 1 was given\n"
        "\n"
        f"On line 12 of file {tmp_path}/example.py:\n"
        "    helper(x)\n"
        "    ^^^^^^^^^"
    )


def test_returns_of_a_helper(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def sign(s):
        if s > 0:
            return 1.0

    @parpy.jit
    def main(x):
        x[0] = sign(x[1])
    """,
    )
    file = f"{tmp_path}/example.py"
    assert str(error_of(program, X)) == (
        "sign returns a value on some paths only\n"
        "\n"
        f"On line 9 of file {file}:\n"
        "    return 1.0\n"
        "    ^^^^^^^^^^\n"
        f"called from `main`, on line 13 of file {file}:\n"
        "    x[0] = sign(x[1])\n"
        "           ^^^^^^^^^^\n"
        "help: end every path in return"
    )


INDEXES = (
    HEAD
    + """
    @parpy.jit
    def shift(a, c, n):
        for i in range(n):
            a[c[i]] = a[i + 1]

    @parpy.jit
    def main(x, c):
        shift(x, c, 3)
        shift(x, c, {n})
    """
)


def test_indexes_that_are_checked_before_anything_runs(tmp_path: Path) -> None:
    program = module(tmp_path, INDEXES.format(n="len(c)"))
    file = f"{tmp_path}/example.py"
    expected = (
        f"On line 9 of file {file}:\n"
        "    a[c[i]] = a[i + 1]\n"
        "              ^^^^^^^^\n"
        f"called from `main`, on line 14 of file {file}:\n"
        "    shift(x, c, len(c))\n"
        "    ^^^^^^^^^^^^^^^^^^^"
    )
    x = X.copy()
    for specialize in ("always", "never"):
        opts = parpy.CompileOptions(specialize=specialize)
        error = error_of(program, x, np.arange(6), opts=opts)
        message, place = str(error).split("\n\n")
        assert message.startswith("index ") and "of 'x' is out of bounds" in message
        assert place == expected
    assert np.array_equal(x, X)


def test_indexes_that_are_checked_as_the_code_runs(tmp_path: Path) -> None:
    program = module(tmp_path, INDEXES.format(n="4"))
    file = f"{tmp_path}/example.py"
    error = error_of(
        program, X.copy(), np.array([0, 1, 2, 9]), opts=parpy.CompileOptions(check_bounds=True)
    )
    assert str(error) == (
        "index 9 of 'x' is out of bounds for dimension 0 with size 6\n"
        "\n"
        f"On line 9 of file {file}:\n"
        "    a[c[i]] = a[i + 1]\n"
        "    ^^^^^^^\n"
        f"called from `main`, on line 14 of file {file}:\n"
        "    shift(x, c, 4)\n"
        "    ^^^^^^^^^^^^^^"
    )


def test_warnings_about_helpers(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def total(a, y):
        parpy.label('i')
        for i in range(6):
            y[0] += a[i]

    @parpy.jit
    def main(x, y):
        total(x, y)
        total(x, y)
    """,
    )
    file = f"{tmp_path}/example.py"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        program.main(X, np.zeros(1), opts=parpy.par({"i": parpy.threads(2)}))
    assert [str(w.message) for w in told] == [
        "all iterations of the parallel loop 'i' update one element of 'y': this is a race\n"
        "\n"
        f"On line 10 of file {file}:\n"
        "    y[0] += a[i]\n"
        "    ^^^^\n"
        f"called from `main`, on line 14 of file {file}:\n"
        "    total(x, y)\n"
        "    ^^^^^^^^^^^\n"
        "help: declare the reduction: parpy.threads(n).reduce()"
    ]
    assert (told[0].filename, told[0].lineno) == (file, 10)


def test_host_code_of_a_device(tmp_path: Path) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    @parpy.jit
    def reset(a):
        a[0] = 0.0

    @parpy.jit
    def main(x):
        reset(x)
        parpy.label('i')
        for i in range(6):
            x[i] += 1.0
    """,
    )
    file = f"{tmp_path}/example.py"
    opts = parpy.par({"i": parpy.threads(6)})
    opts.backend = parpy.CompileBackend.Cuda
    with pytest.raises(parpy.CompileError) as caught:
        parpy.print_compiled(program.main, [X], opts)
    assert str(caught.value).startswith(
        "Assignments are not allowed outside parallel code.\n"
        "\n"
        f"On line 8 of file {file}:\n"
        "    a[0] = 0.0\n"
        "    ^^^^\n"
        f"called from `main`, on line 12 of file {file}:\n"
        "    reset(x)\n"
        "    ^^^^^^^^\n"
        "help: "
    )
