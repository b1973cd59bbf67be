"""Every form that a report can be written in, by the name of its option."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heapswap import artifact
from heapswap.conformance.model import Conformance
from heapswap.errors import Misuse
from heapswap.profiling.model import Profile, Source
from heapswap.report.comparison.make import compare
from heapswap.report.conformance import conformance_text
from heapswap.report.data.csv import csv_text
from heapswap.report.data.parquet import parquet_bytes
from heapswap.report.data.tables import frame
from heapswap.report.document.comparison import comparison_document
from heapswap.report.document.make import document
from heapswap.report.folded import Stacks
from heapswap.report.html.page import page
from heapswap.report.markdown import markdown
from heapswap.report.outside import outside_text
from heapswap.report.prediction import prediction_text
from heapswap.report.profile import profile_text
from heapswap.report.reading import Artifact, answered
from heapswap.report.terminal import Colour
from heapswap.report.text import document_text
from heapswap.report.trial import trial_text
from heapswap.trials.model import Trial
from heapswap.verdict.model import Verdict
from heapswap.verdict.prediction import Prediction


class Format(StrEnum):
    """What a report is written in."""

    TEXT = "text"
    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


SUFFIXES = {
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".md": Format.MARKDOWN,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".txt": Format.TEXT,
}
"""what the name of a file says where no option does"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be reported on."""

    new: Artifact
    place: Path
    """where it was read from"""
    old: Artifact | None = None
    """what it is compared with"""
    stacks: Stacks | None = None
    """of a profile, its folded call stacks"""
    table: str = ""
    """which table, for formats that hold one"""


def written(asked: Asked, format_: Format, *, width: int, colour: Colour = Colour.NEVER) -> bytes:
    """The report as the bytes of a file.

    Raises:
        Misuse: two that cannot be compared, or a table that there is not.
        CannotGoOn: what a format needs is not installed.
    """
    comparison = compare(asked.new, asked.old) if asked.old is not None else None
    if format_ in (Format.CSV, Format.PARQUET):
        rows = frame(comparison or asked.new, asked.table)
        return csv_text(rows).encode() if format_ is Format.CSV else parquet_bytes(rows)
    if asked.table:
        raise Misuse("--table is for --csv and --parquet, which hold one table")
    if asked.stacks is not None and (format_ is not Format.HTML or comparison is not None):
        raise Misuse("--folded draws the call stacks of one profile on its page; use it with --html")
    if format_ is Format.JSON:
        return artifact.encode(artifact.readable(comparison or asked.new)) + b"\n"
    if format_ is Format.TEXT and comparison is None:
        return _text(asked, width, colour).encode(errors="replace")
    found = comparison_document(comparison) if comparison else document(asked.new, asked.place, asked.stacks)
    if format_ is Format.TEXT:
        return document_text(found, width=width, colour=colour).encode(errors="replace")
    return (page(found) if format_ is Format.HTML else markdown(found)).encode(errors="replace")


def _text(asked: Asked, width: int, colour: Colour) -> str:
    folder = str(asked.place if asked.place.is_dir() else asked.place.parent)
    match asked.new:
        case Profile(source=Source.OUTSIDE) as profile:
            return outside_text(profile, saved=str(asked.place), width=width, colour=colour)
        case Profile() as profile:
            return profile_text(profile, saved=str(asked.place), output=folder, width=width, colour=colour)
        case Conformance() as conformance:
            return conformance_text(conformance, width=width, colour=colour)
        case Prediction() as prediction:
            return prediction_text(prediction, results=folder, width=width, colour=colour)
        case Trial() | Verdict() as told:
            return _told(told, asked.place, folder, width, colour)


def _told(told: Trial | Verdict, place: Path, folder: str, width: int, colour: Colour) -> str:
    found = answered(told, place)
    if found.trial is not None:
        return trial_text(found.trial, found.verdict, results=folder, width=width, colour=colour)
    return document_text(document(told, place), width=width, colour=colour)
