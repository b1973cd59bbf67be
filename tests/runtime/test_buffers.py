"""Buffers: the memory goes back once, when nothing can see it any more."""

import gc
import io
import pickle
import socket
import struct
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import GlobalAlloc, Layout, System, buffer
from heapswap.errors import Misuse
from heapswap.runtime.buffers import Block
from heapswap.runtime.heaps import Heap
from tests.runtime.support import ALLOCATORS, HEAPS, in_threads, name


class Ledger(GlobalAlloc):
    """System, with a record of what is out; a block that comes back twice is an error of this test's own."""

    def __init__(self) -> None:
        self.out: dict[int, Layout] = {}
        self.returned = 0

    def alloc(self, layout: Layout) -> int:
        pointer = System().alloc(layout)
        self.out[pointer] = layout
        return pointer

    def dealloc(self, pointer: int, layout: Layout) -> None:
        assert self.out.pop(pointer) == layout
        self.returned += 1
        System().dealloc(pointer, layout)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    yield ledger
    gc.collect()
    assert ledger.out == {}


def owner(view: memoryview) -> Block:
    assert isinstance(view.obj, Block)
    return view.obj


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
@given(size=st.one_of(st.integers(0, 300), st.integers(0, 100_000)), bit=st.integers(0, 16), zeroed=st.booleans())
@settings(max_examples=40)
def test_size_alignment_and_zeroes(allocator: System | Heap, size: int, bit: int, zeroed: bool) -> None:
    view = buffer(size, allocator, align=1 << bit, zeroed=zeroed)
    assert (view.nbytes, view.format, view.ndim, view.readonly, view.contiguous) == (size, "B", 1, False, True)
    if zeroed:
        assert bytes(view) == bytes(size)
    view[:] = bytes(number % 251 for number in range(size))
    assert bytes(view) == bytes(number % 251 for number in range(size))
    block = owner(view)
    assert (block.allocator, block.layout) == (allocator, Layout(size, 1 << bit))
    assert block.address % (1 << bit) == 0
    if size:
        assert np.frombuffer(view, np.uint8).ctypes.data == block.address
        assert [heap for heap in HEAPS if heap.owns(block.address)] == [allocator] * (allocator in HEAPS)


def test_the_last_view_frees_whatever_the_order(ledger: Ledger) -> None:
    view = buffer(100, ledger)
    part = view[10:20]
    cast = view.cast("I")
    array = np.frombuffer(view, np.uint16)
    view.release()
    part[:] = b"0123456789"
    part.release()
    assert array[5] == int.from_bytes(b"01", "little")
    assert cast[3] >> 16 == int.from_bytes(b"45", "little")
    del array
    assert ledger.returned == 0
    del cast, view, part
    assert (ledger.returned, ledger.out) == (1, {})


def test_a_released_view_is_of_no_use(ledger: Ledger) -> None:
    with buffer(4, ledger) as view:
        assert len(view) == 4
    assert ledger.returned == 1
    for use in (lambda: view[0], lambda: bytes(view), lambda: struct.unpack_from("<I", view), lambda: len(view)):
        with pytest.raises(ValueError, match="released memoryview"):
            use()
    view.release()
    assert ledger.returned == 1


def test_a_view_in_use_is_not_released(ledger: Ledger) -> None:
    view = buffer(8, ledger)
    reader = io.BytesIO(b"12345678")
    assert reader.readinto(view) == 8
    # Whoever holds it through the C interface would lose it; Python itself refuses.
    holder = pickle.PickleBuffer(view)
    with pytest.raises(BufferError):
        view.release()
    assert bytes(holder) == b"12345678"
    holder.release()
    view.release()
    assert ledger.returned == 1


def test_a_buffer_of_nothing_asks_for_nothing(ledger: Ledger) -> None:
    view = buffer(0, ledger, align=4096)
    assert (len(view), bytes(view), owner(view).address) == (0, b"", 4096)
    assert np.frombuffer(view.cast("B"), np.uint8).size == 0
    assert ledger.returned == 0


def test_cycles_are_collected(ledger: Ledger) -> None:
    class Node:
        view: memoryview
        itself: "Node"

    gc.disable()
    try:
        node = Node()
        node.view, node.itself = buffer(1000, ledger), node
        del node
        assert ledger.returned == 0
    finally:
        gc.enable()
    gc.collect()
    assert ledger.returned == 1


def test_struct_and_sockets(ledger: Ledger) -> None:
    view = buffer(64, ledger, align=64, zeroed=True)
    struct.pack_into("<IdH", view, 8, 7, 2.5, 65535)
    assert struct.unpack_from("<IdH", view, 8) == (7, 2.5, 65535)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"through the kernel")
        assert ours.recv_into(view[20:]) == 18
        ours.sendmsg([view[20:38]])
        assert theirs.recv(100) == b"through the kernel"


@pytest.mark.parametrize("heap", HEAPS, ids=name)
def test_threads_make_them_and_others_drop_them(heap: Heap) -> None:
    def work() -> None:
        for number in range(300):
            view = buffer(number * 37 % 5000, heap, align=1 << number % 8)
            view[:] = bytes(len(view))
            with lock:
                shared.append(view)
                if len(shared) > 50:
                    shared.pop(number % 50)

    lock, shared = threading.Lock(), list[memoryview]()
    before = heap.allocated()
    in_threads(*[work] * 4)
    shared.clear()
    assert heap.allocated() == before


@pytest.mark.parametrize(("size", "align"), [(-1, 8), (8, 3), (2**63, 1)])
def test_what_no_layout_allows_is_refused(size: int, align: int, ledger: Ledger) -> None:
    with pytest.raises(Misuse):
        buffer(size, ledger, align=align)


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
def test_no_memory_is_a_memory_error(allocator: System | Heap) -> None:
    with pytest.raises(MemoryError, match=r"^\w+\(\) has no block of 4611686018427387904 bytes at a multiple of 16$"):
        buffer(2**62, allocator)
