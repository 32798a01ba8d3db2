"""Arrays of other libraries, by every protocol, with all references given back."""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import mmap
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import parpy


@parpy.jit
def double(x, y):
    for i in range(x.shape[0]):
        y[i] = 2 * x[i]


@parpy.jit
def double_rows(x, y):
    for i in range(x.shape[0]):
        y[i, :] = 2 * x[i, :]


@parpy.jit
def scaled(y, a):
    y[:] = a


class Interface:
    """An owner that says what it has by `__array_interface__`."""

    def __init__(self, a: np.ndarray, **changes: Any) -> None:
        self.a = a
        self.__array_interface__ = {**a.__array_interface__, **changes}


class DLPack:
    """An owner of DLPack 1."""

    def __init__(self, a: np.ndarray) -> None:
        self.a = a

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.a.__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return self.a.__dlpack_device__()


class OldDLPack(DLPack):
    """An owner that does not know versions."""

    def __dlpack__(self) -> Any:
        return self.a.__dlpack__()


class Elsewhere(DLPack):
    kind = 2

    def __dlpack_device__(self) -> Any:
        return (self.kind, 0)


class OnCuda:
    __cuda_array_interface__ = {
        "shape": (3,),
        "typestr": "<f8",
        "data": (0x7F0000000000, False),
        "version": 3,
    }


class Gone(DLPack):
    def __dlpack__(self, **keywords: Any) -> Any:
        raise BufferError("it is gone")


class NoCapsule(DLPack):
    def __dlpack__(self, **keywords: Any) -> Any:
        return 3


def buffered(a: np.ndarray, **changes: Any) -> Any:
    """As imaging libraries do: the memory is an object with the buffer protocol."""
    interface = {"shape": a.shape, "typestr": a.dtype.str, "data": a.tobytes(), "version": 3}
    return type("Image", (), {"__array_interface__": {**interface, **changes}})()


OWNERS: dict[str, Callable[[np.ndarray], Any]] = {
    "ndarray": lambda a: a,
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "memoryview": memoryview,
    "array_interface": Interface,
    "DLPack": DLPack,
    "old DLPack": OldDLPack,
}


def frozen(a: np.ndarray) -> np.ndarray:
    a.flags.writeable = False
    return a


