"""A trace of 500 million events: how fast it is read on one core, and in how much memory it is reported on.

    .venv/bin/python benchmarks/traces.py [--events N] [--threads N] [--json]

The trace is of a program that never was (`heapswap-trace synthesise`) and needs 4 bytes of disk an event
while it is made.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from heapswap import native


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000_000)
    parser.add_argument("--threads", type=int, default=1, help="of the program that never was")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heapswap-traces-") as folder:
        result = measured(Path(folder), arguments.events, arguments.threads)
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"{result['events']:,} events of {result['threads']} threads, {result['bytes'] / 2**20:,.0f} MiB")
        print(f"read at {result['events_per_second'] / 1e6:.1f} million events a second of one core's time")
        print(f"reported on in {result['peak_bytes'] / 2**20:.0f} MiB, all processes together")
    return 0


def measured(folder: Path, events: int, threads: int) -> dict[str, Any]:
    """Make the trace as a recording is made, packed; read it, and report on it as a user does."""
    recorded, packed = folder / "recorded.heap", folder / "packed.heap"
    tracer = str(native.tracer())
    subprocess.run([tracer, "synthesise", str(events), str(recorded), str(threads)], check=True)
    subprocess.run([tracer, "pack", str(recorded), str(packed)], check=True)
    recorded.unlink()
    told, seconds, reader = run([tracer, "summary", str(packed)])
    heapswap = [sys.executable, "-m", "heapswap", "report", str(packed), "--json"]
    said, _, reporter = run(heapswap)
    assert json.loads(said)["events"] == json.loads(told)["events"] == events
    # The reader runs while Python waits for it: both are there at the same time.
    return {
        "events": events,
        "threads": threads,
        "bytes": packed.stat().st_size,
        "events_per_second": events / seconds,
        "peak_bytes": reader + reporter,
    }


def run(command: list[str]) -> tuple[bytes, float, int]:
    """What a command prints, the CPU seconds that it and its children took, and the peak of the largest of them."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{command} ended with {process.returncode}")
        out.seek(0)
        return out.read(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
