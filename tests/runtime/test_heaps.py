"""All allocators in one process: contents stay, and every pointer goes back to the one it came from."""

import ctypes
import dataclasses
import mmap
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import Jemalloc, Layout, MiMalloc, SnMalloc, System, native
from heapswap.errors import CannotGoOn, Misuse
from heapswap.runtime import library
from heapswap.runtime.heaps import Heap
from tests.runtime.support import ALLOCATORS, HEAPS, in_threads, name

ENORMOUS = (2**61, 2**62, 2**63 - 1)


@dataclasses.dataclass(kw_only=True)
class Live:
    """A block as the test remembers it."""

    allocator: System | Heap
    pointer: int
    layout: Layout
    content: bytes

    def check(self) -> None:
        assert self.pointer % self.layout.align == 0
        assert ctypes.string_at(self.pointer, self.layout.size) == self.content
        assert [heap for heap in HEAPS if heap.owns(self.pointer)] == [self.allocator] * (self.allocator in HEAPS)

    def fill(self, seed: int) -> None:
        size = self.layout.size
        self.content = (bytes((seed + step) % 256 for step in range(256)) * (size // 256 + 1))[:size]
        ctypes.memmove(self.pointer, self.content, size)


layouts = st.builds(
    Layout,
    st.one_of(st.integers(0, 64), st.integers(0, 5000), st.integers(0, 300_000), st.just(3 << 20)),
    st.integers(0, 16).map(lambda bit: 1 << bit),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("alloc"), st.sampled_from(ALLOCATORS), layouts, st.booleans()),
        st.tuples(st.just("realloc"), st.integers(0), layouts),
        st.tuples(st.just("dealloc"), st.integers(0)),
        st.tuples(st.just("stray"), st.integers(0), st.sampled_from(ALLOCATORS)),
    ),
    max_size=60,
)


@given(program=steps)
@settings(max_examples=150)
def test_random_use_of_all_at_once(program: list[tuple]) -> None:  # type: ignore[type-arg]
    live: list[Live] = []
    for seed, (kind, *rest) in enumerate(program):
        if kind == "alloc":
            allocator, layout, zeroed = rest
            pointer = allocator.alloc_zeroed(layout) if zeroed else allocator.alloc(layout)
            if zeroed:
                assert ctypes.string_at(pointer, layout.size) == bytes(layout.size)
            live.append(Live(allocator=allocator, pointer=pointer, layout=layout, content=b""))
            live[-1].fill(seed)
        elif live:
            block = live[rest[0] % len(live)]
            block.check()
            if kind == "realloc":
                size = rest[1].size
                if block.layout.align + size > 2**62:
                    continue
                block.pointer = block.allocator.realloc(block.pointer, block.layout, size)
                kept = min(size, block.layout.size)
                assert ctypes.string_at(block.pointer, kept) == block.content[:kept]
                block.layout = Layout(size, block.layout.align)
                block.fill(seed)
            elif kind == "dealloc":
                live.remove(block)
                block.allocator.dealloc(block.pointer, block.layout)
            elif rest[1] != block.allocator and (rest[1] in HEAPS or block.allocator in HEAPS):
                with pytest.raises(Misuse, match="back to "):
                    rest[1].dealloc(block.pointer, block.layout)
                with pytest.raises(Misuse, match="back to "):
                    rest[1].realloc(block.pointer, block.layout, 10)
                block.check()
    for block in live:
        block.check()
        block.allocator.dealloc(block.pointer, block.layout)


def churn(seed: int, rounds: int = 400) -> None:
    """Every allocator in turn, with blocks that stay a while."""
    live: list[Live] = []
    for step in range(rounds):
        allocator = ALLOCATORS[(seed + step) % len(ALLOCATORS)]
        layout = Layout((seed * 7919 + step * 104_729) % (70_000 if step % 50 == 0 else 900), 1 << (step % 9))
        block = Live(allocator=allocator, pointer=allocator.alloc(layout), layout=layout, content=b"")
        block.fill(seed + step)
        live.append(block)
        if len(live) > 40:
            oldest = live.pop((step * 31) % 40)
            oldest.check()
            oldest.allocator.dealloc(oldest.pointer, oldest.layout)
    for block in live:
        block.check()
        block.allocator.dealloc(block.pointer, block.layout)


def test_threads_use_all_at_once_and_nothing_stays_behind() -> None:
    works = [partial(churn, number) for number in range(4)]
    in_threads(*works)
    before = [heap.allocated() for heap in HEAPS]
    in_threads(*works)
    assert [heap.allocated() for heap in HEAPS] == before


@pytest.mark.parametrize("heap", HEAPS, ids=name)
def test_live_bytes_are_in_the_books(heap: Heap) -> None:
    layout = Layout(50_000, 64)
    before, active = heap.allocated(), heap.active()
    pointers = [heap.alloc(layout) for _ in range(100)]
    during, then = heap.allocated(), heap.active()
    assert active is not None
    assert then is not None
    assert then >= active
    if isinstance(heap, SnMalloc):
        assert (before, during) == (None, None)
        assert then >= 100 * 50_000
    else:
        assert before is not None
        assert during is not None
        assert 100 * 50_000 <= during - before <= 100 * 66_000
        assert during <= then
    for pointer in pointers:
        heap.dealloc(pointer, layout)
    assert heap.allocated() == before


