"""Runs random programs and writes down what goes wrong, made small.

    .venv/bin/python python/tests/fuzz 20000 --first 0 --output .build/fuzz

A finding is a Python file: the program, its arguments and how it failed. `--case FILE` runs one
again; `--wrong` runs programs that are mutated out of the language; `--emulate` runs them on CUDA,
on the emulated GPU, and `--metal` on an emulated one of Apple's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from cases import Case  # noqa: E402
from generator import generate  # noqa: E402
from mutations import mutated  # noqa: E402
from runner import Runner  # noqa: E402
from shrink import shrink  # noqa: E402

HARMLESS = ("ok", "discard", "beyond")


def kind_of_failure(status: str, detail: str) -> str:
    """What two failures have in common: the message without numbers and names."""
    if status in ("different", "oracle"):
        return "memory" if "memory beside" in detail else status
    first = detail.partition("}: ")[2] or detail
    line = first.strip().splitlines()[0] if first.strip() else ""
    return status + " " + re.sub(r"\d+|'[^']*'", "#", line)[:100]


def describe(case: Case, seed: int, status: str, detail: str) -> str:
    """The text of a finding; `read` reads it back."""
    comment = "\n".join(f"# {line}" for line in detail.splitlines()[:40])
    return (
        f"# seed {seed}: {status}\n{comment}\n# case: {json.dumps(case.to_json())}\n\n{case.text}"
    )


def read(path: Path) -> Case:
    found = re.search(r"^# case: (.*)$", path.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{path} holds no case")
    case = Case.from_json(json.loads(found[1]))
    # The program may have been edited.
    case.text = path.read_text()[found.end() :].strip() + "\n"
    return case


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--output", type=Path, default=Path(".build/fuzz"))
    parser.add_argument("--rare", action="store_true", help="complex numbers and bfloat16 alone")
    parser.add_argument("--wrong", action="store_true", help="programs out of the language")
    parser.add_argument("--emulate", action="store_true", help="on CUDA, on the emulated GPU")
    parser.add_argument("--metal", action="store_true", help="on Metal, on the emulated GPU")
    parser.add_argument("--gpu", action="store_true", help="on CUDA, on this machine's GPU")
    parser.add_argument("--case", type=Path, help="run a finding again")
    parser.add_argument("--seconds", type=float, default=90, help="to make one finding small")
    chosen = parser.parse_args()
    for device in ("real" * chosen.gpu, "emulated" * chosen.emulate, "metal" * chosen.metal):
        if device:
            os.environ["PARPY_FUZZ_GPU"] = device
    with Runner() as runner:
        if chosen.case:
            request = {"case": read(chosen.case).to_json(), "mutate": chosen.wrong}
            status, detail = runner.run(request)
            print(f"{status}: {detail}")
            return status not in HARMLESS
        return run(chosen, runner)


def run(chosen: Any, runner: Runner) -> int:
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    start = last = time.monotonic()
    harmless = (*HARMLESS, "refused") if chosen.wrong else HARMLESS
    for k in range(chosen.first, chosen.first + chosen.count):
        seed = 4 * k + 3 if chosen.rare else k
        status, detail = runner.run({"seed": seed, "mutate": chosen.wrong})
        counts[status] += 1
        if status not in harmless:
            kind = kind_of_failure(status, detail)
            seen[kind] += 1
            print(f"seed {seed}: {status}: {detail[:300]}", flush=True)
            if seen[kind] <= 4:
                case = mutated(seed) if chosen.wrong else generate(seed)
                case = case.on_metal() if chosen.metal else case

                def fails(other: Case, kind: str = kind) -> bool:
                    answer = runner.run({"case": other.to_json(), "mutate": chosen.wrong})
                    return kind_of_failure(*answer) == kind

                if chosen.seconds > 0 and fails(case):
                    case = shrink(case, fails, chosen.seconds)
                    answer = runner.run({"case": case.to_json(), "mutate": chosen.wrong})
                    status, detail = answer if answer[0] not in harmless else (status, detail)
                chosen.output.mkdir(parents=True, exist_ok=True)
                path = chosen.output / f"{'wrong' if chosen.wrong else 'seed'}_{seed}.py"
                path.write_text(describe(case, seed, status, detail))
                print(f"  written to {path}\n{case.text}", flush=True)
        if time.monotonic() - last > 20:
            last = time.monotonic()
            rate = (k + 1 - chosen.first) / (last - start)
            print(f"seed {seed}: {dict(counts)}, {rate:.1f} programs/s", flush=True)
    print(f"{chosen.count} programs: {dict(counts)}, {time.monotonic() - start:.0f} s")
    return any(status not in harmless for status in counts)


if __name__ == "__main__":
    sys.exit(main())
