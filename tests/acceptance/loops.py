"""A bundled library against the distribution's own: what forwarding costs where a program does nothing but malloc."""

import sys
from collections.abc import Callable

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result


def within(ratio: str, limit: float) -> Callable[[Evidence], Result]:
    """Every library's `ratio` to its peer is at most `limit`."""

    def line(evidence: Evidence) -> Result:
        argv = [sys.executable, "benchmarks/allocation_loop.py", "--json"]
        # Its exit status says whether both limits were met; here each is a line of its own.
        rows = evidence.json("allocation_loop", argv, statuses=(0, 1))["rows"]
        return Result(
            figure="; ".join(f"{row['library']} / {row['peer']}: {row[ratio]:.2f}" for row in rows),
            held=bool(rows) and all(row[ratio] <= limit for row in rows),
        )

    return line


LINES = (
    Line(promise="hot pair: within 1.25 times the distribution's own library", measure=within("pair_ratio", 1.25)),
    Line(promise="batch: within 1.10 times the distribution's own library", measure=within("batch_ratio", 1.10)),
)
