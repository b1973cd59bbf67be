"""What is said beside a user's program."""

import pytest

from heapswap.aside import settle
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level


def _finding(level: Level, what: str) -> Finding:
    return Finding(code="x", level=level, seen=f"{what} was seen", remedy=f"mend {what}")


def test_errors_refuse_with_one_line_each_and_notes_are_kept_back(capsys: pytest.CaptureFixture[str]) -> None:
    found = [
        _finding(Level.ERROR, "a"),
        _finding(Level.NOTE, "b"),
        _finding(Level.WARNING, "c"),
        _finding(Level.ERROR, "d"),
    ]
    with pytest.raises(CannotGoOn, match=r"^d was seen; mend d$"):
        settle(found, verbose=False)
    assert capsys.readouterr().err == "heapswap: warning: c was seen; mend c\nheapswap: a was seen; mend a\n"


def test_notes_are_said_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    settle([_finding(Level.NOTE, "b")], verbose=True)
    assert capsys.readouterr() == ("", "heapswap: note: b was seen; mend b\n")
