"""No two steps of an order look alike."""

from heapswap.report.charts.colours import SHADES, shades


def test_as_far_apart_as_they_can_be() -> None:
    assert shades(0) == []
    assert shades(1) == [0]
    assert shades(2) == [0, SHADES - 1]
    for count in range(2, SHADES + 1):
        assert len(set(shades(count))) == count
        assert shades(count)[-1] == SHADES - 1
