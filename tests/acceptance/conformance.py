"""`heapswap conform`: every allocator that is here, four broken ones, and a plugin."""

import os
import sys
from collections.abc import Callable

from heapswap.conformance.clauses import CLAUSES
from tests.acceptance.corpus import HEAPSWAP
from tests.acceptance.evidence import ROOT, Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests
from tests.conformance.libraries import BROKEN, SOUND, broken, library

BROKEN_CLAUSES = {
    # library: the clause that its defect is against
    "misaligned": "natural-alignment",
    "stale_calloc": "calloc-zeroes",
    "short_realloc": "realloc-contents",
    "unlocked": "threads",
}
ALLOCATORS = 9
"""the C library's, five that are bundled, three of Debian's"""


def everybody(evidence: Evidence) -> Result:
    """Deviations without an explanation in the documentation end the script with 1."""
    output = evidence.command("everybody", [sys.executable, "scripts/conformance_page.py", "--check"], timeout=1800)
    lines = output.stdout.splitlines()
    unexplained = [line for line in output.stderr.splitlines() if not line.startswith("asking ")]
    return Result(
        figure="; ".join([*lines, *unexplained]),
        held=output.status == 0 and not unexplained and len(lines) >= ALLOCATORS,
    )


def documented(evidence: Evidence) -> Result:
    """The page has a column for each allocator that was asked, and a row a clause."""
    titles = [line.partition(":")[0] for line in everybody(evidence).figure.split("; ") if " of " in line]
    text = (ROOT / "docs/conformance.md").read_text()
    head = next((line for line in text.splitlines() if line.startswith("| clause |")), "")
    rows = [clause.id for clause in CLAUSES if f"| `{clause.id}`: " in text]
    absent = [title for title in titles if f" {title} |" not in head]
    return Result(
        figure=f"{len(titles) - len(absent)} of {len(titles)} columns, {len(rows)} of {len(CLAUSES)} rows",
        held=bool(titles) and not absent and len(rows) == len(CLAUSES),
    )


def caught(name: str) -> Callable[[Evidence], Result]:
    """The defect is told under its own clause, and the exit status is 1."""

    def line(evidence: Evidence) -> Result:
        path = broken(name, evidence.folder)
        answer = evidence.json(name, [HEAPSWAP, "conform", path, "--json", "--quiet"], statuses=(1,))
        found = {row["id"]: row for row in answer["clauses"] if row["outcome"] not in ("held", "not_applicable")}
        clause = BROKEN_CLAUSES[name]
        told = found.get(clause, {"outcome": "held", "detail": "nothing was seen"})
        others = f"; also {', '.join(other for other in found if other != clause)}" if len(found) > 1 else ""
        return Result(figure=f"{clause} {told['outcome']}: {told['detail']}{others}", held=clause in found)

    return line


def sound(evidence: Evidence) -> Result:
    """Without this, a suite that fails everybody would hold the lines above."""
    path = library(SOUND, evidence.folder)
    output = evidence.command("sound", [HEAPSWAP, "conform", path, "--quiet"], timeout=600)
    return Result(
        figure=output.stdout.splitlines()[0].replace(f"{evidence.folder}{os.sep}", ""), held=output.status == 0
    )


LINES = (
    *(Line(promise=f"the broken allocator {name} is caught", measure=caught(name)) for name in BROKEN),
    Line(promise="the sound allocator that they are made from holds every clause", measure=sound),
    Line(
        promise="a third-party package's allocator is in allocators, conform, trial and advise",
        measure=tests("plugin", "tests/integration/test_plugin.py"),
    ),
    Line(promise="every allocator here through conform, each deviation explained", measure=everybody),
    Line(promise="the table of them is in the documentation", measure=documented),
)
