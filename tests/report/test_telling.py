"""What a long question tells: what runs, what is known, how long it may take; nothing where nobody wants to know."""

from io import StringIO

import pytest

from heapswap.report.progress import LINE_EVERY
from heapswap.report.telling import Telling


class Stream(StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(stream: Stream | None, clock: Clock, *, quiet: bool = False, term: str = "xterm") -> None:
    with Telling(stream, environ={"TERM": term}, quiet=quiet, clock=clock) as telling:
        telling.tell("first", of=4)
        clock.now += 2.0
        telling.tell("second", known="first: held", done=1, of=4)
        clock.now += LINE_EVERY / 2
        telling.tell("third", done=2, of=4)
        clock.now += LINE_EVERY
        telling.tell("a\x1b[31m\nlong " + "x" * 200, done=3, of=4)


def test_a_terminal_has_one_line_that_is_gone_at_the_end() -> None:
    stream = Stream(terminal=True)
    told(stream, Clock())
    lines = stream.getvalue().split("\r\x1b[K")
    assert lines[1:4] == [
        "0 of 4; first",
        "1 of 4, about 6 s left; second; first: held",
        "2 of 4, about 4 s left; third",
    ]
    assert len(lines[4]) == 78
    assert "\x1b" not in lines[4]
    assert lines[-1] == ""
    assert "\n" not in stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_elsewhere_there_is_a_line_now_and_then(terminal: bool) -> None:
    stream = Stream(terminal=terminal)
    told(stream, Clock(), term="dumb")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[2 s] 1 of 4, about 6 s left; second; first: held"
    assert len(lines) == 2
    assert lines[1].startswith("[10 s] 3 of 4, about 3 s left; a\\x1b[31m\\nlong ")


def test_nothing_is_said_where_quiet_was_asked_for_or_nobody_listens() -> None:
    stream = Stream(terminal=True)
    told(stream, Clock(), quiet=True)
    assert stream.getvalue() == ""
    told(None, Clock())


def test_a_stream_that_breaks_ends_the_words_and_nothing_else() -> None:
    class Broken(Stream):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    told(Broken(terminal=True), Clock())


def test_what_is_over_at_once_needs_no_word() -> None:
    stream = Stream(terminal=False)
    with Telling(stream, environ={}, quiet=False, clock=Clock()) as telling:
        telling.tell("only", done=1, of=1)
    assert stream.getvalue() == ""