class TestReading:
    @pytest.mark.parametrize("owner", OWNERS.values(), ids=OWNERS)
    @pytest.mark.parametrize(
        "view",
        [
            lambda a: a,
            lambda a: a[::2, 1::3],
            lambda a: a[::-1, ::-2],
            lambda a: a.T,
            lambda a: a[2:2],
            lambda a: a[:, :0],
            lambda a: a[1:2, 3:4],
        ],
    )
    def test_every_layout_without_copies(self, owner: Any, view: Any) -> None:
        base, out = np.arange(24.0).reshape(4, 6), np.zeros((4, 6))
        x, y = view(base), view(out)
        double_rows(owner(x), owner(y))
        np.testing.assert_array_equal(y, 2 * x)
        assert np.count_nonzero(out) == np.count_nonzero(x)

    @pytest.mark.parametrize("owner", [*OWNERS.values()], ids=OWNERS)
    def test_zero_dimensions_are_strong_scalars(self, owner: Any) -> None:
        y = np.zeros(2, np.float32)
        with pytest.raises(parpy.TypeMismatchError, match="cannot be stored"):
            scaled(np.zeros(2, np.int32), owner(np.array(1.5)))
        scaled(y, owner(np.array(1.5, np.float32)))
        np.testing.assert_array_equal(y, np.full(2, 1.5, np.float32))

    @pytest.mark.parametrize("owner", [DLPack, Interface, memoryview, lambda a: a])
    def test_read_only(self, owner: Any) -> None:
        x, y = frozen(np.arange(3.0)), np.zeros(3)
        double(owner(x), y)
        np.testing.assert_array_equal(y, 2 * x)
        for _ in range(2):
            with pytest.raises(
                ValueError, match="argument 'y' is read-only but the function writes it"
            ):
                double(y, owner(x))
        np.testing.assert_array_equal(x, np.arange(3.0))

    def test_buffers_of_the_standard_library(self) -> None:
        y = np.zeros(4)
        double(array.array("d", [1, 2, 3, 4]), y)
        np.testing.assert_array_equal(y, [2, 4, 6, 8])
        out = (ctypes.c_double * 4)()
        double(y, out)
        assert list(out) == [4, 8, 12, 16]
        raw = bytearray(4)
        double(bytes([1, 2, 3, 4]), raw)
        assert raw == bytes([2, 4, 6, 8])
        with mmap.mmap(-1, 4) as pages:
            double(raw, pages)
            assert pages[:] == bytes([4, 8, 12, 16])
        released = memoryview(b"abcd")
        released.release()
        with pytest.raises(parpy.TypeMismatchError, match="does not let its memory be read"):
            double(released, y)

    def test_memory_with_the_buffer_protocol_in_an_interface(self) -> None:
        x, y = np.arange(6.0), np.zeros(6)
        double(buffered(x), y)
        np.testing.assert_array_equal(y, 2 * x)
        double(buffered(x, shape=(2,), offset=16), y[:2])
        np.testing.assert_array_equal(y[:2], [4, 6])
        double(buffered(x, shape=(3,), strides=(16,)), y[:3])
        np.testing.assert_array_equal(y[:3], [0, 4, 8])
        with pytest.raises(ValueError, match="argument 'y' is read-only"):
            double(y, buffered(x))
        for changes in (
            {"shape": (7,)},
            {"shape": (2,), "offset": 40},
            {"shape": (2,), "strides": (48,)},
            {"shape": (2,), "strides": (-8,)},
            {"shape": (2**61,)},
            {"shape": (2**40, 2**40)},
            {"offset": -8},
            {"offset": 99},
            {"data": 3},
        ):
            with pytest.raises((TypeError, ValueError), match="argument 'x'"):
                double(buffered(x, **changes), y)

    def test_masks_are_refused(self) -> None:
        x = np.zeros(3)
        with pytest.raises(parpy.TypeMismatchError, match="mask is not supported"):
            double(Interface(x, mask=np.zeros(3, bool)), x)

    def test_a_null_pointer(self) -> None:
        x = np.zeros(3)
        with pytest.raises(parpy.TypeMismatchError, match="malformed"):
            double(Interface(x, data=(0, False)), x)
        double(Interface(x, data=(0, False), shape=(0,)), np.zeros(0))


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "device"),
        [(2, "a CUDA device"), (8, "a Metal device"), (10, "a ROCm device"), (99, "number 99")],
    )
    def test_dlpack_devices(self, kind: int, device: str) -> None:
        x = Elsewhere(np.zeros(3))
        x.kind = kind
        with pytest.raises(parpy.TypeMismatchError, match="argument 'x' lives on ") as caught:
            double(x, np.zeros(3))
        assert device in str(caught.value) and "x.cpu()" in str(caught.value)

    def test_pinned_memory_is_read(self) -> None:
        x = Elsewhere(np.arange(3.0))
        x.kind = 3
        y = np.zeros(3)
        double(x, y)
        np.testing.assert_array_equal(y, [0, 2, 4])

    def test_cuda_array_interface(self) -> None:
        with pytest.raises(
            parpy.TypeMismatchError, match="argument 'y' lives on a CUDA device.*copy it to CPU"
        ):
            double(np.zeros(3), OnCuda())

    def test_what_the_exporter_says_is_passed_on(self) -> None:
        with pytest.raises(parpy.TypeMismatchError, match="argument 'x'.*it is gone"):
            double(Gone(np.zeros(3)), np.zeros(3))
        with pytest.raises(parpy.TypeMismatchError, match="malformed"):
            double(NoCapsule(np.zeros(3)), np.zeros(3))
        with pytest.raises(parpy.TypeMismatchError, match="argument 'y'"):
            double(np.zeros(3), OldDLPack(frozen(np.zeros(3))))

    def test_other_element_types(self) -> None:
        x = np.zeros(3, np.clongdouble)
        for owner in (Interface, memoryview, lambda a: a):
            with pytest.raises(parpy.TypeMismatchError, match="complex"):
                double(owner(x), np.zeros(3))

    def test_byte_order(self) -> None:
        for owner in (Interface, memoryview, lambda a: a):
            with pytest.raises(ValueError, match="byte-swapped"):
                double(owner(np.zeros(3, ">f8")), np.zeros(3))

    def test_misaligned(self) -> None:
        raw = np.zeros(40, np.uint8)
        off = next(i for i in range(8) if (raw.ctypes.data + i) % 8 == 4)
        x = raw[off : off + 24].view(np.float64)
        for owner in (Interface, memoryview, DLPack, lambda a: a):
            with pytest.raises(ValueError, match="argument 'x' is misaligned"):
                double(owner(x), np.zeros(3))

    def test_written_arrays_whose_elements_overlap(self) -> None:
        window = np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3, writeable=True)
        for owner in (Interface, memoryview, DLPack, lambda a: a):
            y = np.zeros(window.shape)
            double_rows(owner(window), y)
            np.testing.assert_array_equal(y, 2 * window)
            with pytest.raises(ValueError, match="argument 'y' has elements that share memory"):
                double_rows(y, owner(window))

    def test_a_list_says_what_is_accepted(self) -> None:
        with pytest.raises(TypeError, match="a list is not supported; pass a NumPy array, another"):
            double([1.0], np.zeros(1))

    def test_writing_into_a_scalar(self) -> None:
        @parpy.jit
        def write(a):
            a[()] = 1.0

        with pytest.raises(parpy.CompileError):
            write(np.array(3.0))


