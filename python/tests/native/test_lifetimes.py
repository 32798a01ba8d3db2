"""References, cycles, threads and forks: nothing leaks, and nothing crashes."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import parpy


def add_one(x, n):
    parpy.label("i")
    for i in range(n):
        x[i] += 1


def test_a_function_and_its_code_are_freed() -> None:
    fn = parpy.jit(add_one)
    fn(np.zeros(3), 3)
    dead = weakref.ref(fn)
    del fn
    gc.collect()
    assert dead() is None


def test_a_cycle_through_a_closure_is_freed() -> None:
    def make() -> Any:
        @parpy.jit
        def inner(x):
            if False:
                inner(x)
            x[0] = 1

        return inner

    fn = make()
    with contextlib.suppress(parpy.CompileError):
        fn(np.zeros(1))
    dead = weakref.ref(fn)
    wrapped = weakref.ref(fn.__wrapped__)
    del fn
    gc.collect()
    assert dead() is None
    assert wrapped() is None


def test_a_cycle_through_the_dictionary_is_freed() -> None:
    fn = parpy.jit(add_one)
    fn.itself = fn
    dead = weakref.ref(fn)
    del fn
    gc.collect()
    assert dead() is None


@pytest.mark.parametrize(
    "arguments",
    [
        lambda: (np.zeros(300), 300),
        lambda: (memoryview(np.zeros(300)), 300),
        lambda: (np.zeros(300)[::2], 150),
        lambda: (np.zeros(300), np.int64(300)),
        lambda: (np.zeros(300), 3.5),
        lambda: ([1], 1),
        lambda: (np.zeros(3, ">f8"), 3),
        lambda: (np.zeros(3),),
        lambda: (type("I", (), {"__array_interface__": np.zeros(3).__array_interface__})(), 3),
    ],
)
def test_calls_keep_no_references(arguments: Any) -> None:
    fn = parpy.jit(add_one)
    given = arguments()
    opts = parpy.par({"i": parpy.threads(1000)})

    def call() -> None:
        with contextlib.suppress(TypeError, ValueError, parpy.CompileError):
            fn(*given, opts=opts)

    for _ in range(3):
        call()
    gc.collect()
    objects = [*given, opts, opts.parallelize["i"], None, fn]
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(100):
        call()
    after = [sys.getrefcount(o) for o in objects]
    # Other threads and caches may hold a few more, but not one for each call.
    assert all(b - a < 50 for a, b in zip(before, after, strict=True))


def test_memory_is_released_after_a_call() -> None:
    fn = parpy.jit(add_one)
    data = bytearray(24)
    fn(memoryview(data).cast("d"), 3)
    data.extend(b"more")  # A view that were still open would make this a BufferError.


def test_an_argument_lives_while_it_is_used() -> None:
    fn = parpy.jit(add_one)
    for _ in range(200):
        fn(np.zeros(1000), 1000)


def test_threads_compile_once() -> None:
    fn = parpy.jit(add_one)
    arrays = [np.zeros(64) for _ in range(8)]
    start = threading.Barrier(8)
    failures: list[BaseException] = []

    def work(x: np.ndarray) -> None:
        try:
            start.wait()
            for _ in range(50):
                fn(x, 64)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(x,)) for x in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert all((x == 50).all() for x in arrays)
    assert len(fn.compilations) == 1


def test_threads_clear_and_call() -> None:
    fn = parpy.jit(add_one)
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        x = np.zeros(1 << 16)
        count = 0
        try:
            while not stop.is_set():
                fn(x, len(x), opts=parpy.par({"i": parpy.threads(len(x))}))
                count += 1
            assert (x == count).all()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        fn.clear()
        gc.collect()
        threading.Event().wait(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_call_within_the_compilation_of_the_same_function(monkeypatch: Any) -> None:
    fn = parpy.jit(add_one)
    x = np.zeros(3)
    import warnings

    def show(*_: Any, **__: Any) -> None:
        fn(x, 3)

    monkeypatch.setattr(warnings, "showwarning", show)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "_showwarnmsg_impl", show, raising=False)
        fn(x, 3, opts=parpy.par({"nowhere": parpy.threads(4)}))
    assert x[0] >= 1


def test_exceptions_leave_the_function_usable() -> None:
    fn = parpy.jit(add_one)
    x = np.zeros(3)
    with pytest.raises(IndexError):
        fn(x, 5)
    assert (x == 0).all()
    fn(x, 3)
    assert (x == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_while_a_thread_compiles() -> None:
    fn = parpy.jit(add_one)
    thread = threading.Thread(target=lambda: fn(np.zeros(7), 7))
    thread.start()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        status = 1
        try:
            x = np.zeros(3)
            parpy.jit(add_one)(x, 3)
            status = 0 if (x == 1).all() else 2
        finally:
            os._exit(status)
    thread.join()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_attributes_of_the_type_are_protected() -> None:
    from parpy import _native

    with pytest.raises(TypeError):
        type("Sub", (_native.Function,), {})
    fn = parpy.jit(add_one)
    with pytest.raises(AttributeError):
        fn.compilations = []
