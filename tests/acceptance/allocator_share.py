"""The share of CPU time inside the allocator: by the probe, and by perf's samples of the same program without it.

``python -m tests.acceptance.allocator_share [NAME…]`` prints one JSON object. perf takes the first frame of the
program's own in each sample: time in the kernel belongs to the function that entered it. What malloc does by others
(the zeros of calloc, the copy of realloc) is not told apart by its symbols, and is left out.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heapswap.profiling import wire
from heapswap.profiling.estimate import own_cost, rate, times
from heapswap.profiling.place import observed, place

CORPUS = Path(__file__).parents[2] / "corpus"
PERL = 'my %h; for my $r (1..40) { $h{$_ % 9973} .= "x" x ($_ % 50) for 1..60000; %h = () } print "done\\n"'
COMPILED = '#include <map>\n#include <regex>\nint f() { std::regex r("a"); return 0; }\n'
PROGRAMS: dict[str, tuple[list[str], str]] = {
    "json_burst": ([sys.executable, str(CORPUS / "json_burst.py")], ""),
    "sqlite_index": (["sqlite3", ":memory:"], (CORPUS / "sqlite_index.sql").read_text()),
    "lua_churn": (["lua5.4", str(CORPUS / "lua_churn.lua"), "150000"], ""),
    "python_objects": ([sys.executable, str(CORPUS / "python_objects.py")], ""),
    "lxml_documents": ([sys.executable, str(CORPUS / "lxml_documents.py")], ""),
    "g++": (["g++", "-O1", "-x", "c++", "-c", "-o", "/dev/null", "-"], COMPILED),
    "perl": (["perl", "-e", PERL], ""),
    "sort": (["sort", "-R"], "".join(f"{number * 7919 % 1000003}\n" for number in range(400_000))),
}
FUNCTIONS = re.compile(
    r"(__libc_|__)?(malloc|free|cfree|calloc|realloc|memalign|posix_memalign|aligned_alloc)(@.*)?$|"
    r"_int_(malloc|free|realloc|memalign)|_mid_memalign|sysmalloc|systrim|malloc_consolidate|unlink_chunk|tcache_|alloc_perturb|arena_get|"
    r"new_heap|heap_trim|grow_heap|shrink_heap|munmap_chunk|mremap_chunk|__?(munmap|mmap|mmap64|brk|sbrk|madvise|mremap|"
    r"default_morecore)(@.*)?$|__glibc_morecore|checked_request2size|ptmalloc_init|_dl_early_allocate"
)


def by_perf(argv: Sequence[str], stdin: str) -> float:
    """The fraction of samples whose first user frame is one of malloc's functions."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g", "-o", data, "--", *argv]
        subprocess.run(record, input=stdin.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        script = ["perf", "script", "-i", data, "-F", "comm,event,ip,sym,dso"]
        text = subprocess.run(script, capture_output=True, text=True, check=True, errors="replace").stdout
    samples = inside = 0
    for block in text.split("\n\n"):
        frames = [line.split(None, 2) for line in block.splitlines()[1:] if line.strip()]
        user = next((frame for frame in frames if not frame[0].startswith("ffff")), None)
        samples += bool(frames)
        if user and len(user) > 1 and FUNCTIONS.match(user[1]):
            inside += 1
    return inside / samples


def by_probe(argv: Sequence[str], stdin: str) -> tuple[float, float, float]:
    """The same of the whole tree, with its 95 % limits."""
    with tempfile.TemporaryDirectory() as folder, place(Path(folder)) as files:
        environ = observed({k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}, files)
        subprocess.run(argv, input=stdin.encode(), env=environ, stdout=subprocess.DEVNULL, check=True)
        raw = list(wire.read_all(files))
    spent = low = high = cpu = 0.0
    for file in raw:
        ticks = rate(file.header)
        cpu += (file.header.noted_cpu - file.header.begun_cpu) * 1e-9
        if ticks and (timed := times(file, ticks)):
            cpu -= own_cost(file, ticks)
            spent, low, high = spent + timed.cpu.value, low + timed.cpu.low, high + timed.cpu.high
    return spent / cpu, low / cpu, high / cpu


def measure(name: str) -> dict[str, Any]:
    argv, stdin = PROGRAMS[name]
    rounds = [(by_probe(argv, stdin), by_perf(argv, stdin)) for _ in range(3)]
    probes = sorted(probe for probe, _ in rounds)
    perfs = sorted(perf for _, perf in rounds)
    value, low, high = probes[1]
    return {"name": name, "probe": value, "low": low, "high": high, "perf": perfs[1]}


def main() -> int:
    print(json.dumps([measure(name) for name in sys.argv[1:] or PROGRAMS]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
