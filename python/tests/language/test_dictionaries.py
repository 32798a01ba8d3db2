"""Dictionary arguments: what `d["key"]` means, and what is wrong with dictionaries."""

from __future__ import annotations

import collections
import copy
import gc
import sys
from typing import Any

import numpy as np
import pytest
from harness import assert_same, decorated, define, options

import parpy

P = parpy.threads(4)


def check(function: Any, *args: Any, schedules: Any = ({},)) -> None:
    """Holds the decorated function to the undecorated one, on arguments with dictionaries."""
    expected = copy.deepcopy(args)
    function(*expected)
    for schedule in schedules:
        actual = copy.deepcopy(args)
        decorated(function)(*actual, opts=options(schedule))
        for a, e in zip(actual, expected, strict=True):
            pairs = {k: (a[k], e[k]) for k in e} if isinstance(e, dict) else {"": (a, e)}
            for key, (x, y) in pairs.items():
                if isinstance(y, np.ndarray):
                    assert_same(x, y, what=f"{function.__name__} {key}")


def axpy(d, y):
    parpy.label("N")
    for i in range(d["x"].shape[0]):
        y[i] = d["a"] * d["x"][i] + y[i]


def rows(d, i):
    d["out"][i, :] = d["x"][i, :] * 2.0 + d["y"][:]
    d["out"][i][0] += d["n"]


def slices(d, s):
    parpy.label("N")
    d["out"][1:] = d["x"][:-1] - s["shift"]
    d["out"][0] = parpy.operators.sum(d["x"][:])
    d["out"][-1] += len(d["x"]) + d["x"].ndim + d["x"].sum() + np.max(d["x"][:])


def within(d):
    d["x"][1:] = d["x"][:-1]
    for i in range(2):
        d["x"][i] = d["y"][i] + 1.0


@parpy.jit
def apply(e, out, i):
    out[i] = e["a"] * e["x"][i]
    e["out"][i] = out[i] + 1.0


def calls(d, y):
    parpy.label("N")
    for i in range(y.shape[0]):
        apply(d, y, i)
    apply(e=d, out=d["out"], i=0)


