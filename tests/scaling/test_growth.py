"""Memory at rest that is known to leak, to be retained, or to do neither."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import theilslopes

from heapswap.scaling.growth import judge, trend
from heapswap.scaling.model import AtRest

MIB = 1024.0 * 1024


def course(cycles: int, *, start: float = 50, slope: float = 0.0, noise: float = 0.2, seed: int = 0) -> list[float]:
    """MiB a cycle, as bytes."""
    random = np.random.default_rng(seed)
    return [(start + slope * n + random.normal(0, noise)) * MIB for n in range(cycles)]


@settings(max_examples=60)
@given(st.lists(st.floats(-1e9, 1e9), min_size=6, max_size=12))
def test_the_slope_is_that_of_theil_and_sen(values: list[float]) -> None:
    found = trend([values])
    assert found is not None
    assert found.slope == pytest.approx(theilslopes(values).slope, rel=1e-9, abs=1e-3)
    assert found.low <= found.slope <= found.high


def test_the_interval_of_one_run_needs_six_cycles_and_of_three_runs_four() -> None:
    assert trend([course(5)]) is None
    assert trend([course(6)]) is not None
    assert trend([course(4, seed=seed) for seed in range(3)]) is not None
    assert trend([]) is None
    assert trend([[1.0], []]) is None


@pytest.mark.parametrize(("runs", "cycles"), [(1, 6), (1, 12), (3, 5)])
def test_the_interval_holds_the_slope_as_often_as_it_says(runs: int, cycles: int) -> None:
    """99 % were asked for; of 400 a binomial gives fewer than 386 in one case of ten thousand."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        # Each run begins somewhere else, and its errors have heavy tails.
        series = [random.normal(0, 50) + 3.0 * np.arange(cycles) + random.standard_t(2, cycles) for _ in range(runs)]
        found = trend([run.tolist() for run in series])
        assert found is not None
        held += found.low <= 3.0 <= found.high
    assert held >= 386


def test_runs_of_different_sizes_make_no_trend() -> None:
    found = trend([course(4, start=20 + 100 * run, seed=run) for run in range(4)])
    assert found is not None
    assert found.low < 0 < found.high


def test_live_bytes_that_grow_are_a_leak() -> None:
    found = judge([course(8, slope=3)], [course(8, start=10, slope=3, seed=1)])
    assert found.kind is AtRest.LEAK
    assert found.why.startswith("live bytes grow by 3.")
    assert found.cycles == 7


def test_a_leak_is_one_while_resident_memory_hides_it() -> None:
    assert judge([course(8, start=200, noise=20)], [course(8, slope=2)]).kind is AtRest.LEAK


def test_resident_memory_that_grows_beside_live_bytes_that_do_not_is_retention() -> None:
    found = judge([course(8, slope=3)], [course(8, start=10, seed=1)])
    assert found.kind is AtRest.RETENTION


def test_memory_that_stays_is_neither() -> None:
    assert judge([course(8)], [course(8, start=10, seed=1)]).kind is AtRest.NEITHER
    assert judge([course(8, slope=-2)], None).kind is AtRest.NEITHER


def test_growth_that_is_certain_and_tiny_is_none() -> None:
    assert judge([course(8, slope=0.05, noise=0)], [course(8, slope=0.05, noise=0)]).kind is AtRest.NEITHER


def test_without_live_bytes_growth_is_not_given_a_name() -> None:
    found = judge([course(8, slope=3)], None)
    assert found.kind is AtRest.UNKNOWN
    assert found.why.endswith("live bytes are not known")


def test_what_malloc_does_not_see_is_not_called_retention() -> None:
    resident, live = [course(8, slope=3)], [course(8, start=10, seed=1)]
    found = judge(resident, live, unseen="Python's small objects are not malloc's")
    assert found.kind is AtRest.UNKNOWN
    assert found.why.endswith("Python's small objects are not malloc's")
    assert judge(resident, resident, unseen="anything").kind is AtRest.LEAK


def test_a_cache_that_fills_up_is_no_leak() -> None:
    filling = [(50 + 40 * (1 - 0.3**n)) * MIB for n in range(9)]
    assert judge([filling], [filling]).kind is AtRest.FILLING
    assert judge([filling], None).kind is AtRest.FILLING


def test_the_first_cycle_is_not_judged() -> None:
    assert judge([[10 * MIB, *course(7)]], [[1 * MIB, *course(7)]]).kind is AtRest.NEITHER


def test_too_few_cycles_say_nothing() -> None:
    found = judge([course(4, slope=50)], [course(4, slope=50)])
    assert (found.kind, found.resident) == (AtRest.UNKNOWN, None)
