"""What calls and compilations for a GPU cost on the host."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _cuda_programs as programs
from _report import SUBJECT, Group, Result

try:
    from _cuda_triton import add as triton_add
except ImportError:
    triton_add = None

SIZE = 1024


def calls(torch: Any, rounds: int) -> Group:
    """Cached calls with three arrays on the device: the time until the call returns."""
    group = Group("Cached call, three arrays on the device")
    contenders = _contenders(torch)
    group.peers = tuple(name for name in contenders if not name.startswith(SUBJECT))
    samples = _race(torch, contenders, rounds)
    for name in [name for name in samples if name.startswith(SUBJECT)]:
        kind = name.removeprefix(SUBJECT).strip()
        own = {SUBJECT: samples[name]}
        own |= {peer: samples[peer] for peer in group.peers}
        group.results.append(Result(f"with {kind} arrays", own, at_most_of_best=1.0))
    return group


def graphs(torch: Any, rounds: int) -> Group:
    """A host loop of launches: replayed as a graph where there are many."""
    x = torch.zeros(SIZE, device="cuda")
    function = parpy_jit(programs.steps)
    opts = programs.options(N=programs.parpy.threads(SIZE))
    group = Group("A loop of launches in one call", peers=())
    for count in (1, 2, 4, 8, 16, 100):

        def run(count: int = count) -> None:
            function(x, SIZE, count, opts=opts)

        samples = _race(torch, {SUBJECT: run}, rounds)
        bar = 2e-6 + 100 * 0.1e-6 if count == 100 else None
        group.results.append(Result(f"{count} launches", samples, at_most=bar))
    return group


def compiling(rounds: int) -> Group:
    """From the Python function to the launch, with NVRTC loaded; and from the disk."""
    child = str(Path(__file__).parent / "_cuda_first_call.py")
    fresh: list[float] = []
    cached: list[float] = []
    for _ in range(max(3, rounds // 4)):
        with tempfile.TemporaryDirectory() as folder:
            for samples in (fresh, cached):
                output = subprocess.run(
                    [sys.executable, child, folder], capture_output=True, text=True, check=True
                ).stdout
                samples.append(float(output.split()[-1]))
    group = Group("First call of a function", peers=())
    group.results.append(Result("one kernel, NVRTC loaded", {SUBJECT: fresh}, at_most=25e-3))
    group.results.append(Result("from the disk cache", {SUBJECT: cached}, at_most=5e-3))
    return group


def parpy_jit(function: Callable[..., None]) -> Any:
    return programs.parpy.jit(function)


def _contenders(torch: Any) -> dict[str, Callable[[], object]]:
    add = parpy_jit(programs.add)
    opts = programs.options(N=programs.parpy.threads(SIZE))
    a, b, c = (torch.zeros(SIZE, device="cuda") for _ in range(3))
    found: dict[str, Callable[[], object]] = {
        f"{SUBJECT} Torch": lambda: add(a, b, c, SIZE, opts=opts),
        "torch.add": lambda: torch.add(a, b, out=c),
    }
    buffer = programs.parpy.buffer
    own = [buffer.zeros(SIZE, "float32", opts.backend) for _ in range(3)]
    found[f"{SUBJECT} Buffer"] = lambda: add(*own, SIZE, opts=opts)
    if cupy := programs.module("cupy"):
        x, y, z = (cupy.zeros(SIZE, "float32") for _ in range(3))
        kernel = cupy.RawKernel(
            """extern "C" __global__
               void add(const float *x, const float *y, float *z, long long n) {
                 long long i = threadIdx.x;
                 if (i < n) z[i] = x[i] + y[i];
               }""",
            "add",
        )
        size = cupy.int64(SIZE)
        found[f"{SUBJECT} CuPy"] = lambda: add(x, y, z, SIZE, opts=opts)
        found["RawKernel"] = lambda: kernel((1,), (SIZE,), (x, y, z, size))
    if triton_add is not None:
        found["Triton"] = lambda: triton_add(a, b, c, SIZE)
    return found


def _race(
    torch: Any, runs: dict[str, Callable[[], object]], rounds: int, count: int = 50
) -> dict[str, list[float]]:
    for run in runs.values():
        for _ in range(12):
            run()
    samples: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(count):
                run()
            samples[name].append((time.perf_counter() - start) / count)
            torch.cuda.synchronize()
    return samples
