"""NumPy arrays: right contents, right owner, nothing left behind."""

import asyncio
import ctypes
import gc
import importlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from heapswap import GlobalAlloc, Jemalloc, Layout, MiMalloc, MiMallocSecure, SnMalloc, System, numpy_allocator
from heapswap.errors import Misuse
from heapswap.runtime.arrays import LEAST_ALIGNMENT
from heapswap.runtime.heaps import Heap
from tests.runtime.support import ALLOCATORS, HEAPS, in_threads, name

# 1.26 has it here too.
get_handler_name: Callable[[object], str] = importlib.import_module("numpy._core.multiarray").get_handler_name

ARRAYS = 1000
DTYPES = [np.dtype(code) for code in "?bBhHiIlLqQefdgFDG"] + [
    np.dtype("S7"),
    np.dtype("U5"),
    np.dtype("V13"),
    np.dtype("m8[ns]"),
    np.dtype("M8[s]"),
    np.dtype([("a", "i1"), ("b", "f8"), ("c", "u2", (3,))]),  # without padding, which a copy leaves out
]


def data(array: np.ndarray[Any, Any]) -> int:
    """Where the elements are."""
    return int(array.__array_interface__["data"][0])


def handler(allocator: System | Heap, align: int) -> str:
    return f"heapswap {allocator.heap} align={max(align, LEAST_ALIGNMENT)}"


def assert_owned(array: np.ndarray[Any, Any], allocator: System | Heap, align: int) -> None:
    assert get_handler_name(array) == handler(allocator, align)
    assert data(array) % max(align, LEAST_ALIGNMENT) == 0
    assert [heap for heap in HEAPS if heap.owns(data(array))] == [allocator] * (allocator in HEAPS)


