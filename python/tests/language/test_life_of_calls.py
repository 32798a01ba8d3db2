"""Calls between decorated functions: plain Python, lifetimes, threads."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from call_programs import total
from harness import (
    define,
    options,
)

import parpy

CE = parpy.CompileError

# --- Plain Python -------------------------------------------------------------------------------

witnessed: list[type] = []


@parpy.jit
def witness(v):
    witnessed.append(type(v))
    return v


def calls_witness(x):
    x[0] = witness(x[0])


def test_helpers_run_in_plain_python_too() -> None:
    fn = parpy.jit(calls_witness)
    witnessed.clear()
    fn(np.zeros(1), opts=parpy.seq())
    assert witnessed == [np.float64]
    with pytest.raises(CE):
        witness(1.0)
    with pytest.raises(CE):
        fn(np.zeros(1))
    assert len(witnessed) == 1


def plain_that_fails(x):
    x[0] = total(x) + x[99]


def test_plain_python_is_over_after_an_exception() -> None:
    fn = parpy.jit(plain_that_fails)
    for _ in range(3):
        with pytest.raises(IndexError):
            fn(np.zeros(3), opts=parpy.seq())
    with pytest.raises(CE, match="Main function"):
        total(np.zeros(3))


inside, leave = threading.Event(), threading.Event()


def waits_in_python(x):
    inside.set()
    leave.wait()
    x[0] = total(x)


def test_plain_python_in_one_thread_alone() -> None:
    x = np.ones(2)
    fn = parpy.jit(waits_in_python)
    thread = threading.Thread(target=lambda: fn(x, opts=parpy.seq()))
    thread.start()
    inside.wait()
    try:
        with pytest.raises(CE, match="Main function"):
            total(np.zeros(3))
    finally:
        leave.set()
        thread.join()
    assert x[0] == 2


# --- Life ---------------------------------------------------------------------------------------


def test_decorated_closures_are_freed() -> None:
    class Token:
        pass

    def make() -> tuple[Any, list[weakref.ref[Any]]]:
        token = Token()
        scale = 3.0

        @parpy.jit
        def inner(v):
            return v * scale

        @parpy.jit
        def outer(x):
            x[0] = inner(x[0])

        def keeps() -> Any:
            return token, inner, outer

        keeps()
        return outer, [weakref.ref(o) for o in (token, inner, outer, outer.__wrapped__)]

    for call in (False, True):
        outer, refs = make()
        if call:
            x = np.ones(1)
            outer(x)
            outer(x, opts=options(specialize="never"))
            outer(x, opts=parpy.seq())
            assert x[0] == 27
        del outer
        gc.collect()
        assert [r() for r in refs] == [None] * len(refs)


def test_mutually_referring_closures_are_freed() -> None:
    def make(wrong: bool) -> list[weakref.ref[Any]]:
        @parpy.jit
        def first(x):
            x[0] = second(x[0]) if not wrong_now else third(x[0])

        @parpy.jit
        def second(v):
            if False:
                first(v)
            return v + 1

        wrong_now = wrong

        if wrong:

            @parpy.jit
            def third(v):
                return first(v)

        else:
            third = None
        x = np.zeros(1)
        try:
            first(x)
            assert x[0] == 1
        except CE:
            assert wrong
        refs = [weakref.ref(f) for f in (first, second)]
        return refs

    for wrong_program in (False, True):
        refs = make(wrong_program)
        gc.collect()
        assert [r() for r in refs] == [None, None]


def test_replaced_helpers_are_freed_with_their_caller() -> None:
    program = parpy.jit(define("def program(y):\n    y[0] = helper(y[0])\n"))
    scope = program.__wrapped__.__globals__
    refs = []
    for k in range(20):
        helper = parpy.jit(define(f"def helper(v):\n    return v + {k}\n"))
        refs.append(weakref.ref(helper))
        scope["helper"] = helper
        program(np.zeros(1))
    del program, scope, helper
    gc.collect()
    assert [r() for r in refs] == [None] * 20


# --- Threads ------------------------------------------------------------------------------------


def test_first_calls_from_many_threads() -> None:
    for _ in range(3):
        inner = parpy.jit(define("def inner(v):\n    if v < 0:\n        return -v\n    return v\n"))
        helper = define(
            """
            def helper(v, s):
                parpy.label("H")
                for i in range(v.shape[0]):
                    if v[i] == 3:
                        continue
                    v[i] = inner(v[i]) * s
            """,
            inner=inner,
        )
        program = parpy.jit(
            define("def program(v, s):\n    helper(v, s)\n", helper=parpy.jit(helper))
        )
        start = threading.Barrier(8)
        failures: list[BaseException] = []

        def work(
            k: int, program: Any = program, start: Any = start, failures: Any = failures
        ) -> None:
            try:
                start.wait()
                for repeat in range(4):
                    dtype = [np.float32, np.float64, np.int64, np.int32][(k + repeat) % 4]
                    v = np.arange(-50, 50).astype(dtype)
                    w = v.copy()
                    opts = options({"H": parpy.threads(8)} if k % 2 else {})
                    program(v, 2, opts=opts)
                    program(w, 2, opts=parpy.seq())
                    assert (v == w).all()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures


def test_a_helper_changes_while_threads_call() -> None:
    program = parpy.jit(define("def program(y):\n    y[0] = helper(0.0)\n"))
    scope = program.__wrapped__.__globals__
    helpers = [
        parpy.jit(
            define(
                f"def helper(v):\n    parpy.label('L{k}')\n    for i in range({k + 1}):\n"
                f"        v += 1\n    return v + {k}\n"
            )
        )
        for k in range(4)
    ]
    allowed = {2.0 * k + 1 for k in range(4)}
    scope["helper"] = helpers[0]
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        y = np.zeros(1)
        try:
            while not stop.is_set():
                program(y)
                assert y[0] in allowed
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for k in range(200):
        scope["helper"] = helpers[k % 4]
        program(np.zeros(1))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
