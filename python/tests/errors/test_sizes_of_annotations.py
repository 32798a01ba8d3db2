"""Arguments whose sizes or types disagree with annotations, or with each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import assert_alive, module, options

import parpy

HEAD = """
    import parpy
    from parpy.types import F32, F64, buffer, shape_var, type_var

    N = shape_var()
    M = shape_var()
    T = type_var()

    @parpy.jit"""
# The parameters stand on line 9 of the file.


@pytest.fixture(params=["always", "never", "auto"])
def opts(request: pytest.FixtureRequest) -> parpy.CompileOptions:
    """Sizes that are constants or parameters of the code: the message is the same."""
    return options(specialize=request.param)


def error_of(folder: Path, text: str, right: tuple, wrong: tuple, opts) -> parpy.TypeMismatchError:
    """What a call with wrong arguments raises, after one with right ones."""
    program = module(folder, HEAD + text)
    program.main(*right, opts=opts)
    before = [a.copy() for a in wrong if isinstance(a, np.ndarray)]
    with pytest.raises(parpy.TypeMismatchError) as caught:
        program.main(*wrong, opts=opts)
    for a, b in zip((a for a in wrong if isinstance(a, np.ndarray)), before, strict=True):
        assert np.array_equal(a, b)
    program.main(*right, opts=opts)
    assert_alive()
    assert (caught.value.filename, caught.value.lineno) == (f"{folder}/example.py", 9)
    return caught.value


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_two_arguments_of_different_sizes(tmp_path: Path, opts) -> None:
    error = error_of(
        tmp_path,
        """
    def main(x: buffer(F32, [N]), y: buffer(F32, [N])):
        for i in range(N):
            y[i] += x[i]
    """,
        (floats(3), floats(3)),
        (floats(4), floats(5)),
        opts,
    )
    assert str(error) == (
        "argument 'y' has size 5 in dimension 0 where its annotation asks for N = 4, the size of "
        "'x' in dimension 0\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(F32, [N]), y: buffer(F32, [N])):\n"
        "                                  ^\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(F32, [N]), y: buffer(F32, [N])):\n"
        "             ^\n"
        "help: where the sizes may differ, give each a variable of its own"
    )


def test_other_dimensions(tmp_path: Path, opts) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    def main(b: buffer(F32, [M, N]), a: buffer(F32, [N, M])):
        for i in range(N):
            a[i, 0] = b[0, i]
    """,
    )
    program.main(floats(4, 3), floats(3, 4), opts=opts)
    with pytest.raises(parpy.TypeMismatchError) as caught:
        program.main(floats(4, 3), floats(3, 5), opts=opts)
    assert str(caught.value).split("\n")[0] == (
        "argument 'a' has size 5 in dimension 1 where its annotation asks for M = 4, the size of "
        "'b' in dimension 0"
    )


def test_one_argument_that_is_not_square(tmp_path: Path, opts) -> None:
    error = error_of(
        tmp_path,
        """
    def main(a: buffer(F32, [N, N])):
        for i in range(N):
            a[i, i] = 1.0
    """,
        (floats(3, 3),),
        (floats(4, 5),),
        opts,
    )
    assert str(error) == (
        "argument 'a' has size 5 in dimension 1 where its annotation asks for N = 4, the size of "
        "'a' in dimension 0\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(a: buffer(F32, [N, N])):\n"
        "             ^\n"
        "help: where the sizes may differ, give each a variable of its own"
    )


def test_a_fixed_size(tmp_path: Path, opts) -> None:
    error = error_of(
        tmp_path,
        """
    def main(x: buffer(F32, [N, 3])):
        x[:, :] = 1.0
    """,
        (floats(2, 3),),
        (floats(2, 4),),
        opts,
    )
    assert str(error) == (
        "argument 'x' has size 4 in dimension 1 where its annotation asks for 3\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(F32, [N, 3])):\n"
        "             ^\n"
        "help: where any size will do, put a variable there: N = parpy.types.shape_var()"
    )


