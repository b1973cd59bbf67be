"""Findings as text: one form for every verb."""

from collections.abc import Iterable

from rich.text import Text

from heapswap.findings import Finding, Level
from heapswap.report.lines import paragraph
from heapswap.report.terminal import Colour, render

_STYLES = {Level.ERROR: "bold red", Level.WARNING: "bold yellow", Level.NOTE: "bold"}
_ORDER = tuple(_STYLES)


def findings_text(findings: Iterable[Finding], *, width: int, colour: Colour = Colour.NEVER) -> str:
    """Findings, the gravest first and each once: level, what was seen, and the remedy on an indented line."""
    return render(finding_lines(findings, width), colour)


def finding_lines(findings: Iterable[Finding], width: int) -> list[Text]:
    """The same, as lines."""
    lines: list[Text] = []
    for finding in gravest_first(findings):
        seen = paragraph(finding.seen, width, first=f"  {finding.level}: ", rest=" " * 4)
        seen[0].stylize(_STYLES[finding.level], 2, 3 + len(finding.level))
        lines += seen
        if finding.remedy:
            lines += paragraph(finding.remedy, width, first="    -> ", rest=" " * 7)
    return lines


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings, each once, the gravest first."""
    return sorted(dict.fromkeys(findings), key=lambda finding: _ORDER.index(finding.level))
