"""For which calls a version is compiled, and which versions serve which calls."""

from __future__ import annotations

import itertools
import random
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest

import parpy


def scale(x, y, n, a):
    parpy.label("i")
    for i in range(n):
        y[i] = x[i] * a


@parpy.jit
def scale_all(x, y, a):
    parpy.label("k")
    for i in range(len(x)):
        y[i] += x[i] * a


@pytest.fixture
def fn() -> Any:
    return parpy.jit(scale)


def run(fn: Any, n: int, a: Any = 2.0, **kw: Any) -> None:
    x, y = np.arange(float(n)), np.zeros(n)
    fn(x, y, n, a, **kw)
    np.testing.assert_array_equal(y, x * a)


def reasons(fn: Any) -> list[str]:
    return [reason for _, reason, _ in fn.compilations]


class TestAuto:
    def test_the_first_call_is_compiled_for_its_values(self, fn: Any) -> None:
        run(fn, 100)
        run(fn, 100)
        (key, reason, ms), *rest = fn.compilations
        assert not rest
        assert key == (
            "x: float64[100], y: float64[100], n: weak int64 = 100, a: weak float64 = 2.0"
        )
        assert reason == "first call"
        assert ms > 0

    def test_the_second_value_makes_a_parameter(self, fn: Any) -> None:
        run(fn, 100)
        for n in (200, 300, 400, 100, 2):
            run(fn, n)
        assert len(fn.compilations) == 2
        assert fn.compilations[1][0].startswith(
            "x: float64[p0], y: float64[p0], n: weak int64 = p1"
        )
        assert "extent 0 of x was 100 and is now 200: made a parameter" in reasons(fn)[1]
        assert "n was 100 and is now 200: made a parameter" in reasons(fn)[1]
        assert "a was" not in reasons(fn)[1]

    def test_scalars(self, fn: Any) -> None:
        for a in (2.0, 3.0, 4.0, float("nan"), -0.0):
            run(fn, 10, a)
        assert len(fn.compilations) == 2
        assert reasons(fn)[1] == "a was 2.0 and is now 3.0: made a parameter"

    def test_extents_that_were_equal_may_come_apart(self) -> None:
        @parpy.jit
        def total(x, y, out):
            for i in range(x.shape[0]):
                out[0] += x[i]
            for i in range(y.shape[0]):
                out[0] += y[i]

        for n, m in [(5, 5), (6, 6), (7, 8), (9, 9), (3, 10)]:
            out = np.zeros(1)
            total(np.ones(n), np.ones(m), out)
            assert out[0] == n + m
        assert len(total.compilations) == 3
        assert "x: float64[p0], y: float64[p0]" in total.compilations[1][0]
        assert "x: float64[p0], y: float64[p1]" in total.compilations[2][0]

    def test_extents_of_1_stay_constants_and_so_does_the_first_of_0(self, fn: Any) -> None:
        for n in (0, 1, 5, 6, 0, 7, 1, 0):
            run(fn, n)
        keys = [key for key, _, _ in fn.compilations]
        assert len(keys) == 3
        for key, extent in zip(keys, ("0", "1", "p0"), strict=True):
            assert key.startswith(f"x: float64[{extent}], y: float64[{extent}]")

    def test_strides(self) -> None:
        @parpy.jit
        def copy(x, y):
            for i in range(3):
                y[i] = x[i]

        base = np.arange(60.0)
        for step in (1, 2, 3, 4, -1, -5):
            x, y = base[::step][:3], np.zeros(3)
            copy(x, y)
            np.testing.assert_array_equal(x, y)
        # Contiguous; 2; every other; and -1, which decides on lanes as 1 does.
        assert len(copy.compilations) == 4

    def test_types(self, fn: Any) -> None:
        run(fn, 10, 2.0)
        run(fn, 10, 2)
        run(fn, 10, np.float32(2))
        assert len(fn.compilations) == 3
        assert reasons(fn)[1] == "a was a Python float and is now a Python int"
        assert reasons(fn)[2] == "a was a Python int and is now a float32"

    def test_a_value_that_must_be_known_is_a_constant(self) -> None:
        @parpy.jit
        def every(x, step):
            for i in range(0, 8, step):
                x[i] += 1

        for step in (1, 2, 3, -1, 2):
            x, expected = np.zeros(8), np.zeros(8)
            every(x, step)
            every.__wrapped__(expected, step)
            np.testing.assert_array_equal(x, expected)


