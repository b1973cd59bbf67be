"""What recording costs a call of malloc or free, with heaptrack and memray beside it, and how large an event is.

``python benchmarks/recording.py [--json]``. A call: half of what a hot pair of malloc and free takes more than past
whatever is preloaded, in each of one or two threads, in short rounds that alternate within one process
(`probe_overhead.c`); the figure is the Hodges-Lehmann estimate over processes, of which every form has one in turn.
heaptrack is the Debian package, recording only (``--raw``), its helper processes included; memray is
``memray run`` around a Python that calls the same loop. An event: bytes of records over the programs of the corpus, as
they are recorded and as they are packed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from paired import Typical, typical
from probe_overhead import more

from heapswap.traces.record import Limits, Recording, State, pack

SOURCE = Path(__file__).with_name("probe_overhead.c")
CORPUS = Path(__file__).parents[1] / "corpus"
PROCESSES = 12
WITHIN = {"recorded": "200", "heaptrack": "20", "memray": "20"}
"""rounds of a process"""
PROGRAMS: dict[str, tuple[str, ...]] = {
    "lua_churn": ("lua5.4", str(CORPUS / "lua_churn.lua"), "20000"),
    "json_burst": (sys.executable, str(CORPUS / "json_burst.py")),
    "lxml_documents": (sys.executable, str(CORPUS / "lxml_documents.py")),
    "sqlite_index": ("sqlite3", ":memory:", f".read {CORPUS / 'sqlite_index.sql'}"),
    "python_objects": (sys.executable, str(CORPUS / "python_objects.py")),
}
UNDER_MEMRAY = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.main.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
words = (ctypes.c_char_p * 3)(b"probe_overhead", sys.argv[2].encode(), sys.argv[3].encode())
library.main(3, words)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Nanoseconds that a call takes more, in each of so many threads."""

    threads: int
    recorded: Typical
    heaptrack: Typical
    memray: Typical


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Bytes of an event of a program."""

    name: str
    events: int
    raw: float
    packed: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = measure_calls(Path(folder))
        programs = [measure_program(name, argv, Path(folder)) for name, argv in PROGRAMS.items()]
    if arguments.json:
        print(json.dumps({"calls": [asdict(call) for call in calls], "programs": [asdict(one) for one in programs]}))
    else:
        print(as_text(calls, programs))
    return 0


def measure_calls(folder: Path) -> list[Call]:
    program, library = folder / "probe_overhead", folder / "probe_overhead.so"
    compiler = ["gcc", "-O2", "-fno-builtin", "-pthread", str(SOURCE), "-o"]
    subprocess.run([*compiler, str(program)], check=True)
    subprocess.run([*compiler, str(library), "-shared", "-fPIC"], check=True)
    return [measure_call(folder, program, library, threads) for threads in (1, 2)]


def measure_call(folder: Path, program: Path, library: Path, threads: int) -> Call:
    bare = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    seen: dict[str, list[float]] = {form: [] for form in WITHIN}
    for _ in range(PROCESSES):
        loop = [str(program), str(threads)]
        with Recording(folder / "x.heap", Limits(), loop) as recording:
            seen["recorded"].append(more([*loop, WITHIN["recorded"]], recording.environ(bare)))
        seen["heaptrack"].append(more([*heaptrack(folder), *loop, WITHIN["heaptrack"]], bare))
        seen["memray"].append(more([*memray(folder), str(library), str(threads), WITHIN["memray"]], bare))
        for path in (*folder.glob("heaptrack*"), *folder.glob("memray*")):
            path.unlink()
    return Call(threads=threads, **{form: typical(values) for form, values in seen.items()})


def heaptrack(folder: Path) -> list[str]:
    program = shutil.which("heaptrack") or sys.exit("heaptrack is not there; `apt-get install heaptrack`")
    return [program, "--raw", "-o", str(folder / "heaptrack")]


def memray(folder: Path) -> list[str]:
    script = folder / "loop.py"
    script.write_text(UNDER_MEMRAY)
    return [sys.executable, "-m", "memray", "run", "--quiet", "-f", "-o", str(folder / "memray.bin"), str(script)]


def measure_program(name: str, argv: tuple[str, ...], folder: Path) -> Program:
    file = folder / f"{name}.heap"
    with Recording(file, Limits(), argv) as recording:
        environ = recording.environ(os.environ)
        subprocess.run(argv, env=environ, stdout=subprocess.DEVNULL, check=True)
        state: State = recording.finish()
    if not pack(file):
        sys.exit(f"{file} could not be packed")
    packed = file.stat().st_size / state.events
    file.unlink()
    return Program(name=name, events=state.events, raw=state.bytes / state.events, packed=packed)


def as_text(calls: Sequence[Call], programs: Sequence[Program]) -> str:
    lines = ["ns more a call (half a hot pair)", f"{'':<18}{'recorded':>22}{'heaptrack':>26}{'memray':>24}"]
    for call in calls:
        figures = f"{call.recorded!s:>22}{call.heaptrack!s:>26}{call.memray!s:>24}"
        ratios = [one.value / call.recorded.value for one in (call.heaptrack, call.memray)]
        lines.append(f"{f'{call.threads} at the same time':<18}{figures}   {ratios[0]:.0f} and {ratios[1]:.0f} times")
    lines += ["", "bytes an event", f"{'':<20}{'recorded':>10}{'packed':>12}{'events':>14}"]
    lines += [f"{one.name:<20}{one.raw:>10.2f}{one.packed:>12.2f}{one.events:>14,}" for one in programs]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
