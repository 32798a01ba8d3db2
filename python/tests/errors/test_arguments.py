"""Arguments of calls: wrong in number, kind, type, layout or place."""

from __future__ import annotations

import array
import ctypes

import numpy as np
import pytest
from harness import assert_alive, assert_placed, assert_underlines

import parpy


def copies(x, y, n):
    for i in range(n):
        y[i] = x[i]


def only_reads(x, y):
    y[0] = parpy.operators.sum(x[:])


def doubles(x):
    x[:] = x[:] * 2


def takes_nothing():
    pass


X, Y = np.arange(3.0), np.zeros(3)
FUNCTION = parpy.jit(copies)


@pytest.fixture(autouse=True)
def _nothing_is_changed_and_all_goes_on():
    yield
    assert not Y.any()
    assert_alive()
    y = np.zeros(3)
    FUNCTION(X, y, 3)
    assert y.tolist() == [0, 1, 2]


def head() -> tuple[int, str]:
    """The line that the parameters of `copies` stand on."""
    return copies.__code__.co_firstlineno, "def copies(x, y, n):"


# --- How many ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((), {}, "was not given 'x', 'y', 'n'"),
        ((X,), {}, "was not given 'y', 'n'"),
        ((X, Y), {}, "was not given 'n'"),
        ((X, Y, 3, 4), {}, "was given 4 arguments"),
        ((X, Y, 3), {"m": 3}, "was given the unknown keyword 'm'"),
        ((X, Y, 3), {"n": 3}, "was given 'n' twice"),
        ((X, Y), {"x": X, "n": 3}, "was given 'x' twice"),
        ((X, Y, 3), {"option": None}, "was given the unknown keyword 'option'"),
    ],
)
def test_wrong_number_of_arguments(arguments: tuple, keywords: dict, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        FUNCTION(*arguments, **keywords)
    text = str(caught.value)
    assert text.startswith(f"copies() {message}")
    assert "it takes x, y, n, and the keyword opts" in text
    assert_placed(caught.value, copies, head()[0])


SCHEDULES = {"N": parpy.threads(3)}


@pytest.mark.parametrize("options", [parpy.par(SCHEDULES), SCHEDULES, parpy.threads(3)])
def test_options_by_position(options: object) -> None:
    with pytest.raises(parpy.TypeMismatchError) as caught:
        FUNCTION(X, Y, 3, options)
    assert str(caught.value).splitlines()[0] == (
        "copies() was given options by position: it takes x, y, n, and the keyword opts."
    )
    assert str(caught.value).splitlines()[-1] == "help: name them: opts=parpy.par({…})"
    assert_placed(caught.value, copies, copies.__code__.co_firstlineno)
    with pytest.raises(parpy.TypeMismatchError) as caught:
        FUNCTION(X, Y, options)
    message = str(caught.value).splitlines()[0]
    assert message.startswith("argument 'n")
    assert message.endswith("not supported as an argument; options are named: opts=parpy.par({…})")


def steps(self, x):
    x[0] = self.rate


class Simulation:
    rate = 0.5

    def step(self, x):
        x[0] = self.rate

    def of_class(cls, x):
        x[0] = cls.rate

    @staticmethod
    def scale(x, rate):
        x[:] = x[:] * rate


def test_methods_are_refused_at_decoration() -> None:
    for method, first in ((Simulation.step, "self"), (Simulation.of_class, "cls")):
        with pytest.raises(parpy.CompileError) as caught:
            parpy.jit(method)
        lines = str(caught.value).splitlines()
        assert lines[0] == (
            f"Function {method.__qualname__} is a method: ParPy compiles functions of arrays and "
            f"numbers, and '{first}' is neither."
        )
        assert lines[-1].startswith("help: write a function outside the class, or below @static")
        assert_placed(caught.value, method, method.__code__.co_firstlineno)
        assert_underlines(caught.value, f"    def {method.__name__}({first}, x):", f"‹{first}›, x")
    x = np.ones(2)
    parpy.jit(Simulation.scale)(x, 0.5)
    assert x.tolist() == [0.5, 0.5]


def test_an_object_passed_as_self() -> None:
    with pytest.raises(parpy.TypeMismatchError) as caught:
        parpy.jit(steps)(Simulation(), Y)
    assert str(caught.value).splitlines()[0] == (
        "argument 'self': a Simulation is not supported; @parpy.jit compiles functions, not "
        "methods: make what it uses of the object, arrays and numbers, its parameters"
    )


def test_a_function_without_parameters() -> None:
    parpy.jit(takes_nothing)()
    with pytest.raises(TypeError, match="it takes none"):
        parpy.jit(takes_nothing)(3)


# --- Of what kind -----------------------------------------------------------------------------


class Opaque:
    pass


class Liar:
    __array_interface__ = {"shape": (3,), "typestr": "<f8", "version": 3, "data": "nonsense"}


class Raiser:
    @property
    def __array_interface__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "given",
    [
        [1.0, 2.0, 3.0],
        (1.0, 2.0, 3.0),
        None,
        "text",
        {"a": {"b": np.zeros(3)}},
        {1: np.zeros(3)},
        {1, 2},
        Opaque(),
        Opaque,
        Liar(),
        np,
        len,
        range(3),
        lambda: 3,
        np.array(["a", "b", "c"]),
        np.array([None, 1, 2]),
        np.zeros(3, np.clongdouble),
        np.zeros(3, np.longdouble),
        np.zeros(3, "datetime64[s]"),
        np.zeros(3, [("a", float)]),
        np.clongdouble(3),
        np.datetime64("2020-01-01"),
        np.str_("text"),
    ],
    ids=lambda v: type(v).__name__,
)
@pytest.mark.parametrize("position", [0, 1])
def test_wrong_kinds_of_arguments(given: object, position: int) -> None:
    arguments = [X, Y, 3]
    arguments[position] = given
    with pytest.raises(parpy.TypeMismatchError) as caught:
        FUNCTION(*arguments)
    name = "xy"[position]
    assert str(caught.value).startswith((f"argument '{name}'", f"argument '{name}["))
    assert "support" in str(caught.value) or "malformed" in str(caught.value)
    assert_placed(caught.value, copies, head()[0])
    assert isinstance(caught.value, TypeError)