def memory(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The bytes of a new array in the order of their addresses."""
    return np.ndarray(array.nbytes, np.uint8, buffer=array)


def made(allocator: System | Heap, random: Random) -> tuple[np.ndarray[Any, Any], bytes, int]:
    """An array of random element type, shape, content and alignment; and what it holds."""
    dtype, align = random.choice(DTYPES), 1 << random.randrange(13)
    shape = tuple(random.randrange(40) for _ in range(random.randrange(3))) or (random.randrange(6000),)
    with numpy_allocator(allocator, align=align):
        if random.random() < 0.3:
            array = np.zeros(shape, dtype)
            assert array.tobytes() == bytes(array.nbytes)
        else:
            array = np.empty(shape, dtype)
    # Any byte is an element, but for a truth value and for a character.
    content = random.randbytes(array.nbytes) if dtype.kind not in "bU" else bytes(array.nbytes)
    memory(array)[:] = np.frombuffer(content, np.uint8)
    return array, content, align


def round_of_arrays(allocator: System | Heap, seed: int, count: int) -> None:
    """Arrays that live for a while, are resized, pickled, and put into cycles that only gc finds."""
    random = Random(seed)
    live: list[tuple[np.ndarray[Any, Any], bytes, int]] = []
    for number in range(count):
        array, content, align = made(allocator, random)
        assert_owned(array, allocator, align)
        kind = number % 5
        if kind == 0:
            with numpy_allocator(allocator, align=align):
                again = pickle.loads(pickle.dumps(array, protocol=random.choice((2, 4, 5))))
                # NumPy may leave the elements in the bytes that pickle read, which are not the allocator's.
                again = again if get_handler_name(again) else again.copy()
            assert_owned(again, allocator, align)
            assert again.tobytes() == content
        elif kind == 1 and array.ndim == 1:
            length = random.randrange(9000)
            array.resize(length, refcheck=False)
            content = (content + bytes(array.nbytes))[: array.nbytes]
            assert_owned(array, allocator, align)
        elif kind == 2:
            cycle: list[object] = [array, array[:1] if array.ndim else array]
            cycle.append(cycle)
        live.append((array, content, align))
        if len(live) > 60:
            old, expected, its_align = live.pop(random.randrange(60))
            assert old.tobytes() == expected
            assert_owned(old, allocator, its_align)
    for array, content, _ in live:
        assert array.tobytes() == content


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
def test_a_thousand_arrays_across_threads(allocator: System | Heap) -> None:
    def everything(seed: int) -> None:
        in_threads(*(partial(round_of_arrays, allocator, seed + number, ARRAYS // 4) for number in range(4)))
        gc.collect()

    everything(0)
    if isinstance(allocator, System):
        return
    books = allocator.allocated()
    for seed in range(10, 30, 10):
        everything(seed)
    assert allocator.allocated() == books
    if isinstance(allocator, SnMalloc):
        # It counts slabs, not blocks: what is asked for again and again comes to take no more of them, however late the
        # threads have had every turn once; what is never given back takes more each time.
        taken = []
        for _ in range(30):
            everything(40)
            taken.append(allocator.active() or 0)
            if len(taken) >= 6 and max(taken[-3:]) <= max(taken[:-3]):
                break
        assert max(taken[-3:]) <= max(taken[:-3])


class Mallinfo(ctypes.Structure):
    """``struct mallinfo2``."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def live_in_glibc() -> int:
    """Bytes in live blocks of the whole process, by glibc's own statistics."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    figures = mallinfo()
    return int(figures.uordblks + figures.hblkhd)


LEAKING = """
from heapswap import System
from tests.runtime.test_arrays import live_in_glibc, round_of_arrays

for _ in range(15):
    round_of_arrays(System(), 1, 200)
before = live_in_glibc()
for _ in range(30):
    round_of_arrays(System(), 1, 200)
print(live_in_glibc() - before)
"""


def test_nothing_is_left_with_the_systems_allocator() -> None:
    """By glibc's own statistics, of the whole process: 6,000 arrays leave less than a byte each."""
    done = subprocess.run([sys.executable, "-c", LEAKING], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 6000


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=name)
def test_arrays_outlive_the_block(allocator: System | Heap) -> None:
    with numpy_allocator(allocator, align=64):
        array = np.arange(1000)
    later = np.arange(1000)
    assert get_handler_name(later) == "default_allocator"
    array.resize(50_000, refcheck=False)
    assert_owned(array, allocator, 64)
    assert array[:1000].tolist() == list(range(1000))
    assert not array[1000:].any()


def test_blocks_nest_and_an_error_ends_them() -> None:
    def now() -> str:
        return str(get_handler_name(np.empty(3)))

    with numpy_allocator(MiMalloc(), align=64):
        with suppress(ZeroDivisionError), numpy_allocator(Jemalloc(), align=128):
            assert now() == "heapswap jemalloc align=128"
            with numpy_allocator(SnMalloc()):
                assert now() == "heapswap snmalloc align=16"
            assert now() == "heapswap jemalloc align=128"
            raise ZeroDivisionError
        assert now() == "heapswap mimalloc align=64"
    assert now() == "default_allocator"


def test_other_threads_and_tasks_keep_their_own() -> None:
    async def task(allocator: Heap, others: asyncio.Barrier) -> str:
        with numpy_allocator(allocator):
            await others.wait()
            return str(get_handler_name(np.empty(3)))

    async def tasks() -> list[str]:
        others = asyncio.Barrier(3)
        return await asyncio.gather(*(task(heap, others) for heap in (MiMalloc(), MiMallocSecure(), Jemalloc())))

    names: list[str] = []
    with numpy_allocator(SnMalloc()):
        thread = threading.Thread(target=lambda: names.append(get_handler_name(np.empty(3))))
        thread.start()
        thread.join()
        names += asyncio.run(tasks())
    assert names == [
        "default_allocator",
        *(f"heapswap {heap} align=16" for heap in ("mimalloc", "mimalloc_secure", "jemalloc")),
    ]


@pytest.mark.parametrize("heap", HEAPS, ids=name)
def test_arrays_are_freed_by_whichever_thread_drops_them(heap: Heap) -> None:
    before = heap.allocated()
    with numpy_allocator(heap, align=32):
        shared = [np.full(size, 7, np.uint8) for size in range(0, 60_000, 600)]
    lists = [shared[:25], shared[25:50], shared[50:75], shared[75:]]
    shared.clear()
    in_threads(*(part.clear for part in lists))
    del lists
    assert heap.allocated() == before


def test_results_of_computing_have_the_allocator_too() -> None:
    with numpy_allocator(MiMalloc(), align=4096):
        first = np.ones((50, 50))
        for result in (
            first @ first,
            first + 1,
            np.concatenate([first, first]),
            first.T.copy(),
            np.resize(first, 10_000),
        ):
            assert_owned(result if result.base is None else result.base, MiMalloc(), 4096)


def test_an_enormous_array_is_a_memory_error() -> None:
    for allocator in ALLOCATORS:
        with numpy_allocator(allocator, align=64), pytest.raises(MemoryError):
            np.empty(2**61, np.uint8)


def test_what_cannot_be_is_refused() -> None:
    class Python(GlobalAlloc):
        def alloc(self, layout: Layout) -> int:
            return System().alloc(layout)

        def dealloc(self, pointer: int, layout: Layout) -> None:
            System().dealloc(pointer, layout)

    with pytest.raises(Misuse, match="it calls compiled functions"), numpy_allocator(Python()):  # type: ignore[arg-type]
        pass

    class Overridden(MiMalloc):
        def alloc(self, layout: Layout) -> int:
            return 0 * layout.size

    with pytest.raises(Misuse, match=r"give System\(\), MiMalloc\(\), "), numpy_allocator(Overridden()):
        pass
    with pytest.raises(Misuse, match="the alignment 48 is not a power of two"), numpy_allocator(System(), align=48):
        pass


def test_numpys_table_is_where_the_headers_say() -> None:
    header = (Path(np.get_include()) / "numpy/__multiarray_api.h").read_text()
    declared = header.partition("#define PyDataMem_SetHandler")[2].partition("#define")[0]
    assert "PyArray_API[304]" in declared
