"""What a profiled program does right now, on standard error: live on a terminal, a line now and then elsewhere."""

import threading
from collections.abc import Callable, Mapping
from pathlib import PurePath
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Group
from rich.live import Live
from rich.text import Text

from heapswap.profiling.glance import Glance
from heapswap.report.figures import part, whole_seconds
from heapswap.report.lines import printable
from heapswap.report.plots import course
from heapswap.report.progress import LINE_EVERY, Display, live_display
from heapswap.report.terminal import WIDEST
from heapswap.units import format_bytes


class GlanceReport:
    """Asks for a `Glance` again and again and shows it; a context, which leaves the terminal as it was."""

    def __init__(
        self, stream: TextIO, *, display: Display, source: Callable[[], Glance], environ: Mapping[str, str]
    ) -> None:
        self._stream = stream
        self._source = source
        self._began = monotonic()
        self._before = (self._began, 0)
        self._live: Live | None = None  # which is asked for while it is made
        if display is Display.LIVE:
            self._live = live_display(stream, environ, self._picture)
        self._over = threading.Event()
        self._thread = (
            threading.Thread(target=self._print_lines, name="lines", daemon=True) if display is Display.LINES else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        if self._thread:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        if self._thread:
            self._over.set()
            self._thread.join()

    def _print_lines(self) -> None:
        while not self._over.wait(LINE_EVERY):
            glance, rate = self._look()
            try:
                self._stream.write(glance_line(glance, rate, monotonic() - self._began) + "\n")
                self._stream.flush()
            except OSError:  # nobody can be told any longer, and the program goes on
                return

    def _look(self) -> tuple[Glance, float]:
        """What is seen, and allocations a second since the last time."""
        glance, now = self._source(), monotonic()
        at, allocations = self._before
        self._before = now, glance.allocations
        return glance, max(glance.allocations - allocations, 0) / max(now - at, 1e-3)

    def _picture(self) -> Group:
        if self._live is None:
            return Group()
        glance, rate = self._look()
        return picture(glance, rate, monotonic() - self._began, min(self._live.console.width, WIDEST))


def glance_line(glance: Glance, rate: float, seconds: float) -> str:
    """One plain line: time, what runs, how much it allocates, what that costs, what it holds."""
    told = [f"[{whole_seconds(seconds)}] {_name(glance)}", f"{rate:,.0f} allocations a second", _share(glance)]
    if glance.moments:
        last = glance.moments[-1]
        told.append(f"{format_bytes(last.live)} live, {format_bytes(last.resident)} resident")
    return "; ".join(told)


def picture(glance: Glance, rate: float, seconds: float, width: int) -> Group:
    """The live display: what runs, how fast it allocates, and its memory so far."""
    processes = "1 process" if glance.processes == 1 else f"{glance.processes} processes"
    first = f"{_name(glance)}, {processes}, {whole_seconds(seconds)} so far"
    lines = [first[:width], f"{rate:,.0f} allocations a second, {_share(glance)}"[:width]]
    room = max(width - 28, 1)
    if glance.moments:
        top = max(moment.resident for moment in glance.moments)
        rows = (("resident", [m.resident for m in glance.moments]), ("live", [m.live for m in glance.moments]))
        lines += [f"{label:<10}{format_bytes(values[-1]):>10}  {course(values, room, top)}" for label, values in rows]
    return Group(*(Text(line) for line in lines))


def _name(glance: Glance) -> str:
    return printable(PurePath(glance.exe).name) or "starting"


def _share(glance: Glance) -> str:
    return "too few calls yet for a share" if glance.share is None else f"{part(glance.share)} of CPU in the allocator"
