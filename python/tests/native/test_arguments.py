"""What a call takes, and what it says of what it does not take."""

from __future__ import annotations

import array
import ctypes
import enum
import sys
from typing import Any

import numpy as np
import pytest

import parpy

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()


@parpy.jit
def copy(x, y):
    for i in range(x.shape[0]):
        y[i] = x[i]


@parpy.jit
def fill(x, value):
    for i in range(x.shape[0]):
        x[i] = value


@parpy.jit
def copy_rows(x, y):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = x[i, j]


class TestArrays:
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_every_dtype(self, dtype: str) -> None:
        x = (np.arange(7) % 3).astype(dtype)
        y = np.zeros(7, dtype)
        copy(x, y)
        np.testing.assert_array_equal(x, y)

    @pytest.mark.parametrize(
        "view",
        [
            lambda a: a[::2, ::3],
            lambda a: a[::-1],
            lambda a: a[:, ::-1],
            lambda a: a.T,
            lambda a: a[3:3],
            lambda a: a[:, 2:3],
            lambda a: a[1:2],
            lambda a: a[:0, :0],
            lambda a: np.asfortranarray(a),
            lambda a: np.broadcast_to(a[0], (4, a.shape[1])),
            lambda a: a[:, :4],
        ],
    )
    def test_every_layout(self, view: Any) -> None:
        x = view(np.arange(48.0).reshape(6, 8))
        y = np.zeros(x.shape)
        copy_rows(x, y)
        np.testing.assert_array_equal(x, y)
        if x.flags.writeable:
            copy_rows(y * 2, x)
            np.testing.assert_array_equal(x, y * 2)

    @pytest.mark.parametrize(
        "make",
        [
            lambda a: memoryview(a),
            lambda a: array.array("d", a),
            lambda a: (ctypes.c_double * len(a))(*a),
            lambda a: a.view(type("Sub", (np.ndarray,), {})),
            lambda a: type("Interface", (), {"__array_interface__": a.__array_interface__})(),
        ],
        ids="memoryview array ctypes subclass array_interface".split(),
    )
    def test_every_owner(self, make: Any) -> None:
        x = np.arange(5.0)
        y = np.zeros(5)
        copy(make(x), y)
        np.testing.assert_array_equal(x, y)

    def test_dlpack(self) -> None:
        class Owner:
            def __init__(self, a: np.ndarray) -> None:
                self.a = a

            def __dlpack__(self, **kw: Any) -> Any:
                return self.a.__dlpack__(**kw)

            def __dlpack_device__(self) -> Any:
                return self.a.__dlpack_device__()

        x = np.arange(12.0).reshape(3, 4)[:, ::2]
        y = np.zeros((3, 2))
        copy_rows(Owner(x), Owner(y))
        np.testing.assert_array_equal(x, y)

        class Elsewhere(Owner):
            def __dlpack_device__(self) -> Any:
                return (2, 0)

        with pytest.raises(parpy.TypeMismatchError, match="a CUDA device"):
            copy_rows(Elsewhere(x), y)

    def test_byte_views(self) -> None:
        y = bytearray(3)
        copy(b"abc", y)
        assert y == b"abc"

    def test_overlapping_arguments_are_as_in_python(self) -> None:
        for shift in (0, 1, 3):
            for flip in (1, -1):
                base = np.arange(10.0)
                expected = np.arange(10.0)
                copy.__wrapped__(expected[: 10 - shift][::flip], expected[shift:])
                copy(base[: 10 - shift][::flip], base[shift:])
                np.testing.assert_array_equal(base, expected)
        key = copy.compilations[-1][0]
        assert "overlapping" in key

    def test_neighbours_do_not_overlap(self) -> None:
        copy.clear()
        base = np.arange(10.0)
        copy(base[:5], base[5:])
        assert "overlapping" not in copy.compilations[-1][0]
        np.testing.assert_array_equal(base[5:], np.arange(5.0))


class TestScalars:
    @pytest.mark.parametrize(
        "value",
        [True, False, 0, -5, 2**62, 0.5, -0.0, float("inf")]
        + [np.dtype(t).type(1) for t in DTYPES]
        + [np.array(1, t) for t in DTYPES],
        ids=repr,
    )
    def test_every_scalar(self, value: Any) -> None:
        x = np.zeros(2)
        fill(x, value)
        np.testing.assert_array_equal(x, np.full(2, value, np.float64))

    def test_subclasses_of_numbers(self) -> None:
        class Size(enum.IntEnum):
            SMALL = 3

        class Length(float):
            pass

        x = np.zeros(2)
        fill(x, Size.SMALL)
        assert x[0] == 3
        fill(x, Length(2.5))
        assert x[0] == 2.5

    def test_numpy_scalars_are_strong_and_python_numbers_weak(self) -> None:
        @parpy.jit
        def product(x, y, a):
            y[0] = x[0] * a

        x = np.array([1.0], np.float32) / np.float32(3)
        weak, strong = np.zeros(1), np.zeros(1)
        product(x, weak, 0.1)
        product(x, strong, np.float64(0.1))
        assert weak[0] == np.float64(x[0] * 0.1)
        assert strong[0] == x[0].astype(np.float64) * 0.1
        assert weak[0] != strong[0]

    def test_big_integers(self) -> None:
        for value in (2**63, -(2**63) - 1, 10**400):
            with pytest.raises(ValueError, match="argument 'value': the integer does not fit"):
                fill(np.zeros(2), value)
        x = np.zeros(1, np.uint64)
        fill(x, np.uint64(2**64 - 1))
        assert x[0] == 2**64 - 1


