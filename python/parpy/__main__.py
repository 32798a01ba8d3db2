"""The command line: `python -m parpy doctor` says what is here, and what is missing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from parpy._version import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m parpy", description="ParPy: plain Python loops, run in parallel."
    )
    parser.add_argument("--version", action="version", version=f"ParPy {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands")
    commands.add_parser(
        "doctor",
        help="what ParPy finds on this machine, what is missing, and the command that installs it",
        description="Says what ParPy finds on this machine, what is missing, and the command that "
        "installs it. The exit status is 0 where the default backend works, else 1.",
    )
    chosen = parser.parse_args(arguments)
    if chosen.command == "doctor":
        from parpy._doctor import main as doctor

        return doctor()
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
