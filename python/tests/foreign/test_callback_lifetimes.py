"""Callbacks and threads, calls inside callbacks, and how long functions live."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
from callback_log import log
from harness import define

import parpy

# --- Threads, re-entrancy, lifetimes --------------------------------------------------------


def test_other_threads_run_while_the_function_does() -> None:
    @parpy.callback
    def wait(x):
        deadline = time.monotonic() + 10
        while not log and time.monotonic() < deadline:
            time.sleep(0.001)

    @parpy.jit
    def apply(x):
        wait(x)
        x[0] = 1

    x = np.zeros(1)
    thread = threading.Thread(target=lambda: log.append("other"))
    thread_of_call = threading.Thread(target=apply, args=(x,))
    thread_of_call.start()
    time.sleep(0.02)
    thread.start()
    thread_of_call.join(20)
    assert not thread_of_call.is_alive()
    assert x[0] == 1


def test_many_threads_call_back_at_once() -> None:
    @parpy.callback
    def add(x, n) -> int:
        np.asarray(x)[0] += n
        return threading.get_ident() % 2**31

    @parpy.jit
    def apply(x, who, n):
        for _ in range(n):
            who[0] = add(x, 2)

    results: list[bool] = []

    def work() -> None:
        x, who = np.zeros(1), np.zeros(1, np.int64)
        for _ in range(20):
            apply(x, who, 50)
        results.append(x[0] == 2000 and who[0] == threading.get_ident() % 2**31)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [True] * 6


def test_a_callback_calls_compiled_functions_and_its_caller() -> None:
    @parpy.jit
    def square(x):
        parpy.label("i")
        for i in range(len(x)):
            x[i] *= x[i]

    @parpy.callback
    def again(x, depth):
        square(x, opts=parpy.par({"i": parpy.threads(4)}))
        fresh = parpy.jit(define("def f(x):\n    x[0] += 1\n"))
        fresh(x)
        if depth:
            apply(x, depth - 1)

    @parpy.jit
    def apply(x, depth):
        x[0] += 1
        again(x, depth)
        x[1] += 1

    x = np.array([0.0, 2.0])
    apply(x, 2)
    assert x.tolist() == [((1 + 1 + 1) ** 2 + 1 + 1) ** 2 + 1, 259.0]


def test_endless_recursion_is_a_recursion_error() -> None:
    @parpy.callback
    def again(x):
        apply(x)

    @parpy.jit
    def apply(x):
        x[0] += 1
        again(x)

    x = np.zeros(1)
    with pytest.raises(RecursionError):
        apply(x)
    assert x[0] > 10


def test_a_callback_may_forget_the_function_that_calls_it() -> None:
    holder: dict[str, Any] = {}

    @parpy.callback
    def forget(x):
        holder.clear()
        parpy.clear_cache()
        gc.collect()
        np.asarray(x)[0] += 1

    def make() -> Any:
        @parpy.jit
        def apply(x, n):
            for _ in range(n):
                forget(x)
                x[0] *= 2

        return apply

    holder["f"] = make()
    x = np.zeros(1)
    holder["f"](x, 3)
    assert x[0] == 14


def test_a_callback_is_looked_up_anew() -> None:
    @parpy.callback
    def f(x):
        log.append("first")

    @parpy.jit
    def apply(x):
        f(x)

    apply(np.zeros(1))

    @parpy.callback
    def f(x):  # noqa: F811
        log.append("second")

    apply(np.zeros(1))
    apply(np.zeros(1))
    assert log == ["first", "second", "second"]


def test_functions_and_callbacks_in_a_cycle_are_freed() -> None:
    def make() -> Any:
        @parpy.callback
        def back(x):
            apply.__name__  # noqa: B018 - the cycle

        @parpy.jit
        def apply(x):
            back(x)

        apply(np.zeros(1))
        return weakref.ref(apply), weakref.ref(back)

    dead = make()
    gc.collect()
    assert [d() for d in dead] == [None, None]


def test_references_stay_flat() -> None:
    marker = object()

    @parpy.callback
    def count(x, n, t) -> float:
        held = marker
        if n == 1:
            raise ValueError(held)
        return 2

    @parpy.jit
    def apply(x, n):
        t = np.zeros(5, np.float32)
        x[0] = count(x, n, t) + count(x[1:], 0, t)

    x = np.zeros(3)

    def many(times: int) -> None:
        for i in range(times):
            try:
                apply(x, i % 2)
            except ValueError:
                continue

    many(100)
    gc.collect()
    before = (sys.getrefcount(x), sys.getrefcount(marker), sys.getrefcount(count.__wrapped__))
    blocks = sys.getallocatedblocks()
    many(10_000)
    gc.collect()
    after = (sys.getrefcount(x), sys.getrefcount(marker), sys.getrefcount(count.__wrapped__))
    assert after == before
    assert sys.getallocatedblocks() - blocks < 500


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_callback_may_fork() -> None:
    pids: list[int] = []

    @parpy.callback
    def split(x):
        pids.append(os.fork())

    @parpy.jit
    def apply(x):
        x[0] = 1
        split(x)
        parpy.label("i")
        for i in range(len(x)):
            x[i] += 2

    x = np.zeros(4096)
    apply(x, opts=parpy.par({"i": parpy.threads(4)}))
    ok = x[0] == 3 and x[1:].tolist() == [2] * 4095
    if pids[0] == 0:
        os._exit(0 if ok else 1)
    assert ok
    _, status = os.waitpid(pids[0], 0)
    assert os.waitstatus_to_exitcode(status) == 0
