from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.trials.model import Sample
from heapswap.trials.rest import at_rest

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a run: its length in seconds, the cores it uses, and what it holds at its end."""

    length: float
    rate: float
    resident: int


def course(*parts: Part, interval: float = 0.02, shift: float = 0.0) -> list[Sample]:
    """What a sampler sees of a run that goes through `parts`, memory moving evenly within each."""
    samples: list[Sample] = []
    began = cpu = 0.0
    held = 0
    at = shift
    for part in parts:
        while at < began + part.length:
            passed = at - began
            resident = held + (part.resident - held) * passed / part.length
            samples.append(Sample(at=at, resident=round(resident), cpu=cpu + part.rate * passed, processes=1))
            at += interval
        began += part.length
        cpu += part.rate * part.length
        held = part.resident
    return samples


def work(length: float = 1.0, resident: int = 100 * MIB) -> Part:
    return Part(length=length, rate=1.0, resident=resident)


def pause(length: float = 2.0, rate: float = 0.0, resident: int = 100 * MIB) -> Part:
    return Part(length=length, rate=rate, resident=resident)


@given(
    length=st.floats(0.6, 20.0),
    busy=st.floats(0.05, 5.0),
    teardown=st.just(0.0) | st.floats(0.05, 0.4),
    interval=st.floats(0.001, 0.025),
    phase=st.floats(0.0, 1.0, exclude_max=True),
)
def test_a_rest_is_found_whole_and_read_before_the_teardown(
    length: float, busy: float, teardown: float, interval: float, phase: float
) -> None:
    timeline = course(
        work(busy),
        pause(length),
        Part(length=teardown, rate=1.0, resident=0) if teardown else pause(0.0),
        interval=max(interval, (busy + length) / 2000),
        shift=interval * phase,
    )
    rest = at_rest(timeline)
    step = timeline[1].at - timeline[0].at
    assert rest is not None
    # A sample less than a tenth into the teardown still counts as rest.
    assert rest.resident == pytest.approx(100 * MIB, rel=0.11 * step / teardown if teardown else 1e-6)
    assert rest.length == pytest.approx(length, abs=2 * step + 0.02 * length)
    assert rest.ended == pytest.approx(busy + length, abs=2 * step)


@given(busy=st.floats(0.05, 5.0), gap=st.floats(0.0, 0.45), teardown=st.floats(0.0, 1.0))
def test_too_short_a_pause_is_no_rest(busy: float, gap: float, teardown: float) -> None:
    assert at_rest(course(work(busy), pause(gap), work(teardown))) is None


def test_the_value_is_that_of_the_end_so_that_returned_memory_counts() -> None:
    rest = at_rest(course(work(), pause(1.0, 0.005, 100 * MIB), pause(1.0, 0.005, 20 * MIB), work(0.05, 0)))
    assert rest is not None
    assert rest.resident == pytest.approx(20 * MIB, rel=0.1)
    assert rest.length == pytest.approx(2.0, abs=0.1)


def test_ticks_of_an_allocators_thread_neither_end_nor_divide_a_rest() -> None:
    ticking = [part for _ in range(20) for part in (pause(0.099), Part(length=0.001, rate=0.7, resident=100 * MIB))]
    rest = at_rest(course(work(), *ticking))
    assert rest is not None
    assert rest.length == pytest.approx(2.0, abs=0.1)
    assert rest.ended > 2.9


def test_a_pause_in_the_middle_of_the_work_is_no_rest() -> None:
    assert at_rest(course(work(2.0), pause(3.0), work(2.0))) is None


def test_a_long_teardown_of_a_longer_run_keeps_the_rest() -> None:
    rest = at_rest(course(work(6.0), pause(3.0), work(1.5, 0)))
    assert rest is not None
    assert rest.resident == pytest.approx(100 * MIB, rel=0.05)


def test_teardown_that_allocates_is_not_read() -> None:
    rest = at_rest(course(work(), pause(), work(0.1, 500 * MIB)))
    assert rest is not None
    assert rest.resident == pytest.approx(100 * MIB, rel=0.1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_samples_show_no_rest(count: int) -> None:
    assert at_rest(course(pause(0.04))[:count]) is None


@given(
    st.lists(
        st.tuples(st.floats(0.001, 0.1), st.floats(0.0, 2.0), st.integers(0, 1 << 40)),
        max_size=200,
    )
)
def test_whatever_the_course_a_rest_lies_inside_it_and_is_quiet(steps: list[tuple[float, float, int]]) -> None:
    at = cpu = 0.0
    timeline = []
    for length, rate, resident in steps:
        at += length
        cpu += rate * length
        timeline.append(Sample(at=at, resident=resident, cpu=cpu, processes=1))
    rest = at_rest(timeline)
    if rest is not None:
        first = next(sample for sample in timeline if sample.at == rest.began)
        last = next(sample for sample in timeline if sample.at == rest.ended)
        assert rest.length >= 0.5
        assert last.resident == rest.resident
        assert last.cpu - first.cpu <= 0.02 * rest.length + 1e-9
