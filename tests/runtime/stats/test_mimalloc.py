"""How mimalloc spells its version."""

import pytest

from heapswap.runtime.stats.mimalloc import spelled


@pytest.mark.parametrize(
    ("number", "version"),
    [(209, "2.0.9"), (212, "2.1.2"), (30302, "3.3.2"), (20302, "2.3.2"), (30403, "3.4.3"), (20000, "2.0.0")],
)
def test_a_version_is_spelled(number: int, version: str) -> None:
    assert spelled(number) == version