class TestReferences:
    """Whatever happens, every object has as many references as before."""

    CALLS: dict[str, Callable[[np.ndarray], Any]] = {
        **OWNERS,
        "array": lambda a: array.array("d", a),
        "buffer in an interface": buffered,
        "list": lambda a: [1.0],
        "frozen": lambda a: frozen(a.copy()),
        "swapped": lambda a: a.astype(">f8"),
        "a complex number": lambda a: DLPack(np.array(2j)),
        "CUDA": lambda a: OnCuda(),
        "elsewhere": Elsewhere,
        "gone": Gone,
        "no capsule": NoCapsule,
        "masked": lambda a: Interface(a, mask=a),
        "malformed": lambda a: Interface(a, shape=3),
        "zero-dimensional": lambda a: DLPack(np.array(2.0)),
    }

    @pytest.mark.parametrize("name", CALLS)
    def test_arguments(self, name: str) -> None:
        base, other = np.arange(3.0), np.zeros(3)
        owner = self.CALLS[name](base)
        held = [getattr(owner, "a", None), getattr(owner, "__array_interface__", None)]
        # The count of references to None drifts by itself.
        objects = [base, other, owner, type(owner), *(o for o in held if o is not None)]
        del held

        def work() -> None:
            # The owner is read first, second, and before a failure.
            for args in ((owner, other), (other, owner), (owner, [1])):
                with contextlib.suppress(parpy.CompileError, ValueError):
                    double(*args)

        work()
        gc.collect()
        before = [sys.getrefcount(o) for o in objects]
        for _ in range(200):
            work()
        gc.collect()
        assert [sys.getrefcount(o) for o in objects] == before

    def test_memory_is_not_pinned(self) -> None:
        raw = bytearray(3)
        double(b"abc", raw)
        with pytest.raises(parpy.TypeMismatchError):
            double(raw, [1])
        raw.append(1)  # raises BufferError while anyone exports it

        values = array.array("d", [1, 2])
        double(values, values)
        values.append(3)

    def test_options_and_function(self) -> None:
        opts = parpy.par({"i": parpy.threads(2)})
        x, y = np.zeros(3), np.zeros(3)
        objects = (opts, opts.parallelize, opts.parallelize["i"], double, x, y)
        with pytest.warns(RuntimeWarning):
            double(x, y, opts=opts)
        gc.collect()
        before = [sys.getrefcount(o) for o in objects]
        for _ in range(200):
            double(x, y, opts=opts)
            double(y=y, x=x, opts=opts)
            for args in ((), (x,), (x, y, 3), (x, None)):
                with pytest.raises(TypeError):
                    double(*args, opts=opts)
            del args
            with pytest.raises(TypeError):
                double(x, y, opts=3)
        gc.collect()
        assert [sys.getrefcount(o) for o in objects] == before


