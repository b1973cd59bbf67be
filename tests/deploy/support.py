"""What the tests of this room share."""

import os
import subprocess
from pathlib import Path

from heapswap.allocators.spelling import parse
from heapswap.deploy.model import Action, Choice, Plan
from tests.native.support import library


def chosen(spelling: str) -> Choice:
    return Choice(candidate=parse(spelling), asked="a test")


def after(plan: Plan, path: Path) -> bytes:
    """The content that a plan gives to a file."""
    action = action_of(plan, path)
    assert action.after is not None
    return action.after


def action_of(plan: Plan, path: Path) -> Action:
    (found,) = (action for action in plan.actions if action.path == os.path.realpath(path))
    return found


def owners(argv: list[str], environ: dict[str, str], journal: Path) -> dict[str, str]:
    """Run a command with the witness preloaded in front: whose malloc answered, by executable."""
    journal.write_bytes(b"")
    preload = ":".join(filter(None, (str(library("witness")), environ.get("LD_PRELOAD", ""))))
    environment = {**environ, "LD_PRELOAD": preload, "HEAPSWAP_WITNESS": str(journal)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    rest, found = journal.read_bytes(), {}
    while rest:
        _, _, _, owner, executable, rest = rest.split(b"\0", 5)
        found[Path(os.fsdecode(executable)).name] = os.fsdecode(owner)
        rest = rest[1:]
    return found
