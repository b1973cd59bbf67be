"""Conflicts with Python's own allocator setting, and with threads an allocator would add to Python."""

from collections.abc import Callable, Iterator

from heapswap.allocators import python as python_allocator
from heapswap.findings import Finding, Level
from heapswap.inspection.case import Case
from heapswap.inspection.python import Python

VARIABLE = python_allocator.KNOB.variable
_FORK_WARNS = (3, 12)
"""from here on Python warns at a fork in a process with several threads"""
_PREFORK = frozenset({"gunicorn", "celery", "uwsgi", "unicorn", "puma", "php-fpm", "postgres", "apache2", "httpd"})


def _python_allocator(case: Case) -> Iterator[Finding]:
    asked = case.variables.get(VARIABLE)
    value = asked or case.environ.get(VARIABLE, "")
    python = case.program.python
    if python is None:
        if asked and not case.program.opaque:
            yield Finding(
                code="not-python",
                level=Level.WARNING,
                seen=f"{case.name} is not a Python interpreter: {VARIABLE}={asked} says nothing to it",
                remedy="leave python=… out, unless it starts Python programs",
            )
        return
    if not value:
        return
    refusal = _refusal(python, value)
    if refusal:
        yield Finding(
            code="python-allocator",
            # What already is in the environment breaks the program with or without us.
            level=Level.ERROR if asked else Level.WARNING,
            seen=refusal,
            remedy=f"choose another value of python=… (this build accepts {_accepted(python)}), or leave it out",
        )
    elif asked and _ignores_environment(case.program.arguments):
        yield Finding(
            code="python-ignores-environment",
            level=Level.ERROR,
            seen=f"python is started with -E or -I, which makes it ignore {VARIABLE}",
            remedy="leave python=… out, or start it without that option",
        )


def _refusal(python: Python, value: str) -> str:
    # The file is searched only where the answer depends on it.
    return python_allocator.refusal(
        value, str(python), offers_mimalloc=not value.startswith("mimalloc") or python.offers_mimalloc()
    )


def _accepted(python: Python) -> str:
    return ", ".join(name for name in ("malloc", "pymalloc", "mimalloc") if not _refusal(python, name)) or "none"


def _ignores_environment(arguments: tuple[str, ...]) -> bool:
    for word in arguments:
        if not word.startswith("-") or word == "-" or word.startswith("--"):
            return False
        for letter in word[1:]:
            if letter in "cmWX":
                break
            if letter in "EI":
                return True
        if word[1:2] in ("c", "m"):
            return False
    return False


def _background_thread(case: Case) -> Iterator[Finding]:
    if not any("background_thread:true" in value for value in case.variables.values()):
        return
    python = case.program.python
    words = (case.name, *case.program.scripts, *case.program.arguments[:3])
    server = next((name for word in words if (name := word.rpartition("/")[2]) in _PREFORK), "")
    if server:
        seen = f"{server} forks its workers, and jemalloc's background thread does not survive a fork"
    elif python is not None and python.minor >= _FORK_WARNS:
        seen = f"Python {python} warns at every fork of a process that has threads, and this candidate adds one"
    else:
        return
    yield Finding(
        code="background-thread",
        level=Level.NOTE,
        seen=seen,
        remedy="prefer a decay without it: jemalloc:dirty_decay_ms=…,background_thread=false",
    )


CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (_python_allocator, _background_thread)
