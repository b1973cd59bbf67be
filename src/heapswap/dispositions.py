"""Signal dispositions as heapswap found them: Python ignores SIGPIPE and SIGXFSZ at its start and forgets the rest.

`native/entry`, the installed ``heapswap`` command, runs before Python and says in one environment variable which of
the two were ignored. Where it did not run (``python -m heapswap``), both are taken to be at their default.
"""

import signal
from collections.abc import Mapping

VARIABLE = "HEAPSWAP_IGNORED_SIGNALS"
"""set by `native/entry`, such as ``13,25``; private, so no program that heapswap starts gets it"""

OVERWRITTEN = (signal.SIGPIPE, signal.SIGXFSZ)
"""what Python changes at its start"""


def ignored_at_start(environ: Mapping[str, str]) -> tuple[int, ...]:
    """The signals among `OVERWRITTEN` that were ignored before Python began; text of another form names none."""
    named = environ.get(VARIABLE, "").split(",")
    return tuple(int(number) for number in OVERWRITTEN if str(int(number)) in named)


def restore(ignored: tuple[int, ...]) -> None:
    """Put SIGPIPE and SIGXFSZ of this process back to ignored or default, as they have to be at exec."""
    for number in OVERWRITTEN:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
