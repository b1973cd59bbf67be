"""The words of this folder: a line is a promise with the way to measure it; a result is its figure, held or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.acceptance.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured, in words and numbers, and whether the promise is held."""

    figure: str
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One promise."""

    promise: str
    measure: Callable[[Evidence], Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table, as it came out."""

    group: str
    promise: str
    figure: str
    held: bool


def interval(found: Mapping[str, float]) -> str:
    """A benchmark's figure with its limits."""
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def measure(group: str, line: Line, evidence: Evidence) -> Row:
    """Measure one line. Whatever goes wrong makes a row that is not held: no line is ever left out."""
    try:
        result = line.measure(evidence)
    except Exception as error:  # the table must name every failure, also those nobody thought of
        result = Result(figure=f"could not be measured: {type(error).__name__}: {error}", held=False)
    return Row(group=group, promise=line.promise, figure=result.figure, held=result.held)
