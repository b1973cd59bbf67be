"""Measure a command through the executor from a Python that itself holds 300 MiB; print the peak as JSON.

usage: python -m tests.acceptance.large_parent FOLDER CMD…
"""

import json
import os
import shutil
import sys
from pathlib import Path

from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Outcome, Slot, Stage

HELD = 300 << 20


def main(folder: str, command: list[str]) -> int:
    ballast = bytearray(os.urandom(1 << 20)) * (HELD >> 20)
    order = Order(
        slot=Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"),
        program=shutil.which(command[0]) or command[0],
        argv=tuple(command),
        environ=dict(os.environ),
        directory=str(Path.cwd()),
        stdin=os.devnull,
        timeout=60.0,
        accepted=(0,),
        metrics=(),
        folder=Path(folder),
        expected=None,
    )
    with LaunchExecutor() as executor:
        run = executor.execute(order)
    (peak,) = (row for row in run.measurements if row.metric == "peak")
    here = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(
        json.dumps(
            {
                "completed": run.outcome is Outcome.COMPLETED,
                "peak": peak.value,
                "low": peak.value if peak.low is None else peak.low,
                "high": peak.value if peak.high is None else peak.high,
                "parent": here,
                "ballast": len(ballast),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