class TestMeaning:
    def test_dictionaries_are_passed_on_to_decorated_functions(self) -> None:
        d = {"a": 2.0, "x": np.arange(5.0), "out": np.zeros(5)}
        check(calls, d, np.zeros(5), schedules=({}, {"N": P}))

    def test_arrays_and_scalars(self) -> None:
        d = {"a": 2.5, "x": np.arange(7.0)}
        check(axpy, d, np.ones(7), schedules=({}, {"N": P}))

    def test_rows(self) -> None:
        for n in (3, np.int32(3), np.array(3.0), True):
            d = {"out": np.zeros((2, 4)), "x": np.arange(8.0).reshape(2, 4), "y": np.ones(4)}
            check(rows, {**d, "n": n}, 1)
            check(rows, {"n": n, **d}, -1)

    def test_slices_and_reductions(self) -> None:
        d = {"x": np.arange(9.0), "out": np.zeros(9)}
        check(slices, d, {"shift": 1.5}, schedules=({}, {"N": P}))
        check(slices, {k: v[::2] for k, v in d.items()}, {"shift": np.float32(2)})

    def test_entries_that_overlap(self) -> None:
        base = np.arange(6.0)
        d = {"x": base[:5], "y": base[1:]}
        expected = np.arange(6.0)
        within({"x": expected[:5], "y": expected[1:]})
        decorated(within)(d)
        np.testing.assert_array_equal(base, expected)
        assert "overlapping" in decorated(within).compilations[-1][0]
        check(within, {"x": np.arange(5.0), "y": np.arange(5.0)})

    def test_an_entry_that_overlaps_an_argument(self) -> None:
        base, expected = np.arange(6.0), np.arange(6.0)
        axpy({"a": 2, "x": expected[:5]}, expected[1:])
        decorated(axpy)({"a": 2, "x": base[:5]}, base[1:])
        np.testing.assert_array_equal(base, expected)

    def test_order_of_insertion_does_not_matter(self) -> None:
        f = parpy.jit(axpy)
        for keys in (("a", "x"), ("x", "a"), ("a", "x")):
            values = {"a": 3.0, "x": np.arange(4.0)}
            y = np.zeros(4)
            f({k: values[k] for k in keys}, y)
            np.testing.assert_array_equal(y, 3 * np.arange(4.0))
        assert len(f.compilations) == 1

    def test_values_are_read_at_each_call(self) -> None:
        f = parpy.jit(axpy)
        d: dict[str, Any] = {"a": 1.0, "x": np.ones(4)}
        for a in (1.0, 2.0, 5.0, -1.0):
            d["a"] = a
            d["x"] = np.full(4, a)
            y = np.zeros(4)
            f(d, y)
            np.testing.assert_array_equal(y, np.full(4, a * a))
        assert len(f.compilations) == 2
        assert f.compilations[1][1] == 'd["a"] was 1.0 and is now 2.0: made a parameter'

    def test_keys_are_part_of_the_specialisation(self) -> None:
        f = parpy.jit(axpy)
        y = np.zeros(4)
        f({"a": 1.0, "x": np.ones(4)}, y)
        f({"a": 1.0, "x": np.ones(4), "more": 3}, y)
        f({"a": 1.0, "x": np.ones(4)}, y)
        assert len(f.compilations) == 2
        key, reason, _ = f.compilations[1]
        assert key == (
            'd: {"a": weak float64 = 1.0, "more": weak int64 = 3, "x": float64[4]}, y: float64[4]'
        )
        assert reason == (
            'd was a dictionary with the keys "a", "x" '
            'and is now a dictionary with the keys "a", "more", "x"'
        )
        f({"a": 1.0, "x": np.ones(4, np.float32)}, y)
        assert f.compilations[2][1].startswith('d["x"] was a 1-dimensional array of float64') or (
            f.compilations[2][1].startswith("d was a dictionary")
        )
        with pytest.raises(parpy.TypeMismatchError, match="has no key 'x'"):
            f({"a": 1.0}, y)

    def test_keys_of_all_kinds(self) -> None:
        keys = [
            "",
            " ",
            'quo"te',
            "new\nline",
            "line\u2028end",
            "é",
            "e\u0301",
            "a:b",
            "a]b",
            "日本",
        ]
        keys += ["back\\slash", "nul\0", "\r\n", "😀"]
        body = "\n".join(f"    y[{i}] = d[{key!r}]" for i, key in enumerate(keys))
        f = define(f"def f(d, y):\n{body}\n")
        d: dict[str, Any] = {key: float(i) for i, key in enumerate(keys)}
        check(f, d, np.zeros(len(keys)))
        text = parpy.print_compiled(f, [d, np.zeros(len(keys))])
        y = np.zeros(len(keys))
        parpy.compile_string("f", text)(d, y)
        np.testing.assert_array_equal(y, np.arange(len(keys)))

    def test_classes_of_dictionaries_and_keys(self) -> None:
        class Key(str):
            pass

        x = np.arange(3.0)
        for d in (
            collections.OrderedDict(x=x, a=2.0),
            collections.defaultdict(float, x=x, a=2.0),
            {Key("x"): x, "".join(["", "a"]): 2.0},
        ):
            y = np.zeros(3)
            decorated(axpy)(d, y)
            np.testing.assert_array_equal(y, 2 * x)

    def test_many_entries(self) -> None:
        n = 300
        body = "\n".join(f"    d['x{i}'][0] = d['x{n - 1 - i}'][1] + {i}" for i in range(n // 2))
        f = define(f"def f(d, e, y):\n{body}\n    y[0] = e['z'][0]\n")
        d = {f"x{i}": np.full(2, float(i)) for i in range(n)}
        check(f, d, {"z": np.ones(1)}, np.zeros(1))

    def test_an_empty_dictionary(self) -> None:
        f = define("def f(d, y):\n    y[0] = 1.0\n")
        check(f, {}, np.zeros(1))
        text = parpy.print_compiled(f, [{}, np.zeros(1)])
        parpy.compile_string("f", text)({}, np.zeros(1))

    def test_closures_and_labels_are_as_ever(self) -> None:
        f = parpy.jit(axpy)
        y = np.zeros(4)
        f(d={"x": np.ones(4), "a": 1}, y=y, opts=parpy.par({"N": parpy.threads(2)}))
        f(y=y, d={"x": np.ones(4), "a": 1}, opts=parpy.seq())
        np.testing.assert_array_equal(y, np.full(4, 2.0))


class TestText:
    def test_the_signature_block(self) -> None:
        d = {"a": 2.5, "x": np.arange(5.0)}
        text = parpy.print_compiled(axpy, [d, np.zeros(5)])
        assert "; argument d: dictionary\n" in text
        assert '; argument d["a"]: weak float64 = 2.5\n' in text
        assert '; argument d["x"]: float64[5]\n' in text
        f = parpy.compile_string("axpy", text)
        y = np.zeros(5)
        f({"x": np.arange(5.0), "a": 2.5}, y)
        np.testing.assert_array_equal(y, 2.5 * np.arange(5.0))

    @pytest.mark.parametrize(
        ("d", "what"),
        [
            ({"a": 2.5}, "argument 'd' does not fit the code, which is for {\"a\""),
            ({"a": 2.5, "x": np.arange(5.0), "b": 1}, "argument 'd' does not fit"),
            ({"a": 2, "x": np.arange(5.0)}, "argument 'd[\"a\"]' does not fit"),
            ({"a": 3.5, "x": np.arange(5.0)}, "argument 'd[\"a\"]' does not fit"),
            ({"a": 2.5, "x": np.arange(6.0)}, "argument 'd[\"x\"]' does not fit"),
            (np.zeros(5), "argument 'd' does not fit"),
        ],
    )
    def test_calls_that_do_not_fit(self, d: Any, what: str) -> None:
        text = parpy.print_compiled(axpy, [{"a": 2.5, "x": np.arange(5.0)}, np.zeros(5)])
        with pytest.raises(parpy.TypeMismatchError) as caught:
            parpy.compile_string("axpy", text)(d, np.zeros(5))
        assert what in str(caught.value)

    def test_a_call_with_a_dictionary_too_many(self) -> None:
        text = parpy.print_compiled(axpy, [{"a": 2.5, "x": np.arange(5.0)}, np.zeros(5)])
        f = parpy.compile_string("axpy", text)
        with pytest.raises(parpy.TypeMismatchError, match="argument 'y' does not fit"):
            f({"a": 2.5, "x": np.arange(5.0)}, {"a": 2.5, "x": np.arange(5.0)})

    def test_written_entries(self) -> None:
        def fill(d):
            d["out"][:] = d["v"]

        text = parpy.print_compiled(fill, [{"out": np.zeros(3), "v": 1.0}])
        assert '; argument d["out"]: float64[3] written\n' in text
        frozen = np.zeros(3)
        frozen.flags.writeable = False
        with pytest.raises(ValueError, match=r"""'d\["out"\]' is read-only"""):
            parpy.compile_string("fill", text)({"out": frozen, "v": 1.0})
        with pytest.raises(ValueError, match=r"""argument 'd\["out"\]' is read-only but the"""):
            parpy.jit(fill)({"out": frozen, "v": 1.0})
        assert not frozen.any()


class TestRefusals:
    @pytest.mark.parametrize(
        ("d", "what"),
        [
            (
                {"x": {"y": 1}},
                "argument 'd[\"x\"]': a dictionary inside a dictionary is not supported; pass",
            ),
            (
                {1: 2},
                "argument 'd': the key 1 is not supported; keys of dictionaries must be strings",
            ),
            ({"a": 1, None: 2}, "the key None is not supported; keys"),
            ({b"a": 1}, "the key b'a' is not supported"),
            ({"x": [1.0]}, "argument 'd[\"x\"]': a list is not supported; pass a NumPy array"),
            ({"x": None}, "argument 'd[\"x\"]': None is not supported"),
            ({"x": "s"}, "argument 'd[\"x\"]': a str is not supported"),
            ({"x": np.zeros(2, "M8[s]")}, "argument 'd[\"x\"]': elements of type datetime64"),
            ({"x": 2**70}, "argument 'd[\"x\"]': the integer does not fit"),
            ({"x": np.zeros(2, ">f8")}, "argument 'd[\"x\"]' has byte-swapped elements"),
        ],
        ids=str,
    )
    def test_entries(self, d: Any, what: str) -> None:
        for _ in range(2):
            with pytest.raises((parpy.TypeMismatchError, ValueError)) as caught:
                decorated(axpy)(d, np.zeros(2))
            assert what in str(caught.value)

    def test_lone_surrogates(self) -> None:
        with pytest.raises((TypeError, ValueError), match="surrogate|Unicode"):
            decorated(axpy)({"\ud800": 1}, np.zeros(1))

    def test_a_lying_key(self) -> None:
        class Key(str):
            def __hash__(self) -> int:
                return 7

        with pytest.raises(parpy.TypeMismatchError, match="its own keys"):
            decorated(axpy)({Key("x"): np.zeros(2), "a": 1}, np.zeros(2))

    def test_a_key_that_raises(self) -> None:
        class Key(str):
            def __eq__(self, other: object) -> bool:
                raise KeyboardInterrupt

            __hash__ = str.__hash__

        with pytest.raises(KeyboardInterrupt):
            decorated(axpy)({Key("x"): np.zeros(2), "a": 1}, np.zeros(2))

    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("y[0] = d['z']", "the dictionary 'd' has no key 'z'"),
            ("y[0] = d['z'][0]", 'there are d["n"], d["x"]'),
            ("d['z'][0] = 1", "the dictionary 'd' has no key 'z'"),
            ("y[0] = d[0]", "is subscripted by one string literal"),
            ("y[0] = d['x', 0]", "is subscripted by one string literal"),
            ("y[0] = d['n':]", "is subscripted by one string literal"),
            ("d['n'] = 1", 'd["n"] is a scalar, which is passed by value'),
            ("d['n'] += 1", 'd["n"] is a scalar, which is passed by value'),
            ("d['n'][0] = 1", ""),
            ("a, d['n'] = 1, 2", 'd["n"] is a scalar, which is passed by value'),
            ("d['x'] = y[:]", "would replace the array in the dictionary"),
            ("d['x'] += 1", 'assign to its elements: d["x"][:] = …'),
            ("e = d", "can only be subscripted by one of its keys"),
            ("d = 1", "can only be subscripted by one of its keys"),
            ("y[0] = len(d)", "can only be subscripted by one of its keys"),
            ("y[0] = d + 1", "can only be subscripted by one of its keys"),
            ("y[0] = d.x", "can only be subscripted by one of its keys"),
            ("y[0] = d.keys()", "can only be subscripted by one of its keys"),
            ("y[0] = d['x']", "an array stands where a scalar is needed"),
            ("y[0] = y['x']", "is not supported"),
            ("y[0] = d['x'][9]", "index 9 of 'd[\"x\"]' is out of bounds"),
            ("y[0] = d['x'][0, 0]", "too many indices: 'd[\"x\"]' has 1 dimension"),
        ],
    )
    def test_programs(self, line: str, what: str) -> None:
        f = parpy.jit(define(f"def f(d, y):\n    {line}\n"))
        with pytest.raises((parpy.CompileError, IndexError)) as caught:
            f({"x": np.zeros(4), "n": 3}, np.zeros(4))
        assert what in str(caught.value)
        assert line in str(caught.value)

    def test_annotations_of_arrays_and_scalars(self) -> None:
        for annotation in ("parpy.types.F64", "parpy.types.buffer(parpy.types.F64, [1])"):
            f = parpy.jit(define(f"def f(d: {annotation}, y):\n    y[0] = 1\n"))
            with pytest.raises(parpy.TypeMismatchError, match="dictionary"):
                f({}, np.zeros(1))

    def test_an_unknown_key_is_a_type_mismatch(self) -> None:
        f = parpy.jit(define("def f(d, y):\n    y[0] = d['z']\n"))
        with pytest.raises(parpy.TypeMismatchError, match="'d' is empty"):
            f({}, np.zeros(1))


