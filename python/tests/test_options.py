"""Schedules, options and the choice of a backend."""

from __future__ import annotations

import copy
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parpy
from parpy import CompileBackend, CompileOptions, LoopPar


def unpacked(schedule: LoopPar) -> tuple[int, int, int]:
    threads, tpb, flags = struct.unpack("<qii", schedule._packed)
    return threads, tpb, flags


class TestLoopPar:
    @pytest.mark.parametrize(
        ("schedule", "threads", "tpb", "flags", "text"),
        [
            (LoopPar(), 0, 1024, 0, "parpy.LoopPar()"),
            (parpy.threads(7), 7, 1024, 4, "parpy.threads(7)"),
            (parpy.reduce(), 0, 1024, 1, "parpy.LoopPar().reduce()"),
            (parpy.par_reduction(), 0, 1024, 1, "parpy.LoopPar().reduce()"),
            (parpy.unroll(), 0, 1024, 2, "parpy.LoopPar().unroll()"),
            (
                parpy.threads(2**40).reduce().tpb(64).unroll(),
                *(2**40, 64, 7),
                "parpy.threads(1099511627776).reduce().tpb(64).unroll()",
            ),
        ],
    )
    def test_says_what_was_asked(
        self, schedule: LoopPar, threads: int, tpb: int, flags: int, text: str
    ) -> None:
        assert unpacked(schedule) == (threads, tpb, flags)
        assert repr(schedule) == text
        assert eval(text) == schedule
        assert schedule.is_parallel() == bool(flags & 4)

    def test_the_order_of_a_chain_is_free(self) -> None:
        a = parpy.threads(8).tpb(32).par_reduction()
        b = parpy.reduce().threads(8).tpb(32)
        assert a == b
        assert hash(a) == hash(b)
        assert a != parpy.threads(8)
        assert a != "threads"

    def test_a_chain_changes_nothing_that_exists(self) -> None:
        base = parpy.threads(8)
        base.reduce()
        assert base == parpy.threads(8)

    def test_is_immutable(self) -> None:
        with pytest.raises(AttributeError, match="immutable"):
            parpy.threads(8)._packed = b""
        with pytest.raises(AttributeError, match="immutable"):
            del parpy.threads(8)._packed

    @pytest.mark.parametrize(
        "again", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
    )
    def test_copies_and_pickles(self, again: Callable[[Any], Any]) -> None:
        schedule = parpy.threads(8).reduce().tpb(96)
        assert again(schedule) == schedule

    def test_takes_numpy_integers(self) -> None:
        assert parpy.threads(np.int32(8)) == parpy.threads(8)

    def test_no_thread_counts_as_one(self) -> None:
        assert parpy.threads(0) == parpy.threads(1)

    @pytest.mark.parametrize("n", [-1, 2**63])
    def test_rejects_numbers_of_threads_out_of_range(self, n: int) -> None:
        with pytest.raises(ValueError, match=f"between 0 and 2.*not {n}"):
            parpy.threads(n)

    @pytest.mark.parametrize("n", [1.0, "8", None, True, np.float64(8), [8]])
    def test_rejects_what_is_no_number_of_threads(self, n: Any) -> None:
        with pytest.raises(TypeError, match="the number of threads must be an int"):
            parpy.threads(n)

    def test_rejects_a_second_number_of_threads(self) -> None:
        with pytest.raises(ValueError, match="set already"):
            parpy.threads(8).threads(8)

    @pytest.mark.parametrize("k", [0, -32, 1, 33, 1056])
    def test_rejects_odd_blocks(self, k: int) -> None:
        with pytest.raises(ValueError, match=f"multiple of 32 from 32 to 1024, not {k}"):
            parpy.threads(8).tpb(k)


SETTINGS: dict[str, Any] = {
    "parallelize": {"N": parpy.threads(8)},
    "backend": CompileBackend.Cpu,
    "seq": True,
    "strict": True,
    "check_bounds": True,
    "specialize": "never",
    "verbose_backend_resolution": True,
    "debug_print": True,
    "debug_callbacks": True,
    "write_output": True,
    "use_cuda_thread_block_clusters": True,
    "max_thread_blocks_per_cluster": 16,
    "use_cuda_graphs": False,
    "max_unroll_count": 0,
    "force_int_size": parpy.types.I32,
    "force_float_size": parpy.types.F32,
    "implicit_shape_labels": False,
    "includes": ["/usr/include"],
    "libs": ["m"],
    "extra_flags": ["-g"],
}

