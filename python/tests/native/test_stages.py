"""What a decorated function shows of itself: its stages, its compilations, its signature."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from typing import Any

import numpy as np
import pytest

import parpy


@parpy.jit
def scale(x: np.ndarray, factor: float) -> None:
    """Multiplies the elements of `x` by `factor`."""
    parpy.label("N")
    for i in range(x.shape[0]):
        x[i] = factor * x[i]


def hidden(x):
    x[0] = 1


class TestLower:
    def test_every_stage(self) -> None:
        x = np.ones(4096)
        opts = parpy.par({"N": parpy.threads(64)})
        stages = scale.lower(x, 2.5, opts=opts)
        assert "for i in 0..<4096:\n    x[i] = 2.5 * x[i]" in stages.loop_ir
        assert '@label("N") @workers(' in stages.program
        assert "define i64 @parpy_scale(" in stages.code
        assert "parpy_scale:" in stages.assembly
        assert stages.assembly is stages.assembly
        assert (x == 1).all()

    def test_arguments_are_bound_as_at_a_call(self) -> None:
        x = np.ones(4)
        texts = {
            scale.lower(x, 2.0).code,
            scale.lower(factor=2.0, x=x).code,
            scale.lower(x, factor=2.0, opts=None).code,
            scale.lower(parpy.buffer.from_array(x, None), 2.0).code,
        }
        assert len(texts) == 1
        for args, keywords in (((), {}), ((x,), {}), ((x, 1, 2), {}), ((x, 1), {"y": 2})):
            with pytest.raises(parpy.TypeMismatchError, match=r"scale\(\) was"):
                scale.lower(*args, **keywords)
        with pytest.raises(parpy.TypeMismatchError, match="argument 'x'"):
            scale.lower([1.0], 2.0)

    def test_representation(self) -> None:
        stages = scale.lower(np.ones(4), 2.0)
        text = repr(stages)
        assert text.startswith("<stages of scale: .loop_ir of ") and text.endswith(", .assembly>")
        assert stages.assembly.count("\n") > 3
        assert ".assembly of " in repr(stages)
        assert type(stages).__doc__

    def test_nothing_is_kept(self) -> None:
        fresh = parpy.jit(scale.__wrapped__)
        fresh.lower(np.ones(4), 2.0)
        assert fresh.compilations == []


def test_compilations() -> None:
    fresh = parpy.jit(scale.__wrapped__)
    for n in (4, 5):
        fresh(np.ones(n), 2.0)
    first, second = fresh.compilations
    assert first.key == "x: float64[4], factor: weak float64 = 2.0"
    assert first.reason == "first call"
    assert second.key == "x: float64[p0], factor: weak float64 = 2.0"
    assert second.reason == "extent 0 of x was 4 and is now 5: made a parameter"
    assert 0 < second.milliseconds < 60_000
    key, reason, milliseconds = second
    assert (key, reason, milliseconds) == second


class TestFace:
    def test_signature_and_docstring(self) -> None:
        assert inspect.signature(scale) == inspect.signature(scale.__wrapped__)
        assert list(inspect.signature(scale).parameters) == ["x", "factor"]
        assert scale.__doc__ == inspect.getdoc(scale) == scale.__wrapped__.__doc__
        assert scale.__name__ == scale.__qualname__ == "scale"
        assert scale.__module__ == __name__
        assert scale.__annotations__ == scale.__wrapped__.__annotations__
        assert inspect.unwrap(scale) is scale.__wrapped__
        assert callable(scale)
        assert pydoc.getdoc(scale) == "Multiplies the elements of `x` by `factor`."

    def test_pickling_is_by_reference(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(scale, protocol)) is scale
        assert copy.copy(scale) is scale and copy.deepcopy(scale) is scale
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(parpy.jit(hidden))

        @parpy.jit
        def local(x):
            x[0] = 1

        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(local)


def _this_module() -> Any:
    import types

    module = types.ModuleType(__name__)
    module.__dict__.update(globals())
    return module
