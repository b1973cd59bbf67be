"""Measure every promise and print the table; exit status 1 when one is not held."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.acceptance import (
    bad_input,
    cargo,
    conformance,
    contract,
    corpus,
    declaration,
    deploying,
    documentation,
    error_control,
    launcher,
    loops,
    marked,
    pages,
    probe,
    record,
    replay,
    rules,
    run_time,
    scaling,
    services,
    smoke,
    traces,
)
from tests.acceptance.evidence import ROOT, Evidence
from tests.acceptance.line import Line, Row, measure
from tests.acceptance.table import render

GROUPS: dict[str, tuple[Line, ...]] = {
    # The shortest first.
    "launcher": launcher.LINES,
    "loops": loops.LINES,
    "bad_input": bad_input.LINES,
    "run_time": run_time.LINES,
    "contract": contract.LINES,
    "pages": pages.LINES,
    "declaration": declaration.LINES,
    "conformance": conformance.LINES,
    "probe": probe.LINES,
    "record": record.LINES,
    "replay": replay.LINES,
    "deploying": deploying.LINES,
    "scaling": scaling.LINES,
    "services": services.LINES,
    "traces": traces.LINES,
    "smoke": smoke.LINES,
    "marked": marked.LINES,
    "rules": rules.LINES,
    "documentation": documentation.LINES,
    "cargo": cargo.LINES,
    "error_control": error_control.LINES,
    "corpus": corpus.LINES,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the groups that were asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--only", metavar="GROUP", action="append", choices=tuple(GROUPS), help=", ".join(GROUPS))
    parser.add_argument("--results", metavar="FOLDER", type=Path, default=ROOT / "acceptance-results")
    parser.add_argument(
        "--resume", action="store_true", help="keep the lines that an earlier run in FOLDER has measured"
    )
    arguments = parser.parse_args(argv)
    groups = arguments.only or GROUPS
    rows = [row for group in groups for row in measured(group, arguments.results / group, resume=arguments.resume)]
    table = render(rows)
    (arguments.results / "table.txt").write_text(f"{table}\n")
    (arguments.results / "table.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(table)
    print(f"The output behind each line is in {arguments.results}")
    return 0 if all(row.held for row in rows) else 1


def measured(group: str, folder: Path, *, resume: bool = False) -> list[Row]:
    """The rows of one group, saved one by one: in a folder made anew, or beside those that are there."""
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / "rows.json"
    known = [Row(**row) for row in json.loads(saved.read_text())] if saved.exists() else []
    evidence = Evidence(folder=folder, resumes=resume)
    rows: list[Row] = []
    for line in GROUPS[group]:
        found = next((row for row in known if row.promise == line.promise), None)
        if found is None:
            print(f"measuring {group}: {line.promise}", file=sys.stderr, flush=True)
            found = measure(group, line, evidence)
        rows.append(found)
        later = [row for row in known if row not in rows]
        saved.write_text(json.dumps([asdict(row) for row in (*rows, *later)], indent=1) + "\n")
    return rows


if __name__ == "__main__":
    sys.exit(main())
