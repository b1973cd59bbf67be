"""Progress: plain lines now and then, a live picture on a terminal, never a word on standard output."""

import os
import pty
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from heapswap.report.progress import (
    Display,
    ProgressReport,
    announcement,
    display_of,
    leader,
    picture,
    progress_line,
)
from heapswap.trials.model import Progress, Slot, Stage
from tests.report import strategies
from tests.report.test_terminal import Terminal

CONFIRMING = Progress(
    running=Slot(stage=Stage.CONFIRMING, block=2, position=1, candidate="jemalloc/returning"),
    done=37,
    expected=64,
    elapsed=72.0,
    remaining=50.0,
    leader="mimalloc",
    effect=-0.381,
    low=-0.402,
    high=-0.359,
)
WARM_UP = Progress(
    running=Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current"),
    done=0,
    expected=60,
    elapsed=0.0,
    remaining=120.0,
)


def test_the_line_before_everything() -> None:
    assert announcement(64, 122.0) == "The command will run about 64 times, for about 2 min 02 s."
    assert announcement(1, 0.5) == "The command will run about 1 time, for less than a second."


def test_a_plain_line_says_time_runs_and_leader() -> None:
    assert progress_line(CONFIRMING, "cpu") == (
        "[1 min 12 s] 37 of about 64 runs, about 50 s left; ahead: mimalloc, CPU time -38.1 % (-40.2 % to -35.9 %)"
    )
    assert progress_line(WARM_UP, "cpu") == "[0 s] 0 of about 60 runs, about 2 min 00 s left"
    assert progress_line(replace(WARM_UP, running=None, done=60), "cpu") == "[0 s] 60 runs done"


def test_a_leader_without_figures_is_named_alone() -> None:
    assert leader(replace(CONFIRMING, effect=None), "cpu") == "ahead: mimalloc"
    assert leader(replace(CONFIRMING, low=None, high=None), "cpu") == "ahead: mimalloc, CPU time -38.1 %"


def _lines(told: Iterable[Progress]) -> list[str]:
    stream = StringIO()
    with ProgressReport(stream, display=Display.LINES, primary="cpu", environ={}) as report:
        for progress in told:
            report(progress)
    return stream.getvalue().splitlines()


def test_plain_lines_come_every_few_seconds_at_a_new_stage_and_at_the_end() -> None:
    told = [replace(CONFIRMING, elapsed=at) for at in (10.0, 11.0, 14.9, 15.0, 15.1, 21.0)]
    end = replace(CONFIRMING, running=None, elapsed=21.5)
    seen = [line.split("]")[0] for line in _lines([WARM_UP, *told, end])]
    assert seen == ["[0 s", "[10 s", "[15 s", "[21 s", "[22 s"]


def test_quiet_is_silent() -> None:
    stream = StringIO()
    with ProgressReport(stream, display=Display.SILENT, primary="cpu", environ={}) as report:
        report(CONFIRMING)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("stream", "environ", "quiet", "display"),
    [
        (Terminal(), {"TERM": "xterm"}, False, Display.LIVE),
        (Terminal(), {"TERM": "dumb"}, False, Display.LINES),
        (Terminal(), {}, False, Display.LINES),
        (StringIO(), {"TERM": "xterm"}, False, Display.LINES),
        (Terminal(), {"TERM": "xterm"}, True, Display.SILENT),
    ],
)
def test_display(stream: StringIO, environ: dict[str, str], quiet: bool, display: Display) -> None:
    assert display_of(stream, environ, quiet=quiet) is display


@settings(max_examples=60)
@given(strategies.progresses, strategies.metrics, strategies.widths, st.floats(0, 1e5))
def test_the_picture_fits_the_width(progress: Progress, primary: str, width: int, waited: float) -> None:
    buffer = StringIO()
    console = Console(file=buffer, width=width, _environ={})
    console.print(picture(progress, primary, width, waited=waited))
    assert [line for line in buffer.getvalue().split("\n") if cell_len(line) > width] == []


def test_the_picture_says_what_runs_how_far_it_is_and_who_is_ahead() -> None:
    buffer = StringIO()
    Console(file=buffer, width=80, _environ={}).print(picture(CONFIRMING, "cpu", 80, waited=5.0))
    first, second, third = (line.strip() for line in buffer.getvalue().splitlines())
    assert first == "confirming, block 3: jemalloc/returning"
    assert second.endswith("37 of about 64 runs, 1 min 17 s so far, about 45 s left")
    assert third == "ahead: mimalloc, CPU time -38.1 % (-40.2 % to -35.9 %)"


def test_an_interrupted_live_display_leaves_the_terminal_clean(capfd: pytest.CaptureFixture[str]) -> None:
    ours, theirs = pty.openpty()
    stream = os.fdopen(theirs, "w")
    report = ProgressReport(stream, display=Display.LIVE, primary="cpu", environ={"COLUMNS": "80"})

    def interrupted() -> None:
        with report:
            report(CONFIRMING)
            print("the program's own line")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    stream.close()
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux reports the closed other end as an error
        pass
    os.close(ours)
    assert b"confirming, block 3" in written
    assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")  # the cursor is shown again
    assert written.rstrip().endswith(b"\x1b[2K")  # the last thing done to the lines is to erase them
    assert capfd.readouterr() == ("the program's own line\n", "")
