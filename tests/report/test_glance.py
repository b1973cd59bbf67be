"""What is shown while a profiled program runs."""

import io
from threading import Event

import pytest
from rich.console import Console

from heapswap.profiling.glance import Glance
from heapswap.profiling.model import Moment
from heapswap.report import glance as shown
from heapswap.report.glance import GlanceReport, glance_line, picture
from heapswap.report.progress import Display

MOMENTS = tuple(
    Moment(at=at / 10, live=at << 18, resident=(at << 18) + (20 << 20), anonymous=at << 18) for at in range(100)
)
RUNS = Glance(exe="/srv/ser\x1bvice", processes=3, allocations=812_000, share=0.1234, moments=MOMENTS)
NOTHING = Glance(exe="", processes=0, allocations=0, share=None, moments=())


def text(glance: Glance, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(picture(glance, 41_191.4, 75.0, width))
    return captured.get()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_picture_fits(width: int) -> None:
    page = text(RUNS, width)
    assert max(map(len, page.splitlines())) <= width
    assert "\x1b" not in page
    assert len(page.splitlines()) == 4
    assert len(text(NOTHING, width).splitlines()) == 2


def test_a_line() -> None:
    assert glance_line(RUNS, 41_191.4, 75.0) == (
        "[1 min 15 s] ser\\x1bvice; 41,191 allocations a second; 12.3 % of CPU in the allocator; "
        "24.8 MiB live, 44.8 MiB resident"
    )
    assert glance_line(NOTHING, 0.0, 1.0) == "[1 s] starting; 0 allocations a second; too few calls yet for a share"


def test_lines_elsewhere_than_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "LINE_EVERY", 0.001)
    asked = Event()

    def source() -> Glance:
        asked.set()
        return RUNS

    stream = io.StringIO()
    with GlanceReport(stream, display=Display.LINES, source=source, environ={}):
        assert asked.wait(60)
    assert "allocations a second" in stream.getvalue().splitlines()[0]


@pytest.mark.parametrize("display", [Display.LIVE, Display.SILENT])
def test_a_terminal_is_left_as_it_was_and_silence_is_silent(display: Display) -> None:
    stream = io.StringIO()
    with GlanceReport(stream, display=display, source=lambda: RUNS, environ={"TERM": "xterm", "COLUMNS": "80"}):
        pass
    assert ("resident" in stream.getvalue()) is (display is Display.LIVE)
