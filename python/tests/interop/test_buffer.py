"""`parpy.buffer` on the CPU backend."""

from __future__ import annotations

import array
import copy
import gc
import mmap
import pickle
import sys
from typing import Any

import numpy as np
import pytest

import parpy
from parpy import _native, buffer
from parpy.types import F32, F64, I8, I64, ElemSize

CPU = parpy.CompileBackend.Cpu


@parpy.jit
def double(x, y):
    for i in range(x.shape[0]):
        y[i] = 2 * x[i]


@parpy.jit
def fill(y, a):
    y[:] = a


class TestMaking:
    @pytest.mark.parametrize("elem", list(ElemSize))
    def test_every_type(self, elem: ElemSize) -> None:
        for dtype in (elem, buffer.DataType(elem), elem.value, elem.to_numpy()):
            b = buffer.zeros((2, 3), dtype, CPU)
            assert b.dtype == elem and b.dtype.to_numpy() == b.numpy().dtype
            assert b.shape == (2, 3) and b.size() == 6 and len(b) == 2
            assert not b.numpy().any()
            assert b.backend() is CPU

    @pytest.mark.parametrize("shape", [(), (0,), 5, (3, 0, 2), [2, 2], np.int32(4), (1, 1, 1)])
    def test_every_shape(self, shape: Any) -> None:
        b = buffer.empty(shape, F32)
        assert b.shape == np.empty(shape).shape
        assert b.size() == np.empty(shape).size

    @pytest.mark.parametrize("make", [buffer.empty, buffer.zeros])
    def test_memory_begins_at_a_page_and_is_writable(self, make: Any) -> None:
        for n in (1, 3, 5000):
            a = make(n, I8).numpy()
            assert a.ctypes.data % mmap.PAGESIZE == 0
            a[:] = 1
            assert a.sum() == n

    def test_like(self) -> None:
        b = buffer.zeros((2, 3), I64)
        for c in (buffer.empty_like(b), buffer.zeros_like(b)):
            assert (c.shape, c.dtype, c.backend()) == (b.shape, b.dtype, CPU)
            assert not np.shares_memory(c.numpy(), b.numpy())

    @pytest.mark.parametrize(
        ("shape", "dtype", "error"),
        [
            (-1, F32, ValueError),
            ((2, -3), F32, ValueError),
            (1.5, F32, TypeError),
            ("ab", F32, TypeError),
            (3, "c32", TypeError),
            (3, object, TypeError),
            (3, ">f4", TypeError),
            (3, "nonsense", TypeError),
            (10**30, F32, (ValueError, OverflowError, MemoryError)),
        ],
    )
    def test_what_is_refused(self, shape: Any, dtype: Any, error: Any) -> None:
        with pytest.raises(error):
            buffer.empty(shape, dtype)

    @pytest.mark.skipif(_native.metal_obstacle() is None, reason="there is a Metal device")
    def test_other_backends(self) -> None:
        b = parpy.CompileBackend.Metal
        for call in (
            lambda: buffer.empty(3, F32, b),
            lambda: buffer.zeros(3, F32, b),
            lambda: buffer.from_array(np.zeros(3), b),
            lambda: buffer.from_raw(8, 0, F32, b),
            lambda: buffer.sync(b),
        ):
            with pytest.raises(RuntimeError, match="The backend Metal is not available here"):
                call()

    def test_a_name_is_no_backend(self) -> None:
        with pytest.raises(TypeError, match="a backend is a parpy.CompileBackend"):
            buffer.empty(3, F32, "cpu")  # type: ignore[arg-type]


