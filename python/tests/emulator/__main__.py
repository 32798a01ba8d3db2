"""Runs a script with the emulator in the place of a GPU.

.venv/bin/python python/tests/emulator script.py arguments…
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path[:1] = [str(Path(__file__).parents[1])]

import emulator  # noqa: E402

if len(sys.argv) < 2:
    sys.exit(__doc__)
emulator.start()
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
