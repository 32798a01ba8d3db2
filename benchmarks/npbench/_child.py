"""Validates and times one program, in a process of its own; `_run.py` starts it.

python -m benchmarks.npbench._child PROGRAM RESULT.json OPTIONS.json
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks import _timing
from benchmarks.npbench import _catalog
from benchmarks.npbench._inputs import Inputs
from benchmarks.npbench._result import Options, Result, Status

import parpy

# A sample of a short program is the mean of as many calls as take so long, in seconds.
SPAN = 0.01


def measure(name: str, options: Options) -> Result:
    """Runs everything that is asked for; an exception of the program is its result."""
    result = Result(name)
    try:
        program = _catalog.load(name, options.dtype)
    except parpy.CompileError as error:
        return result.failed(Status.NOT_COMPILED, error)
    size = dict(program.sizes[options.preset])
    parameters = list(inspect.signature(program.reference).parameters)
    inputs = Inputs(functools.partial(program.initialize, **size), parameters)
    opts = program.options(parpy.CompileBackend[options.backend], size)
    contenders: dict[str, Callable[[], object]] = {}

    # First of all: its first call finds nothing loaded.
    subject = functools.partial(program.kernel, *inputs.values(), opts=opts)
    actual = None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            result.first_call = _seconds(subject)
        result.warnings = [str(w.message).split("\n", 1)[0] for w in caught]
        contenders["parpy"] = subject
        actual = inputs.taken(program.outputs)
    except parpy.CompileError as error:
        result.failed(Status.NOT_COMPILED, error)
    except Exception as error:  # a program's own, whatever it is
        result.failed(Status.FAILED, error)
    inputs.learn()

    reference = functools.partial(program.reference, *inputs.values())
    with np.errstate(all="ignore"):
        reference()
    expected = inputs.taken(program.outputs)
    inputs.learn()
    if program.dtype == "float32":
        expected = program.in_float64(inputs.arguments)
    if actual is not None:
        mistakes = program.mistakes(actual, expected)
        result.status = Status.WRONG if mistakes else Status.OK
        result.detail = "; ".join(mistakes)
        del actual

    if "numpy" in options.against:
        contenders["numpy"] = reference
    if "numba" in options.against:
        for version, function in _catalog.numba_versions(program.reference).items():
            call = functools.partial(function, *inputs.values())
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    call()
                mistakes = program.mistakes(inputs.taken(program.outputs), expected)
                if mistakes:
                    raise ArithmeticError("; ".join(mistakes))
                contenders[version] = call
            except Exception as error:  # Numba raises what it likes, internal errors too
                reason = f"{type(error).__name__}: {error}".split("\n", 1)[0]
                # Results are shared: where the machine has its files is nobody's business.
                result.peers_failed[version] = reason.replace(f"{Path.cwd()}/", "")
            inputs.learn()
    with np.errstate(all="ignore"):
        result.samples = _race(contenders, inputs, options.rounds, options.limit)
    return result


def _race(
    contenders: dict[str, Callable[[], object]], inputs: Inputs, rounds: int, limit: float
) -> dict[str, list[float]]:
    """Times contenders by turns; returns the samples of each, in seconds a call.

    In every round each is timed once, and another one begins. Before a sample come a pause and, for
    short calls, one untimed call, as in `benchmarks/_timing.py`; inputs are restored before every
    call, outside its time. Who has used `limit` seconds makes no more samples.
    """
    counts: dict[str, int] = {}
    spent: dict[str, float] = {}
    for name, call in contenders.items():
        elapsed = _restored(inputs, call)
        counts[name] = max(1, min(100, round(SPAN / elapsed)))
        spent[name] = 0.0
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            if spent[name] > limit:
                continue
            call, count = contenders[name], counts[name]
            time.sleep(_timing.PAUSE)
            if samples[name] == [] or samples[name][-1] < 5 * SPAN:
                spent[name] += _restored(inputs, call)
            sample = sum(_restored(inputs, call) for _ in range(count))
            spent[name] += sample
            samples[name].append(sample / count)
        if order:
            order.append(order.pop(0))
    return samples


def _restored(inputs: Inputs, call: Callable[[], object]) -> float:
    inputs.restore()
    return _seconds(call)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Measures the program that the command line names."""
    name, result, options = sys.argv[1:]
    measured = measure(name, Options(**json.loads(Path(options).read_text())))
    Path(result).write_text(json.dumps(measured.data()))


if __name__ == "__main__":
    main()
