"""What ends heapswap itself. A candidate that fails is not an error: it is a run's outcome, and evidence.

    HeapswapError
     ├─ Misuse          exit status 2: the request cannot be meant; also a ValueError
     └─ CannotGoOn      exit status 3: the request is clear, and this machine or program does not allow it

Every message is one line that says what was seen and what to do.
"""

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
