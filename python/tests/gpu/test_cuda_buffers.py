"""`parpy.buffer` on the CUDA backend, on a GPU or the emulated one."""

from __future__ import annotations

import gc
import sys
import threading
from typing import Any

import numpy as np
import pytest
from cuda_buffers import (
    CPU,
    CUDA,
    OPTIONS,
    WITHOUT_BFLOAT16,
    Exporter,
    Interface,
    axpy,
    on_gpu,
    total,
)
from test_cuda_text import cuda

import parpy
from parpy import _native, buffer
from parpy.types import F16, F32, F64, I8, I64, ElemSize

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)


class TestMaking:
    @pytest.mark.parametrize("elem", WITHOUT_BFLOAT16)
    def test_every_type(self, elem: ElemSize) -> None:
        b = buffer.zeros((2, 3), elem, CUDA)
        assert (b.dtype, b.shape, b.size(), len(b), b.backend()) == (elem, (2, 3), 6, 2, CUDA)
        assert b.numpy().dtype == elem.to_numpy() and not b.numpy().any()
        x = np.arange(6).reshape(2, 3).astype(elem.to_numpy())
        np.testing.assert_array_equal(on_gpu(x).numpy(), x)

    def test_bfloat16(self) -> None:
        ml_dtypes = pytest.importorskip("ml_dtypes")
        x = np.arange(6).astype(ml_dtypes.bfloat16)
        b = on_gpu(x)
        assert b.dtype is not None and b.dtype == ElemSize.BF16
        np.testing.assert_array_equal(b[::-2].numpy(), x[::-2])
        assert not hasattr(b, "__cuda_array_interface__")

    @pytest.mark.parametrize("shape", [(), (0,), 5, (3, 0, 2), [2, 2], np.int32(4), (1,) * 16])
    def test_every_shape(self, shape: Any) -> None:
        b = buffer.empty(shape, F32, CUDA)
        assert b.shape == np.empty(shape).shape
        assert b.numpy().shape == b.shape

    def test_like(self) -> None:
        b = buffer.zeros((2, 3), I64, CUDA)
        for c in (buffer.empty_like(b), buffer.zeros_like(b)):
            assert (c.shape, c.dtype, c.backend()) == (b.shape, b.dtype, CUDA)
        assert not buffer.zeros_like(b).numpy().any()

    def test_what_is_refused(self) -> None:
        for shape, error in ((-1, ValueError), (1.5, TypeError), ((1,) * 17, ValueError)):
            with pytest.raises(error):
                buffer.empty(shape, F32, CUDA)  # type: ignore[arg-type]
        for x in ([1.0], 3.0, None, np.zeros(2, np.clongdouble), np.zeros(2, ">f4")):
            with pytest.raises(TypeError, match="support"):
                buffer.from_array(x, CUDA)

    def test_the_default_backend(self) -> None:
        parpy.backend.set_default(CUDA)
        try:
            assert buffer.empty(3, F32).backend() is CUDA
        finally:
            parpy.backend.set_default(parpy.CompileBackend.Auto)

    def test_out_of_memory_leaves_all_usable(self) -> None:
        for shape in (1 << 50, (1 << 40, 1 << 40)):
            with pytest.raises(MemoryError, match="out of memory") as caught:
                buffer.empty(shape, F32, CUDA)
            assert isinstance(caught.value, RuntimeError)
        assert not buffer.zeros(1000, F32, CUDA).numpy().any()

    def test_repr(self) -> None:
        b = buffer.zeros(2, F32, CUDA)
        assert repr(b) == "<parpy.buffer.Buffer of shape (2,), float32, parpy.CompileBackend.Cuda>"


