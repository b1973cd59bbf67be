"""Whose a page is, by what stands at its beginning."""

import os
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling.owners import HEAP, PAGE, WORDS, Owner, Pages, owners, read, used_in_pools

BASE = 0x7F00_0000_0000


def pages(count: int, words: Mapping[int, tuple[int, ...]], base: int = BASE) -> Pages:
    """So many pages in a row, all resident; the first words of some."""
    table = np.zeros((count, WORDS), np.uint64)
    for number, values in words.items():
        table[number, : len(values)] = values
    addresses = np.arange(base, base + count * PAGE, PAGE, dtype=np.uint64)
    return Pages(end=base + count * PAGE, addresses=addresses, words=table)


def pool(size_class: int, size: int = 16384, blocks: int = 5) -> tuple[int, ...]:
    """The header of one of Python's pools."""
    last = size - (size_class + 1) * 16
    return blocks, 1, 2, 3, size_class << 32 | 7, 48 | last << 32


def found(given: Pages, *, glibc: bool = True) -> str:
    return "".join("?mp"[owner] for owner in owners(given, glibc=glibc))


def test_pools_of_both_sizes() -> None:
    assert found(pages(9, {0: pool(3), 4: pool(31, blocks=0)})) == "pppppppp?"
    assert found(pages(3, {0: pool(0, 4096), 1: pool(9, 4096)})) == "pp?"
    assert found(pages(9, {1: pool(3)})) == "?????????", "a pool begins at a multiple of its size"
    assert found(pages(4, {0: (*pool(3)[:5], 48 | 4711 << 32)})) == "????"


def test_what_is_in_use_in_pools() -> None:
    """Blocks in use, each of its class's size: nothing in a pool that is free, or that is none."""
    given = pages(17, {0: pool(3, blocks=7), 4: pool(31, blocks=2), 8: pool(0, blocks=0), 12: (*pool(3)[:5], 4711)})
    assert used_in_pools(given) == 7 * 64 + 2 * 512
    assert used_in_pools(pages(3, {0: pool(0, 4096, blocks=3), 1: (0, 3 * PAGE | 2)})) == 3 * 16


def test_blocks_with_a_mapping_of_their_own() -> None:
    assert found(pages(6, {1: (0, 3 * PAGE | 2)})) == "?mmm??"
    assert found(pages(6, {1: (0, 3 * PAGE | 2)}), glibc=False) == "??????"
    assert found(pages(6, {1: (0, 9 * PAGE | 2)})) == "??????", "it would be longer than its mapping"
    assert found(pages(6, {1: (0, 3 * PAGE)})) == "??????", "the flag is missing"
    assert found(pages(6, {1: (0, 3 * PAGE | 2), 2: (0, 4 * PAGE | 2)})) == "?mmm??", "the content of a block"


def test_heaps_of_arenas() -> None:
    heap = (BASE + 0x30, 0, 2 * PAGE, 3 * PAGE)
    assert BASE % HEAP == 0
    assert found(pages(5, {0: heap})) == "mmm??"
    assert found(pages(5, {0: heap}, BASE + PAGE)) == "?????"


@given(st.lists(st.lists(st.integers(0, (1 << 64) - 1), min_size=WORDS, max_size=WORDS), min_size=1, max_size=40))
def test_any_content_has_an_owner_for_each_page(content: list[list[int]]) -> None:
    given_pages = pages(len(content), {number: tuple(words) for number, words in enumerate(content)})
    assert len(owners(given_pages, glibc=True)) == len(content)
    assert set(owners(given_pages, glibc=True).tolist()) <= set(Owner)


def test_random_words_are_nobodys() -> None:
    table = np.random.default_rng(5).integers(0, 1 << 63, (100_000, WORDS), dtype=np.uint64)
    addresses = np.arange(BASE, BASE + len(table) * PAGE, PAGE, dtype=np.uint64)
    assert not owners(Pages(end=BASE + len(table) * PAGE, addresses=addresses, words=table), glibc=True).any()


def test_only_resident_pages_are_read() -> None:
    memory = np.zeros(64 * PAGE // 8, np.uint64)
    start = (memory.ctypes.data + PAGE - 1) // PAGE * PAGE
    offset = (start - memory.ctypes.data) // 8
    memory[offset + 5 * PAGE // 8 : offset + 7 * PAGE // 8] = 4711
    seen = read(os.getpid(), start, start + 20 * PAGE)
    numbers = [(int(address) - start) // PAGE for address in seen.addresses]
    assert {5, 6} <= set(numbers)
    assert [int(word) for word in seen.words[numbers.index(5)]] == [4711] * WORDS


def test_a_process_that_may_not_be_read_is_an_error() -> None:
    with pytest.raises(OSError, match=r"."):
        read(2**22 + 1, 0, PAGE)