class Weird:
    pass


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "what"),
        [
            ([1.0], "a list is not supported; pass a NumPy array"),
            ((1.0,), "a tuple is not supported"),
            ({1: 1}, "the key 1 is not supported; keys of dictionaries must be strings"),
            (None, "None is not supported"),
            ("text", "a str is not supported"),
            (Weird(), "a Weird is not supported"),
            (Weird, "a type is not supported"),
            (np.ndarray, "a type is not supported"),
            (np.zeros(2, np.longdouble), "are not supported; supported are bool, int8"),
            (np.zeros(2, np.clongdouble), "elements of type complex256 are not supported"),
            (np.zeros(2, object), "elements of type object are not supported"),
            (np.zeros(2, "U3"), "are not supported; supported are bool, int8"),
            (np.zeros(2, [("a", "f4")]), "are not supported; supported are"),
            (np.zeros(2, "M8[s]"), "elements of type datetime64"),
            (np.datetime64("2020-01-01"), "elements of type datetime64"),
            (np.longdouble(1), "elements of type longdouble"),
            (np.str_("a"), "elements of type str_"),
            (np.zeros((1,) * 17), "more than 16 dimensions"),
            (np.ma.masked_array(np.zeros(2), [0, 1]), "a MaskedArray is not supported"),
            (np.asmatrix(np.zeros(2)), "a matrix is not supported"),
            (memoryview(np.zeros(2, np.clongdouble)), "elements of type long complex"),
        ],
        ids=lambda v: type(v).__name__ if not isinstance(v, str) else "",
    )
    def test_says_which_and_what_and_why(self, value: Any, what: str) -> None:
        with pytest.raises((parpy.TypeMismatchError, ValueError)) as caught:
            copy(value, np.zeros(2))
        assert str(caught.value).startswith("argument 'x'")
        assert what in str(caught.value)
        with pytest.raises((parpy.TypeMismatchError, ValueError), match="argument 'y'"):
            copy(np.zeros(2), value)

    def test_names_the_place(self) -> None:
        with pytest.raises(parpy.TypeMismatchError) as caught:
            copy(np.zeros(2), [1])
        assert caught.value.filename == __file__
        assert "def copy(x, y):\n                ^" in str(caught.value)

    @pytest.mark.parametrize("swapped", [np.zeros(2, ">f8"), memoryview(np.zeros(2, ">f8"))])
    def test_byte_order(self, swapped: Any) -> None:
        with pytest.raises(ValueError, match="argument 'x' has byte-swapped elements"):
            copy(swapped, np.zeros(2))

    def test_alignment(self) -> None:
        raw = np.zeros(33, np.uint8)
        start = 1 if raw.ctypes.data % 2 == 0 else 0
        misaligned = raw[start : start + 16].view(np.float64)
        with pytest.raises(ValueError, match="argument 'x' is misaligned"):
            copy(misaligned, np.zeros(2))

    def test_strides_between_elements(self) -> None:
        records = np.zeros(4, [("a", "f8"), ("b", "i4")])
        with pytest.raises(ValueError, match="argument 'x' has strides that are no multiples"):
            copy(records["a"], np.zeros(4))

    def test_read_only(self) -> None:
        x = np.arange(2.0)
        x.flags.writeable = False
        y = np.zeros(2)
        copy(x, y)
        assert y[1] == 1
        for _ in range(2):
            with pytest.raises(
                ValueError, match="argument 'y' is read-only but the function writes it"
            ):
                copy(y, x)
        with pytest.raises(ValueError, match="argument 'y' is read-only"):
            copy(bytearray(2), b"no")

    def test_elements_that_share_memory(self) -> None:
        window = np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3, writeable=True)
        y = np.zeros(window.shape)
        copy_rows(window, y)
        np.testing.assert_array_equal(window, y)
        with pytest.raises(ValueError, match="argument 'y' has elements that share memory"):
            copy_rows(y, window)
        repeated = np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (0,))
        with pytest.raises(ValueError, match="share memory"):
            copy(np.zeros(3), repeated)

    @pytest.mark.parametrize(
        "interface",
        [
            {},
            None,
            {"typestr": "<f8", "shape": [2], "data": (0, False), "version": 3},
            {"typestr": "<f8", "shape": ("a",), "data": (0, False), "version": 3},
            {"typestr": "<f8", "shape": (-2,), "data": (0, False), "version": 3},
            {"typestr": "<f8", "shape": (2**62, 2**62), "data": (8, False), "version": 3},
            {"typestr": "<f8", "shape": (2**70,), "data": (8, False), "version": 3},
            {"typestr": "<f8", "shape": (3, 3), "data": (8, 0), "strides": (2**62, 2**62)},
            {"typestr": "<f8", "shape": (3, 3), "data": (8, 0), "strides": (8,)},
            {"typestr": "", "shape": (2,), "data": (8, False)},
            {"typestr": "<f8", "shape": (2,), "data": ("a", False)},
            {"typestr": 3, "shape": (2,), "data": (8, False)},
            {"typestr": "<f8", "shape": (2,) * 40, "data": (8, False)},
        ],
        ids=str,
    )
    def test_malformed_array_interfaces(self, interface: Any) -> None:
        liar = type("Liar", (), {"__array_interface__": interface})()
        with pytest.raises((TypeError, ValueError, OverflowError)):
            copy(liar, np.zeros(2))

    def test_exceptions_of_the_argument_itself_go_on(self) -> None:
        class Rude:
            @property
            def __array_interface__(self) -> Any:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            copy(Rude(), np.zeros(2))


