"""SIGTERM and SIGHUP end a trial as Ctrl-C does: what runs is ended, cleanup runs, what was measured is kept."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from heapswap.errors import Terminated

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Raise `Terminated` in the body at the first of these signals; one that was ignored at the start stays so.

    Later ones change nothing: `timeout` sends to the process and then to its group, and what ends already must not be
    kept from ending well.
    """
    is_asked = False

    def end(number: int, _: FrameType | None) -> None:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            raise Terminated(number)

    before = {number: signal.signal(number, end) for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