class TestFromArray:
    @pytest.mark.parametrize(
        "view", [lambda a: a, lambda a: a[::2], lambda a: a[::-1], lambda a: a[3:3]]
    )
    def test_numpy_is_borrowed(self, view: Any) -> None:
        x = view(np.arange(6.0))
        b = buffer.from_array(x, CPU)
        assert b.shape == x.shape
        x[...] = 7
        np.testing.assert_array_equal(b.numpy(), x)

    def test_other_owners(self) -> None:
        for owner in (array.array("d", [1, 2]), memoryview(np.array([1.0, 2.0]))):
            b = buffer.from_array(owner, CPU)
            owner[0] = 5.0
            assert float(b[0]) == 5.0
        assert buffer.from_array(b"ab", CPU).numpy().tolist() == [97, 98]
        assert buffer.from_array(bytearray(2), CPU).dtype == ElemSize.U8
        sub = np.zeros(3).view(type("Sub", (np.ndarray,), {}))
        assert type(buffer.from_array(sub, CPU).numpy()) is np.ndarray

        class DLPack:
            a = np.arange(3.0)

            def __dlpack__(self, **keywords: Any) -> Any:
                return self.a.__dlpack__(**keywords)

            def __dlpack_device__(self) -> Any:
                return (1, 0)

        b = buffer.from_array(DLPack(), CPU)
        DLPack.a[1] = 9
        assert float(b[1]) == 9.0

    def test_buffers_share(self) -> None:
        b = buffer.zeros(3, F32)
        assert np.shares_memory(buffer.from_array(b, CPU).numpy(), b.numpy())

    @pytest.mark.parametrize(
        "x",
        [[1.0], 3.0, "text", None, np.zeros(2, np.clongdouble), np.ma.zeros(2), np.zeros(2, ">f4")],
    )
    def test_what_is_refused(self, x: Any) -> None:
        with pytest.raises(TypeError, match="support"):
            buffer.from_array(x, CPU)

    def test_from_raw(self) -> None:
        x = np.arange(6.0)
        b = buffer.from_raw(x.ctypes.data, (2, 3), F64)
        x[4] = 9
        assert float(b[1, 1]) == 9.0
        double(b[0], b[1])
        np.testing.assert_array_equal(x, [0, 1, 2, 0, 2, 4])
        assert buffer.from_raw(0, (0, 3), F64).size() == 0
        for address in (0, -8, x.ctypes.data + 1):
            with pytest.raises(ValueError, match="no address"):
                buffer.from_raw(address, 3, F64)
        with pytest.raises(TypeError):
            buffer.from_raw(1.5, 3, F64)  # type: ignore[arg-type]


class TestArguments:
    def test_in_place(self) -> None:
        x, y = buffer.from_array(np.arange(3.0), CPU), buffer.empty(3, F64)
        double(x, y)
        assert y.numpy().tolist() == [0, 2, 4]
        double(y, x)
        assert x.numpy().tolist() == [0, 4, 8]

    def test_like_the_array_within(self) -> None:
        fresh = parpy.jit(double.__wrapped__)
        x, y = np.arange(6.0)[::-2], np.zeros(3)
        fresh(x, y)
        fresh(buffer.from_array(x, CPU), buffer.from_array(y, CPU))
        assert len(fresh.compilations) == 1
        base = np.arange(4.0)
        shared = buffer.from_array(base, CPU)
        fresh(shared[:3], shared[1:])
        expected = np.arange(4.0)
        fresh.__wrapped__(expected[:3], expected[1:])
        np.testing.assert_array_equal(base, expected)

    def test_zero_dimensions_are_scalars(self) -> None:
        y = buffer.zeros(2, F32)
        fill(y, buffer.from_array(np.array(2.5, np.float32), CPU))
        assert y.numpy().tolist() == [2.5, 2.5]

    def test_in_dictionaries(self) -> None:
        @parpy.jit
        def add(d):
            d["y"][:] = d["x"][:] + d["a"]

        d = {"x": buffer.zeros(3, F32), "y": buffer.empty(3, F32), "a": 1}
        add(d)
        assert d["y"].numpy().tolist() == [1.0] * 3

    def test_read_only(self) -> None:
        x = np.zeros(3)
        x.flags.writeable = False
        with pytest.raises(ValueError, match="argument 'y' is read-only"):
            double(np.zeros(3), buffer.from_array(x, CPU))

    def test_undecorated_functions_take_them(self) -> None:
        x = buffer.from_array(np.arange(3.0), CPU)
        y = np.zeros(3)
        double.__wrapped__(x, y)
        assert y.tolist() == [0, 2, 4]

    def test_references(self) -> None:
        x, y = np.arange(3.0), np.zeros(3)
        a, b, c = (buffer.from_array(v, CPU) for v in (x, y, np.zeros(3, np.float16)))
        d = buffer.from_array(x, None)
        objects = (x, y, a, b, c, d)
        double(a, b)
        gc.collect()
        before = [sys.getrefcount(o) for o in objects]
        for _ in range(200):
            double(a, b)
            with pytest.raises((TypeError, ValueError)):
                double(a, [1])
            with pytest.raises((TypeError, ValueError)):
                double(d, b)
            parpy.print_compiled(double, [d, a])
        gc.collect()
        assert [sys.getrefcount(o) for o in objects] == before


