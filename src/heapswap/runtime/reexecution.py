"""The slow half of the declaration: whether a candidate is in force, and the command executed anew under it."""

import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from heapswap import elf
from heapswap.allocators import activation, spelling
from heapswap.allocators.model import Activation, Preloads
from heapswap.aside import settle
from heapswap.dispositions import environment_at_start
from heapswap.errors import ALREADY_SET, CannotGoOn, Misuse
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, resolve
from heapswap.libc import is_c_library
from heapswap.runtime import mark
from heapswap.runtime.descriptors import givers_back
from heapswap.runtime.owner import malloc_owner, same_file
from heapswap.runtime.refusal import refusal

_TIMERS = (
    (signal.ITIMER_REAL, signal.SIGALRM),
    (signal.ITIMER_VIRTUAL, signal.SIGVTALRM),
    (signal.ITIMER_PROF, signal.SIGPROF),
)


def put_in_force(wanted: str, *, request: str, place: str) -> None:
    """Return where the candidate spelled `wanted` is in force already; otherwise execute this command anew under it.

    Raises:
        Misuse: another allocator is in force, or a knob is set to something else.
        CannotGoOn: it cannot take effect here.
    """
    if not Path(mark.STAT).exists():
        raise CannotGoOn(f"{wanted} from {place} cannot be put in force here: there is no /proc; mount it")
    users = _environment()
    there = mark.left_in(os.environ)
    owner = malloc_owner()
    if there is not None and there.spelling != wanted and same_file(owner, there.library):
        raise Misuse(
            f"{ALREADY_SET}: {there.spelling} from {there.place}, {wanted} from {place}; take one of the two away"
        )
    chosen = activation.activate(spelling.parse(wanted))
    environ = activation.environment(chosen, users, Preloads.MERGE, asked=place)
    settings = {name: environ[name] for name, _ in chosen.variables}
    if _answers(chosen, owner) and all(users.get(name) == value for name, value in settings.items()):
        return
    own = mark.identity()
    if there is not None and there.process == own and there.spelling == wanted:
        raise CannotGoOn(
            f"{wanted} from {place} is not in force although the command was executed anew for it: "
            f"malloc is that of {owner or 'an object that cannot be told'}; see heapswap inspect {os.getpid()}"
        )
    if reason := refusal(wanted):
        raise CannotGoOn(f"{wanted} from {place} cannot be put in force here: {reason}")
    settle(preflight(_program(users), chosen, users))
    left = mark.Mark(
        process=own,
        request=request,
        spelling=wanted,
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
            # Closed, or nobody takes it: the second execution writes it again, and fails where the program would have.
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    timers = _stopped_timers()
    try:
        os.execve(sys.executable, [_interpreter(), *sys.orig_argv[1:]], environ)
    except OSError as error:
        for timer, (first, every) in timers.items():
            signal.setitimer(timer, first, every)
        raise CannotGoOn(f"{sys.executable} cannot be executed anew: {error.strerror}; use heapswap run") from None


def _stopped_timers() -> dict[int, tuple[float, float]]:
    """The timers whose signal the program handles, now stopped: a timer outlives exec, and what handles it does not.

    The second execution sets them again. One that was there before the program has no handler of it, and goes on.
    """
    unhandled = (signal.SIG_DFL, signal.SIG_IGN)
    return {
        timer: signal.setitimer(timer, 0)
        for timer, number in _TIMERS
        if signal.getitimer(timer)[0] and signal.getsignal(number) not in unhandled
    }


def _interpreter() -> str:
    """How Python is called: by what it was called, which it finds its packages by, unless that led elsewhere now."""
    called = sys.orig_argv[0]
    is_relative = "/" in called and not called.startswith("/")
    return sys.executable if is_relative and not same_file(called, sys.executable) else called


def _environment() -> dict[str, str]:
    """As this process was started with; as it is now where a title in ps (setproctitle) was written over the former."""
    found = environment_at_start()
    return dict(os.environ) if "PATH" in os.environ and "PATH" not in found else found


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


def _name() -> str:
    """What ps(1) calls this process."""
    try:
        return os.fsdecode(Path("/proc/self/comm").read_bytes().rstrip(b"\n"))
    except OSError:
        return ""