WRONG: dict[str, list[tuple[Any, type[Exception]]]] = {
    "parallelize": [
        ([], TypeError),
        (None, TypeError),
        ({1: parpy.threads(8)}, TypeError),
        ({"N": 8}, TypeError),
    ],
    "backend": [("Cpu", TypeError), (1, TypeError)],
    **{name: [(1, TypeError), (None, TypeError)] for name, v in SETTINGS.items() if v is True},
    "specialize": [("sometimes", ValueError), (True, ValueError)],
    "use_cuda_graphs": [(0, TypeError)],
    "max_thread_blocks_per_cluster": [(3, ValueError), (0, ValueError), (8.0, TypeError)],
    "max_unroll_count": [(-1, ValueError), ("32", TypeError)],
    "force_int_size": [
        *((size, TypeError) for size in (parpy.types.U32, parpy.types.Bool, parpy.types.F32)),
        *((other, TypeError) for other in (32, np.int32, "int32")),
    ],
    "force_float_size": [
        *((size, TypeError) for size in (parpy.types.I32, parpy.types.BF16, parpy.types.C64)),
        (np.float32, TypeError),
    ],
    "implicit_shape_labels": [("yes", TypeError)],
    "includes": [("/usr/include", TypeError), ([1], TypeError), (None, TypeError)],
    "libs": [("m", TypeError)],
    "extra_flags": [("-g", TypeError)],
}


class TestCompileOptions:
    def test_the_tables_of_this_test_name_every_setting(self) -> None:
        assert set(SETTINGS) == set(WRONG) == set(CompileOptions.__annotations__) - {"_token"}

    @pytest.mark.parametrize("name", SETTINGS)
    def test_a_setting_is_kept_printed_and_counts(self, name: str) -> None:
        made, changed = CompileOptions(**{name: SETTINGS[name]}), CompileOptions()
        assert changed == CompileOptions()
        assert getattr(changed, name) != SETTINGS[name]
        setattr(changed, name, SETTINGS[name])
        assert getattr(changed, name) == SETTINGS[name]
        assert made == changed != CompileOptions()
        assert repr(made) == f"parpy.CompileOptions({name}={SETTINGS[name]!r})"
        assert eval(repr(made)) == made

    @pytest.mark.parametrize(
        ("name", "value", "error"), [(n, v, e) for n, cases in WRONG.items() for v, e in cases]
    )
    def test_a_wrong_setting_is_refused_and_changes_nothing(
        self, name: str, value: Any, error: type[Exception]
    ) -> None:
        options = CompileOptions()
        token = options._token
        with pytest.raises(error):
            setattr(options, name, value)
        assert options == CompileOptions()
        assert options._token == token
        if not (name == "parallelize" and value is None):
            with pytest.raises(error):
                CompileOptions(**{name: value})

    def test_an_unknown_setting_names_the_nearest(self) -> None:
        with pytest.raises(AttributeError, match="did you mean 'check_bounds'"):
            CompileOptions().check_bound = True  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        "again", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))]
    )
    def test_copies_are_equal_and_independent(self, again: Callable[[Any], Any]) -> None:
        options = CompileOptions(**{**SETTINGS, "seq": False})
        other = again(options)
        assert other == options
        assert other._token == options._token
        other.parallelize["M"] = parpy.threads(1)
        other.libs.append("z")
        assert options.parallelize == {"N": parpy.threads(8)}
        assert options.libs == ["m"]

    def test_the_mapping_given_is_copied(self) -> None:
        mapping = {"N": parpy.threads(8)}
        options = parpy.par(mapping)
        mapping.clear()
        assert options.parallelize == {"N": parpy.threads(8)}
        assert CompileOptions().parallelize == {}

    def test_paths_become_strings(self) -> None:
        assert CompileOptions(includes=[Path("/a")]).includes == ["/a"]

    def test_par_and_seq(self) -> None:
        p = {"N": parpy.threads(8)}
        assert parpy.par(p) == CompileOptions(p) == CompileOptions(parallelize=p)
        assert parpy.seq() == CompileOptions(seq=True)
        with pytest.raises(TypeError, match="schedule of label 'N' must be a LoopPar"):
            parpy.par({"N": 8})  # type: ignore[dict-item]


