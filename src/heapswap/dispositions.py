"""What heapswap found at its start and Python changed: two signal dispositions and, in a bare locale, LC_CTYPE.

Python ignores SIGPIPE and SIGXFSZ as it starts and forgets what it found. `native/entry`, the installed ``heapswap``
command, runs before Python and says in one environment variable which of the two were ignored. Where it did not run
(``python -m heapswap``), both are taken to be at their default.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "HEAPSWAP_IGNORED_SIGNALS"
"""set by `native/entry`, such as ``13,25``; private, so no program that heapswap starts gets it"""

OVERWRITTEN = (signal.SIGPIPE, signal.SIGXFSZ)
"""what Python changes at its start"""

_TUNABLES = "GLIBC_TUNABLES"


def ignored_at_start(environ: Mapping[str, str]) -> tuple[int, ...]:
    """The signals among `OVERWRITTEN` that were ignored before Python began; text of another form names none."""
    named = environ.get(VARIABLE, "").split(",")
    return tuple(int(number) for number in OVERWRITTEN if str(int(number)) in named)


def restore(ignored: tuple[int, ...]) -> None:
    """Put SIGPIPE and SIGXFSZ of this process back to ignored or default, as they have to be at exec."""
    for number in OVERWRITTEN:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)


def environment_at_start() -> dict[str, str]:
    """The environment this process was started with, in its order, `VARIABLE` left out.

    Not `os.environ`: Python sets LC_CTYPE there where the locale is C (PEP 538), and a scope that this process is in
    has taken its own entries out. The kernel still has the original; where /proc is missing, `os.environ` has to do.
    """
    try:
        block = os.fsdecode(Path("/proc/self/environ").read_bytes())
    except OSError:
        found = dict(os.environ)
    else:
        found = {}
        for entry in _tunables_mended(block, os.environ.get(_TUNABLES, "")).split("\0"):
            name, equals, value = entry.partition("=")
            if name and equals:
                found.setdefault(name, value)
    found.pop(VARIABLE, None)
    return found


def _tunables_mended(block: str, whole: str) -> str:
    """The block with `whole` in place of what the dynamic loader left of it.

    The loader of older glibc (2.36 for one) ends every value in the kernel's block with a NUL as it reads it, and gives
    the process a copy that is whole.
    """
    start = f"\0{block}".find(f"\0{_TUNABLES}=") + len(_TUNABLES) + 1
    left = block[start : start + len(whole)]
    return block[:start] + whole + block[start + len(whole) :] if left.replace("\0", ":") == whole else block