class TestOpenExtents:
    """Calls in which many combinations of extents are 0 and 1."""

    def test_1000_calls_compile_at_most_8_times(self) -> None:
        def sum_rows(x, y, n, a):
            parpy.label("rows")
            for i in range(n):
                y[i] = a * parpy.operators.sum(x[i, :])

        for seed in range(3):
            fn, rng = parpy.jit(sum_rows), random.Random(seed)
            for _ in range(1000):
                n, m = (rng.choice([0, 1, rng.randrange(50)]) for _ in range(2))
                x, y, a = np.ones((n, m)), np.zeros(n), rng.choice([0.0, 1.0, rng.random()])
                fn(x, y, n, a, opts=parpy.par({"rows": parpy.threads(max(n, 1))}))
                np.testing.assert_allclose(y, a * m)
            assert len(fn.compilations) <= 8

    def test_threads_that_vary_by_themselves(self) -> None:
        for seed in range(3):
            fn, rng = parpy.jit(scale), random.Random(seed)
            for _ in range(1000):
                n, threads = (rng.choice([0, 1, rng.randrange(50)]) for _ in range(2))
                run(fn, n, rng.random(), opts=parpy.par({"i": parpy.threads(max(threads, 1))}))
            assert len(fn.compilations) <= 8

    def test_never_compiles_once(self, fn: Any) -> None:
        for n in (0, 7, 2, 0):
            run(fn, n, float(n), opts=parpy.CompileOptions(specialize="never"))
        assert len(fn.compilations) == 1

    @pytest.mark.parametrize("specialize", ["auto", "never"])
    def test_a_stretched_dimension_has_a_version_of_its_own(self, specialize: str) -> None:
        @parpy.jit
        def add(x, y):
            y[:, :] += x

        opts = parpy.CompileOptions(specialize=specialize)
        for n, m in itertools.product((0, 1, 2, 5, 6, 7), repeat=2):
            for shape in {(n, m), (1, m), (n, 1), (1, 1)}:
                x, y = np.arange(float(np.prod(shape))).reshape(shape), np.ones((n, m))
                add(x, y, opts=opts)
                np.testing.assert_array_equal(y, np.ones((n, m)) + x)
        assert len(add.compilations) < 20
        with pytest.raises(parpy.TypeMismatchError, match="do not broadcast"):
            add(np.zeros((2, 3)), np.zeros((2, 4)), opts=opts)

    def test_what_must_be_known_is_a_constant(self) -> None:
        @parpy.jit
        def every(x, step):
            for i in range(0, len(x), step):
                x[i] += 1

        for step, n in itertools.product((1, 2, 3), (0, 1, 2, 5)):
            x, expected = np.zeros(n), np.zeros(n)
            every(x, step, opts=parpy.CompileOptions(specialize="never"))
            every.__wrapped__(expected, step)
            np.testing.assert_array_equal(x, expected)

    def test_errors_are_those_of_other_versions(self) -> None:
        @parpy.jit
        def first(x, y):
            y[0] = x[0] + parpy.operators.max(y[:])

        never = parpy.CompileOptions(specialize="never")
        first(np.ones(3), np.ones(3), opts=never)
        with pytest.raises(IndexError, match="'x' is out of bounds"):
            first(np.ones(0), np.ones(3), opts=never)
        with pytest.raises((IndexError, ValueError), match="out of bounds|empty"):
            first(np.ones(3), np.ones(0), opts=never)


