"""Programs that move 1 GB of float32, against the bandwidth of a copy and against peers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import _cuda_programs as programs
from _report import SUBJECT, Group, Result

SHAPE = (16384, 16384)
# Bytes that each program must move, in sizes of `x`.
TRAFFIC = {
    **{"copy": 2, "axpy": 3, "row sums": 1, "softmax rows": 2, "stencil": 2, "column sums": 1},
    "dot product": 2,
}
AT_MOST_OF_BEST = 1.03
LEAST_OF_COPY = 0.9


def throughput(torch: Any, rounds: int, compiles: bool) -> Group:
    """Times each program by everyone who is installed; Torch holds the arrays and the clock."""
    n, m = SHAPE
    x = torch.randn(n, m, device="cuda")
    y = torch.zeros_like(x)
    t = {"x": x, "y": y, "v": x.view(-1), "w": y.view(-1)}
    t |= {"r": torch.zeros(n, device="cuda"), "c": torch.zeros(m, device="cuda")}
    t["s"] = torch.zeros(1, device="cuda")
    cores = torch.cuda.get_device_properties().multi_processor_count
    contenders = {
        SUBJECT: programs.parpy_runs(t, n, m, cores),
        "Torch": programs.torch_runs(torch, t),
    }
    if compiles:
        contenders["compile"] = programs.compiled_runs(torch, t)
    if cupy := programs.module("cupy"):
        contenders["CuPy"] = programs.cupy_runs(cupy, t)
    if jax := programs.module("jax"):
        contenders["JAX"] = programs.jax_runs(jax, t)
    peers = tuple(name for name in contenders if name != SUBJECT)
    _check(torch, contenders[SUBJECT], t)
    group = Group(f"{n} x {m} float32", peers=peers)
    best_copy = 0.0
    for name, traffic in TRAFFIC.items():
        samples = _race(
            torch, {who: runs[name] for who, runs in contenders.items() if name in runs}, rounds
        )
        result = Result(name, samples, at_most_of_best=AT_MOST_OF_BEST)
        group.results.append(result)
        bandwidth = {who: traffic * x.nbytes / (result.median(who) or 1) / 1e12 for who in samples}
        if name == "copy":
            best_copy = max(bandwidth.values())
        share = bandwidth[SUBJECT] / best_copy
        verdict = "pass" if share >= LEAST_OF_COPY else "FAIL"
        group.notes.append(
            f"{name}: {bandwidth[SUBJECT]:.2f} TB/s, {share:.0%} of the best copy"
            f" (≥ {LEAST_OF_COPY:.0%}: {verdict})"
        )
    return group


def _race(torch: Any, runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds on the GPU, by events; by the clock for JAX, whose stream is its own."""
    samples: dict[str, list[float]] = {}
    for who, run in list(runs.items()):
        try:
            for _ in range(3):
                run()
            torch.cuda.synchronize()
            samples[who] = []
        except Exception as error:
            print(f"note: {who} failed: {type(error).__name__}: {str(error)[:200]}")
            del runs[who]
    for _ in range(rounds):
        for who, run in runs.items():
            samples[who].append(_by_clock(torch, run) if who == "JAX" else _by_events(torch, run))
    return samples


def _by_events(torch: Any, run: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    # Keeps the GPU busy until all is queued, so that launching is not in the time.
    torch.cuda._sleep(200_000)
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end)) * 1e-3


def _by_clock(torch: Any, run: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _check(torch: Any, runs: dict[str, Callable[[], object]], t: dict[str, Any]) -> None:
    """Compares each of ParPy's programs with Torch."""
    x, y, v, w, r, c, s = (t[name] for name in ("x", "y", "v", "w", "r", "c", "s"))

    def near(actual: Any, wanted: Any, name: str, tolerance: float = 1e-3) -> None:
        if not torch.allclose(actual, wanted, rtol=tolerance, atol=tolerance * 100):
            raise RuntimeError(f"{name} differs from Torch")

    w.zero_()
    runs["copy"]()
    near(w, v, "copy")
    runs["axpy"]()
    near(w, v * 1.5, "axpy")
    runs["row sums"]()
    near(r, x.sum(1), "row sums")
    runs["softmax rows"]()
    near(y, torch.softmax(x, 1), "softmax rows", 1e-6)
    y.zero_()
    runs["stencil"]()
    near(y[1:-1, 1:-1], programs._stencil_of(x), "stencil", 1e-5)
    runs["column sums"]()
    near(c, x.sum(0), "column sums")
    runs["dot product"]()
    near(s[0], torch.dot(v, w), "dot product")
