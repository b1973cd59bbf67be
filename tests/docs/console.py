"""The commands on a page: what stands there, and what a shell makes of it in a fresh folder.

A command is a line of a ``console`` block that begins with a prompt; what follows it is its output.
A comment before a block says how its commands are run: nothing, always; ``<!-- minutes -->``, where there is time;
``<!-- not run: REASON -->``, never; ``<!-- exit N -->``, the status that the last one ends with.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tests.docs.pages import DOCS

_BLOCK = re.compile(r"(?:^<!-- (?P<mark>.*?) -->\n)?^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(
    r"^```\w+\n(?:#|//|<!--) ?(?P<name>[\w./-]+\.\w+|Dockerfile)(?: -->)?\n(?P<text>.*?)^```$", re.M | re.S
)
_END = "-- that was the command, and its status is"
PROMPT = "$ "
_RUST = {"CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup"}
"""what is looked for at home, where another home is given"""


class Pace(StrEnum):
    """When the commands of a block are run."""

    ALWAYS = "always"
    MINUTES = "minutes"
    """where there is time"""
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command as the page has it."""

    text: str
    """with its continuation lines"""
    output: str
    """the lines that the page shows under it"""
    pace: Pace
    reason: str = ""
    """why it is never run"""
    status: int = 0

    def named(self, names: Mapping[str, str]) -> "Command":
        """With words of the page, such as the number of a process, as they are here."""
        text = self.text
        for word, here in names.items():
            text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", here, text)
        return replace(self, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of one."""

    command: Command
    status: int
    output: str


def commands(text: str) -> Iterator[Command]:
    """Every command of a page, in order.

    Raises:
        ValueError: a comment before a block that says nothing known.
    """
    for block in _BLOCK.finditer(text):
        pace, reason, status = _read(block["mark"] or "")
        found = list(_split(block["body"]))
        for at, (line, output) in enumerate(found):
            ends = status if at == len(found) - 1 else 0
            yield Command(text=line, output=output, pace=pace, reason=reason, status=ends)


def _read(mark: str) -> tuple[Pace, str, int]:
    match mark.split(maxsplit=2):
        case []:
            return Pace.ALWAYS, "", 0
        case ["minutes"]:
            return Pace.MINUTES, "", 0
        case ["exit", status]:
            return Pace.ALWAYS, "", int(status)
        case ["not", "run:", reason]:
            return Pace.NEVER, reason, 0
    raise ValueError(f"<!-- {mark} --> before a block of commands says nothing known")


def _split(body: str) -> Iterator[tuple[str, str]]:
    words: list[str] = []
    output: list[str] = []
    for line in body.splitlines():
        if line.startswith(PROMPT):
            if words:
                yield "\n".join(words), "".join(output)
            words, output = [line.removeprefix(PROMPT)], []
        elif words and not output and words[-1].endswith("\\"):
            words.append(line)
        else:
            output.append(line + "\n")
    if words:
        yield "\n".join(words), "".join(output)


def written(text: str, folder: Path) -> None:
    """Lay down the files of a page: blocks whose first line is a comment with the file's name."""
    for file in _FILE.finditer(text):
        place = folder / file["name"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(file["text"])


def ran(chosen: Iterable[Command], folder: Path, environ: dict[str, str]) -> list[Ran]:
    """Run commands one after the other in one shell; standard error is in the file ``stderr`` beside the folder.

    What they leave in the background is ended after the last.
    """
    wanted = list(chosen)
    script = "".join(f"{{\n{one.text}\n}}\nprintf '\\n{_END} %d\\n' $?\n" for one in wanted)
    printed = folder.with_name("stdout")
    with printed.open("wb") as output, folder.with_name("stderr").open("wb") as errors:
        shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            shell.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    parts = re.split(rf"\n{re.escape(_END)} (\d+)\n", printed.read_text())
    return [
        Ran(command=one, status=int(status), output=said)
        for one, said, status in zip(wanted, parts[::2], parts[1::2], strict=False)
    ]


def environment(folder: Path) -> dict[str, str]:
    """Ours, with a home of its own, and this interpreter's folder first on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEAPSWAP_", "XDG_", "GITHUB_"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    rust = {name: os.environ.get(name, str(Path.home() / place)) for name, place in _RUST.items()}
    return {**kept, **rust, "PATH": path, "HOME": str(folder.parent), "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1"}


def text_of(page: str) -> str:
    """A page's source."""
    return (DOCS / page).read_text()
