"""What a declaration asks for here. Works on every platform: a guard is read where nothing can be swapped, too."""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from heapswap import manifest
from heapswap.allocators import spelling
from heapswap.aside import say
from heapswap.errors import CannotGoOn, Misuse
from heapswap.values import value


@value
class Wanted:
    """What a declaration asks for."""

    spelling: str
    """canonical; empty: nothing, on this platform"""
    remark: str = ""
    """one line that the user has to read"""


def wanted_by(allocator: object, knobs: Mapping[str, object], *, secure: bool, file: str) -> Wanted:
    """The candidate that the arguments or, without them, the manifest of the program in `file` ask for.

    Raises:
        Misuse: it cannot be meant, or there is no manifest.
        CannotGoOn: the manifest cannot be read.
    """
    if allocator is not None:
        if not isinstance(allocator, str):
            raise Misuse(f"the allocator is {allocator!r}; give its name or path as text")
        return Wanted(spelling=str(spelling.parse(manifest.spelled(allocator, knobs, secure=secure))))
    if secure or knobs:
        raise Misuse("secure and knobs need an allocator; name it, or set them in the manifest")
    found = manifest.found_from(_folders(file))
    if found is None:
        raise Misuse(
            "global_allocator() found no [tool.heapswap] in pyproject.toml and no heapswap.toml, "
            f"from {' and '.join(map(str, _folders(file)))} upwards; name an allocator, or write one"
        )
    declared = manifest.resolve(found, manifest.asked_by(os.environ))
    return Wanted(spelling=str(spelling.parse(declared.spelling)) if declared.spelling else "", remark=declared.remark)


def changes_something(wanted: Wanted, place: str) -> bool:
    """Whether the allocator has to be another than the platform's own; says the remark, where there is one.

    Raises:
        CannotGoOn: it has to be, and cannot be on this platform.
    """
    if wanted.remark and not _is_worker():
        say(wanted.remark)
    if wanted.spelling in ("", spelling.CURRENT, spelling.SYSTEM):
        return False
    if sys.platform != "linux":
        raise CannotGoOn(
            f"{wanted.spelling} from {place}: malloc is swapped on Linux only, and this is {sys.platform}; "
            "guard it, in the manifest with marker = \"sys_platform == 'linux'\""
        )
    return True


def _folders(file: str) -> tuple[Path, ...]:
    """Where the manifest is looked for: from the entry point's folder, then from the current one."""
    folders = [] if file.startswith("<") else [Path(file).absolute().parent]
    with contextlib.suppress(OSError):
        folders.append(Path.cwd())
    return tuple(dict.fromkeys(folders))


def _is_worker() -> bool:
    """Whether this process is one of many of one program, the first of which has said what is to be said."""
    return "--multiprocessing-fork" in sys.orig_argv
