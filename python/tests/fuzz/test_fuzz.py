"""A few random programs, always the same; `make fuzz N=20000` runs others, and many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from generator import generate
from mutations import mutated
from runner import Runner

PROGRAMS = 70
WRONG_PROGRAMS = 160


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as made:
        yield made


def test_random_programs_agree_with_plain_python(runner: Runner) -> None:
    discarded = 0
    for seed in range(PROGRAMS):
        status, detail = runner.run({"seed": seed})
        discarded += status == "discard"
        assert status in ("ok", "discard"), f"seed {seed}: {detail}\n{generate(seed).text}"
    assert discarded < PROGRAMS / 4, "the generator writes too much that Python refuses"


def test_wrong_programs_are_refused(runner: Runner) -> None:
    refused = 0
    for seed in range(WRONG_PROGRAMS):
        status, detail = runner.run({"seed": seed, "mutate": True})
        refused += status == "refused"
        allowed = ("ok", "discard", "refused")
        assert status in allowed, f"seed {seed}: {detail}\n{mutated(seed).text}"
    assert refused > WRONG_PROGRAMS / 4, "the mutations leave programs right"
