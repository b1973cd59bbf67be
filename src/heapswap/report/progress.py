"""What a session does right now, on standard error: live on a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from heapswap.report.figures import count, interval, name, percent, whole_seconds
from heapswap.report.lines import fold, printable
from heapswap.report.terminal import WIDEST, Colour, colour_of
from heapswap.trials.model import Progress, Stage

LINE_EVERY = 5.0
"""seconds between two plain lines"""
REFRESHES = 1
"""redraws a second: the clock ticks, and what is measured beside it is left alone"""


class Display(StrEnum):
    """How progress is shown."""

    LIVE = "live"
    LINES = "lines"
    SILENT = "silent"


def display_of(stream: TextIO | None, environ: Mapping[str, str], *, quiet: bool) -> Display:
    """Live on a terminal that can move its cursor, plain lines elsewhere, nothing where quiet was asked for.

    Nothing as well where there is no stream: standard error was closed.
    """
    if quiet or stream is None:
        return Display.SILENT
    return Display.LIVE if stream.isatty() and environ.get("TERM") not in (None, "", "dumb") else Display.LINES


def live_display(stream: TextIO, environ: Mapping[str, str], picture: Callable[[], Group]) -> Live:
    """What is drawn anew in place, and gone when it is stopped; `picture` is asked for it, from another thread too."""
    console = Console(
        file=stream,
        force_terminal=True,
        no_color=colour_of(stream, environ) is Colour.NEVER,
        highlight=False,
        markup=False,
        emoji=False,
        _environ=environ,
    )
    return Live(
        console=console,
        get_renderable=picture,
        refresh_per_second=REFRESHES,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def announcement(runs: int, seconds: float) -> str:
    """The line before everything: how often the command will run, and for how long."""
    spell = "less than a second" if seconds < 1 else f"about {whole_seconds(seconds)}"
    return f"The command will run about {count(runs, 'time')}, for {spell}."


class ProgressReport:
    """Shows every `Progress` it is called with; use it as a context, which leaves the terminal as it was."""

    def __init__(
        self,
        stream: TextIO,
        *,
        display: Display,
        primary: str,
        environ: Mapping[str, str],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stream = stream
        self._display = display
        self._primary = primary
        self._clock = clock
        self._latest: Progress | None = None
        self._told_at = clock()
        self._printed: tuple[float, Stage | None] | None = None
        self._live = live_display(stream, environ, self._picture) if display is Display.LIVE else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show where the session stands."""
        self._latest, self._told_at = progress, self._clock()
        if self._live:
            self._live.refresh()
        elif self._display is Display.LINES and self._due(progress):
            self._printed = (progress.elapsed, _stage(progress))
            try:
                self._stream.write(progress_line(progress, self._primary) + "\n")
                self._stream.flush()
            except OSError:  # nobody can be told any longer, and what is measured goes on
                self._display = Display.SILENT

    def _due(self, progress: Progress) -> bool:
        if self._printed is None or progress.running is None:
            return True
        at, stage = self._printed
        return stage is not _stage(progress) or progress.elapsed - at >= LINE_EVERY

    def _picture(self) -> Group:
        if self._latest is None or self._live is None:
            return Group()
        # Asked for anew each time: a terminal can be resized while a trial runs.
        width = min(self._live.console.width, WIDEST)
        return picture(self._latest, self._primary, width, waited=self._clock() - self._told_at)


def progress_line(progress: Progress, primary: str) -> str:
    """One plain line: time, runs, what is left, who is ahead."""
    if progress.running is None:
        told = f"{count(progress.done, 'run')} done"
    else:
        left = whole_seconds(progress.remaining)
        told = f"{progress.done} of about {count(progress.expected, 'run')}, about {left} left"
    ahead = leader(progress, primary)
    return f"[{whole_seconds(progress.elapsed)}] {told}" + (f"; {ahead}" if ahead else "")


def leader(progress: Progress, primary: str) -> str:
    """Who is ahead and by how much; empty while nothing is known."""
    if not progress.leader:
        return ""
    told = f"ahead: {printable(progress.leader)}"
    if progress.effect is None:
        return told
    told += f", {name(primary)} {percent(progress.effect)}"
    known = progress.low is not None or progress.high is not None
    return f"{told} ({interval(progress.low, progress.high)})" if known else told


def picture(progress: Progress, primary: str, width: int, *, waited: float = 0.0) -> Group:
    """The live display: what runs, a bar with the time left, and who is ahead; `waited` seconds after it was told."""
    times = f"{whole_seconds(progress.elapsed + waited)} so far"
    if progress.running is not None:
        times += f", about {whole_seconds(max(progress.remaining - waited, 0.0))} left"
    runs = f"{progress.done} of about {count(progress.expected, 'run')}"
    bar = ProgressBar(total=max(progress.expected, 1), completed=progress.done, width=width // 4)
    beside = Table.grid(padding=(0, 2), pad_edge=False)
    beside.add_row(bar, f"{runs}, {times}")
    ahead = leader(progress, primary)
    return Group(
        *(Text(line) for line in fold(_now(progress), width)),
        beside,
        *(Text(line) for line in (fold(ahead, width) if ahead else ())),
    )


def _now(progress: Progress) -> str:
    slot = progress.running
    if slot is None:
        return "finishing"
    block = "" if slot.stage is Stage.WARM_UP else f", block {slot.block + 1}"
    return f"{slot.stage}{block}: {slot.candidate}"


def _stage(progress: Progress) -> Stage | None:
    return progress.running.stage if progress.running else None