class TestOpenThreads:
    """Calls in which several labels have one thread or more, each by itself."""

    @staticmethod
    def nests(x, y, n, a):
        parpy.label("i")
        for i in range(n):
            y[i] = x[i] * a
        parpy.label("j")
        y[:] += x[:] + a
        parpy.label("k")
        s = parpy.operators.sum(x[:n])
        for i in range(n):
            y[i] += s

    @staticmethod
    def nest(x, y, n, a):
        parpy.label("i")
        for i in range(n):
            parpy.label("j")
            for j in range(n):
                parpy.label("k")
                for k in range(3):
                    y[i] += x[j] * a + k

    @staticmethod
    def inside_a_loop(x, y, n, a):
        for _ in range(3):
            parpy.label("i")
            for i in range(n):
                y[i] = x[i] + y[i]
            parpy.label("j")
            parpy.label("k")
            y[:n] += parpy.operators.sum(x[:n]) * a

    @staticmethod
    def helpers_and_names(x, y, n, a):
        t = a
        parpy.label("i")
        y[:] = a
        scale_all(x, y, t)
        if n > 7:
            parpy.label("j")
            for i in range(n):
                t = x[i]
                for _ in range(3):
                    t = t * 1.5
                y[i] = t + y[i]

    @pytest.mark.parametrize(
        ("program", "reduced"),
        [(nests, "k"), (nest, "jk"), (inside_a_loop, "k"), (helpers_and_names, "")],
    )
    def test_1000_calls_compile_at_most_8_times(self, program: Any, reduced: str) -> None:
        program = program.__func__
        always = parpy.jit(program)
        for seed in range(3):
            fn, rng = parpy.jit(program), random.Random(seed)
            for call in range(1000):
                n = rng.choice([0, 1, rng.randrange(50)])
                x, a = np.arange(n) / 3, rng.choice([0.0, 1.0, rng.random()])
                opts = parpy.CompileOptions()
                for label in "ijk":
                    count = rng.choice([1, 1 + rng.randrange(9)])
                    schedule = parpy.threads(count)
                    opts.parallelize[label] = schedule.reduce() if label in reduced else schedule
                y, expected = np.zeros(n), np.zeros(n)
                fn(x, y, n, a, opts=opts)
                program(x, expected, n, a)
                np.testing.assert_allclose(y, expected)
                if seed == 0 and call < 16:
                    opts.specialize = "always"
                    always(x, expected := np.zeros(n), n, a, opts=opts)
                    np.testing.assert_array_equal(y, expected)
            assert len(fn.compilations) <= 8

    def test_one_thread_keeps_the_order(self) -> None:
        @parpy.jit
        def sums(x, y, z):
            parpy.label("i")
            for i in range(1, len(x)):
                x[i] += x[i - 1]
            parpy.label("j")
            for i in range(len(y)):
                y[i] += 1
            parpy.label("k")
            for i in range(len(z)):
                z[i] += 1

        for i, j, k in list(itertools.product((1, 2, 3), repeat=3)) * 2:
            x, y, z = np.ones(100), np.ones(100), np.ones(100)
            counts = {"i": i, "j": j, "k": k}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sums(x, y, z, opts=parpy.par({n: parpy.threads(c) for n, c in counts.items()}))
            if i == 1:
                np.testing.assert_array_equal(x, np.arange(1, 101))
            assert y.tolist() == z.tolist() == [2.0] * 100
        assert len(sums.compilations) <= 8

    def test_what_is_wrong_in_parallel_is_right_in_order(self) -> None:
        @parpy.jit
        def last(x, y):
            parpy.label("i")
            for i in range(len(x)):
                t = x[i]
            parpy.label("j")
            y[:] += t
            parpy.label("k")
            y[:] += 1

        for j, k in list(itertools.product((1, 2, 3), repeat=2)) * 2:
            x, y = np.arange(10.0), np.zeros(5)
            counts = {"i": 1, "j": j, "k": k}
            opts = parpy.par({name: parpy.threads(count) for name, count in counts.items()})
            last(x, y, opts=opts)
            assert y.tolist() == [10.0] * 5
            opts.parallelize["i"] = parpy.threads(4)
            with pytest.raises(parpy.CompileError, match="'t' is assigned in|private"):
                last(x, y, opts=opts)

    def test_the_schedule_of_one_label_keeps_its_versions(self, fn: Any) -> None:
        for n in (1, 4, 1, 6, 8):
            run(fn, 10, opts=parpy.par({"i": parpy.threads(n)}))
        assert len(fn.compilations) == 3


