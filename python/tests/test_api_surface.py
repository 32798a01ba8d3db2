"""Every name of the API is there, with the defaults that the documentation says."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import parpy

NAMES = """
        jit external callback threads reduce par_reduction unroll par print_compiled
        compile_string seq clear_cache sync default_backend CompileBackend CompileOptions
        LoopPar ElemSize Target CompileError TypeMismatchError InternalCompilerError __version__
        backend buffer types operators math builtin label gpu
    """.split()

MODULES = {
    parpy.operators: """
        sum prod min max abs atan2 cos exp log sin sqrt tanh int8 int16 int32 int64 uint8 uint16
        uint32 uint64 float16 float32 float64 inf gpu label
    """,
    parpy.reduce: "sum prod min max",
    parpy.math: """
        sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh
        tanh erf erfc gamma lgamma floor ceil round trunc fabs abs pow fmod hypot copysign isnan
        isinf isfinite pi e inf nan
    """,
    parpy.builtin: """
        maximum minimum convert inline label gpu inf static_backend_eq static_types_eq
        static_fail
    """,
    parpy.backend: "backends available is_enabled set_default",
    parpy.buffer: "sync empty empty_like zeros zeros_like from_array from_raw DataType Buffer",
    parpy.types: """
        Bool I8 I16 I32 I64 U8 U16 U32 U64 F16 F32 F64 buffer pointer symbol shape_var type_var
    """,
}

BUFFER = """
        shape dtype backend size sync numpy torch torch_ref reshape with_type copy copy_from
        __getitem__ __len__ __float__ __int__ __bool__ __index__ __dlpack__ __dlpack_device__
        __array_interface__
    """.split()

DEFAULTS = {
    "parallelize": {},
    "backend": parpy.CompileBackend.Auto,
    "seq": False,
    "strict": False,
    "check_bounds": False,
    "specialize": "auto",
    "verbose_backend_resolution": False,
    "debug_print": False,
    "debug_callbacks": False,
    "write_output": False,
    "use_cuda_thread_block_clusters": False,
    "max_thread_blocks_per_cluster": 8,
    "use_cuda_graphs": None,
    "max_unroll_count": 32,
    "force_int_size": None,
    "force_float_size": None,
    "implicit_shape_labels": True,
    "includes": [],
    "libs": [],
    "extra_flags": [],
}


def test_names() -> None:
    missing = [name for name in NAMES if not hasattr(parpy, name)]
    for module, names in MODULES.items():
        missing += [f"{module}.{name}" for name in names.split() if not hasattr(module, name)]
    assert missing == []
    assert {b.name for b in parpy.CompileBackend} == {"Auto", "Cpu", "Cuda", "Metal"}
    assert {"Host", "Device"} == {t.name for t in parpy.Target}


def test_buffer() -> None:
    made = parpy.buffer.from_array(np.arange(6.0), parpy.CompileBackend.Cpu)
    assert [name for name in BUFFER if not hasattr(type(made), name)] == []


def test_options() -> None:
    options = parpy.CompileOptions()
    if not parpy._options.CHECKS_BOUNDS:
        assert {name: getattr(options, name) for name in DEFAULTS} == DEFAULTS
    parameters = list(inspect.signature(parpy.CompileOptions).parameters)
    assert parameters == list(DEFAULTS)
    options = parpy.par({"N": parpy.threads(8).reduce().tpb(64).unroll()})
    options.strict = True
    for other in (copy.copy(options), copy.deepcopy(options), pickle.loads(pickle.dumps(options))):
        assert other == options
        assert repr(other) == repr(options)
        other.strict = False
        assert other != options


def test_schedules() -> None:
    assert parpy.reduce() == parpy.par_reduction() == parpy.LoopPar().reduce()
    assert parpy.LoopPar().par_reduction() == parpy.LoopPar().reduce()
    assert parpy.threads(4).is_parallel()
    assert not parpy.unroll().is_parallel()
    with pytest.raises(ValueError, match="once"):
        parpy.threads(4).threads(5)
    with pytest.raises(ValueError, match="32"):
        parpy.threads(4).tpb(33)
    assert parpy.seq().seq


def test_errors() -> None:
    assert issubclass(parpy.CompileError, RuntimeError)
    assert issubclass(parpy.TypeMismatchError, parpy.CompileError)
    assert issubclass(parpy.TypeMismatchError, TypeError)
    for name in ("filename", "lineno", "col_offset", "end_lineno"):
        assert getattr(parpy.CompileError(), name) is None


def test_element_sizes() -> None:
    for name in "Bool I8 I16 I32 I64 U8 U16 U32 U64 F16 F32 F64".split():
        size = getattr(parpy.types, name)
        assert isinstance(size, parpy.ElemSize)
        assert size.size() == size.to_numpy().itemsize
        assert pickle.loads(pickle.dumps(size)) == size
        assert callable(size.to_torch)
        assert callable(size.to_ctype)


def test_decorated_functions() -> None:
    def double(x):
        """Doubles."""
        x[:] *= 2.0

    made = parpy.jit(double)
    assert made.__wrapped__ is double
    assert made.__doc__ == "Doubles."
    assert inspect.signature(made) == inspect.signature(double)
    x = np.ones(4)
    made(x)
    (entry,) = made.compilations
    assert entry.key and entry.reason and entry.milliseconds >= 0
    stages = made.lower(x, opts=parpy.CompileOptions())
    for text in (stages.loop_ir, stages.program, stages.code, stages.assembly):
        assert "double" in text
    text = parpy.print_compiled(double, [x], opts=parpy.CompileOptions())
    parpy.compile_string("double", text, opts=parpy.CompileOptions())(x)
    assert x.tolist() == [4.0] * 4