class TestBorrowing:
    def test_other_libraries_share_the_memory(self) -> None:
        base = buffer.zeros((4, 6), F32, CUDA)
        for other in (Interface(base), Exporter(base)):
            b = buffer.from_array(other, CUDA)
            assert (b.shape, b.dtype, b.backend()) == ((4, 6), F32, CUDA)
            b.copy_from(np.full((4, 6), 7.0, np.float32))
            assert (base.numpy() == 7).all()
            base.copy_from(np.zeros((4, 6), np.float32))
        part = base[::2, ::-3]
        b = buffer.from_array(Interface(part), CUDA)
        b.copy_from(np.ones((2, 2), np.float32))
        expected = np.zeros((4, 6), np.float32)
        expected[::2, ::-3] = 1
        np.testing.assert_array_equal(base.numpy(), expected)

    def test_the_owner_is_kept(self) -> None:
        for make in (Interface, Exporter):
            other: Any = make(on_gpu(np.arange(5.0)))
            before = sys.getrefcount(other)
            b = buffer.from_array(other, CUDA)
            assert sys.getrefcount(other) == before + 1
            part = b[1:]
            del b
            assert sys.getrefcount(other) == before + 1
            assert part.numpy().tolist() == [1, 2, 3, 4]
            del part
            assert sys.getrefcount(other) == before

    def test_buffers_share(self) -> None:
        b = buffer.zeros(3, F32, CUDA)
        buffer.from_array(b, CUDA).copy_from(np.ones(3, np.float32))
        assert b.numpy().tolist() == [1, 1, 1]

    def test_to_the_cpu_and_back(self) -> None:
        b = buffer.from_array(on_gpu(np.arange(3.0)), CPU)
        assert b.backend() is CPU and b.numpy().tolist() == [0, 1, 2]
        assert buffer.from_array(b, CUDA).numpy().tolist() == [0, 1, 2]
        with pytest.raises(TypeError, match="CUDA device|another device"):
            buffer.from_array(Interface(on_gpu([1.0])), CPU)

    def test_read_only_memory(self) -> None:
        base = on_gpu(np.arange(3.0))
        address = base.__cuda_array_interface__["data"][0]
        b = buffer.from_array(Interface(base, data=(address, True)), CUDA)
        with pytest.raises(ValueError, match="read-only"):
            b.copy_from(np.zeros(3))
        with pytest.raises(ValueError, match="argument 'y' is read-only"):
            axpy(1.0, base, b[:], opts=OPTIONS)
        with pytest.raises(BufferError, match="DLPack 1"):
            b.__dlpack__()
        again = buffer.from_array(Exporter(b), CUDA)
        with pytest.raises(ValueError, match="read-only"):
            again.copy_from(np.zeros(3))
        assert b.__cuda_array_interface__["data"] == (address, True)

    def test_from_raw(self) -> None:
        base = on_gpu(np.arange(6.0))
        address = base.__cuda_array_interface__["data"][0]
        b = buffer.from_raw(address + 8, (2, 2), F64, CUDA)
        assert b.numpy().tolist() == [[1, 2], [3, 4]]
        assert buffer.from_raw(0, (0, 3), F64, CUDA).size() == 0
        host = np.zeros(8)
        with pytest.raises(ValueError, match="no address in memory of a CUDA device"):
            buffer.from_raw(host.ctypes.data, 2, F64, CUDA)
        for wrong in (0, -8, address + 4, 1 << 64):
            with pytest.raises(ValueError, match="is no address of float64 elements"):
                buffer.from_raw(wrong, 2, F64, CUDA)


