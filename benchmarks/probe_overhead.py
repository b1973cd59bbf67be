"""What the probe costs a call of malloc or free; heaptrack beside it. `probe_programs.py` measures whole programs.

``python benchmarks/probe_overhead.py [--json]``. A call: half of what a hot pair of malloc and free takes more than
past everything that is preloaded, in short rounds that alternate within one process, once it has run for a while
(`probe_overhead.c`). Every form has one process in each round, in an order that alternates; the figure is the
Hodges-Lehmann estimate over the processes. *counting* is the probe with live bytes and without timed calls, *full* the
probe as `heapswap profile` uses it, *bare* no probe, for what the method is worth. heaptrack is the Debian package,
recording only (``--raw``), its helper processes included.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from paired import Typical, typical

from heapswap.profiling.place import Depth, observed, place

SOURCE = Path(__file__).with_name("probe_overhead.c")
PROCESSES = 16
WITHIN = 1000
"""rounds of a process"""
WITHIN_HEAPTRACK = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Nanoseconds that a call takes more, in each of so many threads."""

    threads: int
    bare: Typical
    counting: Typical
    full: Typical
    heaptrack: Typical

    @property
    def ratio(self) -> float:
        return self.heaptrack.value / self.full.value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = measure_calls(Path(folder))
    if arguments.json:
        rows = [{**asdict(call), "ratio": call.ratio} for call in calls]
        print(json.dumps({"calls": rows}))
    else:
        print(as_text(calls))
    return 0


def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@contextlib.contextmanager
def environments(folder: Path) -> Iterator[dict[str, Mapping[str, str]]]:
    """What is set for the bare run and for the two forms of the probe, which writes where `heapswap profile` has it."""
    with place(folder) as files:
        full = observed(bare(), files, Depth.STACKS)
        yield {"bare": bare(), "counting": {**full, "HEAPSWAP_PROBE_SAMPLES": "off"}, "full": full}


def heaptrack(folder: Path, command: Sequence[str]) -> list[str]:
    program = shutil.which("heaptrack") or sys.exit("heaptrack is not there; `apt-get install heaptrack`")
    return [program, "--raw", "-o", str(folder / "heaptrack"), *command]


def measure_calls(folder: Path) -> list[Call]:
    program = folder / "probe_overhead"
    subprocess.run(["gcc", "-O2", "-fno-builtin", "-pthread", str(SOURCE), "-o", str(program)], check=True)
    return [measure_call(folder, program, threads) for threads in (1, 2)]


def measure_call(folder: Path, program: Path, threads: int) -> Call:
    seen: dict[str, list[float]] = {}
    loop = [str(program), str(threads)]
    for number in range(PROCESSES):
        with environments(folder) as forms:
            runs = {form: ([*loop, str(WITHIN)], environment) for form, environment in forms.items()}
            runs["heaptrack"] = (heaptrack(folder, [*loop, str(WITHIN_HEAPTRACK)]), bare())
            for form in list(runs) if number % 2 == 0 else reversed(runs):
                seen.setdefault(form, []).append(more(*runs[form]))
        tidy(folder)
    return Call(threads=threads, **{form: typical(values) for form, values in seen.items()})


def more(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Nanoseconds a call, of one process."""
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"^-?\d+\.\d+$", output, re.MULTILINE)[-1])


def tidy(folder: Path) -> None:
    """Removes what heaptrack wrote."""
    for path in folder.glob("heaptrack*"):
        path.unlink()


def as_text(calls: Sequence[Call]) -> str:
    lines = [
        "ns more a call (half a hot pair)",
        f"{'':<18}{'bare':>22}{'counting':>22}{'full':>22}{'heaptrack':>28}{'ratio':>6}",
    ]
    for call in calls:
        figures = f"{call.bare!s:>22}{call.counting!s:>22}{call.full!s:>22}{call.heaptrack!s:>28}{call.ratio:>6.0f}"
        lines.append(f"{f'{call.threads} at the same time':<18}{figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
