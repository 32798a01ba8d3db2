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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks import _timing
from benchmarks.npbench import _catalog
from benchmarks.npbench._inputs import DeviceInputs, HostInputs, Inputs
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
    backend = parpy.CompileBackend[options.backend]
    on_host = backend is parpy.CompileBackend.Cpu
    host = HostInputs(
        functools.partial(program.initialize, **program.sizes[options.preset]),
        list(inspect.signature(program.reference).parameters),
        is_restorable=on_host or bool(options.against) or options.dtype == "float32",
    )
    inputs: Inputs = host if on_host else DeviceInputs(host.arguments, backend)
    contenders: dict[str, _Contender] = {}

    # First of all: its first call finds nothing loaded.
    subject = _waiting(_compiled(program, backend, options.preset, inputs), backend)
    actual = None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RuntimeWarning)
            result.first_call = _seconds(subject)
        result.warnings = [str(w.message).split("\n", 1)[0] for w in caught]
        contenders["parpy"] = _Contender(subject, inputs)
        actual = inputs.taken(program.outputs)
    except parpy.CompileError as error:
        result.failed(Status.NOT_COMPILED, error)
    except Exception as error:  # a program's own, whatever it is
        result.failed(Status.FAILED, error)
    host.learn()

    numpy = functools.partial(program.reference, *host.values())
    of_cpu = _compiled(program, parpy.CompileBackend.Cpu, options.preset, host)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        (numpy if options.reference == "numpy" else of_cpu)()
    expected = host.taken(program.outputs)
    host.learn()
    if program.dtype == "float32":
        expected = program.in_float64(host.arguments)
    if actual is not None:
        mistakes = program.mistakes(actual, expected)
        result.status = Status.WRONG if mistakes else Status.OK
        result.detail = "; ".join(mistakes)
        del actual

    if "numpy" in options.against:
        contenders["numpy"] = _Contender(numpy, host)
    if "numba" in options.against:
        for version, function in _catalog.numba_versions(program.reference).items():
            call = functools.partial(function, *host.values())
            try:
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    call()
                mistakes = program.mistakes(host.taken(program.outputs), expected)
                if mistakes:
                    raise ArithmeticError("; ".join(mistakes))
                contenders[version] = _Contender(call, host)
            except Exception as error:  # Numba raises what it likes, internal errors too
                reason = f"{type(error).__name__}: {error}".split("\n", 1)[0]
                # Results are shared: where the machine has its files is nobody's business.
                result.peers_failed[version] = reason.replace(f"{Path.cwd()}/", "")
            host.learn()
    if options.rounds:
        with np.errstate(all="ignore"):
            result.samples = _race(contenders, options.rounds, options.limit)
    return result


@dataclass(frozen=True)
class _Contender:
    """What is timed, and the arguments that it is called with."""

    call: Callable[[], object]
    inputs: Inputs

    def seconds(self) -> float:
        """How long a call takes; its arguments are restored before, outside that time."""
        self.inputs.restore()
        return _seconds(self.call)


def _compiled(
    program: _catalog.Program, backend: parpy.CompileBackend, preset: str, inputs: Inputs
) -> Callable[[], object]:
    kernel, opts = program.call(backend, preset)
    return functools.partial(kernel, *inputs.values(), opts=opts)


def _waiting(call: Callable[[], object], backend: parpy.CompileBackend) -> Callable[[], object]:
    """A call that returns when a GPU has done its work."""
    if backend is parpy.CompileBackend.Cpu:
        return call

    def waiting() -> None:
        call()
        parpy.sync(backend)

    return waiting


def _race(contenders: dict[str, _Contender], rounds: int, limit: float) -> dict[str, list[float]]:
    """Times contenders by turns; returns the samples of each, in seconds a call.

    In every round each is timed once, and another one begins. Before a sample come a pause and, for
    short calls, one untimed call, as in `benchmarks/_timing.py`; inputs are restored before every
    call, outside its time. Who has used `limit` seconds makes no more samples.
    """
    counts: dict[str, int] = {}
    spent: dict[str, float] = {}
    for name, contender in contenders.items():
        elapsed = contender.seconds()
        counts[name] = max(1, min(100, round(SPAN / elapsed)))
        spent[name] = 0.0
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            if spent[name] > limit:
                continue
            contender, count = contenders[name], counts[name]
            time.sleep(_timing.PAUSE)
            if samples[name] == [] or samples[name][-1] < 5 * SPAN:
                spent[name] += contender.seconds()
            sample = sum(contender.seconds() for _ in range(count))
            spent[name] += sample
            samples[name].append(sample / count)
        if order:
            order.append(order.pop(0))
    return samples


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