class TestToken:
    """The core compares options by this number alone."""

    def test_equal_settings_share_one(self) -> None:
        assert CompileOptions()._token == parpy.par({"N": parpy.threads(8)})._token == 0
        assert CompileOptions(strict=True)._token == CompileOptions(strict=True)._token

    def test_setting_and_unsetting(self) -> None:
        options = parpy.par({})
        options.strict = True
        assert options._token == CompileOptions(strict=True)._token != 0
        options.strict = False
        assert options._token == 0

    def test_the_schedule_has_no_part_in_it(self) -> None:
        options = CompileOptions(strict=True)
        token = options._token
        options.parallelize = {"N": parpy.threads(8)}
        assert options._token == token

    @pytest.mark.parametrize("name", [n for n in SETTINGS if n != "parallelize"])
    def test_every_other_setting_has(self, name: str) -> None:
        assert CompileOptions(**{name: SETTINGS[name]})._token != 0

    @pytest.mark.parametrize("name", ["includes", "libs", "extra_flags"])
    @pytest.mark.parametrize(
        "change",
        [
            lambda x: x.append("b"),
            lambda x: x.extend(["b"]),
            lambda x: x.insert(0, "b"),
            lambda x: x.__setitem__(0, "b"),
            lambda x: x.pop(),
            lambda x: x.clear(),
        ],
    )
    def test_lists_changed_in_place_count(self, name: str, change: Callable[[Any], Any]) -> None:
        options, expected = CompileOptions(**{name: ["a"]}), ["a"]
        token = options._token
        change(getattr(options, name))
        change(expected)
        assert getattr(options, name) == expected
        assert options._token == CompileOptions(**{name: expected})._token != token

    def test_lists_grow_by_augmented_assignment(self) -> None:
        options = CompileOptions()
        options.includes += ["/a"]
        assert options.includes == ["/a"]
        assert options._token == CompileOptions(includes=["/a"])._token

    def test_seq_is_minus_one(self) -> None:
        assert parpy.seq()._token == CompileOptions(seq=True, strict=True)._token == -1


class TestBackends:
    @pytest.fixture(autouse=True)
    def _no_default(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.delenv("PARPY_DEFAULT_BACKEND", raising=False)
        yield
        parpy.backend.set_default(CompileBackend.Auto)

    def test_the_cpu_is_always_there(self) -> None:
        assert CompileBackend.Cpu in parpy.backend.available
        assert parpy.backend.is_enabled(CompileBackend.Cpu)
        assert set(parpy.backend.available) <= set(parpy.backend.backends)
        assert CompileBackend.Auto not in parpy.backend.backends

    def test_a_missing_backend_says_why(self, capsys: pytest.CaptureFixture[str]) -> None:
        missing = set(parpy.backend.backends) - set(parpy.backend.available)
        for backend in missing:
            assert not parpy.backend.is_enabled(backend, verbose=True)
            assert f"{backend!r} is not enabled: " in capsys.readouterr().out
            with pytest.raises(RuntimeError, match="cannot be the default: "):
                parpy.backend.set_default(backend)

    def test_the_environment_names_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PARPY_DEFAULT_BACKEND", "cpu")
        assert parpy.default_backend() is CompileBackend.Cpu
        monkeypatch.setenv("PARPY_DEFAULT_BACKEND", "gpu")
        with pytest.raises(ValueError, match="PARPY_DEFAULT_BACKEND='gpu' names no backend"):
            parpy.default_backend()
        parpy.backend.set_default(CompileBackend.Cpu)
        assert parpy.default_backend() is CompileBackend.Cpu

    @pytest.mark.parametrize(
        "call", [parpy.backend.is_enabled, parpy.backend.set_default, parpy.sync]
    )
    def test_a_backend_is_no_string(self, call: Callable[[Any], Any]) -> None:
        with pytest.raises(TypeError, match=r"CompileBackend, not 'Cpu'"):
            call("Cpu")


def test_compile_string_rejects_what_is_no_text() -> None:
    with pytest.raises(TypeError, match="two strings"):
        parpy.compile_string("f", b"code")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [parpy.CompileError, parpy.TypeMismatchError, parpy.InternalCompilerError]
)
def test_errors_keep_their_place_through_pickle(error: type[Any]) -> None:
    made = error("Wrong.", "file.py", 4, 2, 7)
    for e in (made, pickle.loads(pickle.dumps(made)), copy.copy(made)):
        assert type(e) is error
        assert str(e) == "Wrong."
        assert (e.filename, e.lineno, e.col_offset, e.end_lineno) == ("file.py", 4, 2, 7)
    assert issubclass(error, RuntimeError)
    assert issubclass(error, TypeError) == (error is parpy.TypeMismatchError)
