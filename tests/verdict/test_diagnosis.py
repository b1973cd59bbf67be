"""The article's rules on one profiled run."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.profiling.model import Profile, Share
from heapswap.trials.model import Slot, Stage
from heapswap.verdict.diagnosis import diagnose, kept
from heapswap.verdict.model import Advice, Decision, Diagnosis
from heapswap.verdict.objective import criteria
from heapswap.verdict.symptoms import Symptom
from tests.trials.synthetic import run
from tests.verdict.profiles import MIB, moment, process, profile, profiles, share, shares, with_share

FIRST = run(Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"))
"""200 MiB of peak, 120 at rest"""
RETAINING = process(timeline=(moment(100, 101, 0.3), moment(20, 101, 0.6), moment(20, 101, 1.0)))


def of(given_: Profile, objective: str = "cpu") -> Diagnosis:
    return diagnose(given_, FIRST, criteria(objective, (FIRST,)), both=objective == "balanced")


@pytest.mark.parametrize("objective", ["cpu", "time", "memory", "balanced"])
def test_where_nothing_can_be_won_nothing_is_tried(objective: str) -> None:
    found = of(profile(), objective)
    assert (found.advice, found.symptoms) == (Advice.NO_BOTTLENECK, ())
    assert all(ground.is_excluded for ground in found.grounds if ground.limit is not None)
    assert found.profile.startswith("sha256:")


def test_nothing_is_excluded_where_a_candidate_replaces_what_no_profile_shows() -> None:
    for objective, advice in (("cpu", Advice.UNKNOWN), ("balanced", Advice.UNKNOWN), ("memory", Advice.NO_BOTTLENECK)):
        usual = criteria(objective, (FIRST,))
        names = ("jemalloc", "system:python=mimalloc")
        found = diagnose(profile(), FIRST, usual, both=objective == "balanced", candidates=names)
        assert found.advice is advice


def test_the_reason_holds_the_numbers() -> None:
    slow = profile(process(allocator_cpu_share=share(0.03, 0.01)), faults=0)
    assert of(slow).reason == "no allocator can take more than 6.0 % off CPU time, and less than 10 % does not count"
    assert of(profile(), "memory").reason == (
        "at most 1.0 MiB is resident beside live blocks, and less than 12.0 MiB does not count"
    )


@pytest.mark.parametrize(
    ("slow", "symptoms"),
    [
        (process(allocator_cpu_share=share(0.3)), (Symptom.ALLOCATION,)),
        (process(lock_wait_share=share(0.3), threads=4), (Symptom.CONTENTION,)),
        (
            process(allocator_cpu_share=share(0.3), lock_wait_share=share(0.3), threads=4),
            (Symptom.ALLOCATION, Symptom.CONTENTION),
        ),
        (process(allocator_cpu_share=share(0.05, 0.2)), (Symptom.ALLOCATION,)),
    ],
    ids=["work", "waiting", "both", "an interval that does not exclude it"],
)
def test_time_that_may_be_won_is_told_by_its_signs(slow: object, symptoms: tuple[Symptom, ...]) -> None:
    found = of(profile(slow), "time")  # type: ignore[arg-type]
    assert (found.advice, found.symptoms, found.primary) == (Advice.SLOW, symptoms, "wall")


def test_a_heap_that_is_faulted_in_again_and_again() -> None:
    churning = process(requested_bytes=1000 * MIB)
    assert of(profile(churning, faults=200_000, system=0.5)).symptoms == (Symptom.FAULTS,)


def test_memory_decides_where_only_memory_is_in_a_bad_way() -> None:
    found = of(profile(RETAINING), "balanced")
    assert (found.advice, found.primary, found.symptoms) == (Advice.RETAINS, "idle", (Symptom.RETENTION,))
    assert "up to 81.0 MiB is resident beside live blocks, and less than 12.0 MiB does not count" in found.reason
    threads = of(profile(replace(RETAINING, threads=8)), "balanced")
    assert threads.symptoms == (Symptom.RETENTION, Symptom.ARENAS)


def test_the_wall_decides_where_both_are() -> None:
    found = of(profile(replace(RETAINING, allocator_cpu_share=share(0.3))), "balanced")
    assert (found.advice, found.primary) == (Advice.BOTH, "wall")
    assert set(found.symptoms) == {Symptom.ALLOCATION, Symptom.RETENTION}


def test_retention_is_nothing_to_somebody_who_asks_for_time() -> None:
    assert of(profile(RETAINING), "time").advice is Advice.NO_BOTTLENECK


@pytest.mark.parametrize(
    ("given_", "objective", "why"),
    [
        (profile(process(live_bytes=None)), "memory", "cannot be told"),
        (profile(process(live_bytes=None)), "balanced", "cannot be told"),
        (profile(process(cpu=0.01)), "cpu", "10 ms of CPU"),
    ],
)
def test_what_is_not_shown_is_not_kept(given_: Profile, objective: str, why: str) -> None:
    found = of(given_, objective)
    assert (found.advice, found.symptoms, found.grounds) == (Advice.UNKNOWN, (), ())
    assert why in found.reason


def test_a_metric_of_the_users_own_has_no_limit() -> None:
    own = replace(criteria("time", (FIRST,)), primary="rps")
    assert diagnose(profile(), FIRST, own, both=False).advice is Advice.UNKNOWN


def test_the_verdict_says_what_it_rests_on() -> None:
    diagnosis = of(profile())
    found = kept(diagnosis, baseline="current", objective="cpu", not_tried=(("tcmalloc", "not here"),), findings=())
    assert (found.outcome, found.candidate, found.runs, found.primary) == (Decision.KEEP, None, 1, "cpu")
    assert (found.rule, found.reason) == ("no-measured-bottleneck", diagnosis.reason)
    assert (found.evidence, found.diagnosis) == (diagnosis.profile, diagnosis)


@settings(max_examples=60)
@given(profiles(), shares(), st.floats(0, 0.5), st.sampled_from(["cpu", "time", "balanced"]))
def test_a_larger_share_never_turns_a_trial_into_a_keep(
    given_: Profile, smaller: Share, more: float, objective: str
) -> None:
    larger = Share(
        value=min(smaller.value + more, 1.0), low=min(smaller.low + more, 1.0), high=min(smaller.high + more, 1.0)
    )
    plain = with_share(given_, "fault_share", share(0.0))
    for field in ("allocator_cpu_share", "lock_wait_share"):
        before, after = (of(with_share(plain, field, one), objective).advice for one in (smaller, larger))
        assert before is Advice.NO_BOTTLENECK or after is not Advice.NO_BOTTLENECK


@settings(max_examples=60)
@given(profiles(), st.sampled_from(["cpu", "time", "memory", "balanced"]))
def test_every_profile_has_advice(given_: Profile, objective: str) -> None:
    found = of(given_, objective)
    tries = found.advice in (Advice.SLOW, Advice.RETAINS, Advice.BOTH)
    assert bool(found.symptoms) is tries
    assert (found.advice is Advice.UNKNOWN) == (not found.grounds)
