"""Width and colour as the terminal and the environment ask for them."""

from io import StringIO

import pytest
from rich.text import Text

from heapswap.report.terminal import Colour, colour_of, render, width_of


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "colour"),
    [
        (Terminal(), {}, Colour.ALWAYS),
        (Terminal(), {"NO_COLOR": "1"}, Colour.NEVER),
        (Terminal(), {"NO_COLOR": ""}, Colour.ALWAYS),
        (Terminal(), {"TERM": "dumb"}, Colour.NEVER),
        (StringIO(), {"FORCE_COLOR": "1"}, Colour.NEVER),
    ],
)
def test_colour(stream: StringIO, environ: dict[str, str], colour: Colour) -> None:
    assert colour_of(stream, environ) is colour


@pytest.mark.parametrize(
    ("columns", "width"), [("100", 100), ("10", 40), ("500", 120), ("", 80), ("wide", 80), ("-3", 80), ("0", 80)]
)
def test_width(columns: str, width: int) -> None:
    assert width_of(StringIO(), {"COLUMNS": columns}) == width


def test_plain_text_has_no_escapes_and_long_lines_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert render([Text("x" * 200, style="bold red"), Text("[b]:smile:")], Colour.NEVER) == "x" * 200 + "\n[b]:smile:\n"


def test_colour_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert render([Text("x", style="bold")], Colour.ALWAYS) == "\x1b[1mx\x1b[0m\n"
