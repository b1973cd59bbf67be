"""What the probe costs whole programs: their CPU time under it, as a multiple of the bare run's; heaptrack beside it.

``python benchmarks/probe_programs.py [--json] [--rounds N] [NAME…]``. Each round runs every form once, each form in
every place as often as in any other, so that a machine that gets busier or slower takes no side. A round gives one
ratio of CPU time (user and system) against its bare run; the figure is the Hodges-Lehmann estimate with its 95 %
limits, of the logarithms of the ratios. Of redis it is the server's CPU time, with redis-benchmark as its load.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path

from paired import Typical, typical
from probe_overhead import bare, environments, heaptrack, tidy

CORPUS = Path(__file__).parents[1] / "corpus"
ROUNDS = 24
HEAVY = "#include <iostream>\n#include <map>\n#include <regex>\n#include <string>\n" + "".join(
    f"std::map<int, std::map<int, std::string>> m{n}(int k) {{ std::regex r(std::to_string(k)); return {{}}; }}\n"
    for n in range(12)
)
Cost = Callable[[Mapping[str, str]], float]
"""CPU seconds of one run with these variables"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What each form costs."""

    name: str
    counting: Typical
    full: Typical
    control: Typical
    """a second bare run of each round"""
    heaptrack: float | None
    """one run"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = {name: cost for name, cost in costs(Path(folder)).items() if name in (arguments.names or [name])}
        programs = [measure(Path(folder), name, chosen[name], arguments.rounds) for name in chosen]
    print(json.dumps([asdict(one) for one in programs]) if arguments.json else as_text(programs))
    return 0


def costs(folder: Path) -> dict[str, Cost]:
    """The programs, each as a way to run it once."""
    heavy = folder / "heavy.cpp"
    heavy.write_text(HEAVY)
    sqlite = CORPUS / "sqlite_index.sql"
    return {
        "json_burst": command([sys.executable, str(CORPUS / "json_burst.py")], Path(os.devnull)),
        "sqlite_index": command(["sqlite3", ":memory:"], sqlite),
        "g++ of a heavy file": command(["g++", "-O1", "-c", str(heavy), "-o", os.devnull], Path(os.devnull)),
        "redis under redis-benchmark": lambda environ: redis(folder, environ),
    }


def command(words: Sequence[str], stdin: Path) -> Cost:
    """A program that runs to its end; its children count."""

    def cost(environ: Mapping[str, str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wrapped = heaptrack(Path(environ["HEAPTRACK"]), words) if "HEAPTRACK" in environ else words
        with stdin.open("rb") as given:
            subprocess.run(
                wrapped, env=environ, stdin=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return cost


def redis(folder: Path, environ: Mapping[str, str]) -> float:
    """A server on a socket of its own, which keeps nothing; its load is ended before its CPU time is read."""
    socket = folder / "redis.sock"
    socket.unlink(missing_ok=True)
    server = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    pid = os.posix_spawnp(
        "redis-server", server, environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    load = ["redis-benchmark", "-s", str(socket), "-q", "-n", "100000", "-r", "100000"]
    plain = {name: value for name, value in environ.items() if name != "LD_PRELOAD"}
    while not socket.exists():
        time.sleep(0.01)
    subprocess.run([*load, "-t", "set,get,lpush"], env=plain, stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["redis-cli", "-s", str(socket), "shutdown", "nosave"], env=plain, check=False)
    _, status, used = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"redis-server ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime


def measure(folder: Path, name: str, cost: Cost, rounds: int) -> Program:
    ratios: dict[str, list[float]] = {"counting": [], "full": [], "control": []}
    for number in range(rounds):
        with environments(folder) as forms:
            forms["control"] = forms["bare"]
            seen = {form: cost(forms[form]) for form in order(list(forms), number)}
        for form, values in ratios.items():
            values.append(seen[form] / seen["bare"])
    beside = None
    if "redis" not in name:
        beside = cost({**bare(), "HEAPTRACK": str(folder)}) / cost(bare())
        tidy(folder)
    return Program(name=name, heaptrack=beside, **{form: multiple(values) for form, values in ratios.items()})


def order(forms: Sequence[str], number: int) -> Sequence[str]:
    """Turned by one place each round, and backwards in every other turn: who comes after whom changes, too."""
    turn, first = divmod(number, len(forms))
    turned = [*forms[first:], *forms[:first]]
    return turned if turn % 2 == 0 else turned[::-1]


def multiple(ratios: Sequence[float]) -> Typical:
    """Estimated on their logarithms."""
    of_logs = typical([log(ratio) for ratio in ratios])
    return Typical(value=exp(of_logs.value), low=exp(of_logs.low), high=exp(of_logs.high))


def as_text(programs: Sequence[Program]) -> str:
    lines = ["CPU time, bare = 1", f"{'':<28}{'counting':>9}{'full':>9}{'of full':>17}{'bare':>8}{'heaptrack':>11}"]
    for one in programs:
        limits = f"{one.full.low:.3f} to {one.full.high:.3f}"
        beside = "-" if one.heaptrack is None else f"{one.heaptrack:.1f}"
        figures = f"{one.counting.value:>9.3f}{one.full.value:>9.3f}{limits:>17}{one.control.value:>8.3f}{beside:>11}"
        lines.append(f"{one.name:<28}{figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
