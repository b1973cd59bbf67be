"""Allocators as objects: NumPy's arrays, the rules of a layout, all allocators in one process, late heaps and forks."""

import json
import sys

from tests.acceptance.evidence import Evidence, NoEvidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

# Each allocator in a process of its own: 1,000 arrays in four threads, several times over. `left` is what its own books
# say is live more than before; snmalloc's know slabs only, glibc's the whole process.
ARRAYS = """
import gc, json, sys
from functools import partial
from tests.runtime.support import ALLOCATORS, in_threads, name
from tests.runtime.test_arrays import ARRAYS, live_in_glibc, round_of_arrays

(allocator,) = (each for each in ALLOCATORS if name(each) == sys.argv[1])
books = {"System": live_in_glibc, "SnMalloc": getattr(allocator, "active", None)}
live = books.get(sys.argv[1]) or allocator.allocated

def everything(seed):
    in_threads(*(partial(round_of_arrays, allocator, seed + number, ARRAYS // 4) for number in range(4)))
    gc.collect()

for _ in range(15):
    everything(0)
before = live()
for _ in range(5):
    everything(0)
print(json.dumps({"arrays": 5 * ARRAYS, "left": live() - before}))
"""
ALLOCATORS = ("System", "MiMalloc", "MiMallocSecure", "Jemalloc", "SnMalloc")


def thousand_arrays(evidence: Evidence) -> Result:
    """glibc's books are those of the whole process: less than a byte an array is none of ours."""
    left = {}
    for name in ALLOCATORS:
        seen = evidence.json(f"arrays-{name}", [sys.executable, "-c", ARRAYS, name], timeout=600)
        left[name] = (seen["left"], seen["arrays"] if name == "System" else 0)
    figure = ", ".join(f"{name} {live:+,} B" for name, (live, _) in left.items())
    return Result(
        figure=f"5 × 1,000 arrays each, right contents and owner; live after against before: {figure}",
        held=all(live <= allowed for live, allowed in left.values()),
    )


def cost(evidence: Evidence) -> Result:
    """The promise is that the cost is measured and shown, whatever it is."""
    output = evidence.command("benchmark", [sys.executable, "benchmarks/contract.py", "--json"])
    if output.status != 0:
        raise NoEvidence((output.stderr.strip() or "no message").splitlines()[-1])
    ratios = json.loads(output.stdout)["ratios"]
    shown = {what: ratios[what] for what in ("empty, 1 KiB", "empty, 64 KiB", "zeros, 4 MiB")}
    spans = (f"{what} {min(row.values()):.2f} to {max(row.values()):.2f} times" for what, row in shown.items())
    return Result(figure=f"against NumPy's own: {'; '.join(spans)}", held=True)


LINES = (
    Line(
        promise="1,000 NumPy arrays of random type and alignment under each allocator, across threads, gc and pickling",
        measure=thousand_arrays,
    ),
    Line(promise="a Layout has the rules that Rust documents", measure=tests("layout", "tests/runtime/test_layout.py")),
    Line(
        promise="all allocators in one process, interleaved at random: contents stay, each pointer goes to its owner",
        measure=tests("together", "tests/runtime/test_heaps.py"),
    ),
    Line(
        promise="forks and threads beside each late heap, alone and beside each preloaded allocator",
        measure=tests(
            "forks", "-m", "acceptance or not acceptance", "-k", "forks", "tests/integration/test_late_heaps.py"
        ),
    ),
    Line(
        promise="late heaps, buffers and arrays under `heapswap run` of every candidate",
        measure=tests("run", "-k", "heapswap_run", "tests/integration/test_late_heaps.py"),
    ),
    Line(promise="what the contract and NumPy under each allocator cost is measured and shown", measure=cost),
)
