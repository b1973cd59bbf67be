"""Services whose scaling and whose memory are known, under several candidates."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.evidence import ROOT, Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
PROGRAMS = ROOT / "tests" / "integration"
LOAD = [sys.executable, str(PROGRAMS / "requests.py"), "{port}"]
CANDIDATES = ["jemalloc", "mimalloc", "snmalloc"]
CYCLES = {"warmup": 0, "rest": "0.5s", "cycles": 8}
RAMP = {"warmup": 0, "rest": "0.2s", "duration": "2s"}
KINDS = ("c", "python")

Answer = dict[str, Any]


def served(evidence: Evidence, *kind: str) -> list[str]:
    """The command of a service in C, built first, or in Python."""
    if kind[0] == "python":
        # Python's own arenas are not malloc's, and live bytes in them would not be known.
        return ["env", "PYTHONMALLOC=malloc", sys.executable, str(PROGRAMS / "keeping.py"), "{port}", kind[1]]
    built = evidence.folder / "serving"
    evidence.command("build", ["gcc", "-O2", "-pthread", str(PROGRAMS / "serving.c"), "-o", str(built)])
    return [str(built), "{port}", kind[1]]


def verdict(evidence: Evidence, name: str, blocks: int, table: dict[str, Any]) -> Answer:
    """What `heapswap trial --json` prints about a workload."""
    file = evidence.folder / f"{name}.toml"
    # JSON's texts, numbers and lists of these are TOML's as well.
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    argv = [HEAPSWAP, "trial", "--workload", str(file), "--candidates", *CANDIDATES, "--blocks", str(blocks)]
    answer: Answer = evidence.json(
        name, [*argv, "--seed", "1", "--quiet", "--results", str(evidence.folder / f"{name}.results"), "--json"]
    )
    return answer


# ---- scaling -----------------------------------------------------------------------------------------------------


def contention(evidence: Evidence) -> Result:
    """From one client to two: throughput at the second step over the first, with its 95 % interval over runs."""
    start, load = served(evidence, "c", "contend"), [*LOAD, "{concurrency}", "{duration}"]
    answer = verdict(evidence, "contend", 4, {"start": start, "load": load, "concurrency": [1, 2], **RAMP})
    base, *others = answer["ramps"]
    highest = base["speedup"]["high"]
    better = [one for one in others if None not in (highest, low := one["speedup"]["low"]) and low > highest]
    return Result(figure="; ".join(map(_speedup, answer["ramps"])), held=bool(better))


def _speedup(ramp: Answer) -> str:
    one = ramp["speedup"]
    limits = "" if one["low"] is None else f" ({one['low']:.2f} to {one['high']:.2f})"
    return f"{ramp['candidate']} {one['value']:.2f}{limits}"


def load_at_its_limit(evidence: Evidence) -> Result:
    start, load = served(evidence, "c", "idle"), [*LOAD, "{concurrency}", "{duration}", "20000"]
    answer = verdict(evidence, "load", 1, {"start": start, "load": load, "concurrency": [1, 2, 4], **RAMP})
    found = {ramp["candidate"]: ramp["saturation"] for ramp in answer["ramps"]}
    codes = {finding["code"] for finding in answer["findings"]}
    return Result(
        figure="; ".join(f"{name}: {one['limit']}, {one['why']}" for name, one in found.items()),
        held={one["limit"] for one in found.values()} == {"generator"} and "load-is-the-limit" in codes,
    )


# ---- memory at rest ----------------------------------------------------------------------------------------------


def at_rest(language: str, kind: str, allowed: Callable[[dict[str, str]], bool]) -> Callable[[Evidence], Result]:
    """What the cycles of a service are called under every candidate."""

    def line(evidence: Evidence) -> Result:
        table = {"start": served(evidence, language, kind), "load": [*LOAD, "once"], **CYCLES}
        answer = verdict(evidence, f"{kind}-{language}", 1, table)
        kinds = {growth["candidate"]: growth["kind"] for growth in answer["growths"]}
        whys = "; ".join(f"{one['candidate']}: {one['kind']}, {one['why']}" for one in answer["growths"])
        return Result(figure=whys, held={"current", *CANDIDATES} == set(kinds) and allowed(kinds))

    return line


def all_leak(kinds: dict[str, str]) -> bool:
    return set(kinds.values()) == {"leak"}


def retained_today(kinds: dict[str, str]) -> bool:
    return kinds["current"] == "retention" and "leak" not in kinds.values()


def none_grows(kinds: dict[str, str]) -> bool:
    return set(kinds.values()) == {"neither"}


LINES = (
    Line(
        promise="a service that contends in malloc scales better from 1 to 2 under a candidate, intervals apart",
        measure=contention,
    ),
    Line(promise="a service limited by its load generator is recognised as such", measure=load_at_its_limit),
    *(
        Line(promise=f"{what} ({language})", measure=at_rest(language, kind, allowed))
        for language in KINDS
        for what, kind, allowed in (
            ("a real leak is called a leak under every candidate", "leak", all_leak),
            ("a service that retains is called so, and a leak under no candidate", "retain", retained_today),
            ("a service that does neither is called so under every candidate", "steady", none_grows),
        )
    ),
    Line(
        promise="every example with a workload.toml runs as its README says",
        measure=tests("examples", "-m", "acceptance", "tests/integration/test_example_workloads.py"),
    ),
)
