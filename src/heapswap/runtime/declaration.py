"""The one declaration: ``heapswap.global_allocator("mimalloc")`` as the first line of a program's entry point.

declared
 ├─ disabled (HEAPSWAP_DISABLE=1)            nothing happens
 ├─ already in force, as asked               nothing happens; this file alone decides it, and imports little
 ├─ another one was declared before          Misuse: global allocator has already been set
 └─ else (`heapswap.runtime.wanted`, `heapswap.runtime.reexecution`)
     ├─ a guard excludes this platform       one line is said; the allocator stays
     ├─ nobody can be re-executed here       CannotGoOn, with what to do instead
     └─ the same command is executed anew, once, in the same process, under the candidate
"""

import os
import sys

from heapswap.errors import ALREADY_SET, Misuse
from heapswap.libc import is_c_library
from heapswap.runtime import mark
from heapswap.runtime.owner import malloc_owner, same_file

_declared: tuple[str, str, str] | None = None
"""request, spelling and place of what was declared in this process"""


def global_allocator(allocator: str | None = None, *, secure: bool = False, **knobs: object) -> None:
    """Make `allocator` the one that serves this process and what it starts. Say it first, before anything else runs.

    Where it is not in force yet, the interpreter executes the same command once more under it: same process, working
    directory, standard streams and descriptors. What ran before this line therefore runs twice.

    Args:
        allocator: a candidate as `heapswap run` takes it (``mimalloc``, ``jemalloc/returning``, ``system:arena_max=2``,
            a path); None: what the project's manifest declares.
        secure: take the hardened build.
        knobs: settings of the allocator: ``dirty_decay_ms=1000``.

    Raises:
        Misuse: it cannot be meant, or another allocator has been declared before.
        CannotGoOn: it cannot take effect here; the message says what to do instead.
    """
    global _declared  # noqa: PLW0603 - one process, one allocator: that is the state
    if os.environ.get("HEAPSWAP_DISABLE", "") not in ("", "0"):
        return
    caller = sys._getframe(1)
    place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    request = _written(allocator, secure, knobs, caller.f_code.co_filename)
    if _declared is None and (spelling := _in_force(request, place)):
        _declared = (request, spelling, place)
    if _declared is not None and _declared[0] == request and (allocator is not None or _declared[2] == place):
        return
    from heapswap.runtime.wanted import changes_something, wanted_by  # noqa: PLC0415 - slow, and seldom needed

    wanted = wanted_by(allocator, knobs, secure=secure, file=caller.f_code.co_filename)
    if _declared is None:
        if changes_something(wanted, place):
            from heapswap.runtime.reexecution import put_in_force  # noqa: PLC0415 - and on Linux only

            put_in_force(wanted.spelling, request=request, place=place)
        _declared = (request, wanted.spelling, place)
    elif _declared[1] != wanted.spelling:
        raise Misuse(
            f"{ALREADY_SET}: {_declared[1] or 'none'} from {_declared[2]}, {wanted.spelling or 'none'} from {place}; "
            "take one of the two away"
        )


def _written(allocator: str | None, secure: bool, knobs: dict[str, object], file: str) -> str:
    """A request as text; equal texts are equal requests."""
    if allocator is None and not secure and not knobs:
        asked = [os.environ.get(name, "") for name in ("HEAPSWAP_FEATURES", "HEAPSWAP_NO_DEFAULT_FEATURES")]
        # Without a file of its own it is the working directory that says which manifest is meant.
        return f"manifest {asked} {os.getcwd() if file.startswith('<') else ''}"  # noqa: PTH109
    return repr((allocator, secure, sorted(knobs.items())))


def _in_force(request: str, place: str) -> str:
    """The spelling of what is in force, if this very request was put in force by an earlier start; else empty."""
    there = mark.left_in(os.environ)
    if there is None or there.request != request or (request.startswith("manifest ") and there.place != place):
        return ""
    owner = malloc_owner()
    answers = same_file(owner, there.library) if there.library else is_c_library(owner)
    if not answers or any(os.environ.get(name) != value for name, _, value in map(_parted, there.settings)):
        return ""
    _keep_name(there)
    return there.spelling


def _parted(setting: str) -> tuple[str, str, str]:
    return setting.partition("=")


def _keep_name(there: mark.Mark) -> None:
    """A process is called after the file it executes, a script included; executed anew, it keeps the name it had."""
    try:
        if there.process == mark.identity():
            with open("/proc/self/comm", "r+b", buffering=0) as name:  # noqa: PTH123 - pathlib is slow to import
                if os.fsdecode(name.read().rstrip(b"\n")) != there.name:
                    name.write(os.fsencode(there.name))
    except OSError:
        pass