class TestBinding:
    def test_keywords(self) -> None:
        x, y = np.arange(3.0), np.zeros(3)
        copy(y=y, x=x)
        np.testing.assert_array_equal(x, y)
        y[:] = 0
        copy(x, y=y, opts=parpy.par({}))
        np.testing.assert_array_equal(x, y)
        y[:] = 0
        copy(*[x], **{"y": y, "opts": None})
        np.testing.assert_array_equal(x, y)

    @pytest.mark.parametrize(
        ("args", "keywords", "what"),
        [
            ((), {}, "copy() was not given 'x', 'y'"),
            ((1,), {}, "copy() was not given 'y'"),
            ((1, 2, 3), {}, "copy() was given 3 arguments"),
            ((1, 2), {"z": 3}, "copy() was given the unknown keyword 'z'"),
            ((1,), {"x": 3}, "copy() was given 'x' twice"),
            ((), {"x": 3}, "copy() was not given 'y'"),
        ],
    )
    def test_wrong_calls(self, args: Any, keywords: Any, what: str) -> None:
        with pytest.raises(parpy.TypeMismatchError) as caught:
            copy(*args, **keywords)
        assert str(caught.value).startswith(what)
        assert "it takes x, y, and the keyword opts" in str(caught.value)

    def test_no_parameters(self) -> None:
        @parpy.jit
        def nothing():
            pass

        assert nothing() is None
        with pytest.raises(parpy.TypeMismatchError, match="it takes none"):
            nothing(1)

    def test_many_parameters(self, tmp_path: Any, monkeypatch: Any) -> None:
        names = [f"x{i}" for i in range(200)]
        text = f"def many({', '.join(names)}):\n    x0[0] = x199[0] + 1\n"
        (tmp_path / "many_parameters.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        many = parpy.jit(__import__("many_parameters").many)
        arrays = [np.full(1, float(i)) for i in range(200)]
        many(*arrays)
        assert arrays[0][0] == 200

    @pytest.mark.parametrize("opts", [1, {"i": parpy.threads(2)}, "fast", object()])
    def test_wrong_options(self, opts: Any) -> None:
        with pytest.raises(
            parpy.TypeMismatchError, match=r"opts: an? .* is not supported; pass parpy"
        ):
            copy(np.zeros(1), np.zeros(1), opts=opts)

    def test_wrong_schedule(self) -> None:
        @parpy.jit
        def labelled(x):
            parpy.label("i")
            for i in range(3):
                x[i] = 1

        opts = parpy.par({})
        opts.parallelize["i"] = 8  # type: ignore[assignment]
        with pytest.raises(parpy.TypeMismatchError, match="the schedule of label 'i'"):
            labelled(np.zeros(3), opts=opts)

    def test_sequential(self) -> None:
        x, y = np.arange(3.0), np.zeros(3)
        copy.clear()
        before = len(copy.compilations)
        copy(x, y, opts=parpy.seq())
        np.testing.assert_array_equal(x, y)
        assert len(copy.compilations) == before

    @pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has Metal")
    def test_other_backends(self) -> None:
        opts = parpy.CompileOptions(backend=parpy.CompileBackend.Metal)
        with pytest.raises(RuntimeError, match="this is not a Mac"):
            copy(np.zeros(1), np.zeros(1), opts=opts)
