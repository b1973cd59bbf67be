"""What lies behind the samples, and lives among them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling import followed
from tests.profiling.files import Life, Sample, behind_bytes, raw

lives = st.builds(
    Life,
    size=st.integers(0, (1 << 48) - 1),
    used=st.integers(0, followed.PLACES - 1),
    scale=st.integers(1, 40),
    level=st.integers(0, 60),
    ticks=st.integers(0, 1 << 50),
    allocations=st.integers(0, 1 << 50),
    elsewhere=st.booleans(),
)


def as_life(row: np.void, **more: bool) -> Life:
    names = row.dtype.names or ()
    return Life(**dict(zip(names, row.item(), strict=True)), **more)


@given(st.lists(lives, max_size=300), st.lists(st.builds(Sample, threads=st.integers(0, 2000)), max_size=20))
def test_lives_and_timed_calls_are_told_apart(ended: list[Life], calls: list[Sample]) -> None:
    file = raw(samples=[*ended, *calls])
    assert [as_life(row) for row in file.lives] == ended
    assert [(int(row["size"]), int(row["threads"])) for row in file.samples] == [(c.size, c.threads) for c in calls]


@given(st.lists(lives, max_size=50), st.integers(0, 60))
def test_what_is_still_followed_at_the_level(unfreed: list[Life], level: int) -> None:
    found = raw(behind=behind_bytes(unfreed, level=level)).beyond.unfreed
    stay = [life for life in unfreed if life.level >= level]
    assert [int(size) for size in found["size"]] == [life.size for life in stay]
    assert [int(used) for used in found["used"]] == [life.used for life in stay]
    assert set(found["level"].tolist()) <= {level}


def test_nothing_behind_is_nothing_followed() -> None:
    beyond = raw().beyond
    assert (beyond.threads, beyond.cpu, sum(beyond.booked), len(beyond.unfreed)) == (0, 0, 0, 0)
    assert len(beyond.booked) == followed.GROUPS


def test_a_block_in_hand_is_not_followed() -> None:
    data = bytearray(behind_bytes([Life()]))
    data[8192:8200] = (1).to_bytes(8, "little")
    assert len(followed.beyond(bytes(data)).unfreed) == 0
