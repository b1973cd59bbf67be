"""Traces: how fast they are read, how little memory that takes, how small they are, and that damage is seen."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.evidence import ROOT, Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

FORMAT = "tests/traces/test_trace.py"
NAMES = "tests/traces/test_names.py"
FORMS = "tests/report/test_trace.py"
CORPUS = ROOT / "corpus"


def reading(evidence: Evidence, threads: int) -> Any:
    argv = [sys.executable, "benchmarks/traces.py", "--threads", str(threads), "--json"]
    return evidence.json(f"reading_{threads}", argv)


def speed(threads: int) -> Callable[[Evidence], Result]:
    def line(evidence: Evidence) -> Result:
        rate = reading(evidence, threads)["events_per_second"]
        return Result(figure=f"{rate / 1e6:.1f} million events a second of CPU", held=rate >= 20e6)

    return line


def memory(evidence: Evidence) -> Result:
    found = reading(evidence, 1)
    peak = found["peak_bytes"] / 2**20
    return Result(
        figure=f"{found['events']:,} events in {peak:.0f} MiB", held=found["events"] >= 500_000_000 and peak < 300
    )


def programs() -> dict[str, list[str]]:
    python = [sys.executable]
    return {
        "json_burst": [*python, str(CORPUS / "json_burst.py")],
        "lxml_documents": [*python, str(CORPUS / "lxml_documents.py")],
        "image_service": [*python, str(CORPUS / "image_service.py")],
        "python_objects": [*python, str(CORPUS / "python_objects.py")],
        "lua_churn": ["lua5.4", str(CORPUS / "lua_churn.lua"), "100000"],
        "sqlite_index": ["sh", "-c", f"sqlite3 :memory: < {CORPUS / 'sqlite_index.sql'}"],
    }


def sizes(evidence: Evidence, *options: str) -> dict[str, tuple[int, float]]:
    """Events of each program of the corpus, and bytes an event."""
    found = {}
    for name, argv in programs().items():
        file = evidence.folder / f"{name}{''.join(options)}.heap"
        record = [sys.executable, "-m", "heapswap", "record", "-q", *options, "-o", str(file), "--", *argv]
        if not file.exists():
            subprocess.run(record, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ), cwd=evidence.folder)
        said = evidence.json(
            f"size_{Path(file).stem}", [sys.executable, "-m", "heapswap", "report", str(file), "--json"]
        )
        found[name] = said["events"], said["bytes_per_event"]
    return found


def size(limit: float, *options: str) -> Callable[[Evidence], Result]:
    def line(evidence: Evidence) -> Result:
        found = sizes(evidence, *options)
        whole = sum(events * each for events, each in found.values()) / sum(events for events, _ in found.values())
        each = ", ".join(f"{name} {value:.2f}" for name, (_, value) in found.items())
        return Result(figure=f"{whole:.2f} bytes an event ({each})", held=whole <= limit)

    return line


def records_nobody_wrote(evidence: Evidence) -> Result:
    """Rust's own fuzzer, behind checksums that fit."""
    argv = ["env", "HEAPSWAP_FUZZ=20000", "cargo", "test", "--manifest-path", "native/Cargo.toml", "--locked"]
    done = evidence.command("fuzz", [*argv, "--package", "heapswap-trace", "fuzz"])
    return Result(figure="60,000 files, the same in every run", held=done.status == 0)


def fuzzed(evidence: Evidence) -> Result:
    """libFuzzer, from recordings made here: a minute a target."""
    argv = [sys.executable, "scripts/fuzz.py", "--seconds", "60", "--json"]
    targets = evidence.json("libfuzzer", argv, statuses=(0, 1))["targets"]
    told = (f"{one['target']} {one['executions']:,} inputs, {one['coverage']:,} edges" for one in targets)
    held = len(targets) == 4 and all(one["status"] == 0 and one["executions"] > 1000 for one in targets)
    return Result(figure="; ".join(told), held=held)


LINES = (
    Line(promise="a trace of one thread: 20 million events a second on one core", measure=speed(1)),
    Line(promise="a trace of four threads that free each other's blocks: the same", measure=speed(4)),
    Line(promise="500 million events are reported on in less than 300 MiB", measure=memory),
    Line(promise="at most 6 bytes an event as recorded, over the corpus", measure=size(6, "--raw")),
    Line(promise="at most 1 byte an event when finished, over the corpus", measure=size(1)),
    Line(
        promise="the examples on the page run, and pandas and DuckDB say the same",
        measure=tests("forms", FORMS),
    ),
    Line(promise="no changed file is silently wrong (Hypothesis)", measure=tests("changed", FORMAT)),
    Line(promise="no bytes behind valid checksums crash or hang the reader", measure=records_nobody_wrote),
    Line(promise="nor does anything that cargo-fuzz makes of recordings, a minute a target", measure=fuzzed),
    Line(promise="call sites are named while their files are what was recorded", measure=tests("names", NAMES)),
)
