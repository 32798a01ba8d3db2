"""Child processes that run cases, so that a crash or a hang is one more result.

A child is replaced after some hundred cases: each compilation leaves memory behind in LLVM.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

_LIFETIME = 250  # cases a child


class Runner:
    """Runs cases one after the other, in a child process at a time."""

    def __init__(self, timeout: float = 30) -> None:
        self.timeout = timeout
        self.child: subprocess.Popen[str] | None = None
        self.done = 0
        self.cache = tempfile.TemporaryDirectory(prefix="parpy-fuzz-")
        # Not a directory: compiled code is kept in memory only.
        self.no_cache = Path(self.cache.name, "file")
        self.no_cache.touch()

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()
        self.cache.cleanup()

    def start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "PARPY_CACHE_DIR": str(self.no_cache)}
        for name in ("PARPY_CHECK_BOUNDS", "PARPY_DUMP"):
            environment.pop(name, None)
        environment["PARPY_DEFAULT_BACKEND"] = "Cpu"
        self.done = 0
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(Path(__file__).parent / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=Path(self.cache.name, "stderr").open("w"),
            text=True,
            env=environment,
        )

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None

    def run(self, request: dict[str, Any]) -> tuple[str, str]:
        """The status and the details of a case; see `check`, and `crash` and `hang`."""
        if self.child is None or self.done >= _LIFETIME:
            self.stop()
            self.child = self.start()
        child = self.child
        assert child.stdin and child.stdout
        self.done += 1
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass
        ready, _, _ = select.select([child.stdout], [], [], self.timeout)
        if not ready:
            self.stop()
            return "hang", f"no answer in {self.timeout} s"
        line = child.stdout.readline()
        if not line:
            code = child.wait()
            self.child = None
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            noise = Path(self.cache.name, "stderr").read_text()[-2500:]
            return ("crash", f"{name}\n{noise}")
        answer = json.loads(line)
        return answer["status"], answer["detail"]
