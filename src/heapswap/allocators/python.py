"""Python's own allocator: a knob on top of any candidate, ``mimalloc:python=malloc``.

By default CPython serves objects up to 512 bytes from its own arenas, which no preloaded library sees. On a
free-threaded build ``malloc`` and ``pymalloc`` are a fatal error at start, and so is ``mimalloc`` before 3.13.
"""

import re

from heapswap.allocators.model import Knob, KnobType

KNOB = Knob(
    name="python",
    variable="PYTHONMALLOC",
    type=KnobType.CHOICE,
    default="default",
    effect="malloc hands small objects to the C allocator too; mimalloc (3.13 and later) uses Python's own copy",
    choices=(
        "default",
        "malloc",
        "pymalloc",
        "mimalloc",
        "debug",
        "malloc_debug",
        "pymalloc_debug",
        "mimalloc_debug",
    ),
)

_VERSION = re.compile(r"(\d+)\.(\d+)[^t]*(t?)")


def refusal(value: str, version: str, *, offers_mimalloc: bool = True) -> str:
    """Why a Python of `version` (``3.11.7``, ``3.13.0t``) would abort under this value; empty when it would not.

    An empty version is a program that is not Python, or not known to be: nothing is refused. `offers_mimalloc` tells
    whether the build has it, which one of 3.13 or later may lack.
    """
    match = _VERSION.match(version)
    if match is None:
        return ""
    release, free_threaded = (int(match[1]), int(match[2])), match[3] == "t"
    base = value.removesuffix("_debug")
    aborts = f"aborts under {KNOB.variable}={value}"
    if base == "mimalloc" and release < (3, 13):
        return f"Python {version} {aborts}; it came with 3.13"
    if base == "mimalloc" and not offers_mimalloc:
        return f"Python {version} {aborts}; this build was made without mimalloc"
    if free_threaded and base in ("malloc", "pymalloc"):
        return f"Python {version} is free-threaded and {aborts}; mimalloc is built in"
    return ""
