"""Runs a script with the emulator in the place of a GPU.

.venv/bin/python python/tests/emulator script.py arguments…
.venv/bin/python python/tests/emulator --metal script.py arguments…
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

sys.path[:1] = [str(Path(__file__).parents[1])]

import emulator  # noqa: E402

sys.argv.pop(0)
is_metal = sys.argv[:1] == ["--metal"]
if is_metal:
    sys.argv.pop(0)
if not sys.argv:
    sys.exit(__doc__)
if is_metal:
    emulator.start_metal()
else:
    emulator.start()
runpy.run_path(sys.argv[0], run_name="__main__")
