"""Requests that cannot be met: each ends with its exit status and one clear line on standard error."""

import json
import re
import shlex
from collections.abc import Callable

from tests.acceptance.corpus import HEAPSWAP
from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result

MISUSE, CANNOT_GO_ON = 2, 3


def refusal(name: str, status: int, says: str, words: list[str]) -> Callable[[Evidence], Result]:
    """heapswap with `words` must exit with `status` and one line that matches the regular expression `says`."""

    def line(evidence: Evidence) -> Result:
        output = evidence.command(name, [HEAPSWAP, *words], timeout=120)
        message = output.stderr.strip()
        clear = len(message.splitlines()) == 1 and re.search(says, message) is not None
        return Result(
            figure=f"{output.status}: {last_line(message)}",
            held=clear and output.status == status and not output.stdout,
        )

    return line


def newer_schema(evidence: Evidence) -> Result:
    file = evidence.folder / "newer.json"
    file.write_text(json.dumps({"kind": "trial", "schema": 99}))
    return refusal("newer-schema", CANNOT_GO_ON, "schema 99.*upgrade", ["trial", "--resume", str(file)])(evidence)


def existing_folder(evidence: Evidence) -> Result:
    folder = evidence.folder / "existing"
    folder.mkdir()
    words = ["trial", "--results", str(folder), "--blocks", "1", "--", "true"]
    return refusal("existing-folder", MISUSE, "exists", words)(evidence)


def full_disk(evidence: Evidence) -> Result:
    """A trial whose results folder is a file system of 64 KiB; then what it had saved is read from there."""
    disk, kept = evidence.folder / "disk", evidence.folder / "kept.json"
    disk.mkdir()
    trial = [HEAPSWAP, "trial", "--quiet", "--results", f"{disk}/results", "--candidates", "mimalloc", "--blocks", "11"]
    script = (
        f"mount -t tmpfs -o size=64k none {shlex.quote(str(disk))} && "
        f"{{ {shlex.join([*trial, '--', 'true'])}; status=$?; }}; "
        f"cp {shlex.quote(str(disk))}/results/trial.json {shlex.quote(str(kept))}; exit $status"
    )
    output = evidence.command(
        "full-disk", ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script], timeout=120
    )
    message = output.stderr.strip()
    runs = len(json.loads(kept.read_text())["runs"]) if kept.exists() else 0
    return Result(
        figure=f"{output.status}: {last_line(message)}; {runs} runs are still readable",
        held=output.status == CANNOT_GO_ON and len(message.splitlines()) == 1 and "No space" in message and runs > 0,
    )


def last_line(text: str) -> str:
    """What a person reads last; a traceback is long enough in the files."""
    return (text.splitlines() or ["nothing was said"])[-1]


LINES = (
    Line(
        promise="no command",
        measure=refusal("no-command", MISUSE, "no command", ["advise"]),
    ),
    Line(
        promise="unknown candidate",
        measure=refusal("unknown-candidate", MISUSE, "mimaloc.*mimalloc", ["run", "mimaloc", "--", "true"]),
    ),
    Line(
        promise="unknown knob, with the near ones",
        measure=refusal(
            "unknown-knob", MISUSE, "dirty_decay.*dirty_decay_ms", ["run", "jemalloc:dirty_decay=1", "--", "true"]
        ),
    ),
    Line(
        promise="missing library",
        measure=refusal("missing-library", CANNOT_GO_ON, "libnone.so", ["run", "/nowhere/libnone.so", "--", "true"]),
    ),
    Line(
        promise="a program that fails under the baseline",
        measure=refusal("failing-program", CANNOT_GO_ON, "fails", ["advise", "--quiet", "--", "false"]),
    ),
    Line(
        promise="a program that never ends",
        measure=refusal(
            "endless-program",
            CANNOT_GO_ON,
            "did not end",
            ["advise", "--quiet", "--timeout", "2s", "--", "sleep", "600"],
        ),
    ),
    Line(
        promise="a budget that is too small, with the one that would do",
        measure=refusal(
            "small-budget",
            MISUSE,
            "--budget [0-9]+(s|m)",
            ["advise", "--quiet", "--budget", "3s", "--", "sleep", "1"],
        ),
    ),
    Line(promise="a results file from a newer schema", measure=newer_schema),
    Line(promise="a full disk while saving; what was measured before stays readable", measure=full_disk),
    Line(promise="a results folder that exists", measure=existing_folder),
)