def test_what_an_object_raises_is_passed_on_or_told() -> None:
    with pytest.raises((RuntimeError, TypeError)):
        FUNCTION(Raiser(), Y, 3)


def test_the_message_names_what_came_and_what_is_accepted() -> None:
    with pytest.raises(parpy.TypeMismatchError) as caught:
        FUNCTION([1.0], Y, 3)
    assert "list" in str(caught.value)
    assert "NumPy array" in str(caught.value)
    with pytest.raises(parpy.TypeMismatchError) as caught:
        FUNCTION(X, np.zeros(3, np.clongdouble), 3)
    assert "complex256" in str(caught.value)
    assert "float64" in str(caught.value)
    assert_underlines(caught.value, head()[1], "y")


def test_scalars_where_arrays_are_needed_and_the_other_way_round() -> None:
    for arguments in ((5.0, Y, 3), (X, 5, 3), (X, Y, X), (True, Y, 3), (np.float64(3), Y, 3)):
        with pytest.raises(parpy.CompileError) as caught:
            FUNCTION(*arguments)
        first = copies.__code__.co_firstlineno
        assert first <= caught.value.lineno <= first + 2


@pytest.mark.parametrize("n", [2**63, -(2**63) - 1, 2**200])
def test_integers_of_more_than_64_bits(n: int) -> None:
    with pytest.raises(ValueError, match="argument 'n'.*64 bits"):
        FUNCTION(X, Y, n)


# --- Memory -----------------------------------------------------------------------------------


def read_only(a: np.ndarray) -> np.ndarray:
    a.flags.writeable = False
    return a


def test_read_only_arrays_cannot_be_written() -> None:
    y = read_only(np.zeros(3))
    for _ in range(2):
        with pytest.raises(
            ValueError, match="argument 'y' is read-only but the function writes it"
        ):
            FUNCTION(X, y, 3)
    assert not y.any()
    FUNCTION(read_only(np.arange(3.0)), np.zeros(3), 3)
    with pytest.raises(ValueError, match="argument 'y' is read-only") as caught:
        FUNCTION(X, memoryview(bytes(24)).cast("d"), 3)
    assert_placed(caught.value, copies, head()[0])


