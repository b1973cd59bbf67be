"""What the probe costs a call of malloc or free; heaptrack beside it. `probe_programs.py` measures whole programs.

``python benchmarks/probe_overhead.py [--json]``. Everything runs in turn, many times over. A call: half of what a hot
pair of malloc and free takes more than without; the least of many rounds counts, because noise only ever adds.
*counting* is the probe with live bytes and without timed calls, *full* the probe as `heapswap profile` uses it.
heaptrack is the Debian package, in the same rounds, recording only (``--raw``), its helper processes included.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from heapswap.native import required

SOURCE = Path(__file__).with_name("probe_overhead.c")
PAIR_ROUNDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Nanoseconds that a call takes more, in each of so many threads."""

    threads: int
    counting: float
    full: float
    heaptrack: float

    @property
    def ratio(self) -> float:
        return self.heaptrack / self.full


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


def environments(folder: Path) -> dict[str, Mapping[str, str]]:
    """What is set for the bare run and for the two forms of the probe."""
    files = folder / "files"
    files.mkdir(exist_ok=True)
    bare = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    probe = {**bare, "LD_PRELOAD": str(required("probe")), "HEAPSWAP_PROBE": str(files)}
    return {
        "bare": bare,
        "counting": {**probe, "HEAPSWAP_PROBE_SAMPLES": "off"},
        "full": {**probe, "HEAPSWAP_PROBE_STACKS": "on"},
    }


def heaptrack(folder: Path, command: Sequence[str]) -> list[str]:
    program = shutil.which("heaptrack") or sys.exit("heaptrack is not there; `apt-get install heaptrack`")
    return [program, "--raw", "-o", str(folder / "heaptrack"), *command]


def measure_calls(folder: Path) -> list[Call]:
    program = folder / "probe_overhead"
    subprocess.run(["gcc", "-O2", "-fno-builtin", "-pthread", str(SOURCE), "-o", str(program)], check=True)
    return [measure_call(folder, program, threads) for threads in (1, 2)]


def measure_call(folder: Path, program: Path, threads: int) -> Call:
    seen: dict[str, list[float]] = {}
    for _ in range(PAIR_ROUNDS):
        for name, environment in environments(folder).items():
            seen.setdefault(name, []).append(pair([str(program), str(threads), "100"], environment))
        command = heaptrack(folder, [str(program), str(threads), "3"])
        seen.setdefault("heaptrack", []).append(pair(command, environments(folder)["bare"]))
        tidy(folder)
    least = {name: min(values) for name, values in seen.items()}
    more = {name: (value - least["bare"]) / 2 for name, value in least.items()}
    return Call(threads=threads, counting=more["counting"], full=more["full"], heaptrack=more["heaptrack"])


def pair(command: Sequence[str], environment: Mapping[str, str]) -> float:
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    (figure,) = [line for line in output.splitlines() if line.replace(".", "").isdigit()]
    return float(figure)


def tidy(folder: Path) -> None:
    shutil.rmtree(folder / "files", ignore_errors=True)
    for path in folder.glob("heaptrack*"):
        path.unlink()


def as_text(calls: Sequence[Call]) -> str:
    lines = ["ns more a call (half a hot pair)", f"{'':<24}{'counting':>10}{'full':>10}{'heaptrack':>12}{'ratio':>8}"]
    for call in calls:
        figures = f"{call.counting:>10.2f}{call.full:>10.2f}{call.heaptrack:>12.1f}{call.ratio:>8.0f}"
        lines.append(f"{f'{call.threads} at the same time':<24}{figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
