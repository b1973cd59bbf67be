"""Kinds of mapping."""

import os

from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling.mappings import Kind, by_kind, parse, read

ROWS = [
    ("55d0c0000000-55d0c0010000 r-xp 00000000 08:01 42                         /usr/bin/a program", 64),
    ("55d0c1000000-55d0c1100000 rw-p 00000000 00:00 0                          [heap]", 1000),
    ("7f0000000000-7f0000021000 rw-p 00000000 00:00 0 ", 132),
    ("7f0000021000-7f0004000000 ---p 00000000 00:00 0 ", 0),
    ("7f0010000000-7f0010200000 rw-p 00000000 00:00 0 ", 2048),
    ("7f0020000000-7f0020001000 ---p 00000000 00:00 0 ", 0),
    ("7f0020001000-7f0020801000 rw-p 00000000 00:00 0 ", 16),
    ("7f0030000000-7f0030010000 rw-s 00000000 00:01 99                         /dev/shm/ours", 32),
    ("7f0031000000-7f0031010000 rw-s 00000000 00:01 98                         /dev/zero (deleted)", 8),
    ("7f0032000000-7f0032010000 rw-p 00000000 00:00 0                          [anon:arena]", 4),
    ("7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]", 20),
    ("7ffd00100000-7ffd00102000 r-xp 00000000 00:00 0                          [vdso]", 1),
]


def smaps(rows: list[tuple[str, int]]) -> str:
    return "".join(f"{head}\nSize: 9999 kB\nRss:  {size} kB\nVmFlags: rd wr\n" for head, size in rows)


def test_the_kinds() -> None:
    assert {kind: size >> 10 for kind, size in by_kind(smaps(ROWS)).items()} == {
        Kind.FILES: 65,
        Kind.HEAP: 1000,
        # What lies above the unused rest of an arena is not its stack: the rest is too large to be a guard.
        Kind.ANONYMOUS: 132 + 2048 + 4,
        Kind.STACKS: 16 + 20,
        Kind.SHARED: 32 + 8,
    }


@given(st.lists(st.sampled_from(ROWS)))
def test_nothing_is_lost(rows: list[tuple[str, int]]) -> None:
    assert sum(by_kind(smaps(rows)).values()) == sum(size for _, size in rows) << 10


@given(st.text())
def test_any_text(text: str) -> None:
    list(parse(text.replace("Rss:", "")))


def test_this_process() -> None:
    found = by_kind(read(os.getpid()))
    assert min(found[Kind.HEAP] + found[Kind.ANONYMOUS], found[Kind.FILES], found[Kind.STACKS]) > 0
