"""What a schedule may be: labels, nests of parallel loops, numbers of threads, `with parpy.gpu`."""

# ruff: noqa: B007

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from harness import check, decorated, each, options, survives

import parpy

# --- Labels -----------------------------------------------------------------------------------


def one_label_at_many(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] * 2
    parpy.label("N")
    y[:] = y[:] + 1
    parpy.label("N")
    y[0] = parpy.operators.max(y[:])


def test_one_label_may_stand_at_many_statements() -> None:
    check(one_label_at_many, np.arange(300.0), np.zeros(300), schedules=each("N"))


def two_labels(x, y):
    parpy.label("A")
    parpy.label("B")
    for i in range(len(x)):
        y[i] = x[i] * 2


def test_a_loop_may_bear_several_labels() -> None:
    x = np.arange(100.0)
    check(two_labels, x, np.zeros(100), schedules=each("A", "B"))


def label_spellings(x, y):
    parpy.label("A")
    y[:] = x[:]
    parpy.builtin.label("B")
    y[:] += 1
    parpy.operators.label("C")
    y[:] *= 2
    label("D")
    y[:] -= 3


label = parpy.label


def test_label_under_every_name() -> None:
    check(label_spellings, np.arange(9.0), np.zeros(9), schedules=each("A", "B", "C", "D"))


def label_in_branches(x, y, flag):
    if flag:
        parpy.label("A")
        for i in range(len(x)):
            y[i] = x[i]
    else:
        parpy.label("B")
        y[:] = -x[:]


def test_labels_in_branches_not_taken_are_known() -> None:
    for flag in (True, False):
        check(label_in_branches, np.arange(70.0), np.zeros(70), flag, schedules=each("A", "B"))


def unicode_label(x):
    parpy.label("größe 1")
    x[:] = x[:] + 1


def test_a_label_is_any_string() -> None:
    check(unicode_label, np.arange(70.0), schedules=each("größe 1"))


# --- Nests ------------------------------------------------------------------------------------


def nest(a, b):
    parpy.label("i")
    for i in range(a.shape[0]):
        parpy.label("j")
        for j in range(a.shape[1]):
            parpy.label("k")
            for k in range(a.shape[2]):
                b[i, j, k] = a[i, j, k] * 2 + i * 100 + j * 10 + k


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 70), (70, 3, 2), (0, 3, 4), (5, 0, 4)])
def test_nested_parallel_loops(shape: tuple[int, ...]) -> None:
    a = np.arange(float(np.prod(shape))).reshape(shape)
    check(nest, a, np.zeros(shape), schedules=each("i", "j", "k"))
    for pair in (("i", "j"), ("j", "k"), ("i", "k")):
        schedule = {label: parpy.threads(64) for label in pair}
        check(nest, a, np.zeros(shape), schedules=[schedule], plain=False)


def imperfect_nest(a, s):
    parpy.label("i")
    for i in range(a.shape[0]):
        t = 0.0
        a[i, 0] += 1.0
        parpy.label("j")
        for j in range(1, a.shape[1]):
            a[i, j] = a[i, j] + a[i, 0]
        for j in range(a.shape[1]):
            t += a[i, j]
        parpy.label("k")
        a[i, :] /= t
        s[i] = t


def test_statements_between_the_loops_of_a_nest() -> None:
    a = np.random.default_rng(0).integers(1, 9, (37, 70)).astype(np.float64)
    check(imperfect_nest, a, np.zeros(37), schedules=each("i", "j", "k"))


def parallel_under_sequential(a, n):
    for step in range(n):
        parpy.label("i")
        for i in range(len(a)):
            a[i] = a[i] * 2 + step
        if step % 2:
            parpy.label("j")
            a[:] = a[:] - step


def test_parallel_loops_under_sequential_ones() -> None:
    check(parallel_under_sequential, np.arange(200.0), 5, schedules=each("i", "j"))


def parallel_under_while(x, y):
    k = 0
    while y[0] < 100:
        parpy.label("i")
        for i in range(len(y)):
            y[i] = y[i] + x[i] + k
        k += 1


def test_parallel_loops_under_while() -> None:
    x = np.ones(100)
    check(parallel_under_while, x, np.arange(100.0), schedules=each("i"))


def live_scalars(x, y, n):
    a = x[0] + 1
    b = n * 2
    parpy.label("i")
    for i in range(len(x)):
        y[i] = x[i] * a + b
    a = y[0]
    parpy.label("i")
    for i in range(len(x)):
        y[i] = y[i] - a


def test_scalars_from_outside_a_parallel_loop() -> None:
    check(live_scalars, np.arange(100.0), np.zeros(100), 7, schedules=each("i"))


# --- Numbers of threads -----------------------------------------------------------------------


def squares(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] * x[i]


THREADS = [0, 1, 2, 3, 7, 32, 1000, 2**20, 2**31 - 1, 2**31, 2**40, 2**63 - 1]


def test_any_number_of_threads() -> None:
    for n in (1, 5, 100, 70_000):
        schedules = [{"N": parpy.threads(t)} for t in THREADS]
        check(squares, np.arange(float(n)), np.zeros(n), schedules=schedules)


def test_the_number_of_threads_may_vary_with_the_size() -> None:
    function = parpy.jit(squares)
    for n in range(1, 40):
        x = np.arange(float(n))
        y = np.zeros(n)
        function(x, y, opts=parpy.par({"N": parpy.threads(n)}))
        np.testing.assert_array_equal(y, x * x)
    assert len(function.compilations) <= 6