class TestDescriptions:
    def test_for_code_generation_alone(self) -> None:
        x, y = np.zeros((3, 4), np.float32)[:, ::2], np.zeros(3)
        code = parpy.print_compiled(double, [buffer.from_array(v, None) for v in (x[0], y)])
        assert code == parpy.print_compiled(double, [x[0], y])
        b = buffer.from_array(x, None)
        assert (b.shape, b.dtype, b.backend(), b.size()) == ((3, 2), F32, None, 6)
        assert "no memory" in repr(b)
        assert buffer.from_array(b, None).shape == (3, 2)

    def test_two_descriptions_do_not_overlap(self) -> None:
        b = buffer.from_array(np.zeros(3), None)
        assert "overlapping" not in parpy.print_compiled(double, [b, b])

    def test_calls_do_not_take_them(self) -> None:
        b = buffer.from_array(np.zeros(3), None)
        with pytest.raises(ValueError, match="argument 'x' only describes an array"):
            double(b, np.zeros(3))
        with pytest.raises(ValueError, match="only describes"):
            double({"b": b}, np.zeros(3))
        for use in (b.numpy, b.torch, b.copy, lambda: b[0], lambda: float(b), lambda: b.reshape(3)):
            with pytest.raises(ValueError, match="only describes"):
                use()

    def test_zero_dimensions(self) -> None:
        with pytest.raises(ValueError, match="by value"):
            buffer.from_array(np.array(1.0), None)

    def test_a_description_that_was_tampered_with(self) -> None:
        b = buffer.from_array(np.zeros(3), None)
        for damage in (None, {}, {"shape": (), "typestr": "<f8"}, {"shape": 3, "typestr": "<f8"}):
            b._description = damage
            with pytest.raises(parpy.TypeMismatchError, match="malformed"):
                parpy.print_compiled(double, [b, np.zeros(3)])
        del b._array
        with pytest.raises(AttributeError):
            double(b, np.zeros(3))
        c = buffer.zeros(3, F32)
        c._array = 3  # type: ignore[assignment]
        with pytest.raises(TypeError):
            double(c, np.zeros(3))


