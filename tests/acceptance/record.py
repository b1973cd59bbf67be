"""Recording: what it costs, how large an event is, that nothing is lost and nothing is changed."""

import sys
from typing import Any

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result, interval
from tests.acceptance.suite import tests

RECORDER = "tests/native/test_recorder.py"
SMOKE = "tests/integration/test_smoke.py"


def measured(evidence: Evidence) -> Any:
    return evidence.json("recording", [sys.executable, "benchmarks/recording.py", "--json"])


def one_thread(evidence: Evidence) -> Result:
    one = measured(evidence)["calls"][0]
    own, heaptrack, memray = (one[form]["value"] for form in ("recorded", "heaptrack", "memray"))
    beside = f"{heaptrack / own:.0f} times that with heaptrack, {memray / own:.0f} with memray"
    return Result(figure=f"{interval(one['recorded'])} ns; {beside}", held=own <= 8)


def two_threads(evidence: Evidence) -> Result:
    one, two = (call["recorded"] for call in measured(evidence)["calls"])
    # A tenth of a nanosecond is what two measurements of the same differ by.
    return Result(figure=f"{interval(one)} and {interval(two)} ns", held=two["value"] <= one["value"] + 0.1)


def bytes_an_event(evidence: Evidence) -> Result:
    programs = measured(evidence)["programs"]
    events = sum(one["events"] for one in programs)
    raw, packed = (sum(one[form] * one["events"] for one in programs) / events for form in ("raw", "packed"))
    largest = max(programs, key=lambda one: float(one["raw"]))
    figure = f"{raw:.2f} raw, {packed:.2f} packed; at most {largest['raw']:.2f} raw ({largest['name']})"
    return Result(figure=figure, held=largest["raw"] <= 6 and packed <= 1)


LINES = (
    Line(promise="recording adds at most 8 ns an event in one thread", measure=one_thread),
    Line(promise="two threads lose no more than one", measure=two_threads),
    Line(
        promise="at most 6 bytes an event raw for every program of the corpus, 1 packed over all of them",
        measure=bytes_an_event,
    ),
    Line(
        promise="killed at 100 random moments: each trace opens, lacks no more than the calls in flight, replays",
        measure=tests("killed", RECORDER, "-k", "100_random"),
    ),
    Line(
        promise="every way to end and to multiply: calls and bytes equal a counting reference, and nothing changes",
        measure=tests("ways", RECORDER, "-k", "every_way or every_function"),
    ),
    Line(
        promise="64 threads, short threads, 200 forks, execs and allocating signal handlers: recorded whole",
        measure=tests("everything", RECORDER, "-k", "64_threads"),
    ),
    Line(
        promise="full /dev/shm, full disk, a limit reached, 64 MiB of memory: the program is untouched",
        measure=tests("rooms", RECORDER, "-k", "full or limits or 64_mib"),
    ),
    Line(
        promise="well-known programs do the same while recorded, with an allocator behind or none; no block is unknown",
        measure=tests("smoke", SMOKE, "-k", "while_recorded"),
    ),
)
