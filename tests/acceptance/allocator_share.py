"""The share of CPU time inside the allocator: by the probe, and by perf's samples of the same program.

``python -m tests.acceptance.allocator_share [NAME…]`` prints one JSON object. The runs alternate: the probe as
`heapswap profile` uses it, and perf with nothing in the program. Not both in one run: perf's interrupts, of 10 to 20 µs
with their copies of the stack, fall into the calls that the probe times. Every round goes through all programs, so that
those of one lie minutes apart: what a shared machine makes of a program's share differs from minute to minute. A sample
of perf is the allocator's where one of its functions is on the stack: what malloc does by others (the zeros of calloc,
the copy of realloc, the kernel's work) is its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from heapswap.profiling import wire
from heapswap.profiling.estimate import own_cost, rate, times
from heapswap.profiling.outside.attribute import Where
from heapswap.profiling.outside.script import CLOCK, Frame, Sample, events
from heapswap.profiling.place import Depth, observed, place

CORPUS = Path(__file__).parents[2] / "corpus"
ROUNDS = 11
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


def bare() -> dict[str, str]:
    """Without the probe, and with hashes in the same order in every run, which is that of freeing."""
    environ = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return {**environ, "PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0", "PERL_PERTURB_KEYS": "0"}


def by_perf(argv: Sequence[str], stdin: str) -> float:
    """The part of the samples that is the allocator's."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        record = ["perf", "record", "-q", "-N", "-e", CLOCK, "-F", "1499", "--call-graph", "dwarf,1024", "-o", data]
        # Room for seconds: on a busy machine perf comes to empty it too late, and what is lost is not lost evenly.
        record += ["--mmap-pages", "16M"]
        command = [*record, "--", *argv]
        run(command, stdin, bare())
        script = [
            "perf",
            "script",
            "-i",
            data,
            "--no-inline",
            "--max-stack=24",
            "-F",
            "pid,tid,time,event,period,ip,sym,dso",
        ]
        text = subprocess.run(script, capture_output=True, text=True, check=True, errors="replace").stdout
    samples = [sample for sample in events(text.splitlines()) if isinstance(sample, Sample)]
    return sum(is_allocators(sample.frames) for sample in samples) / len(samples)


def is_allocators(frames: Sequence[Frame]) -> bool:
    """Whether a sample is within a call of the C library's malloc."""
    libc = frozenset(frame.object for frame in frames if "/libc." in frame.object)
    where = Where(whole=frozenset(), among=libc)
    return where.holds(frames)


def by_probe(argv: Sequence[str], stdin: str) -> tuple[float, float, float]:
    """The same of the whole tree by the probe, with its 95 % limits."""
    with tempfile.TemporaryDirectory() as folder, place(Path(folder)) as files:
        run(argv, stdin, observed(bare(), files, Depth.STACKS))
        raw = list(wire.read_all(files))
    spent = low = high = cpu = 0.0
    for file in raw:
        ticks = rate(file.header)
        cpu += (file.header.noted_cpu - file.header.begun_cpu) * 1e-9
        if ticks and (timed := times(file, ticks)):
            cpu -= own_cost(file, ticks)
            spent, low, high = spent + timed.cpu.value, low + timed.cpu.low, high + timed.cpu.high
    return spent / cpu, low / cpu, high / cpu


def run(argv: Sequence[str], stdin: str, environ: Mapping[str, str]) -> None:
    silent = subprocess.DEVNULL
    subprocess.run(argv, input=stdin.encode(), env=environ, stdout=silent, stderr=silent, check=True)


Round = tuple[float, float, float, float]
"""By the probe, its limits, and by perf."""


def measured(names: Sequence[str]) -> dict[str, list[Round]]:
    """Every round of every program."""
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, seen in rounds.items():
            seen.append((*by_probe(*PROGRAMS[name]), by_perf(*PROGRAMS[name])))
    return rounds


def summary(name: str, rounds: Sequence[Round]) -> dict[str, Any]:
    """Medians over the rounds, and the runs behind them."""
    probe, low, high, perf = (median(column) for column in zip(*rounds, strict=True))
    return {"name": name, "probe": probe, "low": low, "high": high, "perf": perf, "rounds": rounds}


def main() -> int:
    print(json.dumps([summary(name, rounds) for name, rounds in measured(sys.argv[1:] or list(PROGRAMS)).items()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
