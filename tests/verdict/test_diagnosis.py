"""The article's rules on one profiled run."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.profiling.model import Profile, Share
from heapswap.trials.model import Criteria, Slot, Stage
from heapswap.verdict import diagnosis as rules
from heapswap.verdict.ceiling import TimeCeiling
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


def beyond(given_: Profile, objective: str) -> Diagnosis:
    """Where a candidate replaces what no profile of malloc shows."""
    usual = criteria(objective, (FIRST,))
    names = ("jemalloc", "system:python=mimalloc")
    return diagnose(given_, FIRST, usual, both=objective == "balanced", candidates=names)


@pytest.mark.parametrize("objective", ["cpu", "time", "balanced"])
def test_what_no_profile_of_malloc_shows_is_tried_and_nothing_else(objective: str) -> None:
    found = beyond(profile(), objective)
    assert (found.advice, found.symptoms) == (Advice.OBJECTS, (Symptom.OBJECTS,))
    assert found.reason.startswith("no malloc can take more than ")
    assert all(ground.is_excluded for ground in found.grounds if ground.limit is not None)


def test_where_time_decides_it_is_tried_beside_what_helps_against_the_rest() -> None:
    busy = profile(process(lock_wait_share=share(0.3), threads=4))
    assert beyond(busy, "time").symptoms == (Symptom.CONTENTION, Symptom.OBJECTS)
    both = beyond(profile(replace(RETAINING, allocator_cpu_share=share(0.3))), "balanced")
    assert both.symptoms == (Symptom.ALLOCATION, Symptom.RETENTION, Symptom.OBJECTS)


def test_where_memory_decides_the_profile_shows_it() -> None:
    """Python's arenas are resident beside live blocks."""
    assert beyond(profile(), "memory").advice is Advice.NO_BOTTLENECK
    assert beyond(profile(RETAINING), "balanced").symptoms == (Symptom.RETENTION,)


def measured(allocator: float, again: float, first: float, waiting: float = 0.0, layout: float = 0.02) -> TimeCeiling:
    return TimeCeiling(allocator=allocator, faults_again=again, waiting=waiting, first_touches=first, layout=layout)


def by(monkeypatch: pytest.MonkeyPatch, ceiling: TimeCeiling, usual: Criteria | None = None) -> Diagnosis:
    """On a profile with such limits of the CPU time."""
    monkeypatch.setattr(rules, "_CEILINGS", {"cpu": lambda _: ceiling})
    return diagnose(profile(), FIRST, usual or criteria("cpu", (FIRST,)), both=False)


@pytest.mark.parametrize(
    ("limits", "advice", "symptoms"),
    [
        # zlib in four threads: a long trial took 5.2 % off it with jemalloc, of 8.2 %
        (measured(0.0121, 0.0458, 0.0040), Advice.SLOW, (Symptom.FAULTS,)),
        (measured(0.0513, 0.0117, 0.0040), Advice.SLOW, (Symptom.ALLOCATION,)),
        # two programs that no allocator makes faster
        (measured(0.0016, 0.0416, 0.0023), Advice.NO_BOTTLENECK, ()),
        (measured(0.0194, 0.0035, 0.0492), Advice.NO_BOTTLENECK, ()),
        (measured(0.0137, 0.0060, 0.0200), Advice.NO_BOTTLENECK, ()),
    ],
    ids=["python_threads", "perl_regex", "python_objects", "sqlite_index", "sqlite_groups"],
)
def test_costs_that_a_long_trial_could_show_are_not_kept_though_the_whole_does_not_count(
    monkeypatch: pytest.MonkeyPatch, limits: TimeCeiling, advice: Advice, symptoms: tuple[Symptom, ...]
) -> None:
    assert limits.whole < 0.10
    found = by(monkeypatch, limits)
    assert (found.advice, found.symptoms) == (advice, symptoms)