@pytest.mark.parametrize(
    "schedule",
    [
        parpy.threads(100).tpb(32),
        parpy.threads(100).unroll(),
        parpy.unroll(),
        parpy.LoopPar(),
        parpy.LoopPar().tpb(64),
        parpy.threads(7).tpb(1024).unroll(),
    ],
)
def test_settings_for_gpus_do_not_matter_here(schedule: parpy.LoopPar) -> None:
    check(squares, np.arange(100.0), np.zeros(100), schedules=[{"N": schedule}])


def test_options_are_read_at_each_call() -> None:
    function = parpy.jit(squares)
    x = np.arange(50.0)
    opts = parpy.CompileOptions()
    for schedule in ({}, {"N": parpy.threads(8)}, {"N": parpy.threads(1)}, {}):
        opts.parallelize = schedule
        y = np.zeros(50)
        function(x, y, opts=opts)
        np.testing.assert_array_equal(y, x * x)
    for opts in (None, parpy.CompileOptions(), parpy.seq()):
        y = np.zeros(50)
        function(x, y, opts=opts)
        np.testing.assert_array_equal(y, x * x)


def big(a, b):
    parpy.label("N")
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] = a[i, j] + 1


def test_work_is_done_once_by_all_workers() -> None:
    a = np.random.default_rng(1).random((3000, 33))
    expected = a.copy()
    function = parpy.jit(increments)
    opts = parpy.par({"N": parpy.threads(1000)})
    for _ in range(50):
        function(a, opts=opts)
        expected += 1
    np.testing.assert_array_equal(a, expected)


def increments(a):
    parpy.label("N")
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = a[i, j] + 1


# --- with parpy.gpu ---------------------------------------------------------------------------


def on_device(x, y):
    with parpy.gpu:
        y[0] = 0.0
        parpy.label("N")
        for i in range(len(x)):
            y[0] += x[i]
    with parpy.operators.gpu:
        y[1] = 5
        t = y[0] * 2
    y[2] = t
    with parpy.builtin.gpu:
        parpy.label("M")
        y[3:] = x[:3]


def test_with_gpu_changes_nothing_on_the_cpu() -> None:
    x = np.arange(100.0)
    check(on_device, x, np.ones(6), schedules=[*each("M"), *each(reduce="N")])


def gpu_in_loops(a, y):
    for i in range(a.shape[0]):
        with parpy.gpu:
            y[i] = 0
            if i % 2:
                for j in range(a.shape[1]):
                    y[i] += a[i, j]


def test_with_gpu_inside_loops() -> None:
    check(gpu_in_loops, np.arange(12.0).reshape(4, 3), np.ones(4))


# --- Threads and processes of the caller ------------------------------------------------------


def test_calls_from_many_threads() -> None:
    function = parpy.jit(big)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            rng = np.random.default_rng(seed)
            for k in range(30):
                a = rng.random((20 + k, 7 + seed))
                b = np.zeros_like(a)
                function(a, b, opts=parpy.par({"N": parpy.threads(8)}))
                np.testing.assert_array_equal(b, a + 1)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]


def test_calls_in_a_forked_child() -> None:
    a = np.random.default_rng(2).random((500, 40))
    opts = options({"N": parpy.threads(64)})
    decorated(big)(a, np.zeros_like(a), opts=opts)

    def child() -> None:
        b = np.zeros_like(a)
        decorated(big)(a, b, opts=opts)
        np.testing.assert_array_equal(b, a + 1)
        c = np.zeros((500, 41))
        decorated(increments)(c, opts=opts)
        assert (c == 1).all()

    survives(child)


SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, {tests!r})
from harness import decorated, options
import parpy
from parpy import threads

def sums(x, y):
    parpy.label("N")
    y[0] = parpy.operators.sum(x[:])
    s = np.float32(0)
    parpy.label("M")
    for i in range(len(x)):
        s += x[i] * x[i]
    y[1] = s

x = np.random.default_rng(5).standard_normal(300_001).astype(np.float32)
y = np.zeros(2, np.float32)
decorated(sums)(x, y, opts=options(dict(N=threads(64), M=threads(64).reduce())))
print(y.tobytes().hex())
"""


def test_the_same_bits_for_any_number_of_workers(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent.parent)))
    results = set()
    for workers in ("1", "2", "5"):
        environment = {**os.environ, "PARPY_NUM_THREADS": workers}
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        results.add(done.stdout.strip())
    assert len(results) == 1


# --- Warnings ---------------------------------------------------------------------------------


def test_a_label_that_no_statement_bears_is_warned_about() -> None:
    x = np.arange(5.0)
    y = np.zeros(5)
    with pytest.warns(RuntimeWarning, match="'outr'") as caught:
        parpy.jit(labelled_outer)(x, y, opts=parpy.par({"outr": parpy.threads(4)}))
    message = str(caught[0].message)
    assert "outer" in message
    assert "labelled_outer" in message
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(y, x)
    assert len(caught) == 1


def labelled_outer(x, y):
    parpy.label("outer")
    for i in range(len(x)):
        parpy.label("inner")
        for j in range(1):
            y[i] = x[i]


def test_a_label_is_warned_about_where_the_function_has_none() -> None:
    with pytest.warns(RuntimeWarning, match="'N'"):
        parpy.jit(unlabelled)(np.zeros(3), opts=parpy.par({"N": parpy.threads(4)}))


def unlabelled(x):
    x[:] = 1


def test_a_warning_may_be_made_an_error() -> None:
    x, y = np.arange(5.0), np.zeros(5)
    function = parpy.jit(labelled_outer)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(RuntimeWarning, match="outr"):
            function(x, y, opts=parpy.par({"outr": parpy.threads(4)}))
    assert not y.any()
    function(x, y)
    np.testing.assert_array_equal(y, x)
