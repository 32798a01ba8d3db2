"""Names of the enclosing scopes, read at each call."""

# ruff: noqa: F821

from __future__ import annotations

import math
import types
from typing import Any

import numpy as np
import pytest

import parpy

N = 3
CONFIG = types.ModuleType("config")
CONFIG.factor = 2.0
CONFIG.deep = types.ModuleType("deep")
CONFIG.deep.value = np.float32(0.5)


class Settings:
    SIZE = 4


def result(fn: Any, size: int = 1) -> float:
    x = np.zeros(size)
    fn(x)
    return float(x[0])


def test_a_global_number(monkeypatch: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = N

    scope = read.__wrapped__.__globals__
    assert result(read) == 3
    for value in (4, 4.5, True, np.int32(7), 3):
        monkeypatch.setitem(scope, "N", value)
        assert result(read) == value
    assert len(read.compilations) == 5
    assert read.compilations[1][1] == "a name of the enclosing scopes changed"


@pytest.mark.parametrize("value", [[1], "text", 2**70, None, np.zeros(2), {"a": 1}, object()])
def test_other_globals_are_refused(monkeypatch: Any, value: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = N

    monkeypatch.setitem(read.__wrapped__.__globals__, "N", value)
    with pytest.raises((parpy.CompileError, NameError)) as caught:
        result(read)
    assert "N" in str(caught.value)


def test_a_closure() -> None:
    scale = 2

    @parpy.jit
    def read(x):
        x[0] = scale

    assert result(read) == 2
    scale = 5
    assert result(read) == 5
    del scale
    with pytest.raises(NameError):
        result(read)


def test_module_and_class_attributes(monkeypatch: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = CONFIG.factor * Settings.SIZE + CONFIG.deep.value

    assert result(read) == 8.5
    monkeypatch.setattr(CONFIG, "factor", 3.0)
    assert result(read) == 12.5
    monkeypatch.setattr(Settings, "SIZE", 1)
    assert result(read) == 3.5
    monkeypatch.setattr(CONFIG.deep, "value", np.float32(0.25))
    assert result(read) == 3.25
    other = types.ModuleType("other")
    other.value = 0
    monkeypatch.setattr(CONFIG, "deep", other)
    assert result(read) == 3
    monkeypatch.undo()
    assert result(read) == 8.5


def test_a_name_that_comes_later(monkeypatch: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = LATER + CONFIG.later

    for _ in range(2):
        with pytest.raises(NameError) as caught:
            result(read)
        assert "LATER" in str(caught.value)
        assert caught.value.lineno > 0
        assert caught.value.filename == __file__
    monkeypatch.setitem(read.__wrapped__.__globals__, "LATER", 1)
    with pytest.raises((NameError, parpy.CompileError), match="later"):
        result(read)
    monkeypatch.setattr(CONFIG, "later", 2, raising=False)
    assert result(read) == 3
    monkeypatch.setattr(CONFIG, "later", 4)
    assert result(read) == 5


def test_builtins_may_be_shadowed(monkeypatch: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = abs(-2)

    assert result(read) == 2
    monkeypatch.setitem(read.__wrapped__.__globals__, "abs", math.sqrt)
    assert math.isnan(result(read))


def test_functions_under_other_names() -> None:
    from math import sqrt as root

    exponential = np.exp

    @parpy.jit
    def read(x):
        x[0] = root(4.0) + exponential(0.0)

    assert result(read) == 3


def test_an_unknown_function() -> None:
    @parpy.jit
    def read(x):
        x[0] = print(1)

    with pytest.raises(parpy.CompileError, match="print"):
        result(read)


def test_identities_are_not_confused_with_numbers(monkeypatch: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = N

    scope = read.__wrapped__.__globals__
    big = np.float64(1.5)
    monkeypatch.setitem(scope, "N", big)
    assert result(read) == 1.5
    monkeypatch.setitem(scope, "N", id(big))
    assert result(read) == float(id(big))


def test_an_object_made_anew_at_the_old_place_is_another(monkeypatch: Any) -> None:
    @parpy.jit
    def read(x):
        x[0] = N

    scope = read.__wrapped__.__globals__
    for value in range(40):
        monkeypatch.setitem(scope, "N", np.float64(value))
        assert result(read) == value


def test_rude_objects(monkeypatch: Any) -> None:
    class Rude:
        def __hash__(self) -> int:
            raise KeyboardInterrupt

        def __eq__(self, other: object) -> bool:
            raise KeyboardInterrupt

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

    @parpy.jit
    def read(x):
        x[0] = N

    monkeypatch.setitem(read.__wrapped__.__globals__, "N", Unhashable())
    with pytest.raises(parpy.CompileError, match="Unhashable"):
        result(read)
    monkeypatch.setitem(read.__wrapped__.__globals__, "N", Rude())
    with pytest.raises(KeyboardInterrupt):
        result(read)
