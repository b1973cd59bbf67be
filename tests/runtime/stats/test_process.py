"""What the kernel says of this process, and that its two sources agree."""

import os
from pathlib import Path

import pytest

from heapswap.runtime.stats.model import Detail
from heapswap.runtime.stats.process import gathered, read

ROLLUP = """558aa53cd000-7ffceeac8000 ---p 00000000 00:00 0                          [rollup]
Rss:                2024 kB
Pss:                1022 kB
Pss_Anon:            800 kB
Shared_Clean:       1000 kB
Anonymous:           800 kB
LazyFree:             64 kB
"""


def test_figures_are_bytes() -> None:
    memory = gathered(ROLLUP)
    assert memory.resident == 2024 << 10
    assert memory.proportional == 1022 << 10
    assert memory.anonymous == 800 << 10
    assert memory.lazily_freed == 64 << 10
    assert memory.unknown == ()


def test_what_an_older_kernel_does_not_count_is_unknown() -> None:
    memory = gathered(ROLLUP.replace("LazyFree", "Other"))
    assert memory.lazily_freed is None
    assert dict(memory.unknown) == {"lazily_freed": "this kernel does not count it"}


def test_both_sources_agree() -> None:
    ballast = bytes(32 << 20)
    totals, full = read(Detail.TOTALS), read(Detail.FULL)
    assert totals.resident is not None
    assert full.resident is not None
    # statm may lag behind by a batch of pages a processor.
    assert totals.resident == pytest.approx(full.resident, abs=4 << 20)
    assert full.proportional is not None
    assert full.proportional <= full.resident
    assert len(ballast) == 32 << 20


def test_where_proc_cannot_be_read_nothing_is_known_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *arguments: object, **options: object) -> str:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    for detail in Detail:
        memory = read(detail)
        assert memory.resident is None
        assert "cannot be read (Permission denied)" in dict(memory.unknown)["resident"]
