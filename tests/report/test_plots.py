"""Small plots."""

from hypothesis import given
from hypothesis import strategies as st

from heapswap.report.plots import BARS, bar, course

fractions = st.floats(0, 1)


def test_a_course_rises_with_its_values() -> None:
    assert course([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, 8.0) == "▁▂▃▄▅▆▇██"
    assert course([0, 8, 0, 0], 2, 8.0) == "█▁", "a step shows its largest value"


@given(st.lists(st.floats(0, 1000)), st.integers(0, 50), st.floats(0, 2000))
def test_a_course_is_never_wider_than_asked_for(values: list[float], width: int, top: float) -> None:
    drawn = course(values, width, top)
    assert len(drawn) <= width
    assert set(drawn) <= set(BARS)


@given(fractions, fractions, st.integers(1, 60))
def test_a_bar_is_as_long_as_its_fraction(first: float, second: float, width: int) -> None:
    assert len(bar(first, width)) <= width
    if first <= second:
        assert len(bar(first, width)) <= len(bar(second, width))


def test_bars() -> None:
    assert [bar(fraction, 4) for fraction in (0, 0.25, 0.5, 0.53125, 1)] == ["", "█", "██", "██▏", "████"]