class TestViewsAndCopies:
    def test_reshape(self) -> None:
        b = buffer.zeros(6, F32)
        for c in (b.reshape(2, 3), b.reshape((2, 3)), b.reshape([3, -1]), b.reshape(1, 6, 1)):
            assert np.shares_memory(b.numpy(), c.numpy()) and c.size() == 6
        with pytest.raises(ValueError):
            b.reshape(4)
        with pytest.raises(ValueError, match="without a copy"):
            buffer.from_array(np.zeros((3, 4)).T, CPU).reshape(12)
        assert buffer.zeros((0, 3), F32).reshape(3, 0).shape == (3, 0)

    def test_with_type(self) -> None:
        b = buffer.from_array(np.array([1.7, -2.2]), CPU)
        c = b.with_type(parpy.types.I32)
        assert c.numpy().tolist() == [1, -2] and c.dtype == ElemSize.I32
        assert not np.shares_memory(b.with_type(F64).numpy(), b.numpy())

    def test_copy(self) -> None:
        x = np.arange(6.0).reshape(2, 3).T
        c = buffer.from_array(x, CPU).copy()
        np.testing.assert_array_equal(c.numpy(), x)
        assert c.numpy().flags.c_contiguous and not np.shares_memory(c.numpy(), x)

    def test_copy_from(self) -> None:
        b = buffer.zeros((2, 2), F32)
        for source in (np.ones((2, 2)), buffer.from_array(np.full((2, 2), 2, np.int8), CPU)):
            b.copy_from(source)
            np.testing.assert_array_equal(b.numpy(), np.asarray(source))
        with pytest.raises(ValueError, match="does not fit"):
            b.copy_from(np.ones(2))
        with pytest.raises(TypeError):
            b.copy_from([[1, 2], [3, 4]])
        with pytest.raises(TypeError):
            buffer.zeros(2, I8).copy_from(np.ones(2))

    def test_elements(self) -> None:
        b = buffer.from_array(np.arange(6).reshape(2, 3), CPU)
        assert b[1, 2] == 5 and isinstance(b[1, 2], np.int64)
        row = b[1]
        assert isinstance(row, buffer.Buffer)
        row.numpy()[0] = 9
        assert b[1, 0] == 9
        assert [len(r) for r in b] == [3, 3]
        with pytest.raises(IndexError):
            b[2]

    def test_numbers(self) -> None:
        one = buffer.from_array(np.array([[3]]), CPU)
        assert (float(one), int(one), bool(one), [10, 20, 30, 40][one]) == (3.0, 3, True, 40)
        assert int(buffer.from_array(np.array(-2.7), CPU)) == -2
        with pytest.raises(TypeError):
            [1][buffer.from_array(np.array([0.0]), CPU)]
        for b in (buffer.zeros(2, F32), buffer.zeros(0, F32)):
            for convert in (float, int, bool):
                with pytest.raises(TypeError, match="one element"):
                    convert(b)
        with pytest.raises(TypeError, match="without dimensions"):
            len(buffer.zeros((), F32))

    def test_other_libraries(self) -> None:
        b = buffer.zeros((2, 2), F32)
        for view in (np.asarray(b), np.from_dlpack(b), np.array(b, copy=False)):
            view[0, 0] += 1
        assert b[0, 0] == 3
        assert b.__dlpack_device__() == (1, 0)
        b.sync()
        buffer.sync(CPU)

    def test_repr(self) -> None:
        b = buffer.zeros((2, 2), F32)
        assert repr(b) == "<parpy.buffer.Buffer of shape (2, 2), float32, parpy.CompileBackend.Cpu>"


class TestDataType:
    def test_equality(self) -> None:
        f = buffer.DataType
        assert f("f4") == f(np.float32) == f(F32) == f(f(F32)) == F32
        assert f("f4") == F32 and f("f4") != f("f8") and f("f4") != F64 and f("f4") != 3
        assert len({f("f4"), f(np.float32), F32}) == 1
        assert f("f4").size() == 4 and str(f(bool)) == "bool"
        assert pickle.loads(pickle.dumps(f("f4"))) == f("f4")
        assert copy.copy(f("f4")) == f("f4")
        assert f("f4").to_ctype()(1.5).value == 1.5


class TestTorch:
    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    def test_without_copies(self, torch: Any) -> None:
        t = torch.arange(4.0)
        b = buffer.from_array(t, CPU)
        for view in (b.torch(), b.torch_ref(), torch.from_dlpack(b)):
            view[0] += 1
        assert t[0] == 3 and b[0] == 3
        assert buffer.empty(3, torch.float32).dtype == F32
        double(b, buffer.empty(4, F32))

    def test_what_torch_cannot_use(self, torch: Any) -> None:
        b = buffer.from_array(np.arange(4.0)[::-1], CPU)
        assert b.torch().tolist() == [3, 2, 1, 0]
        with pytest.raises(ValueError, match="which copies"):
            b.torch_ref()
        with pytest.raises((RuntimeError, TypeError)):
            buffer.from_array(torch.zeros(2, requires_grad=True), CPU)
        with pytest.raises(TypeError, match="(?i)bfloat16"):
            buffer.from_array(torch.zeros(2, dtype=torch.bfloat16), CPU)
        with pytest.raises(TypeError, match="meta"):
            buffer.from_array(torch.zeros(2, device="meta"), CPU)


def test_torch_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError):
        buffer.zeros(2, F32).torch()
