"""The price of hardening: ratios of pairs, and an interval that needs no assumption about the noise."""

import random
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.conformance import price as prices_module
from heapswap.conformance.child import Ended, Subject
from heapswap.conformance.price import LOOPS, PAIRS, PROGRAM, SAYS, price, prices
from heapswap.errors import CannotGoOn

times = st.floats(0.001, 1000)


@given(st.lists(st.tuples(times, times), min_size=1, max_size=20))
def test_the_interval_holds_the_ratio(pairs: list[tuple[float, float]]) -> None:
    told = price("pair", "ns", pairs)
    assert told.low <= told.ratio <= told.high
    assert told.pairs == len(pairs)


def test_the_interval_covers_the_median_as_often_as_it_says() -> None:
    coin = random.Random(1)
    trials = 4000
    covered = 0
    for _ in range(trials):
        # Skewed, with a median of 2.
        told = price("pair", "ns", [(1.0, 2 * coin.lognormvariate(0, 0.5)) for _ in range(PAIRS)])
        covered += told.low <= 2 <= told.high
    assert isclose(covered / trials, told.confidence, abs_tol=0.005)


def test_every_price_comes_from_pairs_of_both_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, hardened = (Subject(program=name, expected="-", environ={}) for name in ("plain", "hardened"))
    asked = []

    def double(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        asked.append((under.program, *question))
        detail = "10.0" if under is plain else "25.0"
        return Ended(word="held", detail=detail, said="", killer="", is_hung=False, patience=1)

    monkeypatch.setattr(prices_module, "_program", lambda under: 1.0 if under is plain else 1.5)
    told = list(prices(plain, hardened, seed=3, ask=double))
    assert [row.id for row in told] == [*LOOPS, PROGRAM] == list(SAYS)
    assert [row.ratio for row in told] == [2.5, 2.5, 1.5]
    for name in LOOPS:
        order = [program for program, _, loop in asked if loop == name]
        assert sorted(order) == ["hardened"] * PAIRS + ["plain"] * PAIRS
        assert len({tuple(order[at : at + 2]) for at in range(0, 2 * PAIRS, 2)}) == 2, "both orders within a pair"


def test_a_loop_that_fails_is_told() -> None:
    under = Subject(program="", expected="-", environ={})

    def double(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
        return Ended(word="crashed", detail="", said="bad heap", killer="SIGABRT", is_hung=False, patience=1)

    with pytest.raises(CannotGoOn, match="bad heap"):
        list(prices(under, under, seed=0, ask=double))
