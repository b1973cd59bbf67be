"""The estimates are without bias, whatever the sizes and times of the calls were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heapswap.profiling import wire
from heapswap.profiling.estimate import FEWEST, SWITCH, Times, own_cost, rate, times
from tests.profiling.files import Sample, Slot, raw

Numbers = NDArray[np.int64]


def drawn_from(sizes: Numbers, ticks: Numbers, scale: int, generator: np.random.Generator) -> list[Sample]:
    """The calls that a Poisson process along the requests draws."""
    chance = -np.expm1(-(sizes + 512.0) / 2.0**scale)
    chosen = generator.random(len(sizes)) < chance
    return [
        Sample(size=int(size), ticks=int(took), scale=scale, cpu=10**12)
        for size, took in zip(sizes[chosen], ticks[chosen], strict=True)
    ]


def test_totals_of_many_processes_lie_about_the_truth() -> None:
    generator = np.random.default_rng(1)
    sizes = np.where(generator.random(20_000) < 0.01, 300_000, generator.integers(1, 2000, 20_000))
    ticks = np.where(sizes > 100_000, 40_000, 60 + sizes // 100)
    truth = float(ticks.sum()) * 1e-9
    found, inside = [], 0
    for _ in range(300):
        made = times(raw(samples=drawn_from(sizes, ticks, 16, generator)), 1.0)
        assert made is not None
        found.append((made.cpu.value, made.calls.value))
        inside += made.cpu.low <= truth <= made.cpu.high
    cpu, calls = np.mean(found, axis=0)
    assert cpu == pytest.approx(truth, rel=0.01)
    assert calls == pytest.approx(len(sizes), rel=0.01)
    assert inside >= 300 * 0.91


def test_where_the_time_went() -> None:
    always = {"size": 1 << 30, "scale": 10}
    made = times(
        raw(
            samples=[
                *[Sample(**always, ticks=1000)] * FEWEST,
                Sample(**always, ticks=50_000, voluntary=1, cpu=2_000),
                Sample(**always, ticks=50_000, involuntary=1, cpu=3_000),
            ],
            cost_timing=100,
        ),
        2.0,
    )
    assert made is not None
    assert made.quick.value == pytest.approx(FEWEST * 450e-9)
    assert made.waiting.value == pytest.approx(24_950e-9 - 2_000e-9)
    assert made.kernel.value == pytest.approx(5_000e-9), "so large that it is mapped"
    assert made.cpu.value == pytest.approx(made.quick.value + made.kernel.value + made.computing.value)
    assert made.cpu.error == 0, "each was drawn for certain"


def test_a_quick_call_hides_part_of_itself_which_nobody_knows_for_certain() -> None:
    def of(ticks: int, cost_timing_open: int) -> Times:
        always = Sample(size=1 << 30, scale=10, ticks=ticks, cpu=ticks)
        made = times(raw(samples=[always] * FEWEST, cost_timing=100, cost_timing_open=cost_timing_open), 1.0)
        assert made is not None
        return made

    assert of(300, 80).cpu.value == pytest.approx(FEWEST * 190e-9), "half of 20"
    assert (of(300, 80).cpu.low, of(300, 80).cpu.high) == pytest.approx((FEWEST * 180e-9, FEWEST * 200e-9))
    assert of(140, 80).cpu.value == pytest.approx(FEWEST * 35e-9), "an eighth of 40"
    assert of(300, 80).work.value == of(300, 80).quick.value == pytest.approx(FEWEST * 200e-9), "as it takes alone"
    assert of(5000, 80).cpu.value == pytest.approx(FEWEST * 4900e-9), "what the kernel was asked about"
    for unknown in (0, 100, 130):
        assert of(300, unknown).cpu.value == pytest.approx(FEWEST * 200e-9)


def test_faults_are_the_kernels_and_the_rest_is_computing() -> None:
    for faults, kernel in ((0, False), (3, True)):
        made = times(raw(samples=[Sample(ticks=5000, faults=faults, cpu=9999)] * FEWEST), 1.0)
        assert made is not None
        assert (made.kernel.value > 0) is kernel
        assert (made.computing.value > 0) is not kernel


def test_nothing_is_estimated_from_few_or_broken_off_samples() -> None:
    assert times(raw(samples=[Sample()] * (FEWEST - 1)), 1.0) is None
    assert times(raw(Slot(numbers={"refused": 1}), samples=[Sample()] * 100), 1.0) is None


def test_the_rate_needs_a_millisecond() -> None:
    assert rate(raw(begun=0, noted=999_999, noted_ticks=10**7).header) is None
    assert rate(raw(begun=0, noted=2_000_000, begun_ticks=5, noted_ticks=5_200_005).header) == pytest.approx(2.6)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_own_cost_is_calls_and_looks(calls: int, sampling: int) -> None:
    file = raw(Slot(classes={3: (calls, calls)}), cost_additions=wire.ADDITIONS * 2, sampling=sampling)
    assert own_cost(file, 1.0) == pytest.approx((2 * calls + sampling) * 1e-9)


@given(st.integers(0, 20))
def test_what_was_drawn_by_itself_counts_for_its_own_probability(scale: int) -> None:
    made = times(raw(samples=[Sample(size=4096, ticks=100, scale=128 + scale)] * FEWEST), 1.0)
    assert made is not None
    assert made.calls.value == pytest.approx(FEWEST * 2**scale)
    assert (made.calls.error == 0) is (scale == 0)


def test_own_work_is_neither_faults_nor_what_a_preemption_costs() -> None:
    always = {"size": 1 << 30, "scale": 10}
    made = times(
        raw(
            samples=[
                *[Sample(**always, ticks=100)] * FEWEST,
                Sample(**always, ticks=10_000, faults=1, cpu=10**12),
                Sample(**always, ticks=30_000, involuntary=1, cpu=30_000),
                Sample(**always, ticks=9_000_000, involuntary=1, cpu=8_000_000),
            ]
        ),
        1.0,
    )
    assert made is not None
    long = 8_000_000e-9 - SWITCH
    assert made.work.value == pytest.approx(FEWEST * 100e-9 + (30_000e-9 - SWITCH) + long)
    assert made.cpu.value == pytest.approx(FEWEST * 100e-9 + 10_000e-9 + 30_000e-9 + 8_000_000e-9)
