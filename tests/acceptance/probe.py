"""The probe: what it costs, that it is exact, that it is right about where the time goes, and that it does no harm."""

import sys
from collections.abc import Callable
from typing import Any

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result, interval
from tests.acceptance.suite import tests

PROBE = "tests/native/test_probe.py"
LIVES = "tests/native/test_lives.py"
SPLIT = "tests/integration/test_split.py"
PROFILE = "tests/integration/test_profile.py"
CALL_SITES = "tests/integration/test_call_sites.py"
SMOKE = "tests/integration/test_smoke.py"


def overhead(evidence: Evidence) -> Any:
    return evidence.json("overhead", [sys.executable, "benchmarks/probe_overhead.py", "--json"])


def a_call(form: str, limit: float) -> Callable[[Evidence], Result]:
    """Nanoseconds a call more, of one thread, in one form of the probe."""

    def line(evidence: Evidence) -> Result:
        one = overhead(evidence)["calls"][0]
        return Result(figure=f"{interval(one[form])} ns a call", held=one[form]["value"] <= limit)

    return line


def two_threads(evidence: Evidence) -> Result:
    one, two = (call["full"] for call in overhead(evidence)["calls"])
    # A tenth of a nanosecond is what two measurements of the same differ by.
    return Result(figure=f"{interval(one)} and {interval(two)} ns a call", held=two["value"] <= one["value"] + 0.1)


def beside_heaptrack(evidence: Evidence) -> Result:
    calls = overhead(evidence)["calls"]
    figure = "; ".join(
        f"{call['heaptrack']['value']:.0f} / {call['full']['value']:.2f} ns: {call['ratio']:.0f} times"
        for call in calls
    )
    return Result(figure=figure, held=all(call["ratio"] >= 50 for call in calls))


def programs(evidence: Evidence) -> Result:
    rows = evidence.json("programs", [sys.executable, "benchmarks/probe_programs.py", "--json"])
    said = (
        f"{row['name']} {row['full']['value']:.3f} ({row['full']['low']:.3f} to {row['full']['high']:.3f}; "
        f"bare {row['control']['value']:.3f})"
        for row in rows
    )
    return Result(figure="; ".join(said), held=len(rows) == 4 and all(row["full"]["value"] <= 1.03 for row in rows))


def beside_perf(evidence: Evidence) -> Result:
    rows = evidence.json("allocator_share", [sys.executable, "-m", "tests.acceptance.allocator_share"])
    said = (
        f"{row['name']} {row['probe']:.1%} ({row['low']:.1%} to {row['high']:.1%}), perf {row['perf']:.1%}"
        for row in rows
    )
    return Result(
        figure="; ".join(said), held=bool(rows) and all(abs(row["probe"] - row["perf"]) <= 0.03 for row in rows)
    )


def copying(evidence: Evidence) -> Result:
    rows = evidence.json("copying", [sys.executable, "benchmarks/stack_cost.py", "--json"])
    said = (f"{row['name']} {row['copying'] * 1e3:.1f} ms of {row['cpu']:.2f} s" for row in rows)
    return Result(
        figure="; ".join(said), held=bool(rows) and all(row["copying"] <= 0.01 + 0.01 * row["cpu"] for row in rows)
    )


LINES = (
    Line(promise="counting with live bytes: at most 1.5 ns a call", measure=a_call("counting", 1.5)),
    Line(promise="with timed calls too: at most 2 ns a call", measure=a_call("full", 2.0)),
    Line(promise="two threads lose no more than one", measure=two_threads),
    Line(promise="heaptrack costs at least 50 times as much a call", measure=beside_heaptrack),
    Line(promise="whole programs: at most 3 % of CPU time", measure=programs),
    Line(
        promise="single-threaded programs: allocations, frees and bytes equal valgrind's",
        measure=tests("valgrind", PROBE, "-k", "valgrind"),
    ),
    Line(
        promise="threads, forks, execs and signals: equal to a counting reference",
        measure=tests("reference", "-m", "not acceptance", PROBE, "-k", "reference or way or forks"),
    ),
    Line(
        promise="killed at 100 random moments, with lives and stacks: off by no more than the calls in flight",
        measure=tests("killed", PROBE, "-k", "100_random"),
    ),
    Line(promise="the CPU share is within 3 points of perf's", measure=beside_perf),
    Line(
        promise="waiting, faults and computing are told apart, and so are a leak and a retention",
        measure=tests("truth", PROFILE, "-k", "where_the_time or told_apart"),
    ),
    Line(
        promise="waiting rises with the number of threads that call at the same time",
        measure=tests("crowd", PROFILE, "-k", "waiting_rises"),
    ),
    Line(
        promise="how long blocks of each size live, what is never freed, and who frees: as the programs were built",
        measure=tests("lives", LIVES),
    ),
    Line(
        promise="whose the memory is: malloc's heap, arenas and large blocks, Python's arenas, stacks, files, the rest",
        measure=tests("holders", SPLIT),
    ),
    Line(
        promise="call sites are those of the source, without frame pointers, inlined, unloaded and in Python",
        measure=tests("call_sites", CALL_SITES, "-k", "not harm"),
    ),
    Line(
        promise="stacks are copied on coroutines, signal stacks, small threads and broken chains, and harm none",
        measure=tests("stack_places", CALL_SITES, "-k", "harm"),
    ),
    Line(promise="stacks take at most 1 % of the CPU time and 10 ms", measure=copying),
    Line(
        promise="well-known programs do the same under the probe and every allocator behind it",
        measure=tests("smoke", SMOKE, "-k", "probe"),
    ),
    Line(
        promise="aarch64: cross-built and counting the same, by emulation only",
        measure=tests("aarch64", "tests/native/test_probe_aarch64.py"),
    ),
    Line(
        promise="10,000 forks beside threads that allocate, 10,000 short threads: nothing lost, nothing changed",
        measure=tests("many", PROBE, "-k", "10_000"),
    ),
)
