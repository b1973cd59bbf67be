"""How well a replay predicts memory: peak resident heap of real runs, and of their replays, under three allocators.

``python benchmarks/fidelity.py [--speed max|recorded] [--json] [PROGRAM …]``. Each program is recorded once, under the
system's allocator. Then it runs, and its recording is replayed, under each allocator. The heap's part of a real run is
its anonymous memory less data, stacks and whatever the program maps itself, looked at every few milliseconds.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from heapswap import native
from heapswap.allocators.activation import activate
from heapswap.allocators.spelling import parse
from heapswap.traces.record import Limits, Recording
from heapswap.traces.replay import Speed, compiled, words
from heapswap.trials.arms import arm

CORPUS = Path(__file__).parent.parent / "corpus"
ALLOCATORS = ("system", "jemalloc", "mimalloc")
LIMIT = 0.10
PAGE = os.sysconf("SC_PAGE_SIZE")
WORDS = """my %h; for my $i (1..300000) {
$h{"key" . ($i * 7919 % 200000)} = "v" x ($i % 90); delete $h{"key" . ($i % 5000)} }"""
PROGRAMS: Mapping[str, tuple[tuple[str, ...], Path | None]] = {
    "lua_churn": (("lua5.4", str(CORPUS / "lua_churn.lua")), None),
    "json_burst": ((sys.executable, str(CORPUS / "json_burst.py")), None),
    "lxml_documents": ((sys.executable, str(CORPUS / "lxml_documents.py")), None),
    "sqlite_index": (("sqlite3", ":memory:"), CORPUS / "sqlite_index.sql"),
    "perl_hash": (("perl", "-e", WORDS), None),
    "image_service": ((sys.executable, str(CORPUS / "image_service.py")), None),
}
"""command, and what it reads"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One program under one allocator; bytes."""

    program: str
    allocator: str
    real: int
    replayed: int

    @property
    def error(self) -> float:
        """Of the replay: 0.05 is five percent too much."""
        return self.replayed / self.real - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", choices=[*PROGRAMS, []], help="default: all of them")
    parser.add_argument("--speed", choices=tuple(Speed), type=Speed, default=Speed.RECORDED)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    pairs = []
    for program in arguments.programs or PROGRAMS:
        for pair in measured(program, arguments.speed):
            pairs.append(pair)
            if not arguments.json:
                print(as_line(pair), flush=True)
    if arguments.json:
        rows = [{**asdict(pair), "error": pair.error} for pair in pairs]
        print(json.dumps({"pairs": rows, "misordered": misordered(pairs)}))
    else:
        within = sum(abs(pair.error) <= LIMIT for pair in pairs)
        print(f"{within} of {len(pairs)} within {LIMIT:.0%}; misordered: {'; '.join(misordered(pairs)) or 'none'}")
    return 0


def as_line(pair: Pair) -> str:
    sizes = f"{pair.real / 2**20:8.1f} MiB {pair.replayed / 2**20:8.1f} MiB"
    return f"{pair.program:16} {pair.allocator:10} {sizes} {pair.error:+8.1%}"


def misordered(pairs: list[Pair]) -> list[str]:
    """Allocators that differ by more than the limit in the real runs, and the other way round in the replays."""
    return [
        f"{a.program}: {a.allocator}, {b.allocator}"
        for a, b in combinations(pairs, 2)
        if a.program == b.program
        and max(a.real, b.real) > min(a.real, b.real) * (1 + LIMIT)
        and (a.real < b.real) != (a.replayed < b.replayed)
    ]


def measured(program: str, speed: Speed) -> Iterator[Pair]:
    """Record it once, then compare under each allocator."""
    with tempfile.TemporaryDirectory(prefix="heapswap-fidelity-") as name:
        folder = Path(name)
        bare = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
        with Recording(folder / "trace", Limits(), PROGRAMS[program][0]) as recording:
            run(program, recording.environ(bare)).wait()
        compiled(folder / "trace", folder / "script")
        for allocator in ALLOCATORS:
            environ = dict(arm(activate(parse(allocator)), bare).environ)
            yield Pair(
                program=program,
                allocator=allocator,
                real=real_peak(program, environ, folder),
                replayed=replayed_peak(folder / "script", speed, environ),
            )


def run(program: str, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    argv, reads = PROGRAMS[program]
    with (reads or Path(os.devnull)).open("rb") as stdin:
        return subprocess.Popen(argv, stdin=stdin, stdout=subprocess.DEVNULL, env=environ)


def replayed_peak(script: Path, speed: Speed, environ: Mapping[str, str]) -> int:
    """Bytes of heap that the player saw at most."""
    done = subprocess.run([native.replayer(), *words(script, speed)], env=environ, capture_output=True, check=True)
    if b"; 0 moments off" not in done.stdout:
        raise AssertionError(done.stdout)
    return int(json.loads(done.stderr)["heap_peak"])


def real_peak(program: str, environ: Mapping[str, str], folder: Path) -> int:
    """Bytes of heap that a real run was seen to hold at most."""
    apart = folder / "apart.so"
    if not apart.exists():
        source = Path(__file__).with_name("fidelity.c")
        subprocess.run([shutil.which("cc") or "cc", "-O2", "-shared", "-fPIC", "-o", apart, source], check=True)
    preload = " ".join(filter(None, (environ.get("LD_PRELOAD"), str(apart))))
    child = run(program, {**environ, "LD_PRELOAD": preload, "APART": str(folder / "places")})
    peak = 0
    while child.poll() is None:
        peak = max(peak, heap_of(child.pid, folder / f"places.{child.pid}"))
        time.sleep(0.005)
    if child.returncode != 0:
        raise AssertionError(f"{program} ended with {child.returncode}")
    return peak


def heap_of(pid: int, places: Path) -> int:
    """Anonymous bytes of a process, less data, stacks and what it mapped itself; 0 where it is gone."""
    try:
        smaps = Path(f"/proc/{pid}/smaps").read_text()
        with Path(f"/proc/{pid}/pagemap").open("rb") as pagemap:
            return anonymous(smaps) - sum(resident(pagemap.fileno(), *place) for place in mapped(places))
    except (OSError, ValueError):
        return 0


def anonymous(smaps: str) -> int:
    """Anonymous bytes in the heap and in mappings without a name, but for threads' stacks behind their guard pages."""
    total, counts, guard = 0, False, 0
    for line in smaps.splitlines():
        head, _, rest = line.partition(" ")
        if "-" in head:
            begin, end = (int(word, 16) for word in head.split("-"))
            fields = rest.split()
            name = fields[4] if len(fields) > 4 else ""
            is_stack = guard == begin and end - begin == 8 << 20
            counts = name in ("", "[heap]") and not is_stack
            guard = end if fields[0].startswith("---") and end - begin == PAGE else 0
        elif head == "Anonymous:" and counts:
            total += int(rest.split()[0]) * 1024
    return total


def mapped(places: Path) -> Iterator[tuple[int, int]]:
    """Begin and length of what a program maps itself."""
    for begin, length in struct.iter_unpack("QQ", places.read_bytes()):
        if not begin:
            return
        if length:
            yield begin, length


def resident(pagemap: int, begin: int, length: int) -> int:
    """Bytes of a range that are in memory."""
    entries = os.pread(pagemap, length // PAGE * 8, begin // PAGE * 8)
    return PAGE * sum(entries[7::8][page] >> 7 for page in range(len(entries) // 8))


if __name__ == "__main__":
    raise SystemExit(main())
