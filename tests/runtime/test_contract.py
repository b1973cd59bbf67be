"""The contract: what a class of somebody else's must write, and what it is given."""

import ctypes

import pytest

from heapswap import GlobalAlloc, Layout, System, buffer


class Counting(GlobalAlloc):
    """Only what is required: System behind two counters, its bytes never 0 by chance."""

    def __init__(self) -> None:
        self.live: dict[int, Layout] = {}
        self.exhausted = False

    def alloc(self, layout: Layout) -> int:
        if self.exhausted:
            return 0
        pointer = System().alloc(layout)
        ctypes.memset(pointer, 0xA5, layout.size)
        self.live[pointer] = layout
        return pointer

    def dealloc(self, pointer: int, layout: Layout) -> None:
        assert self.live.pop(pointer) == layout
        System().dealloc(pointer, layout)


def test_a_class_without_dealloc_is_no_allocator() -> None:
    class Half(GlobalAlloc):
        def alloc(self, layout: Layout) -> int:
            return layout.size

    with pytest.raises(TypeError, match="dealloc"):
        Half()  # type: ignore[abstract]


def test_zeroed_is_given() -> None:
    ours = Counting()
    layout = Layout(100, 32)
    pointer = ours.alloc_zeroed(layout)
    assert ctypes.string_at(pointer, 100) == bytes(100)
    ours.dealloc(pointer, layout)


@pytest.mark.parametrize("new_size", [0, 1, 100, 5000])
def test_realloc_is_given(new_size: int) -> None:
    ours = Counting()
    pointer = ours.alloc(Layout(100, 64))
    ctypes.memmove(pointer, bytes(range(100)), 100)
    moved = ours.realloc(pointer, Layout(100, 64), new_size)
    assert ours.live == {moved: Layout(new_size, 64)}
    assert ctypes.string_at(moved, min(100, new_size)) == bytes(range(100))[:new_size]
    ours.dealloc(moved, Layout(new_size, 64))
    assert ours.live == {}


def test_a_block_stays_when_there_is_no_larger_one() -> None:
    ours = Counting()
    pointer = ours.alloc(Layout(4, 4))
    ours.exhausted = True
    assert ours.alloc_zeroed(Layout(4, 4)) == 0
    assert ours.realloc(pointer, Layout(4, 4), 100) == 0
    assert ctypes.string_at(pointer, 4) == b"\xa5" * 4
    ours.dealloc(pointer, Layout(4, 4))


def test_such_a_class_serves_buffers() -> None:
    ours = Counting()
    with buffer(10, ours, align=128, zeroed=True) as view:
        assert bytes(view) == bytes(10)
        assert list(ours.live.values()) == [Layout(10, 128)]
    del view
    assert ours.live == {}


def test_a_buffer_that_cannot_be_is_a_memory_error() -> None:
    ours = Counting()
    ours.exhausted = True
    with pytest.raises(MemoryError, match=r"has no block of 10 bytes at a multiple of 16"):
        buffer(10, ours)
