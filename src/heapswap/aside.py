"""What heapswap says beside a user's program: on standard error, which the program shares, and therefore little."""

import contextlib
import sys
from collections.abc import Iterable

from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level


def say(line: str) -> None:
    """One line on standard error, where there is one: a closed stream must not send it to standard output."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"heapswap: {line}", file=sys.stderr)


def settle(findings: Iterable[Finding], *, verbose: bool = False) -> None:
    """Say what has to be said before a swap, and refuse it where an error was found.

    Raises:
        CannotGoOn: for the last error; those before it are said.
    """
    errors = []
    for finding in findings:
        line = f"{finding.seen}; {finding.remedy}"
        if finding.level is Level.ERROR:
            errors.append(line)
        elif finding.level is Level.WARNING or verbose:
            say(f"{finding.level}: {line}")
    if errors:
        for line in errors[:-1]:
            say(line)
        raise CannotGoOn(errors[-1])
