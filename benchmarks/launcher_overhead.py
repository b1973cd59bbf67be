"""What a run costs beyond the program: ``/bin/true`` under the launcher, under a bare spawn and wait, under hyperfine.

``python benchmarks/launcher_overhead.py [--json]``. One run of each in turn, many times over. *Turnaround* is what a
trial pays for a run, from asking for it to having its result; *wall* is what the tool then says that the program took.
hyperfine (``-N``, where it is installed) keeps its own loop, so it takes part in rounds of as many runs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Slot, Stage

PROGRAM = "/bin/true"
ROUNDS = 10
RUNS = 20
"""of each in a round"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Milliseconds, one figure a run."""

    turnaround: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way to run a program."""

    name: str
    turnaround: float
    """median, milliseconds"""
    wall: float
    """median, milliseconds"""
    ratio: float
    """turnaround against the bare spawn"""


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    rows = measure()
    if arguments.json:
        print(json.dumps({"program": PROGRAM, "runs": ROUNDS * RUNS, "rows": [asdict(row) for row in rows]}))
        return 0
    print(f"{PROGRAM}, median of {ROUNDS * RUNS} runs\n")
    print(f"{'':<24}{'turnaround':>12}{'ratio':>8}{'wall':>12}")
    for row in rows:
        print(f"{row.name:<24}{row.turnaround:>9.2f} ms{row.ratio:>7.2f}×{row.wall:>9.2f} ms")
    if len(rows) == 2:
        print("\nhyperfine is not installed; `apt-get install hyperfine` adds it to this table")
    return 0


def measure() -> list[Row]:
    """Every way in turn, round after round."""
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory() as folder, LaunchExecutor() as executor:
        program = shutil.which("hyperfine")
        for _ in range(ROUNDS):
            for _ in range(RUNS):
                costs.setdefault("bare spawn and wait", []).append(bare())
                costs.setdefault("launcher", []).append(launched(executor, Path(folder)))
            if program:
                costs.setdefault("hyperfine -N", []).extend(hyperfine(program, Path(folder)))
    base = median(cost.turnaround for cost in costs["bare spawn and wait"])
    return [
        Row(
            name=name,
            turnaround=(turnaround := median(cost.turnaround for cost in seen)),
            wall=median(cost.wall for cost in seen),
            ratio=turnaround / base,
        )
        for name, seen in costs.items()
    ]


def bare() -> Cost:
    """The least that a run can cost: no session, no files, no memory, no journal."""
    began = time.perf_counter()
    os.waitpid(os.posix_spawn(PROGRAM, [PROGRAM], os.environ), 0)
    spent = (time.perf_counter() - began) * 1000
    return Cost(turnaround=spent, wall=spent)


def launched(executor: LaunchExecutor, folder: Path) -> Cost:
    """A run as a trial makes it: journal, output files, digest and record included."""
    began = time.perf_counter()
    run = executor.execute(
        Order(
            slot=Slot(stage=Stage.SCREENING, block=0, position=0, candidate="current"),
            program=PROGRAM,
            argv=(PROGRAM,),
            environ=os.environ,
            directory="/",
            stdin="/dev/null",
            timeout=None,
            accepted=(0,),
            metrics=(),
            folder=folder,
            expected=None,
        )
    )
    spent = (time.perf_counter() - began) * 1000
    return Cost(turnaround=spent, wall=(run.value("wall") or 0.0) * 1000)


def hyperfine(program: str, folder: Path) -> list[Cost]:
    """A round of hyperfine without its shell; its start and end are shared by the runs of the round."""
    export = folder / "hyperfine.json"
    began = time.perf_counter()
    subprocess.run(
        [program, "-N", "--warmup", "0", "--runs", str(RUNS), "--export-json", export, PROGRAM],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    spent = (time.perf_counter() - began) * 1000
    times = json.loads(export.read_text())["results"][0]["times"]
    return [Cost(turnaround=spent / RUNS, wall=seconds * 1000) for seconds in times]


if __name__ == "__main__":
    sys.exit(main())
