"""The slow half of the declaration: what is wanted, whether it is in force, and the command executed anew under it."""

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heapswap import elf, manifest
from heapswap.allocators import activation, spelling
from heapswap.allocators.model import Activation, Preloads
from heapswap.aside import say, settle
from heapswap.dispositions import environment_at_start
from heapswap.errors import ALREADY_SET, CannotGoOn, Misuse
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, resolve
from heapswap.libc import is_c_library
from heapswap.runtime import mark
from heapswap.runtime.descriptors import givers_back
from heapswap.runtime.owner import malloc_owner, same_file
from heapswap.runtime.refusal import refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a declaration asks for."""

    spelling: str
    """canonical; empty: nothing, on this platform"""
    remark: str = ""
    """one line that the user has to read"""


def wanted(allocator: str | None, knobs: Mapping[str, object], *, secure: bool, file: str) -> Wanted:
    """The candidate that the arguments or, without them, the manifest of the program in `file` ask for.

    Raises:
        Misuse: it cannot be meant, or there is no manifest.
        CannotGoOn: the manifest cannot be read.
    """
    if allocator is not None:
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


def put_in_force(wanted: Wanted, *, request: str, place: str) -> None:
    """Return where `wanted` is in force already; otherwise execute this command anew under it.

    Raises:
        Misuse: another allocator is in force, or a knob is set to something else.
        CannotGoOn: it cannot take effect here.
    """
    if wanted.remark and not _is_worker():
        say(wanted.remark)
    if wanted.spelling in ("", spelling.CURRENT, spelling.SYSTEM):
        return
    if sys.platform != "linux":
        raise CannotGoOn(
            f"{wanted.spelling} from {place}: malloc is swapped on Linux only, and this is {sys.platform}; "
            "guard it, in the manifest with marker = \"sys_platform == 'linux'\""
        )
    users = environment_at_start()
    there = mark.left_in(os.environ)
    owner = malloc_owner()
    if there is not None and there.spelling != wanted.spelling and same_file(owner, there.library):
        raise Misuse(
            f"{ALREADY_SET}: {there.spelling} from {there.place}, {wanted.spelling} from {place}; "
            "take one of the two away"
        )
    program = _program(users)
    chosen = activation.activate(spelling.parse(wanted.spelling))
    environ = activation.environment(chosen, users, Preloads.MERGE, asked=place)
    settings = {name: environ[name] for name, _ in chosen.variables}
    if _answers(chosen, owner) and all(users.get(name) == value for name, value in settings.items()):
        return
    own = mark.identity()
    if there is not None and there.process == own and there.spelling == wanted.spelling:
        raise CannotGoOn(
            f"{wanted.spelling} from {place} is not in force although the command was executed anew for it: "
            f"malloc is that of {owner or 'an object that cannot be told'}; see heapswap inspect {os.getpid()}"
        )
    if reason := refusal(wanted.spelling):
        raise CannotGoOn(f"{wanted.spelling} from {place} cannot be put in force here: {reason}")
    settle(preflight(program, chosen, users))
    left = mark.Mark(
        process=own,
        request=request,
        spelling=wanted.spelling,
        place=place,
        library="" if chosen.library is None else chosen.library.path,
        name=_name(),
        settings=tuple(f"{name}={value}" for name, value in settings.items()),
    )
    _execute(environ | {mark.VARIABLE: left.encoded()})


def _execute(environ: Mapping[str, str]) -> None:
    """Become the same command again.

    Python ignores SIGPIPE and SIGXFSZ at its start whatever it finds, so that nothing has to be put back.
    """
    for give_back in givers_back:
        give_back()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(ValueError):  # closed
                stream.flush()
    try:
        os.execve(sys.executable, sys.orig_argv, environ)
    except OSError as error:
        raise CannotGoOn(f"{sys.executable} cannot be executed anew: {error.strerror}; use heapswap run") from None


def _program(environ: Mapping[str, str]) -> Program:
    """This interpreter, as preflight looks at it."""
    return resolve(os.path.realpath("/proc/self/exe"), environ, "/", sys.orig_argv[1:])


def _answers(chosen: Activation, owner: str) -> bool:
    """Whether `owner`, whose malloc this process calls, is the library that was chosen, or a copy of that build."""
    if chosen.library is None:
        return is_c_library(owner)
    if same_file(owner, chosen.library.path):
        return True
    try:
        return bool(chosen.library.build_id) and elf.read(owner).build_id == chosen.library.build_id
    except (OSError, elf.NotElf):
        return False


def _folders(file: str) -> tuple[Path, ...]:
    """Where the manifest is looked for: from the entry point's folder, then from the current one."""
    folders = [] if file.startswith("<") else [Path(file).absolute().parent]
    with contextlib.suppress(OSError):
        folders.append(Path.cwd())
    return tuple(dict.fromkeys(folders))


def _name() -> str:
    """What ps(1) calls this process."""
    try:
        return os.fsdecode(Path("/proc/self/comm").read_bytes().rstrip(b"\n"))
    except OSError:
        return ""


def _is_worker() -> bool:
    """Whether this process is one of many of one program, the first of which has said what is to be said."""
    return "--multiprocessing-fork" in sys.orig_argv