class TestTorch:
    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    def test_tensors_in_place(self, torch: Any) -> None:
        for _ in range(2):
            x = torch.arange(6, dtype=torch.float64)
            y = torch.zeros(6, dtype=torch.float64)
            double(x, y)
            assert torch.equal(y, 2 * x)
            double(x[::2], y.flip(0)[:3])
            double(x.reshape(2, 3).T[1], y[:2])
            assert y[:2].tolist() == [2, 8]

    @pytest.mark.parametrize("name", "bool int8 int16 int32 int64 uint8 float32 float64".split())
    def test_dtypes(self, torch: Any, name: str) -> None:
        x = torch.ones(3, dtype=getattr(torch, name))
        y = torch.zeros(3, dtype=torch.float64)
        double(x, y)
        assert y.tolist() == [2.0] * 3

    def test_scalars(self, torch: Any) -> None:
        y = torch.zeros(2, dtype=torch.float32)
        scaled(y, torch.tensor(1.5))
        assert y.tolist() == [1.5, 1.5]

    def test_tensors_that_cannot_be_read(self, torch: Any) -> None:
        y = torch.zeros(2)
        for x, what in (
            (torch.zeros(2, requires_grad=True), "requires gradients is not supported"),
            (torch.nn.Parameter(torch.zeros(2)), "argument 'x'"),
            (torch.zeros(2, dtype=torch.complex64).conj().imag, "negative bit"),
            (torch.zeros(2, dtype=torch.complex64).conj(), "conjugate bit"),
            (torch.zeros(2).to_sparse(), "argument 'x'"),
            (torch.zeros(2, device="meta"), "argument 'x'"),
            (torch.zeros(1).expand(2), None),
        ):
            if what is None:
                double(x, y)
                continue
            for _ in range(2):
                with pytest.raises(parpy.TypeMismatchError, match=what):
                    double(x, y)
        with pytest.raises(ValueError, match="share memory"):
            double(y, torch.zeros(1).expand(2))

    def test_references(self, torch: Any) -> None:
        x, y = torch.ones(3), torch.zeros(3)
        grad = torch.zeros(3, requires_grad=True)
        double(x, y)
        before = [sys.getrefcount(o) for o in (x, y, grad)]
        for _ in range(200):
            double(x, y)
            for args in ((x, grad), (grad, y), (x, [1])):
                with pytest.raises(TypeError):
                    double(*args)
            del args
        assert [sys.getrefcount(o) for o in (x, y, grad)] == before

    def test_in_dictionaries(self, torch: Any) -> None:
        @parpy.jit
        def add(d):
            d["y"][:] = d["x"][:] + d["a"]

        d = {"x": torch.ones(3), "y": np.zeros(3, np.float32), "a": torch.tensor(2.0)}
        add(d)
        assert d["y"].tolist() == [3.0] * 3


class TestJax:
    @pytest.fixture
    def numpy(self) -> Iterator[Any]:
        jax = pytest.importorskip("jax")
        with jax.default_device(jax.devices("cpu")[0]):
            yield jax.numpy

    def test_arrays_are_read_only(self, numpy: Any) -> None:
        x, y = numpy.arange(3, dtype="float32"), np.zeros(3, np.float32)
        double(x, y)
        assert y.tolist() == [0, 2, 4]
        with pytest.raises(ValueError, match="argument 'y' is read-only"):
            double(y, x)
        scaled(y, numpy.float32(1.5))
        assert y.tolist() == [1.5] * 3


def test_torch_and_jax_are_not_imported_by_us() -> None:
    import subprocess

    code = (
        "import sys, numpy as np, parpy\n"
        "sys.path.insert(0, '.')\n"
        "import parpy.buffer\n"
        "assert not {'torch', 'jax', 'cupy', 'ml_dtypes'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
