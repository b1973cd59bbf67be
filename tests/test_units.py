"""Sizes and times as a person writes them."""

import pytest

from heapswap.errors import Misuse
from heapswap.units import format_duration, parse_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("2GB", 2 * 10**9), ("1.5 GiB", 3 << 29), ("500m", 500_000_000), ("64KiB", 65536), ("7b", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1 TB", "1.GB", "GB", "1e9"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(Misuse, match="is not a size; write 500MB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (8e-8, "80 ns"),
        (9.996e-7, "1 µs"),
        (1.5e-6, "1.5 µs"),
        (0.000728, "728 µs"),
        (0.9996e-3, "1 ms"),
        (0.25, "250 ms"),
        (0.9996, "1.00 s"),
        (45.2, "45 s"),
        (125.0, "2 min 05 s"),
        (5400.0, "1 h 30 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
