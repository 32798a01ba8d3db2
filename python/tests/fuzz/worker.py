"""A child process: reads cases as lines of JSON, answers each with a line of JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import emulator  # noqa: E402
import on_cuda  # noqa: E402
from cases import Case  # noqa: E402
from check import check, forget, refuse  # noqa: E402
from generator import generate  # noqa: E402

import parpy  # noqa: E402

# A mutated program may ask Python for an integer of 2**40 bits: minutes, where there is memory.
_MOST_MEMORY = 16 << 30


def main() -> None:
    device = os.environ.get("PARPY_FUZZ_GPU")
    if device == "emulated":
        emulator.start()
    if device == "metal":
        emulator.start_metal()
        on_cuda.start("all", has_gpu=False, backend=parpy.CompileBackend.Metal)
    elif device:
        on_cuda.start("all", has_gpu=device == "real")
    else:
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what compiled code or libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        start = time.perf_counter()
        if "seed" in request and request.get("mutate"):
            from mutations import mutated

            status, detail = refuse(mutated(request["seed"]))
        elif "seed" in request:
            case = generate(request["seed"])
            status, detail = check(case.on_metal() if on_cuda.is_metal() else case)
        else:
            case = Case.from_json(request["case"])
            status, detail = refuse(case) if request.get("mutate") else check(case)
        forget()
        seconds = time.perf_counter() - start
        answer = {"status": status, "detail": detail, "seconds": seconds}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
