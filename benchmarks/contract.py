"""What allocators as Python objects cost: a block through the contract, a buffer, a NumPy array, under each of them.

``python benchmarks/contract.py [--json]``. A block (allocated and freed) and a buffer are compared with a `bytearray`
of as many bytes; arrays with NumPy's own allocator, made and dropped: ``empty``, and ``zeros`` with a byte written to
every page. Every way is timed in turn, round after round; the least time counts, because noise only ever adds. Ratios
are printed; above 1 is slower.
"""

import argparse
import json
import timeit
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np

from heapswap import Jemalloc, Layout, MiMalloc, MiMallocSecure, SnMalloc, System, buffer, numpy_allocator
from heapswap.runtime.heaps import Heap

ALLOCATORS: tuple[System | Heap, ...] = (System(), MiMalloc(), MiMallocSecure(), Jemalloc(), SnMalloc())
ALIGN = 64
ROUNDS = 15
ROUND_SECONDS = 0.005
SIZES = {"1 KiB": 1 << 10, "64 KiB": 1 << 16, "4 MiB": 1 << 22}
"""the last is beyond what glibc keeps, and where NumPy asks for huge pages"""
PEER = "peer"

Once = Callable[[], object]


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    rows = {
        "block, 1 KiB": ratios(
            lambda: bytearray(1 << 10), {str(allocator): block(allocator) for allocator in ALLOCATORS}
        ),
        "buffer, 1 KiB": ratios(lambda: bytearray(1 << 10), {str(each): one_buffer(each) for each in ALLOCATORS}),
    }
    for name, size in SIZES.items():
        for what, make in (("empty", empty(size)), ("zeros", zeros(size))):
            rows[f"{what}, {name}"] = ratios(make, {str(each): make for each in ALLOCATORS})
    if arguments.json:
        print(json.dumps({"benchmark": "contract", "align": ALIGN, "rounds": ROUNDS, "ratios": rows}))
        return 0
    print(f"{'':16}" + "".join(f"{allocator!s:>18}" for allocator in ALLOCATORS))
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{ratio:>17.2f}×" for ratio in row.values()))
    return 0


def block(allocator: System | Heap) -> Once:
    layout = Layout(1 << 10, ALIGN)
    return lambda: allocator.dealloc(allocator.alloc(layout), layout)


def one_buffer(allocator: System | Heap) -> Once:
    return lambda: buffer(1 << 10, allocator, align=ALIGN).release()


def empty(size: int) -> Once:
    return lambda: np.empty(size, np.uint8)


def zeros(size: int) -> Once:
    def once() -> None:
        np.zeros(size, np.uint8)[::4096] = 1

    return once


def ratios(peer: Once, ways: dict[str, Once]) -> dict[str, float]:
    """Least time of each way against the peer's. A NumPy array comes from the allocator the way is named after."""
    contexts = {str(allocator): allocator for allocator in ALLOCATORS}
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, once in {PEER: peer, **ways}.items():
            with numpy_allocator(contexts[name], align=ALIGN) if name in contexts else nullcontext():
                times.setdefault(name, []).append(seconds(once))
    least = {name: min(seen) for name, seen in times.items()}
    return {name: least[name] / least[PEER] for name in ways}


def seconds(once: Once) -> float:
    """Of one call, over as many as fill a round."""
    timer = timeit.Timer(once)
    count = max(1, int(ROUND_SECONDS / max(timer.timeit(1), 1e-7)))
    return timer.timeit(count) / count


if __name__ == "__main__":
    raise SystemExit(main())
