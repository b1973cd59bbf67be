"""Findings look the same in every verb."""

from heapswap.findings import Finding, Level
from heapswap.report.findings import findings_text
from heapswap.report.terminal import Colour

NOTE = Finding(code="a", level=Level.NOTE, seen="seen once", remedy="")
ERROR = Finding(
    code="b", level=Level.ERROR, seen="the program is static, so nothing can be preloaded", remedy="link it"
)


def test_the_gravest_first_each_once_and_the_remedy_below() -> None:
    assert findings_text([NOTE, ERROR, NOTE], width=40).split("\n") == [
        "  error: the program is static, so",
        "    nothing can be preloaded",
        "    -> link it",
        "  note: seen once",
        "",
    ]


def test_no_findings_are_no_text() -> None:
    assert findings_text([], width=80) == ""


def test_only_the_level_is_coloured() -> None:
    assert "\x1b[1;31merror:\x1b[0m the program" in findings_text([ERROR], width=80, colour=Colour.ALWAYS)
