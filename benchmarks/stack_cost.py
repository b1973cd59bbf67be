"""What copying call stacks takes of a program's CPU time, by the clock of the threads that copy.

``python benchmarks/stack_cost.py [--json]``. Each program runs once under the probe as `heapswap profile` uses it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from heapswap.profiling import wire
from heapswap.profiling.place import Depth, observed
from heapswap.profiling.stacks import read

CORPUS = Path(__file__).parents[1] / "corpus"
PYTHON = "for k in range({}): x = [bytearray(k % 5000 + 600) for k in range(200)]"
PROGRAMS = {
    "lua": ["lua5.4", str(CORPUS / "lua_churn.lua"), "150000"],
    "python, short": [sys.executable, "-c", PYTHON.format(300)],
    "python, long": [sys.executable, "-c", PYTHON.format(60_000)],
    "sqlite3": [
        "sqlite3",
        ":memory:",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 900000) "
        "select count(*), sum(length(s)) from (select group_concat(hex(i)) s from n group by i % 7919);",
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One program; seconds."""

    name: str
    cpu: float
    copying: float
    stacks: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON array instead of a table")
    arguments = parser.parse_args()
    rows = [measure(name, command) for name, command in PROGRAMS.items()]
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        for row in rows:
            each = row.copying / max(row.stacks, 1)
            print(
                f"{row.name:<16} {row.stacks:>6} stacks, {each * 1e6:6.1f} us each: "
                f"{row.copying * 1e3:6.1f} ms of {row.cpu:6.2f} s, {row.copying / row.cpu:.2%}"
            )
    return 0


def measure(name: str, command: list[str]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        subprocess.run(command, env=observed(os.environ, files, Depth.STACKS), stdout=subprocess.DEVNULL, check=True)
        (file,) = wire.read_all(files)
        stacks = sum(len(found.stacks) for found in read(files).values())
    cpu = (file.header.noted_cpu - file.header.begun_cpu) * 1e-9
    return Row(name=name, cpu=cpu, copying=file.copying * 1e-9, stacks=stacks)


if __name__ == "__main__":
    sys.exit(main())
