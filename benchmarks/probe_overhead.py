"""What the probe costs: a call of malloc or free, and the CPU time of whole programs; heaptrack beside it.

``python benchmarks/probe_overhead.py [--json] [--calls]``. Everything runs in turn, many times over. A call: half of
what a hot pair of malloc and free takes more than without; the least of many rounds counts, because noise only ever
adds. A program: the median over rounds of its CPU time (user and system, its children included) against the bare run of
the same round. *counting* is the probe with live bytes and without timed calls, *full* the probe as `heapswap profile`
uses it. heaptrack is the Debian package, in the same rounds, recording only (``--raw``), its helper processes included.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from heapswap.native import required

SOURCE = Path(__file__).with_name("probe_overhead.c")
CORPUS = Path(__file__).parents[1] / "corpus"
PAIR_ROUNDS = 7
PROGRAM_ROUNDS = 7
HEAVY = "#include <iostream>\n#include <map>\n#include <regex>\n#include <string>\n" + "".join(
    f"std::map<int, std::map<int, std::string>> m{n}(int k) {{ std::regex r(std::to_string(k)); return {{}}; }}\n"
    for n in range(12)
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """CPU time against the bare run."""

    name: str
    counting: float
    full: float
    heaptrack: float
    control: float
    """the bare run against itself"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--calls", action="store_true", help="calls only, no programs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = measure_calls(Path(folder))
        programs = [] if arguments.calls else measure_programs(Path(folder))
    if arguments.json:
        rows = [{**asdict(call), "ratio": call.ratio} for call in calls]
        print(json.dumps({"calls": rows, "programs": [asdict(program) for program in programs]}))
    else:
        print(as_text(calls, programs))
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
        "full": probe,
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


def measure_programs(folder: Path) -> list[Program]:
    heavy = folder / "heavy.cpp"
    heavy.write_text(HEAVY)
    sqlite = CORPUS / "sqlite_index.sql"
    commands = {
        "json_burst": ([sys.executable, str(CORPUS / "json_burst.py")], Path(os.devnull)),
        "sqlite_index": (["sqlite3", ":memory:"], sqlite),
        "g++ of a heavy file": (["g++", "-O1", "-c", str(heavy), "-o", os.devnull], Path(os.devnull)),
    }
    return [measure_program(folder, name, command, stdin) for name, (command, stdin) in commands.items()]


def measure_program(folder: Path, name: str, command: list[str], stdin: Path) -> Program:
    ratios: dict[str, list[float]] = {}
    for _ in range(PROGRAM_ROUNDS):
        forms = environments(folder)
        bare = cpu(command, forms["bare"], stdin)
        for form, environment in (*forms.items(), ("heaptrack", forms["bare"])):
            line = heaptrack(folder, command) if form == "heaptrack" else command
            ratios.setdefault(form, []).append(cpu(line, environment, stdin) / bare)
        tidy(folder)
    typical = {form: median(values) for form, values in ratios.items()}
    return Program(
        name=name,
        counting=typical["counting"],
        full=typical["full"],
        heaptrack=typical["heaptrack"],
        control=typical["bare"],
    )


def cpu(command: Sequence[str], environment: Mapping[str, str], stdin: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with stdin.open("rb") as given:
        subprocess.run(
            command, env=environment, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tidy(folder: Path) -> None:
    shutil.rmtree(folder / "files", ignore_errors=True)
    for path in folder.glob("heaptrack*"):
        path.unlink()


def as_text(calls: Sequence[Call], programs: Sequence[Program]) -> str:
    lines = ["ns more a call (half a hot pair)", f"{'':<24}{'counting':>10}{'full':>10}{'heaptrack':>12}{'ratio':>8}"]
    for call in calls:
        figures = f"{call.counting:>10.2f}{call.full:>10.2f}{call.heaptrack:>12.1f}{call.ratio:>8.0f}"
        lines.append(f"{f'{call.threads} at the same time':<24}{figures}")
    if programs:
        lines += ["", "CPU time, bare = 1", f"{'':<24}{'counting':>10}{'full':>10}{'heaptrack':>12}{'bare':>8}"]
    for one in programs:
        lines.append(f"{one.name:<24}{one.counting:>10.3f}{one.full:>10.3f}{one.heaptrack:>12.2f}{one.control:>8.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
