"""A process with a known number of live bytes: reads one order a line, answers with snapshots, one line each.

``{"hold": [sizes]}`` allocates and touches blocks, ``{"drop": step}`` frees every step-th of them (1: all),
``{"stats": "full"}`` only looks, ``{"release": true}`` gives back. Blocks come from the process's own malloc.
"""

import ctypes
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import heapswap


def snapshot(detail: str) -> dict[str, Any]:
    """The snapshot as plain values, with the reasons that `why` gives."""
    return dataclasses.asdict(heapswap.stats(detail))


def resident() -> int:
    """The resident set as another file of the kernel's has it than those that heapswap reads."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Rss:"))


def main() -> None:
    """Serve orders until standard input ends."""
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = (ctypes.c_size_t,)
    library.free.argtypes = (ctypes.c_void_p,)
    library.malloc_usable_size.restype = ctypes.c_size_t
    library.malloc_usable_size.argtypes = (ctypes.c_void_p,)
    blocks: list[int] = []
    heapswap.stats("full")
    heapswap.release()
    for line in sys.stdin:
        order = json.loads(line)
        before = snapshot(order.get("stats", "totals"))
        usable, count, released = 0, 0, None
        for size in order.get("hold", ()):
            block = library.malloc(size)
            ctypes.memset(block, 1, size)
            blocks.append(block)
            usable += library.malloc_usable_size(block)
            count += 1
        if step := order.get("drop"):
            for block in blocks[::step]:
                usable += library.malloc_usable_size(block)
                count += 1
                library.free(block)
            del blocks[::step]
        if order.get("release"):
            kernel = resident()
            result = heapswap.release()
            released = {"how": result.how, "moved": result.moved, "kernel": kernel - resident()}
        after = snapshot(order.get("stats", "totals"))
        answer = {"before": before, "after": after, "usable": usable, "count": count, "released": released}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
