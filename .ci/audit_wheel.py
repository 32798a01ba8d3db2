"""Checks a built wheel: at most 12 MB, and its platform tag is one that auditwheel confirms."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

LIMIT = 12_000_000


def main(path: str) -> int:
    """Prints what was found and returns the exit status."""
    wheel = Path(path)
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.1f} MB")
    if size > LIMIT:
        print(f"error: the wheel may have {LIMIT / 1e6:.0f} MB at most", file=sys.stderr)
        return 1
    if not sys.platform.startswith("linux"):
        return 0
    beside = Path(sys.executable).parent / "auditwheel"
    tool = str(beside) if beside.exists() else shutil.which("auditwheel") or "auditwheel"
    shown = subprocess.run([tool, "show", path], capture_output=True, text=True)
    print(shown.stdout + shown.stderr)
    confirmed = re.search(r'platform tag:\s+"(\w+)"', " ".join(shown.stdout.split()))
    claimed = wheel.stem.split("-")[-1]
    if shown.returncode != 0 or confirmed is None or confirmed[1] != claimed:
        print(f"error: auditwheel does not confirm the tag {claimed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
