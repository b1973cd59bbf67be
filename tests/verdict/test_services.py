"""Doubts that ramps and rests raise: each from a service that calls for it, and from no other."""

from collections.abc import Callable
from dataclasses import replace

from heapswap.trials.model import Step, Trial
from heapswap.verdict.rules import decide
from tests.scaling.services import trial
from tests.scaling.test_rest import FLAT, UP, resting

OURS = {"load-is-the-limit", "busy-machine", "allocator-contention", "leak", "retention"}


def codes(seen: Trial) -> set[str]:
    return {finding.code for finding in decide(seen, "balanced").findings} & OURS


def flat(_: str, level: int) -> float:
    return 1000.0 * min(level, 2)


def with_steps(seen: Trial, change: Callable[[Step], Step]) -> Trial:
    return replace(seen, runs=tuple(replace(run, steps=tuple(map(change, run.steps))) for run in seen.runs))


def test_a_gain_that_grows_with_the_load_is_contention() -> None:
    def crowded(name: str, level: int) -> float:
        return 1000.0 * min(level, 4 if name == "jemalloc" else 2)

    seen = trial(crowded)
    assert codes(seen) == {"allocator-contention"}
    # What the load generator cannot ask for is nobody's gain.
    busy = with_steps(seen, lambda step: replace(step, cpu=0.1, load_cpu=1.0))
    assert codes(busy) == {"load-is-the-limit"}


def test_the_same_gain_at_every_step_is_none() -> None:
    assert codes(trial(lambda name, level: flat(name, level) * (1.5 if name == "jemalloc" else 1))) == set()


def test_a_load_at_its_limit_is_named_and_the_allocator_is_not() -> None:
    seen = with_steps(trial(flat), lambda step: replace(step, cpu=0.1, load_cpu=1.0))
    (found,) = [one for one in decide(seen, "balanced").findings if one.code == "load-is-the-limit"]
    assert found.seen == (
        "current stops growing at 2 clients because of the load generator: the load generator is at its limit: the "
        "service uses 0.1 of 8 cores, its load 1.0"
    )


def test_other_programs_are_a_reason_to_measure_again() -> None:
    assert codes(with_steps(trial(flat), lambda step: replace(step, busy=8.0))) == {"busy-machine"}


def test_memory_at_rest_is_told() -> None:
    assert codes(resting(UP, UP)) == {"leak"}
    assert codes(resting(UP, FLAT)) == {"retention"}
    assert codes(resting(FLAT, FLAT)) == set()


def test_a_plain_command_has_no_ramp() -> None:
    seen = trial(flat)
    plain = decide(replace(seen, workload=replace(seen.workload, service=None)), "balanced")
    assert (plain.ramps, plain.growths) == ((), ())