class TestArguments:
    def test_in_place(self) -> None:
        x, y = on_gpu(np.arange(1000.0)), on_gpu(np.ones(1000))
        axpy(2.0, x, y, opts=OPTIONS)
        np.testing.assert_array_equal(y.numpy(), 2 * np.arange(1000.0) + 1)

    def test_like_arrays_of_the_host(self) -> None:
        fresh = parpy.jit(axpy.__wrapped__)
        x, y = np.arange(20.0), np.ones(20)
        fresh(2.0, x[::-2], y[1::2], opts=OPTIONS)
        fresh(2.0, on_gpu(np.arange(20.0))[::-2], on_gpu(np.ones(20))[1::2], opts=OPTIONS)
        assert len(fresh.compilations) == 1

    @pytest.mark.parametrize("step", [1, 2, -1])
    def test_views(self, step: int) -> None:
        expected = np.arange(60.0).reshape(6, 10)
        b = on_gpu(expected)
        axpy(3.0, b[2, ::step], b[3, ::step], opts=OPTIONS)
        axpy.__wrapped__(3.0, expected[2, ::step], expected[3, ::step])
        np.testing.assert_array_equal(b.numpy(), expected)

    def test_beside_arrays_of_the_host(self) -> None:
        x, y = on_gpu(np.arange(5.0)), np.ones(5)
        axpy(np.float64(2), x, y, opts=OPTIONS)
        assert y.tolist() == [1, 3, 5, 7, 9]
        axpy(1.0, buffer.from_array(y, CPU), x, opts=OPTIONS)
        assert x.numpy().tolist() == [1, 4, 7, 10, 13]

    def test_overlapping_arguments(self) -> None:
        expected = np.arange(10.0)
        b = on_gpu(expected)
        total(b, b[9:], opts=cuda({"N": parpy.threads(32).reduce()}))
        expected[9] = expected.sum()
        np.testing.assert_array_equal(b.numpy(), expected)

    def test_zero_dimensions_are_scalars(self) -> None:
        y = on_gpu(np.zeros(4, np.float32))
        axpy(on_gpu(np.float32(2.5)), on_gpu(np.ones(4, np.float32)), y, opts=OPTIONS)
        assert y.numpy().tolist() == [2.5] * 4
        z = on_gpu(np.zeros(2, complex))
        axpy(on_gpu(np.array(1 + 2j)), on_gpu(np.ones(2, complex)), z, opts=OPTIONS)
        assert z.numpy().tolist() == [1 + 2j] * 2

    def test_in_dictionaries(self) -> None:
        @parpy.jit
        def add(d):
            parpy.label("N")
            d["y"][:] = d["x"][:] + d["a"]

        d = {"x": buffer.zeros(3, F32, CUDA), "y": buffer.empty(3, F32, CUDA), "a": 1}
        add(d, opts=OPTIONS)
        assert d["y"].numpy().tolist() == [1.0] * 3

    def test_what_the_cpu_cannot_reach(self) -> None:
        with pytest.raises(TypeError, match="argument 'x' lives on a CUDA device"):
            axpy(1.0, on_gpu(np.zeros(3)), np.zeros(3))

    def test_for_code_generation_alone(self) -> None:
        x = np.zeros((3, 4), np.float32)[:, ::2]
        on_host = parpy.print_compiled(axpy, [1.0, x[0], x[1]], OPTIONS)
        b = buffer.from_array(np.zeros((3, 4), np.float32), CUDA)[:, ::2]
        assert parpy.print_compiled(axpy, [1.0, b[0], b[1]], OPTIONS) == on_host
        described = buffer.from_array(b, None)
        assert (described.shape, described.backend()) == ((3, 2), None)
        args = [1.0, buffer.from_array(b[0], None), buffer.from_array(b[1], None)]
        assert parpy.print_compiled(axpy, args, OPTIONS) == on_host

    def test_compiled_text_takes_them(self) -> None:
        x, y = on_gpu(np.arange(4.0)), on_gpu(np.ones(4))
        text = parpy.print_compiled(axpy, [2.0, x, y], OPTIONS)
        parpy.compile_string("axpy", text, OPTIONS)(2.0, x, y)
        assert y.numpy().tolist() == [1, 3, 5, 7]

    def test_references(self) -> None:
        x, y = on_gpu(np.arange(3.0)), on_gpu(np.zeros(3))
        axpy(1.0, x, y, opts=OPTIONS)
        objects = (x, y, x._array, y._array)
        gc.collect()
        before = [sys.getrefcount(o) for o in objects]
        for _ in range(100):
            axpy(1.0, x, y, opts=OPTIONS)
            with pytest.raises(TypeError):
                axpy(1.0, x, [1], opts=OPTIONS)
            x[1:], x.reshape(3, 1), x.copy(), float(x[0])
            x.__dlpack__(max_version=(1, 0)), x.__dlpack__(), x.__cuda_array_interface__
        gc.collect()
        assert [sys.getrefcount(o) for o in objects] == before

    def test_many_threads(self) -> None:
        x = on_gpu(np.ones(100))
        ys = [on_gpu(np.zeros(100)) for _ in range(4)]

        def work(y: buffer.Buffer) -> None:
            for _ in range(20):
                axpy(1.0, x, y, opts=OPTIONS)

        threads = [threading.Thread(target=work, args=(y,)) for y in ys]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for y in ys:
            assert (y.numpy() == 20).all()


