"""Services whose scaling and whose memory are known, under several candidates."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.contention import contention
from tests.acceptance.evidence import ROOT, Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
PROGRAMS = ROOT / "tests" / "integration"
LOAD = [sys.executable, str(PROGRAMS / "requests.py"), "{port}"]
CANDIDATES = ("jemalloc", "mimalloc", "snmalloc")
ALL_OF_PYTHON = ":python=malloc"
"""without arenas of Python's own, whose small objects are read from outside"""
CYCLES = {"warmup": 0, "rest": "0.3s", "cycles": 8}
RAMP = {"warmup": 0, "rest": "0.2s", "duration": "1s"}

Answer = dict[str, Any]


def served(evidence: Evidence, language: str, kind: str) -> list[str]:
    """The command of a service in C, built first, or in Python."""
    if language == "python":
        return [sys.executable, str(PROGRAMS / "keeping.py"), "{port}", kind]
    built = evidence.folder / "serving"
    evidence.command("build", ["gcc", "-O2", "-pthread", str(PROGRAMS / "serving.c"), "-o", str(built)])
    return [str(built), "{port}", kind]


def verdict(
    evidence: Evidence,
    name: str,
    blocks: int,
    table: dict[str, Any],
    *,
    knob: str = "",
) -> Answer:
    """What `heapswap trial --json` prints about a workload, with a knob for every candidate and for the baseline."""
    file = evidence.folder / f"{name}.toml"
    # JSON's texts, numbers and lists of these are TOML's as well.
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    argv = [HEAPSWAP, "trial", "--workload", str(file), "--blocks", str(blocks), "--seed", "1", "--quiet", "--json"]
    compared = ["--baseline", f"system{knob}", "--candidates", *(f"{one}{knob}" for one in CANDIDATES)]
    answer: Answer = evidence.json(name, [*argv, *compared, "--results", str(evidence.folder / f"{name}.results")])
    return answer


# ---- scaling -----------------------------------------------------------------------------------------------------


def from_one_client_to_two(evidence: Evidence) -> Result:
    """See `contention`."""
    return contention(evidence, served(evidence, "c", "contend"), [*LOAD, "{concurrency}", "{duration}"])


def load_at_its_limit(limit: str) -> Callable[[Evidence], Result]:
    """A service that does nothing, and a load that cannot ask for more."""

    def line(evidence: Evidence) -> Result:
        start, load = served(evidence, "c", "idle"), [*LOAD, "{concurrency}", "{duration}", limit]
        answer = verdict(evidence, limit, 1, {"start": start, "load": load, "concurrency": [1, 2, 4], **RAMP})
        found = {ramp["candidate"]: ramp["saturation"] for ramp in answer["ramps"]}
        codes = {finding["code"] for finding in answer["findings"]}
        return Result(
            figure="; ".join(f"{name}: {one['limit']}, {one['why']}" for name, one in found.items()),
            held={one["limit"] for one in found.values()} == {"generator"} and "load-is-the-limit" in codes,
        )

    return line


# ---- memory at rest ----------------------------------------------------------------------------------------------


def at_rest(
    language: str, kind: str, allowed: Callable[[list[str]], bool], knob: str = ""
) -> Callable[[Evidence], Result]:
    """What the cycles of a service are called under the baseline, and under every candidate."""

    def line(evidence: Evidence) -> Result:
        table = {"start": served(evidence, language, kind), "load": [*LOAD, "once"], **CYCLES}
        growths = verdict(evidence, f"{kind}-{language}{knob.replace(':', '-')}", 1, table, knob=knob)["growths"]
        return Result(
            figure="; ".join(f"{one['candidate']}: {one['kind']}, {one['why']}" for one in growths),
            held=len(growths) == 1 + len(CANDIDATES) and allowed([one["kind"] for one in growths]),
        )

    return line


def all_leak(kinds: list[str]) -> bool:
    return set(kinds) == {"leak"}


def retained_today(kinds: list[str]) -> bool:
    return kinds[0] == "retention" and "leak" not in kinds


def none_grows(kinds: list[str]) -> bool:
    return set(kinds) == {"neither"}


LINES = (
    Line(
        promise="a service that contends in malloc scales better from 1 to 2 under a candidate, intervals apart",
        measure=from_one_client_to_two,
    ),
    Line(
        promise="a service limited by its load generator is recognised as such: it does one request at a time",
        measure=load_at_its_limit("in-turns"),
    ),
    Line(
        promise="a service limited by its load generator is recognised as such: its core is full",
        measure=load_at_its_limit("adding"),
    ),
    *(
        Line(promise=f"{what} ({language}{knob})", measure=at_rest(language, kind, allowed, knob))
        for language, knob in (("c", ""), ("python", ALL_OF_PYTHON))
        for what, kind, allowed in (
            ("a real leak is called a leak under every candidate", "leak", all_leak),
            ("a service that retains is called so, and a leak under no candidate", "retain", retained_today),
            ("a service that does neither is called so under every candidate", "steady", none_grows),
        )
    ),
    Line(
        promise="a leak of small objects in Python's own arenas is called a leak under every candidate",
        measure=at_rest("python", "chain", all_leak),
    ),
    Line(
        promise="a service that retains is called so beside Python's own arenas too, and a leak under no candidate",
        measure=at_rest("python", "retain", retained_today),
    ),
    Line(
        promise="every example with a workload.toml runs as its README says",
        measure=tests("examples", "-m", "acceptance", "tests/integration/test_example_workloads.py"),
    ),
)
