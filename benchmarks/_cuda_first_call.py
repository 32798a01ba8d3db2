"""Prints the seconds that the first call of one function takes in a fresh process.

    python _cuda_first_call.py CACHE_FOLDER

Loading the driver, making the context and loading NVRTC are not in it: another function did so.
"""

from __future__ import annotations

import os
import sys
import time

os.environ["PARPY_CACHE_DIR"] = sys.argv[1]

import _cuda_programs as programs  # noqa: E402
import numpy as np  # noqa: E402

import parpy  # noqa: E402

x, y, z = (np.zeros(64, np.float32) for _ in range(3))
opts = programs.options(N=parpy.threads(64))
parpy.jit(programs.copy)(x, y, 64, opts=opts)
start = time.perf_counter()
parpy.jit(programs.add)(x, y, z, 64, opts=opts)
print(time.perf_counter() - start)
