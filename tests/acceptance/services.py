"""Services under load: a verdict in time and its second opinion, the memory of a forking server, faults, and leaks."""

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Outcome, Slot, Stage
from heapswap.workload import Level, Ready, Service
from tests.acceptance.evidence import Evidence, NoEvidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

EXAMPLE = "examples/json-api/workload.toml"
LONGEST = 480.0
"""seconds"""
WANTED = ("throughput", "peak", "idle")
FAULTS = "tests/integration/test_services_under_load.py"
AGREES = 0.10
"""part by which they may differ: pages that programs outside the tree map too count in it whole, and in PSS in part"""

Answer = dict[str, Any]

APP = """
BALLAST = [bytes(1000) for _ in range(150_000)]  # shared with every worker that is forked


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


def advice(evidence: Evidence, name: str) -> tuple[Answer, float]:
    """The verdict of one whole run of `advise`, and the seconds it took; run once, however many lines read it."""
    # The server is installed beside this Python.
    path = f"PATH={Path(sys.executable).parent}:{os.environ['PATH']}"
    argv = ["env", path, sys.executable, "-m", "heapswap", "advise", "--workload", EXAMPLE, "--json", "--quiet"]
    verdict: Answer = evidence.json(name, [*argv, "--results", str(evidence.folder / f"{name}-results")])
    return verdict, _seconds(evidence, name)


def _seconds(evidence: Evidence, name: str) -> float:
    """How long a command took, as it is kept beside its output."""
    return float((evidence.folder / f"{name}.command").read_text().rpartition(", ")[2].split()[0])


def answers_in_time(evidence: Evidence) -> Result:
    """Every candidate that was run has throughput, peak memory and memory at rest; latency stands with the steps."""
    verdict, took = advice(evidence, "first")
    by_candidate: dict[str, set[str]] = {}
    for row in verdict["comparisons"]:
        by_candidate.setdefault(row["candidate"], set()).add(row["metric"])
    ramps = {ramp["candidate"]: ramp["points"] for ramp in verdict["ramps"]}
    latencies = ramps.keys() >= by_candidate.keys() and all(
        one["latency"] for points in ramps.values() for one in points
    )
    whole = bool(by_candidate) and all(set(WANTED) <= metrics for metrics in by_candidate.values())
    return Result(
        figure=f"{verdict['outcome']} {verdict['candidate'] or ''}".rstrip()
        + f" after {took:.0f} s, {verdict['runs']} runs, {len(by_candidate)} candidates"
        + ("" if whole and latencies else "; a metric is missing"),
        held=took <= LONGEST and whole and latencies,
    )


def is_confirmed(evidence: Evidence) -> Result:
    """A second trial, drawn anew, against the first."""
    return compared(advice(evidence, "first")[0], advice(evidence, "second")[0])


def compared(first: Answer, second: Answer) -> Result:
    """Confirmed: the same answer twice. Not confirmed, and said so: one could not tell, and no interval of the one lies
    beside that of the other. Anything else is a contradiction, which honest answers do not have."""
    told = [f"{one['outcome']} {one['candidate'] or ''}".rstrip() for one in (first, second)]
    apart = [
        name
        for name, (one, two) in _both(first, second).items()
        if one["low"] > two["high"] or two["low"] > one["high"]
    ]
    open_ = "inconclusive" in (first["outcome"], second["outcome"])
    if told[0] == told[1] and not open_:
        said, held = "confirmed", True
    elif not apart and open_:
        said, held = "not confirmed, and not contradicted", True
    else:
        said, held = "CONTRADICTED", False
    data = "; ".join(
        f"{name} {one['effect']:+.1%} ({one['low']:+.1%} to {one['high']:+.1%}), then {two['effect']:+.1%} "
        f"({two['low']:+.1%} to {two['high']:+.1%})"
        for name, (one, two) in _both(first, second).items()
    )
    beyond = f"; apart: {', '.join(apart)}" if apart else ""
    return Result(figure=f"{said}: {told[0]}, then {told[1]}{beyond}; {data or 'no interval in both'}", held=held)


def _both(first: Answer, second: Answer) -> dict[str, tuple[Answer, Answer]]:
    """The effects that both have an interval of, by candidate and metric."""
    rows = [
        {
            f"{row['candidate']} {row['metric']}": row
            for row in one["comparisons"]
            if None not in (row["low"], row["high"])
        }
        for one in (first, second)
    ]
    return {name: (rows[0][name], rows[1][name]) for name in rows[0] if name in rows[1]}


def memory_of_a_forking_server(evidence: Evidence) -> Result:
    """gunicorn with two workers and preloaded data: what heapswap says of the rest, beside /proc's PSS and RSS."""
    folder = evidence.folder / "gunicorn"
    folder.mkdir(exist_ok=True)
    (folder / "preforking.py").write_text(APP)
    gunicorn = shutil.which("gunicorn", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    wrk = shutil.which("wrk")
    if gunicorn is None or wrk is None:
        raise NoEvidence("gunicorn and wrk are needed")
    service = Service(
        load=(wrk, "-t1", "-c{concurrency}", "-d{duration}s", "http://127.0.0.1:{port}/"),
        levels=(Level(concurrency=2),),
        duration=2.0,
        warmup=0.0,
        rest=4.0,
        ready=Ready(url="http://127.0.0.1:{port}/", timeout=60.0),
    )
    order = Order(
        slot=Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"),
        program=gunicorn,
        argv=("gunicorn", "--preload", "--workers=2", "--bind=127.0.0.1:{port}", "preforking:app"),
        environ=dict(os.environ),
        directory=str(folder),
        stdin=os.devnull,
        timeout=None,
        accepted=(0,),
        metrics=(),
        folder=folder / "run",
        expected=None,
        service=service,
        outside=dict(os.environ),
    )
    readings: list[tuple[float, int, int]] = []
    over = threading.Event()

    def read() -> None:
        while not over.wait(0.25):
            if len(pids := _processes_of(str(folder))) == 3 and (reading := _memory(pids)):
                readings.append((time.time(), *reading))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with LaunchExecutor() as executor:
            run = executor.execute(order)
    finally:
        over.set()
        reader.join()
    if run.outcome is not Outcome.COMPLETED or not run.pauses or not readings:
        raise NoEvidence(f"gunicorn: {run.outcome}, {len(readings)} readings; {run.log[-300:]}")
    told = run.pauses[-1].resident
    # When the server is stopped its workers touch, and so copy, what they shared.
    asked = run.started + run.pauses[-1].at
    _, rss, pss = min(readings, key=lambda reading: abs(reading[0] - asked))
    apart = abs(told / pss - 1)
    return Result(
        figure=f"{told / 2**20:.1f} MiB at rest over {run.pauses[-1].processes} processes; "
        f"PSS {pss / 2**20:.1f}, sum of RSS {rss / 2**20:.1f}",
        held=apart <= AGREES and told < 0.8 * rss,
    )


def _processes_of(folder: str) -> list[int]:
    """The processes that run in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and str((entry / "cwd").readlink()) == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _memory(pids: list[int]) -> tuple[int, int] | None:
    """Sums of RSS and PSS, bytes; None where one of them is gone."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            return None
        for name in sums:
            sums[name] += next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")) * 1024
    return sums["Rss"], sums["Pss"]


LINES = (
    Line(
        promise="gunicorn with 2 workers: the tree's memory agrees with PSS, not with the sum of RSS",
        measure=memory_of_a_forking_server,
    ),
    Line(
        promise="faults and Ctrl-C: an outcome with its log, every process of every tree gone, and resumable",
        measure=tests("faults", FAULTS),
    ),
    Line(
        promise="no run leaks the swap into the load generator or the tool",
        measure=tests("swap", FAULTS, "-k", "nobody_else"),
    ),
    Line(
        promise="a JSON API under advise --workload: throughput, latency, peak and memory at rest within 8 minutes",
        measure=answers_in_time,
    ),
    Line(promise="its answer is confirmed by a second independent run, or said not to be", measure=is_confirmed),
)
