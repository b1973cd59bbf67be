"""Where a program allocates: call sites by bytes, and folded stacks. Pure.

Every stack counts for the allocations it stands for (`Stack.weight`), so sums over stacks estimate sums over all
allocations without bias, and a rare site's figure is rough.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from heapswap.profiling.model import CallSite, Place
from heapswap.profiling.stacks import Frame, Stack, Stacks

KEPT = 20
"""call sites kept of a process"""
LEAST_SHARE = 0.005
"""of the bytes; smaller ones are chance"""

_PLUMBING = re.compile(
    r"""(?x)
    (?: __libc_ | __ | g_ | x | sqlite3 (?:Db|Mem)? )? (?: m|c|re|v|pv )? alloc (?: array | _n )? $   # C's family
    | (?: posix_memalign | memalign | aligned_alloc | strdup | strndup | __strdup ) $
    | operator \s new
    | (?: \S+ \s )? <* (?: std | __gnu_cxx | alloc | core | hashbrown ) ::    # containers, behind a type they answer
    | __rust_ | __rdl_ | __rg_
    | _?Py (?: Object | Mem | DataMem | ArrayMem )_ (?: Raw )? (?: Malloc | Calloc | Realloc | New ) \w* $
    | _?PyObject_ (?: GC_ \w+ | MakeTpCall | Vectorcall\w* ) $
    | _PyMem_ | _PyObject_New | PyType_GenericAlloc$ | _PyType_AllocNoTrack$ | gc_alloc$
    """
)
"""functions that allocate for whoever called them"""


def call_sites(stacks: Stacks) -> tuple[CallSite, ...]:
    """The places that requested most bytes, the largest first; shares are of all bytes requested."""
    bytes_: dict[tuple[str, ...], float] = {}
    calls: dict[tuple[str, ...], float] = {}
    places: dict[tuple[str, ...], tuple[Place, Place | None]] = {}
    for stack in stacks.stacks:
        site, caller = _site([stacks.frames[place] for place in stack.frames])
        key = (*_identity(site), *(_identity(caller) if caller else ()))
        bytes_[key] = bytes_.get(key, 0.0) + stack.weight * stack.size
        calls[key] = calls.get(key, 0.0) + stack.weight
        places.setdefault(key, (_place(site), _place(caller) if caller else None))
    total = sum(bytes_.values())
    ranked = sorted(bytes_, key=lambda key: (-bytes_[key], key))
    return tuple(
        CallSite(
            place=places[key][0],
            caller=places[key][1],
            bytes=round(bytes_[key]),
            calls=round(calls[key]),
            share=bytes_[key] / total,
        )
        for key in ranked[:KEPT]
        if bytes_[key] >= LEAST_SHARE * total > 0
    )


def _site(frames: list[Frame]) -> tuple[Frame, Frame | None]:
    """The function that asked for memory, and who called it: of C code below Python the Python function."""
    if not frames:
        return _UNKNOWN, None
    own = next((place for place, frame in enumerate(frames) if not _is_plumbing(frame)), 0)
    outer = frames[own + 1 :]
    if not frames[own].python:
        python = next((frame for frame in outer if frame.python), None)
        if python is not None:
            return frames[own], python
    return frames[own], next((frame for frame in outer if not _is_plumbing(frame)), None)


_UNKNOWN = Frame(function="", file="", line=0, library="", python=False)


def _is_plumbing(frame: Frame) -> bool:
    return not frame.python and _PLUMBING.match(frame.function) is not None


def _identity(frame: Frame) -> tuple[str, ...]:
    """A Python function is told by its first line too; of others the line is that of the call."""
    return frame.function, frame.file, frame.library, str(frame.line) if frame.python else ""


def _place(frame: Frame) -> Place:
    return Place(
        function=frame.function, file=frame.file, line=frame.line or None, library=frame.library, python=frame.python
    )


def folded(processes: Iterable[tuple[str, Stacks]]) -> str:
    """Lines of ``frame;frame;frame bytes``, outermost first, as flamegraph.pl and speedscope read them.

    Args:
        processes: a name for the outermost frame, and the stacks.
    """
    sums: dict[str, float] = {}
    for name, stacks in processes:
        words = [_word(frame) for frame in stacks.frames]
        for stack in stacks.stacks:
            line = ";".join([_escaped(name), *_outward(stack, words)])
            sums[line] = sums.get(line, 0.0) + stack.weight * stack.size
    return "".join(f"{line} {round(size)}\n" for line, size in sorted(sums.items()) if round(size) > 0)


def _outward(stack: Stack, words: list[str]) -> list[str]:
    cut = [] if stack.whole else ["[cut]"]
    return [*cut, *(words[place] for place in reversed(stack.frames))]


def _word(frame: Frame) -> str:
    name = _escaped(frame.function) or "[unknown]"
    return f"{name} ({_escaped(PurePath(frame.file).name)}:{frame.line})" if frame.python and frame.file else name


def _escaped(name: str) -> str:
    """Without what separates frames and lines."""
    return "".join(c if c.isprintable() else "?" for c in name).replace(";", ":")


def of_all(stacks: Mapping[str, Stacks], names: Mapping[str, str]) -> str:
    """The folded stacks of every process whose file is in `names`."""
    return folded((name, stacks[file]) for file, name in names.items() if file in stacks)
