"""Replays: as fast as a loop, exact in what is live, and true to the memory of real programs."""

import sys
from typing import Any

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests


def speed(evidence: Evidence) -> Any:
    return evidence.json("speed", [sys.executable, "benchmarks/replay_speed.py", "--json"])


def beside_a_loop(evidence: Evidence) -> Result:
    ratio = speed(evidence)["speed"]
    return Result(figure=f"{ratio:.0%}", held=ratio >= 0.6)


def live_bytes(evidence: Evidence) -> Result:
    said = speed(evidence)
    off = said["moments_off"]
    return Result(figure=f"{off} of {said['moments'] * len(said['rounds']):,} moments off", held=off == 0)


def fidelity(evidence: Evidence) -> Any:
    return evidence.json("fidelity", [sys.executable, "benchmarks/fidelity.py", "--json"])


def peaks(evidence: Evidence) -> Result:
    pairs = fidelity(evidence)["pairs"]
    said = (f"{one['program']} {one['allocator']} {one['error']:+.1%}" for one in pairs)
    return Result(figure="; ".join(said), held=len(pairs) == 18 and all(abs(one["error"]) <= 0.1 for one in pairs))


def order(evidence: Evidence) -> Result:
    wrong = fidelity(evidence)["misordered"]
    return Result(figure="; ".join(wrong) or "as in the real runs", held=not wrong)


LINES = (
    Line(promise="one thread: at least 60 % of the speed of the same calls as a plain loop", measure=beside_a_loop),
    Line(promise="live bytes at every 1,000th call are the recording's", measure=live_bytes),
    Line(promise="peak of the heap within 10 % of the real run's: six programs, three allocators", measure=peaks),
    Line(promise="the same order of allocators where they differ by more than 10 %", measure=order),
    Line(
        promise="a saved prediction is shown again as it was told",
        measure=tests("predictions", "tests/integration/test_prediction.py"),
    ),
    Line(
        promise="what nobody recorded is counted; a damaged script is one line",
        measure=tests("replay_scripts", "tests/traces/test_replay.py"),
    ),
)
