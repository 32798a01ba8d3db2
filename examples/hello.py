"""Row-wise summation in parallel: the program of the tutorial "Basic Parallelization"."""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import parpy


@parpy.jit
def sum_rows(x, y, N):
    parpy.label("outer")
    for i in range(N):
        y[i] = parpy.operators.sum(x[i, :])


def milliseconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description="Sums the rows of a matrix with ParPy and NumPy.")
    parser.add_argument("--rows", type=int, default=8192, metavar="N")
    parser.add_argument("--columns", type=int, default=4096, metavar="M")
    parser.add_argument("--repeats", type=int, default=15, help="timed runs of each")
    arguments = parser.parse_args()

    N, M = arguments.rows, arguments.columns
    x = np.random.default_rng(seed=1).standard_normal((N, M), dtype=np.float32)
    y = np.empty((N,), dtype=np.float32)

    # One thread for each row; the CPU's workers share them out.
    p = {"outer": parpy.threads(N)}
    opts = parpy.par(p)

    first_call = milliseconds(lambda: sum_rows(x, y, N, opts=opts))
    assert np.allclose(y, np.sum(x, axis=1), atol=1e-3)

    # The two take turns, so that whatever else the machine does meets both alike.
    parpy_times, numpy_times = [], []
    for _ in range(arguments.repeats):
        parpy_times.append(milliseconds(lambda: sum_rows(x, y, N, opts=opts)))
        numpy_times.append(milliseconds(lambda: np.sum(x, axis=1)))
    parpy_time = statistics.median(parpy_times)
    numpy_time = statistics.median(numpy_times)

    print(f"sum_rows of {N} x {M} {x.dtype}, {x.nbytes / 2**20:.3g} MiB; equal to NumPy's\n")
    schedule = ", ".join(f"{label}: {loop!r}" for label, loop in p.items())
    runs = f"median of {arguments.repeats}"
    for name, value, remark in [
        ("backend", parpy.default_backend().name, "chosen by ParPy"),
        ("schedule", schedule, ""),
        ("compile time", f"{first_call:10.3f} ms", "the first call"),
        ("run time", f"{parpy_time:10.3f} ms", runs),
        ("NumPy's time", f"{numpy_time:10.3f} ms", runs),
        ("ratio", f"{numpy_time / parpy_time:9.2f} x", "NumPy's time / run time"),
    ]:
        print(f"  {name:<14} {value:<28} {remark}".rstrip())


if __name__ == "__main__":
    main()
