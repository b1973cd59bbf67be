"""A candidate made ready to run: its whole environment, and whose malloc has to answer there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from heapswap.allocators.activation import environment
from heapswap.allocators.model import Activation, Preloads
from heapswap.workload import Build

LIBC = "libc"
"""`expected` of an arm that the C library's own malloc must serve"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One candidate of a trial."""

    spelling: str
    environ: Mapping[str, str]
    expected: str | None
    """Real path of the library that must own malloc, `LIBC`, or None where whatever answers is right (`current`). The
    program's own path: it carries its allocator, and has to be the one that is executed."""
    program: str = ""
    """what is executed under it; empty: the workload's program"""


def arm(activation: Activation, environ: Mapping[str, str]) -> Arm:
    """The arm of an activated candidate, given the environment that heapswap itself was started in."""
    candidate = activation.candidate
    if candidate.library == "current":
        expected = None
    elif activation.library is None:
        expected = LIBC
    else:
        expected = os.path.realpath(activation.library.path)
    return Arm(
        spelling=str(candidate),
        environ=environment(activation, environ, Preloads.REPLACE),
        expected=expected,
    )


def built(build: Build, environ: Mapping[str, str]) -> Arm:
    """The arm of a build: another program in the environment that is there."""
    path = os.path.realpath(build.program)
    return Arm(spelling=build.candidate, environ=dict(environ), expected=path, program=path)