def test_written_arrays_whose_elements_overlap() -> None:
    y = np.lib.stride_tricks.as_strided(np.zeros(5), (3,), (0,))
    with pytest.raises(ValueError, match="argument 'y' .*share memory"):
        FUNCTION(X, y, 3)
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3, writeable=True)
    with pytest.raises(ValueError, match="argument 'x'"):
        parpy.jit(doubles)(windows)
    total = np.zeros(1)
    parpy.jit(only_reads)(np.broadcast_to(np.float64(2), 7), total)
    assert total[0] == 14


def test_misaligned_arrays() -> None:
    raw = np.zeros(25, np.uint8)[1:].view(np.float64)
    for arguments in ((raw, Y, 3), (X, raw, 3)):
        with pytest.raises(ValueError, match="misaligned"):
            FUNCTION(*arguments)


def test_byte_swapped_arrays() -> None:
    swapped = np.arange(3.0).astype(">f8")
    for arguments in ((swapped, Y, 3), (X, swapped, 3)):
        with pytest.raises(ValueError, match="byte-swapped"):
            FUNCTION(*arguments)


def test_strides_between_elements() -> None:
    record = np.zeros(3, [("a", "f8"), ("b", "i4")])["a"]
    with pytest.raises(ValueError, match="strides|misaligned"):
        FUNCTION(record, Y, 3)


def test_too_many_dimensions() -> None:
    with pytest.raises((ValueError, TypeError, parpy.CompileError)):
        parpy.jit(doubles)(np.zeros((1,) * 40))
    x = np.ones((1,) * 8)
    parpy.jit(doubles)(x)
    assert x.item() == 2


# --- What is accepted -------------------------------------------------------------------------


class Interface:
    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    @property
    def __array_interface__(self):
        return self.data.__array_interface__


class Capsule:
    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    def __dlpack__(self, **keywords):
        return self.data.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


class Subclass(np.ndarray):
    pass


@pytest.mark.parametrize(
    "wrap",
    [
        lambda a: a,
        lambda a: a.view(Subclass),
        lambda a: memoryview(a),
        lambda a: Interface(a),
        lambda a: Capsule(a),
        lambda a: np.ctypeslib.as_ctypes(a),
    ],
)
def test_arrays_of_other_kinds_work_in_place(wrap) -> None:
    y = np.zeros(3)
    FUNCTION(wrap(np.arange(3.0)), wrap(y), 3)
    assert y.tolist() == [0, 1, 2]


def test_arrays_of_the_standard_library() -> None:
    y = array.array("d", [0, 0, 0])
    FUNCTION(array.array("f", [1, 2, 3]), y, 3)
    assert y.tolist() == [1, 2, 3]
    raw = bytearray(3)
    parpy.jit(doubles)(raw)
    z = (ctypes.c_double * 3)(1, 2, 3)
    parpy.jit(doubles)(z)
    assert list(z) == [2, 4, 6]


def test_integers_and_floats_of_subclasses() -> None:
    class Whole(int):
        pass

    class Real(float):
        pass

    for n in (Whole(3), True + 2, np.int8(3), np.array(3), np.uint64(3)):
        y = np.zeros(3)
        FUNCTION(X, y, n)
        assert y.tolist() == [0, 1, 2]
    with pytest.raises(parpy.TypeMismatchError, match="range must be an integer, not float64"):
        FUNCTION(X, Y, Real(3))


# --- Options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "opts", [5, "text", {"N": parpy.threads(3)}, parpy.threads(3), [], parpy.CompileOptions]
)
def test_wrong_options(opts: object) -> None:
    with pytest.raises(TypeError, match="opts"):
        FUNCTION(X, Y, 3, opts=opts)


def test_a_backend_that_is_not_here() -> None:
    with pytest.raises(RuntimeError, match="Metal"):
        FUNCTION(X, Y, 3, opts=parpy.CompileOptions(backend=parpy.CompileBackend.Metal))


@pytest.mark.skipif(
    parpy.backend.is_enabled(parpy.CompileBackend.Cuda), reason="there is an NVIDIA GPU"
)
def test_cuda_without_a_gpu() -> None:
    with pytest.raises(RuntimeError, match=r"The backend Cuda is not available here.*\nhelp: "):
        FUNCTION(X, Y, 3, opts=parpy.CompileOptions(backend=parpy.CompileBackend.Cuda))


def test_what_is_no_function() -> None:
    for given in (5, "text", len, np.sin, Opaque, Opaque()):
        with pytest.raises(TypeError):
            parpy.jit(given)