def test_references_are_as_before() -> None:
    f = parpy.jit(axpy)
    x, y, key = np.arange(4.0), np.zeros(4), "".join(["x"])
    view = memoryview(np.arange(4.0))
    good: Any = {"a": 2.0, key: x}
    buffered: Any = {"a": 2.0, key: view}
    wrong: Any = {"a": [1], key: x}
    extra: Any = {"a": 1.0, key: x, "b": {}}
    objects = (x, y, view, good, buffered, wrong, extra, f)

    def work() -> None:
        f(good, y)
        f(buffered, y)
        for d in (wrong, extra, {3: x}):
            with pytest.raises(parpy.TypeMismatchError):
                f(d, y)

    work()
    gc.collect()
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(50):
        work()
    gc.collect()
    assert [sys.getrefcount(o) for o in objects] == before
    view.release()


def test_a_dictionary_that_changes_while_the_call_runs() -> None:
    import threading

    f = parpy.jit(axpy)
    d: dict[str, Any] = {"a": 1.0, "x": np.ones(200_000)}
    y = np.zeros(200_000)
    f(d, y)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            d["x"] = np.ones(200_000)

    thread = threading.Thread(target=change)
    thread.start()
    for _ in range(200):
        f(d, y)
    stop.set()
    thread.join()
    np.testing.assert_array_equal(y, np.full(200_000, 201.0))
