"""A program as a child that shares the terminal: signals reach it as if it were alone, and it ends as it ends."""

import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heapswap.aside import say
from heapswap.cli.run import become
from heapswap.errors import HeapswapError

PASSED_ON: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""sent to heapswap by a process they are meant for the program; the terminal sends them to both anyway"""
BY_A_PROCESS: Final = 0
"""`si_code` of kill(2)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the program ended: one of the two is given."""

    status: int | None = None
    signal: int | None = None


class Child:
    """A program that has been started."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], ignored: tuple[int, ...]) -> None:
        """Fork and execute, in this process's group, with the dispositions and the mask this process was started with.

        A program that cannot be started says so itself and ends with heapswap's status for that.
        """
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})
        before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGCHLD, before)
            # Python's own handler, which exec would reset anyway; ignored stays ignored.
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            _become(argv, environ, ignored)

    def wait(self, seconds: float) -> Ending | None:
        """For so long at most; None where the program goes on."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return _ending(status)
            came = signal.sigtimedwait({*PASSED_ON, signal.SIGCHLD}, seconds)
            if came is None:
                return None
            if came.si_signo != signal.SIGCHLD and came.si_code == BY_A_PROCESS:
                os.kill(self.pid, came.si_signo)


def ended_like(ending: Ending) -> int:
    """The program's exit status; where a signal ended it, the same signal ends this process.

    The terminal and the shell see what they would have seen. Only the core, if any, is the program's alone.
    """
    if ending.signal is None:
        return ending.status or 0
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    if ending.signal not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(ending.signal, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {ending.signal})
    os.kill(os.getpid(), ending.signal)
    return 128 + ending.signal


def _become(argv: Sequence[str], environ: Mapping[str, str], ignored: tuple[int, ...]) -> None:
    try:
        become(list(argv), dict(environ), ignored)
    except HeapswapError as error:
        say(str(error))
        os._exit(error.exit_status)
    finally:
        os._exit(3)


def _ending(status: int) -> Ending:
    if os.WIFSIGNALED(status):
        return Ending(signal=os.WTERMSIG(status))
    return Ending(status=os.WEXITSTATUS(status))
