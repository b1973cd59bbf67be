"""Promises that are written as ordinary tests: a line is held when every one of them passed, and none was skipped."""

import sys
from collections.abc import Callable
from xml.etree import ElementTree

from tests.acceptance.evidence import Evidence, NoEvidence
from tests.acceptance.line import Result


def tests(name: str, *selection: str) -> Callable[[Evidence], Result]:
    """A measurement that runs pytest on `selection` and keeps its report as ``NAME.xml``."""

    def line(evidence: Evidence) -> Result:
        report = evidence.folder / f"{name}.xml"
        argv = [sys.executable, "-m", "pytest", "--quiet", f"--junit-xml={report}", *selection]
        output = evidence.command(name, argv)
        if not report.exists():
            raise NoEvidence((output.stdout + output.stderr).strip().splitlines()[-1])
        passed, others = outcomes(report.read_text())
        figure = f"{passed} tests passed" if not others else f"{passed} tests passed, not: {', '.join(others)}"
        return Result(figure=figure, held=output.status == 0 and passed > 0 and not others)

    return line


def outcomes(report: str) -> tuple[int, list[str]]:
    """How many tests of a JUnit report passed, and the names of those that failed or were skipped."""
    cases = list(ElementTree.fromstring(report).iter("testcase"))
    others = [case.get("name", "?") for case in cases if len(case.findall("*")) > len(case.findall("properties"))]
    return len(cases) - len(others), others