class TestOptions:
    def test_always(self, fn: Any) -> None:
        opts = parpy.CompileOptions(specialize="always")
        for n in (10, 20, 30, 20):
            run(fn, n, opts=opts)
        assert len(fn.compilations) == 3
        assert all("p0" not in key for key, _, _ in fn.compilations)

    def test_never(self, fn: Any) -> None:
        opts = parpy.CompileOptions(specialize="never")
        for n, a in ((10, 1.0), (20, 2.0), (30, 3.0)):
            run(fn, n, a, opts=opts)
        assert len(fn.compilations) == 1
        assert "x: float64[p0], y: float64[p0], n: weak int64 = p1" in fn.compilations[0][0]

    def test_equal_options_share_code(self, fn: Any) -> None:
        for _ in range(3):
            run(fn, 10, opts=parpy.par({"i": parpy.threads(4)}))
        assert len(fn.compilations) == 1

    def test_thread_counts_become_parameters(self, fn: Any) -> None:
        for n in (10, 20, 30, 40):
            run(fn, n, opts=parpy.par({"i": parpy.threads(n)}))
        assert len(fn.compilations) == 2
        assert "i: threads(10)" in fn.compilations[0][0]
        assert "i: threads(p2)" in fn.compilations[1][0]
        assert "the number of threads of 'i' was 10 and is now 20" in reasons(fn)[1]

    def test_one_thread_is_another_version(self, fn: Any) -> None:
        run(fn, 10, opts=parpy.par({"i": parpy.threads(4)}))
        run(fn, 10, opts=parpy.par({"i": parpy.threads(1)}))
        run(fn, 10)
        assert len(fn.compilations) == 3
        assert reasons(fn)[1] == "the schedule of label 'i' changed"

    def test_a_schedule_changed_in_place(self, fn: Any) -> None:
        opts = parpy.par({"i": parpy.threads(4)})
        run(fn, 10, opts=opts)
        opts.parallelize["i"] = parpy.threads(1)
        run(fn, 10, opts=opts)
        assert len(fn.compilations) == 2

    def test_sizes_and_threads_from_one_on_are_the_reason(self, fn: Any) -> None:
        for n in range(1, 6):
            run(fn, n, opts=parpy.par({"i": parpy.threads(n)}))
        assert reasons(fn)[-1].endswith("which labels have one thread: made parameters")
        assert not any("scopes" in reason for reason in reasons(fn))

    def test_strict_is_part_of_the_key(self, fn: Any) -> None:
        run(fn, 10, opts=parpy.CompileOptions())
        run(fn, 10, opts=parpy.CompileOptions(strict=True))
        assert reasons(fn)[1] == "the options changed"

    def test_unknown_labels_are_warned_of_once(self, fn: Any) -> None:
        opts = parpy.par({"j": parpy.threads(4)})
        with pytest.warns(
            RuntimeWarning, match="bears the label 'j'(.|\n)*the nearest label is 'i'"
        ):
            run(fn, 10, opts=opts)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(fn, 10, opts=opts)

    def test_each_unknown_label_is_warned_of(self, fn: Any) -> None:
        for label in ("j", "k", "i2"):
            with pytest.warns(RuntimeWarning, match=f"bears the label '{label}'"):
                run(fn, 10, opts=parpy.par({"i": parpy.threads(4), label: parpy.threads(4)}))

    def test_what_shows_code_warns_of_unknown_labels(self, fn: Any) -> None:
        x, opts = np.zeros(10), parpy.par({"j": parpy.threads(4)})
        with pytest.warns(RuntimeWarning, match="bears the label 'j'"):
            parpy.print_compiled(fn, [x, x.copy(), 10, 2.0], opts)
        with pytest.warns(RuntimeWarning, match="bears the label 'j'"):
            fn.lower(x, x.copy(), 10, 2.0, opts=opts)

    def test_decorated_copies_warn_once_for_their_function(self) -> None:
        def other(x):
            x[:] = 1.0

        def shown(*functions: Any) -> int:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                for function in functions:
                    copy = parpy.jit(function)
                    for n in (3, 4):
                        arguments = (np.zeros(n), np.zeros(n), n, 2.0)
                        opts = parpy.par({"j": parpy.threads(4), "i": parpy.threads(2)})
                        opts.specialize = "always"
                        copy(*arguments[: copy.__wrapped__.__code__.co_argcount], opts=opts)
            return len(caught)

        # `other` is at another place, and lacks both labels.
        assert shown(scale, scale, scale) == 1
        assert shown(scale, other, scale, other) == 3

    def test_a_warning_may_be_an_error(self, fn: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(RuntimeWarning):
                run(fn, 10, opts=parpy.par({"j": parpy.threads(4)}))
        run(fn, 10)


class TestThreads:
    def test_options_that_change_while_a_call_waits_to_be_compiled(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Code and key are those of one moment: what is unchecked does not serve as checked."""

        @parpy.jit
        def store(x, c):
            for i in range(len(c)):
                x[c[i]] = 2.0

        is_compiling, may_go_on = threading.Event(), threading.Event()

        def wait(*_: Any, **__: Any) -> None:
            is_compiling.set()
            may_go_on.wait()

        def start(dtype: str, opts: parpy.CompileOptions) -> threading.Thread:
            arguments = (np.zeros(4, dtype), np.array([0, 3]))
            thread = threading.Thread(target=store, args=arguments, kwargs={"opts": opts})
            thread.start()
            return thread

        opts = parpy.CompileOptions()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            monkeypatch.setattr(warnings, "showwarning", wait)
            # A label that no statement bears is warned of, and the warning waits.
            first = start("float32", parpy.par({"i": parpy.threads(1)}))
            is_compiling.wait()
            second = start("float64", opts)
            time.sleep(0.2)
            opts.check_bounds = True
            may_go_on.set()
            first.join()
            second.join()
        # The memory behind these elements is ours, too.
        with pytest.raises(IndexError, match="index 5 of 'x'"):
            store(np.zeros(8)[:4], np.array([0, 5]), opts=opts)


class TestTable:
    def test_at_most_64_versions(self, fn: Any) -> None:
        opts = parpy.CompileOptions(specialize="always")
        for n in range(2, 72):
            run(fn, n, opts=opts)
        count = len(fn.compilations)
        assert count == 70
        run(fn, 71, opts=opts)
        assert len(fn.compilations) == count
        run(fn, 2, opts=opts)
        assert len(fn.compilations) == count + 1
        run(fn, 71, opts=opts)
        assert len(fn.compilations) == count + 1

    def test_clear(self, fn: Any) -> None:
        run(fn, 10)
        fn.clear()
        run(fn, 10)
        assert reasons(fn) == ["first call", "first call"]

    def test_lower_and_print_keep_nothing(self, fn: Any) -> None:
        x = np.zeros(4)
        stages = fn.lower(x, x, 4, 2.0)
        assert fn.print_compiled((x, x, 4, 2.0), None).startswith(stages.code)
        assert fn.compilations == []
        with pytest.raises(parpy.TypeMismatchError):
            fn.print_compiled([x])
        with pytest.raises(TypeError):
            fn.print_compiled(3)
