"""Names of the enclosing scopes: read at each call as Python does, never stale."""

from __future__ import annotations

import math
import math as m
from types import ModuleType

import numpy as anp
import numpy as np
import pytest
from harness import check, define, each, options
from numpy import sqrt as root

import parpy
import parpy.operators as pop
from parpy import label as mark
from parpy.operators import exp
from parpy.operators import sum as total

SCALE = 2.0
COUNT = 3
FLAG = True
STRONG = np.float32(0.1)
LARGE = 2**70


class Settings:
    rate = 0.5

    class Inner:
        depth = 4


constants = ModuleType("constants")
constants.g = 9.81


def uses_globals(x, y):
    for i in range(COUNT):
        y[i] = x[i] * SCALE
    if FLAG:
        y[0] += constants.g + Settings.rate * Settings.Inner.depth


def test_globals_are_read() -> None:
    check(uses_globals, np.arange(5.0), np.zeros(5))


def test_globals_are_never_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(5.0)
    check(uses_globals, x, np.zeros(5))
    for name, value in [
        ("SCALE", 3.0),
        ("SCALE", 4),
        ("SCALE", np.float32(0.1)),
        ("SCALE", True),
        ("COUNT", 5),
        ("COUNT", 0),
        ("FLAG", 0),
        ("FLAG", False),
        ("FLAG", 1),
        ("COUNT", np.int8(2)),
        ("SCALE", 3.0),
        ("SCALE", math.nan),
        ("SCALE", -0.0),
        ("SCALE", 0.0),
    ]:
        monkeypatch.setitem(globals(), name, value)
        check(uses_globals, x, np.zeros(5))
        check(uses_globals, x - 3, np.zeros(5))


def test_attributes_are_never_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.arange(5.0)
    check(uses_globals, x, np.zeros(5))
    monkeypatch.setattr(constants, "g", 1.62)
    check(uses_globals, x, np.zeros(5))
    monkeypatch.setattr(Settings, "rate", 7)
    check(uses_globals, x, np.zeros(5))
    monkeypatch.setattr(Settings.Inner, "depth", 2.5)
    check(uses_globals, x, np.zeros(5))
    other = ModuleType("other")
    other.g = 1000.0
    monkeypatch.setitem(globals(), "constants", other)
    check(uses_globals, x, np.zeros(5))


def test_a_global_may_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    function = parpy.jit(uses_missing)
    y = np.zeros(1)
    with pytest.raises(NameError, match="name 'COMES_LATER' is not defined"):
        function(y)
    monkeypatch.setitem(globals(), "COMES_LATER", 5.0)
    function(y)
    assert y[0] == 5.0
    monkeypatch.delitem(globals(), "COMES_LATER")
    with pytest.raises(NameError, match="name 'COMES_LATER' is not defined"):
        function(y)
    monkeypatch.setitem(globals(), "COMES_LATER", 6)
    function(y)
    assert y[0] == 6.0


def uses_missing(y):
    y[0] = COMES_LATER  # noqa: F821


def uses_strong(x, y):
    for i in range(len(x)):
        y[i] = x[i] * STRONG + STRONG / 3


def test_numpy_scalars_of_the_scope_are_strong(monkeypatch: pytest.MonkeyPatch) -> None:
    for strong in (np.float32(0.1), np.float64(0.1), np.int8(5), np.uint64(2**63), 0.1):
        monkeypatch.setitem(globals(), "STRONG", strong)
        for dtype in ("float32", "float64", "int16"):
            check(uses_strong, np.arange(4).astype(dtype), np.zeros(4), strict=True)


def other_names(x, y):
    for i in range(len(x)):
        y[i] = anp.sqrt(x[i]) + m.floor(x[i]) + pop.exp(-x[i]) + root(x[i]) + exp(x[i] - 1) + m.pi
    y[0] = total(x[:]) + pop.max(x) + parpy.operators.sum(y[:]) * math.e


def test_functions_under_other_names() -> None:
    check(other_names, np.arange(6.0), np.zeros(6), ulps=8)


def labels_under_another_name(x, y):
    mark("N")
    for i in range(len(x)):
        y[i] = x[i] + 1


def labelled_by_keyword(x, y):
    parpy.label(name="N")
    for i in range(len(x)):
        y[i] = 2 * x[i]


def test_the_name_of_a_label_may_be_a_keyword_argument() -> None:
    check(labelled_by_keyword, np.arange(9.0), np.zeros(9), schedules=each("N"))
    opts = options({"N": parpy.threads(9)})
    function = parpy.jit(labelled_by_keyword)
    assert "@workers" in function.lower(np.ones(9), np.zeros(9), opts=opts).program