@pytest.mark.parametrize("heap", HEAPS, ids=name)
def test_usable_size_is_at_least_what_was_asked_for(heap: Heap) -> None:
    for size in (0, 1, 17, 4096, 100_001):
        layout = Layout(size, 8)
        pointer = heap.alloc(layout)
        assert max(size, 1) <= heap.usable_size(pointer) < 2 * size + 4096
        heap.dealloc(pointer, layout)


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
def test_no_block_is_larger_than_memory(allocator: System | Heap) -> None:
    small = Layout(10, 1)
    pointer = allocator.alloc(small)
    ctypes.memset(pointer, 7, 10)
    for size in ENORMOUS:
        assert allocator.alloc(Layout(size, 1)) == 0
        assert allocator.alloc_zeroed(Layout(size, 1)) == 0
        assert allocator.realloc(pointer, small, size) == 0
    assert allocator.alloc(Layout(0, 2**63)) == 0
    assert ctypes.string_at(pointer, 10) == b"\7" * 10
    allocator.dealloc(pointer, small)


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
def test_a_large_alignment_takes_addresses_and_no_memory(allocator: System | Heap) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    layout, before = Layout(1000, 1 << 28), resident()
    pointers = [allocator.alloc_zeroed(layout), allocator.alloc(layout)]
    for pointer in pointers:
        assert pointer % layout.align == 0
    assert ctypes.string_at(pointers[0], layout.size) == bytes(layout.size)
    assert resident() - before < 1 << 26
    for pointer in pointers:
        allocator.dealloc(pointer, layout)


@pytest.mark.parametrize("heap", HEAPS, ids=name)
@given(address=st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 2**48), st.just(id(ENORMOUS))))
def test_any_address_may_be_asked_about(heap: Heap, address: int) -> None:
    if heap.owns(address):
        # By chance inside the heap: then it is no other's.
        assert [other for other in HEAPS if other.owns(address)] == [heap]
    else:
        assert heap.usable_size(address) == 0
        with pytest.raises(Misuse, match="is no block of"):
            heap.dealloc(address, Layout(1, 1))


def test_values_of_a_class_are_one_allocator() -> None:
    assert MiMalloc() == MiMalloc()
    assert len({MiMalloc(), MiMalloc(), Jemalloc(), System()}) == 3
    assert repr(MiMalloc()) == "MiMalloc()"


def test_a_heap_that_was_not_built_is_said_and_system_still_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    library.load.cache_clear()
    with pytest.raises(CannotGoOn, match=r"^the heap 'mimalloc' was not built .* or use System\(\)$"):
        MiMalloc().alloc(Layout(8, 8))
    pointer = System().alloc(Layout(8, 8))
    System().dealloc(pointer, Layout(8, 8))
    (tmp_path / "heap_mimalloc.so").write_text("no library")
    with pytest.raises(CannotGoOn, match=r"^the heap 'mimalloc' cannot be loaded: .*; use System\(\)$"):
        MiMalloc().alloc(Layout(8, 8))

    def full(path: str) -> None:
        raise OSError(f"{path}: cannot allocate memory in static TLS block")

    monkeypatch.setattr(ctypes, "CDLL", full)
    with pytest.raises(CannotGoOn, match=r"start the program with GLIBC_TUNABLES=\S+optional_static_tls=2048$"):
        MiMalloc().alloc(Layout(8, 8))
    library.load.cache_clear()


def test_snmalloc_is_refused_where_it_would_end_the_process() -> None:
    program = "from heapswap import SnMalloc, Layout; SnMalloc().alloc(Layout(8, 8))"
    command = ["sh", "-c", 'ulimit -v 67108864 && exec "$0" -c "$1"', sys.executable, program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "heapswap.errors.CannotGoOn: the heap 'snmalloc' cannot be loaded: the address space it begins with "
        "(snmalloc: 256 GiB) is not to be had (ulimit -v, overcommit); use System()"
    )


LOADED_IN_A_THREAD = """
import threading
from heapswap import {name}, Layout

heap, layout = {name}(), Layout(700, 32)

def work():
    for _ in range(100):
        heap.dealloc(heap.alloc(layout), layout)

# One after the other, so that a thread gets the id of one before it.
for _ in range(20):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
work()
print(heap.owns(heap.alloc(layout)))
"""


@pytest.mark.parametrize("heap", HEAPS, ids=name)
def test_the_thread_that_loads_a_heap_may_end(heap: Heap) -> None:
    program = LOADED_IN_A_THREAD.format(name=name(heap))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


AT_EXIT = """
import threading
import numpy
from heapswap import buffer, numpy_allocator, {name}

with numpy_allocator({name}(), align=64):
    arrays = [numpy.ones(size) for size in (1, 1000, 1_000_000)]
views = [buffer(size, {name}()) for size in (0, 100, 1_000_000)]
arrays.append(arrays)
shared = numpy.frombuffer(views[1], "u1")
threading.Thread(target=threading.Event().wait, daemon=True, args=(30,)).start()
"""


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
def test_a_program_ends_with_its_memory_in_use(allocator: System | Heap) -> None:
    program = AT_EXIT.format(name=name(allocator))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("value", [Layout(100, 64), *ALLOCATORS], ids=str)
def test_they_go_to_other_processes(value: object) -> None:
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert hash(again) == hash(value)