def test_what_a_trial_could_show_follows_the_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = measured(0.0121, 0.0458, 0.0040)
    wide = by(monkeypatch, threads, criteria("cpu", (FIRST,), adopt=0.04))
    assert wide.advice is Advice.NO_BOTTLENECK
    assert next(one.limit for one in wide.grounds if one.of == "costs") == pytest.approx(0.07)
    assert by(monkeypatch, threads, criteria("cpu", (FIRST,), adopt=0.04, keep=0.08)).advice is Advice.SLOW


def test_of_shorter_runs_a_trial_can_show_less(monkeypatch: pytest.MonkeyPatch) -> None:
    regex = measured(0.0435, 0.0, 0.0)  # a long trial took 3.3 % off it with snmalloc, in runs of 0.13 s
    monkeypatch.setattr(rules, "_CEILINGS", {"cpu": lambda _: regex})
    for seconds, limit, advice in (
        (0.13, 0.0308, Advice.SLOW),
        (0.81, 0.047, Advice.NO_BOTTLENECK),
        (1.0, 0.05, Advice.NO_BOTTLENECK),
        (60.0, 0.05, Advice.NO_BOTTLENECK),
    ):
        monkeypatch.setattr(rules, "duration", lambda _, seconds=seconds: seconds)
        found = diagnose(profile(), FIRST, criteria("cpu", (FIRST,)), both=False)
        assert found.advice is advice
        assert next(one.limit for one in found.grounds if one.of == "costs") == pytest.approx(limit, abs=1e-4)


def test_signs_are_sums_of_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert by(monkeypatch, measured(0.05, 0.015, 0.015)).symptoms == (Symptom.ALLOCATION, Symptom.FAULTS)
    assert by(monkeypatch, measured(0.018, 0.018, 0.0, waiting=0.018)).symptoms == (Symptom.ALLOCATION,)


def test_the_reason_holds_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert by(monkeypatch, measured(0.0194, 0.0035, 0.0492)).reason == (
        "no allocator can take more than 9.2 % off CPU time (10 % would count), "
        "and allocation costs at most 2.3 % of it (5 % would show)"
    )
    assert by(monkeypatch, measured(0.0121, 0.0458, 0.0040)).reason == (
        "allocation costs up to 5.8 % of CPU time, and a long trial can show 5 %"
    )
    assert by(monkeypatch, measured(0.2, 0.0, 0.0)).reason == (
        "up to 22.0 % of CPU time may be won, and less than 10 % does not count"
    )
    assert of(profile(), "memory").reason == (
        "at most 1.0 MiB is resident beside live blocks, and less than 12.0 MiB does not count"
    )


parts = st.builds(
    TimeCeiling,
    **dict.fromkeys(("allocator", "faults_again", "waiting", "first_touches", "layout"), st.floats(0, 0.12)),
)


@given(parts, st.sampled_from(["allocator", "faults_again", "waiting", "first_touches"]), st.floats(0, 1))
def test_more_of_any_part_never_turns_a_trial_into_a_keep(before: TimeCeiling, part: str, more: float) -> None:
    after = replace(before, **{part: getattr(before, part) + more})
    with pytest.MonkeyPatch.context() as patch:
        was, now = (by(patch, one).advice for one in (before, after))
    assert was is Advice.NO_BOTTLENECK or now is Advice.SLOW


@settings(max_examples=60)
@given(profiles(), st.integers(0, 10**10), st.sampled_from(["cpu", "time", "balanced"]))
def test_more_that_was_asked_for_never_turns_a_trial_into_a_keep(given_: Profile, more: int, objective: str) -> None:
    """Pages that come again are told by it."""
    first = given_.processes[0]
    asking = replace(first, requested_bytes=(first.requested_bytes or 0) + more)
    before, after = (
        of(one, objective).advice for one in (given_, replace(given_, processes=(asking, *given_.processes[1:])))
    )
    assert before is Advice.NO_BOTTLENECK or after is not Advice.NO_BOTTLENECK


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
