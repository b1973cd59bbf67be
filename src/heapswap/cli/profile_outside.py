"""`heapswap profile --pid`: a process that is running already and must not be restarted."""

import argparse
import os
from pathlib import Path

from heapswap import artifact
from heapswap.cli.output import standard_output
from heapswap.errors import CannotGoOn, Misuse
from heapswap.inspection.model import Inspection
from heapswap.inspection.process import inspect_process
from heapswap.profiling.outside.attribute import where
from heapswap.profiling.outside.observe import Subject, observe
from heapswap.profiling.store import load
from heapswap.report.comparison.make import compare
from heapswap.report.document.comparison import comparison_document
from heapswap.report.lines import heading, printable
from heapswap.report.outside import outside_text
from heapswap.report.terminal import colour_of, render, width_of
from heapswap.report.text import document_text

SECONDS = 30.0
LONGEST = 3600.0


def execute(arguments: argparse.Namespace) -> int:
    """Observe, save where it was asked for, show; with ``--against``, compare as well.

    Raises:
        Misuse: an option that cannot be meant.
        CannotGoOn: the process or perf is not there, or may not be used.
    """
    seconds = _seconds(arguments.seconds)
    older = load(Path(arguments.against)) if arguments.against else None
    profile = observe(subject_of(inspect_process(arguments.pid)), seconds)
    if arguments.redact:
        profile = profile.redacted()
    data = artifact.encode(profile)
    if arguments.file:
        artifact.write(Path(arguments.file), data)
    comparison = compare(profile, older) if older else None
    with standard_output(f"it is saved in {arguments.file}" if arguments.file else "give it a file with -o") as stream:
        if arguments.json:
            stream.write((artifact.encode(comparison) if comparison else data).decode() + "\n")
            return 0
        width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
        stream.write(outside_text(profile, saved=arguments.file or "", width=width, colour=colour))
        if comparison:
            stream.write(render(heading(f"Against {printable(arguments.against)}"), colour))
            stream.write(document_text(comparison_document(comparison), width=width, colour=colour))
    return 0


def subject_of(inspection: Inspection) -> Subject:
    """What is observed, from what was inspected.

    Raises:
        CannotGoOn: it cannot be told whose malloc answers.
    """
    if inspection.pid is None or not inspection.allocator or not inspection.uses:
        raise CannotGoOn(f"{inspection.program}: it cannot be told whose malloc answers; `heapswap inspect` says more")
    serving, *others = inspection.uses
    return Subject(
        pid=inspection.pid,
        exe=inspection.program,
        allocator=serving.path,
        family=serving.family,
        where=where(serving.path, serving.family, [inspection.program, *(use.path for use in others)]),
    )


def _seconds(given: str | None) -> float:
    if given is None:
        return SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= LONGEST:
        raise Misuse(f"--seconds {given}: give a number of seconds from 1 to {LONGEST:.0f}")
    return seconds