def test_labels_under_another_name() -> None:
    """They named no loop for the call: a schedule of them was said to be of no label."""
    x, y, four = np.arange(6.0), np.zeros(6), parpy.threads(4)
    check(labels_under_another_name, x, y, schedules=[{"N": four}])
    with pytest.warns(RuntimeWarning, match="'M'"):
        parpy.jit(labels_under_another_name)(x, y, opts=parpy.par({"N": four, "M": four}))


NAMES_OF_COMPILERS = (
    "__global__ __restrict__ __FILE__ __LINE__ __half __int128 __syncthreads __builtin_expect __ "
    "_Complex _Atomic _Bool _Pragma _Float16 _Generic _N"
).split()


@pytest.mark.parametrize(
    "text",
    [
        "def NAME(x, y, n):\n LABEL\n for i in range(n):\n  y[i] = x[i] * 2",
        "def f(x, NAME, n):\n LABEL\n for i in range(n):\n  NAME[i] = x[i] * 2",
        "def f(x, y, NAME):\n LABEL\n for i in range(NAME):\n  y[i] = x[i] * 2",
        "def f(x, y, n):\n LABEL\n for NAME in range(n):\n  y[NAME] = x[NAME] * 2",
        "def f(x, y, n):\n LABEL\n for i in range(n):\n  NAME = x[i] + 1\n  y[i] = NAME * NAME",
    ],
    ids=["function", "array", "scalar", "counter", "local"],
)
@pytest.mark.parametrize("name", NAMES_OF_COMPILERS)
def test_names_that_compilers_of_c_take(name: str, text: str) -> None:
    function = define(text.replace("NAME", name).replace("LABEL", 'parpy.label("N")'))
    x = np.arange(9, dtype=np.float32)
    check(function, x, x * 0, 8, schedules=[{"N": parpy.threads(64)}])


def make_closure(scale, offset):
    def inner(x, y):
        parpy.label("N")
        for i in range(len(x)):
            y[i] = x[i] * scale + offset * SCALE

    return inner


def test_closures() -> None:
    x = np.arange(5.0)
    for scale, offset in [(2.0, 1), (3, 0.5), (np.float32(0.1), True)]:
        check(make_closure(scale, offset), x, np.zeros(5), strict=True)


def test_closures_are_never_stale() -> None:
    scale = 1.0

    def grows(x, y):
        y[:] = x[:] * scale

    x = np.arange(5.0)
    for value in (1.0, 2.0, 7, np.float64(0.3), 2.0):
        scale = value
        check(grows, x, np.zeros(5))


def test_a_closure_over_what_does_not_exist_yet() -> None:
    def uses_later(y):
        y[0] = later

    y = np.zeros(1)
    function = parpy.jit(uses_later)
    with pytest.raises(NameError, match="name 'later' is not defined"):
        function(y)
    later = 3.0
    function(y)
    assert y[0] == 3.0


def shadows(x, y):
    sum = x[0]
    len = 3
    for max in range(len):
        y[max] = sum + max


def test_locals_hide_what_is_outside() -> None:
    check(shadows, np.arange(4.0) + 5, np.zeros(4))


def parameters_hide(SCALE, y, parpy):
    y[0] = SCALE * 10 + parpy


def test_parameters_hide_what_is_outside() -> None:
    check(parameters_hide, 5, np.zeros(1), 7)


def test_one_text_with_two_scopes() -> None:
    text = "def scales(x):\n    x[:] = x[:] * FACTOR"
    for factor in (2.0, 3.0, 5):
        check(define(text, FACTOR=factor), np.arange(4.0))


def in_methods(x):
    x[:] = x[:] * 2


class Holder:
    double = parpy.jit(in_methods)


def test_a_decorated_function_keeps_its_face() -> None:
    assert Holder.double.__name__ == "in_methods"
    assert Holder.double.__wrapped__ is in_methods
    x = np.arange(3.0)
    parpy.jit(Holder.double)(x)
    np.testing.assert_array_equal(x, [0, 2, 4])
    parpy.jit(in_methods)(x=x)
    np.testing.assert_array_equal(x, [0, 4, 8])


def keywords(x, y, n):
    y[n] = x[0]


def test_arguments_by_keyword() -> None:
    function = parpy.jit(keywords)
    for call in (
        lambda x, y: function(x, y, 1),
        lambda x, y: function(x, n=1, y=y),
        lambda x, y: function(n=1, y=y, x=x),
        lambda x, y: function(x, y, n=1, opts=parpy.CompileOptions()),
    ):
        y = np.zeros(3)
        call(np.array([5.0]), y)
        assert y.tolist() == [0, 5, 0]
