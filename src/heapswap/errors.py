"""What ends heapswap itself. A candidate that fails is not an error: it is a run's outcome, and evidence.

    HeapswapError
     ├─ Misuse          exit status 2: the request cannot be meant; also a ValueError
     └─ CannotGoOn      exit status 3: the request is clear, and this machine or program does not allow it

Every message is one line that says what was seen and what to do. An interruption (Ctrl-C, or `Terminated`) is a
KeyboardInterrupt and ends with the status that a shell gives to a child which the signal ended.
"""

INTERRUPTED = 130
"""exit status after Ctrl-C"""

ALREADY_SET = "global allocator has already been set"
"""how every refusal of a second allocator begins; both, and where each was asked for, follow"""


class HeapswapError(Exception):
    """The root of everything heapswap raises on purpose."""

    exit_status = 3


class Misuse(HeapswapError, ValueError):
    """A request that cannot be meant: unknown candidate, unknown knob, no command."""

    exit_status = 2


class CannotGoOn(HeapswapError):
    """A clear request that cannot be met here: missing library, static program, full disk, newer file."""

    exit_status = 3


class Terminated(KeyboardInterrupt):
    """A signal other than that of Ctrl-C asked heapswap to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_status = 128 + number


def status_after(interruption: KeyboardInterrupt) -> int:
    """The exit status of an interrupted heapswap."""
    return interruption.exit_status if isinstance(interruption, Terminated) else INTERRUPTED
