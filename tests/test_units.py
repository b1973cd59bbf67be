"""Sizes as a person writes them."""

import pytest

from heapswap.errors import Misuse
from heapswap.units import parse_bytes


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
