"""What `heapswap.stats` costs: a call beside one read of the kernel's own figures, and a service's p99 under scrapes.

``python benchmarks/stats_cost.py [--json] [--pairs N]``. The peer of a call is reading ``/proc/self/statm``, which is
what psutil does for a resident set; the peer of a full one is reading ``smaps_rollup``. A heap with holes has 100,000
free blocks, each between two live ones. The service is that of ``examples/fastapi-service``; with a scrape each second
and without, in pairs of random order, in one and the same server process. Ratios, and nothing but ratios, are printed.
"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import comb
from pathlib import Path
from statistics import median, quantiles

from heapswap import native

ROOT = Path(__file__).parents[1]
PAIRS = 30
SEGMENT = 1.2
"""seconds of load in each half of a pair: one scrape or two"""
CALLS = 60
HOLES = 100_000

SYSTEM = Path(f"/usr/lib/{os.uname().machine}-linux-gnu")
LIBRARIES: dict[str, Path | None] = {
    "glibc": None,
    "jemalloc": native.bundled("jemalloc"),
    "mimalloc": native.bundled("mimalloc"),
    "snmalloc": native.bundled("snmalloc"),
    "tcmalloc": SYSTEM / "libtcmalloc_minimal.so.4",
}

PUNCH = f"""
import ctypes, random
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
library.free.argtypes = (ctypes.c_void_p,)
sizes = random.Random(1)
blocks = [library.malloc(sizes.randint(1100, 3000)) for _ in range({2 * HOLES})]
for block in blocks[::2]:
    library.free(block)
"""
"""blocks too large for a thread's cache"""

CALL = f"""
import json, time
from pathlib import Path
import heapswap
def typical(call):
    took = []
    for _ in range({CALLS}):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return sorted(took)[len(took) // 2]
heapswap.stats("full")
statm, rollup = Path("/proc/self/statm"), Path("/proc/self/smaps_rollup")
print(json.dumps([typical(heapswap.stats) / typical(statm.read_text),
                  typical(lambda: heapswap.stats("full")) / typical(rollup.read_text)]))
"""

SERVE = "import sys, uvicorn\nfrom service import app\nuvicorn.run(app, port=int(sys.argv[1]), log_level='error')"

SCRAPE = """
import sys, threading, time, urllib.request
scraping = threading.Event()
def scrape():
    while scraping.wait():
        began = time.monotonic()
        urllib.request.urlopen(sys.argv[1]).read()
        time.sleep(max(0, 1 - (time.monotonic() - began)))
threading.Thread(target=scrape, daemon=True).start()
for line in sys.stdin:
    scraping.set() if line.strip() == "on" else scraping.clear()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One allocator and heap: how many times the kernel's own read a call takes."""

    allocator: str
    heap: str
    totals: float
    full: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One allocator and heap: p99 with scrapes over p99 without, one ratio a pair."""

    allocator: str
    heap: str
    ratios: tuple[float, ...]


def environ(library: Path | None) -> dict[str, str]:
    preload = {} if library is None else {"LD_PRELOAD": str(library)}
    return {**os.environ, **preload}


def call(allocator: str, heap: str) -> Call:
    program = (PUNCH if heap == "holes" else "") + CALL
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ(LIBRARIES[allocator]), capture_output=True, text=True, check=True
    )
    totals, full = json.loads(done.stdout)
    return Call(allocator=allocator, heap=heap, totals=totals, full=full)


def service(allocator: str, heap: str, pairs: int, order: random.Random) -> Service:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = (PUNCH if heap == "holes" else "") + SERVE
    server = [sys.executable, "-c", program, str(port)]
    scraper = [sys.executable, "-c", SCRAPE, f"http://127.0.0.1:{port}/metrics"]
    folder = ROOT / "examples" / "fastapi-service"
    with ended(subprocess.Popen(server, cwd=folder, env=environ(LIBRARIES[allocator]), text=True)):
        connection = connected(port)
        p99(connection)
        with ended(subprocess.Popen(scraper, stdin=subprocess.PIPE, text=True)) as scraping:
            ratios = []
            for _ in range(pairs):
                halves = {}
                for switch in order.sample(("on", "off"), 2):
                    print(switch, file=scraping.stdin, flush=True)
                    halves[switch] = p99(connection)
                ratios.append(halves["on"] / halves["off"])
    return Service(allocator=allocator, heap=heap, ratios=tuple(ratios))


@contextmanager
def ended(process: "subprocess.Popen[str]") -> "Iterator[subprocess.Popen[str]]":
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def connected(port: int) -> http.client.HTTPConnection:
    end = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.connect()
            return connection
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def p99(connection: http.client.HTTPConnection) -> float:
    """Of requests sent one after the other for a segment."""
    took = []
    end = time.perf_counter() + SEGMENT
    while (began := time.perf_counter()) < end:
        connection.request("GET", "/report/200")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
    return quantiles(took, n=100)[98]


def spread(ratios: tuple[float, ...]) -> tuple[float, float]:
    """The 95 % interval of the median: the closest order statistics that hold it so often (a sign test inverted)."""
    ordered, count = sorted(ratios), len(ratios)
    outside, rank = 0.5**count, 0
    while 2 * outside <= 0.05:
        rank += 1
        outside += comb(count, rank) * 0.5**count
    return ordered[max(rank - 1, 0)], ordered[-max(rank, 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    arguments = parser.parse_args()
    order = random.Random(20)
    calls = [call(allocator, heap) for heap in ("compact", "holes") for allocator in LIBRARIES]
    services = [
        service(allocator, heap, arguments.pairs, order)
        for allocator, heap in (("glibc", "compact"), ("glibc", "holes"), ("jemalloc", "compact"))
    ]
    if arguments.json:
        rows = {
            "calls": [{"allocator": c.allocator, "heap": c.heap, "totals": c.totals, "full": c.full} for c in calls],
            "services": [
                {"allocator": s.allocator, "heap": s.heap, "ratios": s.ratios, "interval": spread(s.ratios)}
                for s in services
            ],
        }
        print(json.dumps({"benchmark": "stats_cost", **rows}))
        return 0
    print(f"{'one call':24}{'stats() / statm':>18}{'full / smaps_rollup':>22}")
    for one in calls:
        print(f"{one.allocator + ', ' + one.heap:24}{one.totals:16.1f} x{one.full:20.1f} x")
    print(f"\n{'p99 of a service':24}{'scraped / not':>18}   95 % interval of the median over {arguments.pairs} pairs")
    for row in services:
        low, high = spread(row.ratios)
        print(f"{row.allocator + ', ' + row.heap:24}{median(row.ratios):16.2f} x   {low:.2f} to {high:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