class TestViewsAndCopies:
    INDICES = (
        0, -1, slice(1, None), slice(None, None, -2), (1, 2), (slice(None), 0), ..., (..., -1),
        (None, 1), (slice(2, 1), slice(None)), (0, None, slice(3, 0, -1)), (np.int8(1), ...),
        (slice(10), slice(-2, None), None, 1),
    )  # fmt: skip

    @pytest.mark.parametrize("index", INDICES)
    def test_getitem(self, index: Any) -> None:
        x = np.arange(24.0).reshape(3, 4, 2)
        part, expected = on_gpu(x)[index], x[index]
        assert isinstance(part, buffer.Buffer) and part.shape == expected.shape
        np.testing.assert_array_equal(part.numpy(), expected)

    def test_elements(self) -> None:
        b = on_gpu(np.arange(6).reshape(2, 3))
        assert b[1, 2] == 5 and isinstance(b[1, 2], np.int64)
        assert isinstance(b[1, 2, ...], buffer.Buffer) and int(b[1, 2, ...]) == 5
        assert [row.numpy().tolist() for row in b] == [[0, 1, 2], [3, 4, 5]]
        for wrong in (2, -3, (0, 3), (0, 0, 0), [0, 1], True, (..., ...), "a", np.array([0]), 1.5):
            with pytest.raises(IndexError):
                b[wrong]

    def test_views_keep_the_memory(self) -> None:
        b = on_gpu(np.arange(6.0))
        part = b[2:4].reshape(2, 1)
        part.copy_from(np.array([[8.0], [9.0]]))
        assert b.numpy().tolist() == [0, 1, 8, 9, 4, 5]
        del b
        assert part.numpy().tolist() == [[8], [9]]

    def test_nothing_beside_the_memory_can_be_named(self) -> None:
        array = on_gpu(np.arange(6.0))._array
        assert isinstance(array, _native.DeviceArray)
        for offset, shape, strides in (
            (-8, (1,), (8,)), (8, (6,), (8,)), (0, (7,), (8,)), (0, (2,), (-8,)),
            (1 << 62, (2,), (8,)), (0, (2,), (1 << 62,)), (0, (1 << 62,), (8,)), (0, (-1,), (8,)),
            (0, (1, 1), (8,)),
        ):  # fmt: skip
            with pytest.raises(ValueError):
                array.view(offset, shape, strides)
        assert array.view(0, (0,), (8,)).shape == (0,)
        with pytest.raises(ValueError):
            array.copy_in(np.zeros(5))
        with pytest.raises(ValueError):
            array.copy_out(np.zeros(7))
        with pytest.raises(TypeError):
            array.copy_from(np.zeros(6))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            _native.DeviceArray()

    def test_reshape(self) -> None:
        x = np.arange(12.0)
        b = on_gpu(x)
        for dims in ((3, 4), (-1, 2), ((2, 6),), ([2, 3, 2],), (1, 12, 1)):
            np.testing.assert_array_equal(b.reshape(*dims).numpy(), x.reshape(*dims))
        columns, expected = b.reshape(3, 4)[:, :2], x.reshape(3, 4)[:, :2]
        np.testing.assert_array_equal(columns.reshape(3, 2, 1).numpy(), expected[..., None])
        with pytest.raises(ValueError, match="without a copy"):
            columns.reshape(6)
        np.testing.assert_array_equal(columns.copy().reshape(6).numpy(), expected.reshape(6))
        for wrong in ((5,), (-1, -1), (-2, 6), (5, -1)):
            with pytest.raises(ValueError):
                b.reshape(*wrong)

    @pytest.mark.parametrize("to", WITHOUT_BFLOAT16)
    @pytest.mark.parametrize("of", [I8, I64, F16, F64])
    def test_with_type(self, of: ElemSize, to: ElemSize) -> None:
        x = np.array([0, 1, 2, 100, 7]).astype(of.to_numpy())
        b = on_gpu(x)
        for view in (slice(None), slice(None, None, -2)):
            converted = b[view].with_type(to)
            assert converted.dtype == to and converted.backend() is CUDA
            np.testing.assert_array_equal(converted.numpy(), x[view].astype(to.to_numpy()))

    def test_complex_numbers_lose_their_imaginary_parts(self) -> None:
        b = on_gpu(np.array([1 + 2j, 3 - 1j]))
        with pytest.warns(np.exceptions.ComplexWarning):
            assert b.with_type(F32).numpy().tolist() == [1, 3]

    @pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
    def test_copies_of_views(self, rank: int) -> None:
        x = np.arange(4.0**rank).reshape((4,) * rank)
        view = (slice(None, None, -2), slice(1, 3), slice(None, None, 3), 0, slice(3))[:rank]
        part = on_gpu(x)[view]
        np.testing.assert_array_equal(part.copy().numpy(), x[view])
        expected = x.copy()
        b = on_gpu(x)
        b[view].copy_from(on_gpu(-x)[view])
        expected[view] = -x[view]
        np.testing.assert_array_equal(b.numpy(), expected)

    def test_copy_from(self) -> None:
        b = buffer.zeros((2, 2), F32, CUDA)
        sources = (
            np.ones((2, 2)), on_gpu(np.full((2, 2), 2, np.int8)), buffer.zeros((2, 2), F32, CPU),
            Interface(on_gpu(np.eye(2))), np.arange(8.0).reshape(2, 4)[:, ::-2],
        )  # fmt: skip
        for source in sources:
            b.copy_from(source)
            b[:, ::-1].copy_from(source)
            value = source.owner if isinstance(source, Interface) else source
            np.testing.assert_array_equal(b[:, ::-1].numpy(), np.asarray(value))
        with pytest.raises(ValueError, match="does not fit"):
            b.copy_from(np.ones(2))
        with pytest.raises(TypeError):
            b.copy_from([[1, 2], [3, 4]])
        for narrow in (np.ones(2), on_gpu(np.ones(2))):
            with pytest.raises(TypeError, match="another kind"):
                buffer.zeros(2, I8, CUDA).copy_from(narrow)
        on_cpu = buffer.zeros((2, 2), F32, CPU)
        on_cpu.copy_from(b)
        np.testing.assert_array_equal(on_cpu.numpy(), b.numpy())

    def test_copies_of_what_overlaps(self) -> None:
        expected = np.arange(10.0)
        b = on_gpu(expected)
        b[1:].copy_from(b[:-1])
        expected[1:] = expected[:-1].copy()
        np.testing.assert_array_equal(b.numpy(), expected)
        b.copy_from(b[::-1])
        np.testing.assert_array_equal(b.numpy(), expected[::-1])

    def test_numbers(self) -> None:
        one = on_gpu(np.array([[3]]))
        assert (float(one), int(one), bool(one), [10, 20, 30, 40][one]) == (3.0, 3, True, 40)
        assert int(on_gpu(np.array(-2.7))) == -2
        with pytest.raises(TypeError):
            [1][on_gpu([0.0])]
        for b in (buffer.zeros(2, F32, CUDA), buffer.zeros(0, F32, CUDA)):
            with pytest.raises(TypeError, match="one element"):
                float(b)
        with pytest.raises(TypeError, match="without dimensions"):
            len(buffer.zeros((), F32, CUDA))
