"""What a verb that asks many questions does right now: one line over another on a terminal, else one now and then."""

from collections.abc import Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from heapswap.report.figures import whole_seconds
from heapswap.report.lines import printable
from heapswap.report.progress import LINE_EVERY, Display, display_of

PATIENCE = 1.0
"""seconds in which nothing is said: what is over by then needs no word"""
_WIDTH = 78


class Telling:
    """Tells each step; use it as a context, which leaves the terminal as it was."""

    def __init__(
        self,
        stream: TextIO | None,
        *,
        environ: Mapping[str, str],
        quiet: bool,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._stream = stream
        self._display = display_of(stream, environ, quiet=quiet)
        self._clock = clock
        self._began = self._due = clock()
        self._due += PATIENCE
        self._is_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown and self._display is Display.LIVE:
            self._write("\r\x1b[K")

    def tell(self, now: str, *, known: str = "", done: int = 0, of: int = 0) -> None:
        """What runs now, what is known so far, and how far it is: with `of` steps in all the time left is told."""
        elapsed = self._clock() - self._began
        far = f"{done} of {of}" if of else ""
        if done and of:
            far += f", about {whole_seconds(elapsed / done * (of - done))} left"
        line = printable("; ".join(part for part in (far, now, known) if part))
        if self._display is Display.LIVE:
            self._is_shown = True
            self._write(f"\r\x1b[K{line[:_WIDTH]}")
        elif self._display is Display.LINES and self._clock() >= self._due:
            self._due = self._clock() + LINE_EVERY
            self._write(f"[{whole_seconds(elapsed)}] {line}\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # nobody can be told any longer, and the work goes on
            self._display = Display.SILENT