def test_another_number_of_dimensions(tmp_path: Path, opts) -> None:
    error = error_of(
        tmp_path,
        """
    def main(x: buffer(F32, [N, M])):
        x[:, :] = 1.0
    """,
        (floats(2, 3),),
        (floats(6),),
        opts,
    )
    assert str(error) == (
        "argument 'x' has 1 dimension where its annotation asks for 2\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(F32, [N, M])):\n"
        "             ^"
    )


def test_a_scalar_for_an_array_and_an_array_for_a_scalar(tmp_path: Path, opts) -> None:
    text = """
    def main(x: buffer(F32), a: F32):
        x[0] = a
    """
    error = error_of(tmp_path, text, (floats(2), 1.0), (2.0, 1.0), opts)
    assert str(error).startswith(
        "argument 'x' is a scalar where its annotation asks for an array\n\n"
    )
    error = error_of(tmp_path, text, (floats(2), 1.0), (floats(2), floats(2)), opts)
    assert str(error).startswith(
        "argument 'a' is an array where its annotation asks for a scalar\n\n"
    )


def test_types(tmp_path: Path, opts) -> None:
    text = """
    def main(x: buffer(F32), a: F32):
        x[0] = a
    """
    error = error_of(tmp_path, text, (floats(2), 1.0), (np.zeros(2), 1.0), opts)
    assert str(error) == (
        "argument 'x' has elements of type float64 where its annotation asks for float32\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(F32), a: F32):\n"
        "             ^"
    )
    error = error_of(tmp_path, text, (floats(2), 1.0), (floats(2), np.float64(1.0)), opts)
    assert str(error).split("\n")[0] == (
        "argument 'a' is of type float64 where its annotation asks for float32"
    )


def test_a_type_variable(tmp_path: Path, opts) -> None:
    error = error_of(
        tmp_path,
        """
    def main(x: buffer(T), a: F64, y: buffer(T)):
        x[0] = y[0]
    """,
        (floats(2), 1.0, floats(2)),
        (floats(2), 1.0, np.zeros(2)),
        opts,
    )
    assert str(error) == (
        "argument 'y' has elements of type float64 where its annotation asks for T = float32, the "
        "type of 'x'\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(T), a: F64, y: buffer(T)):\n"
        "                                   ^\n"
        "\n"
        f"On line 9 of file {tmp_path}/example.py:\n"
        "    def main(x: buffer(T), a: F64, y: buffer(T)):\n"
        "             ^\n"
        "help: where the types may differ, give each a variable of its own"
    )


def test_variables_that_have_no_name_here() -> None:
    variables = [parpy.types.shape_var()]

    @parpy.jit
    def main(
        x: parpy.types.buffer(parpy.types.F64, variables),
        y: parpy.types.buffer(parpy.types.F64, variables),
    ):
        y[0] = x[0]

    with pytest.raises(parpy.TypeMismatchError) as caught:
        main(np.zeros(4), np.zeros(5))
    assert str(caught.value).split("\n")[0] == (
        "argument 'y' has size 5 in dimension 0 where its annotation asks for 4, the size of 'x' "
        "in dimension 0"
    )


def test_a_branch_that_does_not_run_asks_for_nothing(tmp_path: Path, opts) -> None:
    program = module(
        tmp_path,
        HEAD
        + """
    def add(x: buffer(F32, [N]), y: buffer(F32, [N])):
        for i in range(N):
            y[i] += x[i]

    @parpy.jit
    def main(x, y, n):
        if n > 0:
            add(x, y)
    """,
    )
    y = floats(5)
    program.main(floats(5) + 1, y, 1, opts=opts)
    program.main(floats(6) + 1, y, 0, opts=opts)
    assert np.array_equal(y, floats(5) + 1)
    with pytest.raises(parpy.TypeMismatchError, match="'y' has size 5 .* N = 6"):
        program.main(floats(6), y, 2, opts=opts)
