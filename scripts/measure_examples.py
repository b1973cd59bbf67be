#!/usr/bin/env python3
"""Measure the examples anew: run each command between the marks in examples/*/README.md and write what came out there.

usage: scripts/measure_examples.py [EXAMPLE…]

About 25 minutes for all of them. Nothing else should run meanwhile: what is written tells how many programs did.
"""

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"
REGION = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*(?:\\\n.*)*)$", re.MULTILINE)
UNNEEDED = re.compile(r"^(?:Next$|Everything measured is kept in ).*", re.MULTILINE | re.DOTALL)
"""of the answer: commands with paths of this machine"""
WITHOUT_ROOT = ("postgresql",)
"""examples whose program refuses root"""


def main(names: Iterable[str]) -> int:
    """Measure those examples, all by default."""
    for folder in [EXAMPLES / name for name in names] or sorted(
        file.parent for file in EXAMPLES.glob("*/workload.toml")
    ):
        readme = folder / "README.md"
        text = readme.read_text()
        for region in REGION.findall(text):
            command = COMMAND.search(region)
            if command is None:
                sys.exit(f"{readme}: no command between the marks")
            print(f"{folder.name}: {command[1]}", file=sys.stderr, flush=True)
            text = text.replace(f"{BEGIN}{region}{END}", f"{BEGIN}{measured(folder, command[1])}{END}")
        readme.write_text(text)
    return 0


def measured(folder: Path, command: str) -> str:
    """The region's new text: the command, its answer, and what it was measured on."""
    with tempfile.TemporaryDirectory() as scratch:
        user = as_another_user(Path(scratch)) if folder.name in WITHOUT_ROOT else ()
        here = Path(sys.executable).parent
        busy, began = os.getloadavg()[0], time.monotonic()
        done = subprocess.run(
            [*user, *shlex.split(command), "--quiet", "--results", f"{scratch}/results"],
            cwd=folder,
            env={
                **os.environ,
                "PATH": f"{here}:{os.environ['PATH']}",
                "HOME": scratch,
                "TMPDIR": scratch,
                "COLUMNS": "80",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        minutes = (time.monotonic() - began) / 60
    if done.returncode != 0:
        sys.exit(f"{folder.name}: `{command}` ended with status {done.returncode}")
    answer = UNNEEDED.sub("", done.stdout).strip()
    cores = len(os.sched_getaffinity(0))
    on = f"On {cores} cores, in {minutes:.0f} min; so many other programs ran just before (load average): {busy:.1f}."
    return f"```console\n$ {command}\n{answer}\n```\n\n{on}\n"


def as_another_user(folder: Path) -> tuple[str, ...]:
    """What stands before a command that refuses root, where this is root; nothing for anybody else.

    Debian's user for PostgreSQL takes root's place: the folder becomes its own, and it may read what root's home holds.
    """
    if os.geteuid() != 0:
        return ()
    who = pwd.getpwnam("postgres")
    shutil.chown(folder, who.pw_uid, who.pw_gid)
    may_read = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *may_read)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
