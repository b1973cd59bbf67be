"""On a profile that does not show everything nothing is excluded."""

from typing import Any

import pytest

from heapswap.findings import Finding, Level
from heapswap.profiling.model import Profile, Source
from heapswap.verdict.gaps import missing
from tests.verdict.profiles import process, profile


def found(code: str) -> tuple[Finding, ...]:
    return (Finding(code=code, level=Level.WARNING, seen=f"seen: {code}", remedy=""),)


def test_a_whole_profile_has_no_gap() -> None:
    assert missing(profile()) == ""
    assert missing(profile(findings=found("left-behind"))) == ""


@pytest.mark.parametrize("code", ["not-counted", "own-malloc", "not-in-force"])
def test_a_process_that_was_not_seen(code: str) -> None:
    assert missing(profile(findings=found(code))) == f"seen: {code}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (profile(source=Source.OUTSIDE), "does not hold"),
        (profile(system=None), "does not hold"),
        (profile(faults=None), "does not hold"),
        (profile(process(cpu=0.04)), "used 40 ms of CPU"),
        (profile(cpu=2.0), "50 % of the CPU time went into starting"),
        (profile(process(), process(pid=8, allocations=0)), "50 % of the CPU time was used by programs that never"),
        (profile(process(allocator_cpu_share=None)), "not every call"),
    ],
)
def test_numbers_that_are_not_there(given: Profile, said: str) -> None:
    assert said in missing(given)


def test_few_calls_are_no_gap() -> None:
    few: dict[str, Any] = {"allocator_cpu_share": None, "samples": 12, "allocations": 30}
    assert missing(profile(process(**few))) == ""
