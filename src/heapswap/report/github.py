"""What GitHub Actions shows of an answer: annotations, and a page of the job's summary."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

MOST = 900_000
"""bytes of a summary; GitHub refuses more than 1 MiB a step"""


class Grade(StrEnum):
    """How an annotation is marked."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


def is_there(environ: Mapping[str, str]) -> bool:
    """Whether this runs as a step of GitHub Actions."""
    return environ.get("GITHUB_ACTIONS") == "true"


def annotation(grade: Grade, title: str, message: str) -> str:
    """One workflow command: nothing in it can end it or begin another."""
    heads = _data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{grade} title={heads}::{_data(message)}"


def add_to_summary(markdown: str, environ: Mapping[str, str]) -> None:
    """Append to the job's summary, where there is one.

    Raises:
        OSError: it cannot be written.
    """
    place = environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    data = markdown.encode(errors="replace")
    if len(data) > MOST:
        data = data[:MOST].decode(errors="ignore").rpartition("\n")[0].encode() + b"\n\nThe rest did not fit here.\n"
    with Path(place).open("ab") as file:
        file.write(data + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
