"""The launcher process, and the socket to it. The protocol is explained in `native/launch/src/protocol.rs`."""

import select
import socket
import subprocess
from collections.abc import Mapping, Sequence
from time import monotonic

import msgspec

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.trials import record

Reply = record.Started | record.Refused | record.Marked | record.Ended | record.Error

_REPLIES = msgspec.json.Decoder(Reply)
_CHUNK = 64 * 1024


class Launcher:
    """One launcher: it runs one program after the other, and ends with whatever it runs when it is closed."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [native.launcher(), str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    # Nothing of this process's environment: a preloaded allocator would make the launcher larger.
                    env={},
                    # A Ctrl-C on the terminal is this process's affair; the launcher hears of it from here.
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise CannotGoOn(f"{native.launcher()} cannot be started: {error.strerror}; try again") from None
        self._socket = ours
        self._received = bytearray()

    def run(self, request: Mapping[str, object]) -> tuple[int, record.Ended | record.Refused]:
        """Start a program and wait for its end: the pid of the root, and how it ended.

        Raises:
            CannotGoOn: the launcher is gone, or says what was not expected.
        """
        started = self.start(request)
        if isinstance(started, record.Refused):
            return 0, started
        ended = self.ended()
        if ended is None:
            raise AssertionError("without a patience somebody waits for ever")
        return started.pid, ended

    def start(self, request: Mapping[str, object]) -> record.Started | record.Refused:
        """Start a program.

        Raises:
            CannotGoOn: as `run`.
        """
        self._ask({"do": "start", **request})
        reply = self._reply(None)
        if isinstance(reply, record.Started | record.Refused):
            return reply
        raise _unexpected(reply)

    def mark(self, name: str) -> record.Marked | record.Ended:
        """Measure the tree now; where it is gone already, how it ended.

        Raises:
            CannotGoOn: as `run`.
        """
        self._ask({"do": "mark", "name": name})
        reply = self._reply(None)
        if isinstance(reply, record.Marked | record.Ended):
            return reply
        raise _unexpected(reply)

    def stop(self, number: int, grace: float) -> record.Ended:
        """Send a signal to the root, kill the tree after so many seconds, and wait for the end.

        Raises:
            CannotGoOn: as `run`.
        """
        self._ask({"do": "stop", "signal": number, "grace": grace})
        return self._last()

    def kill(self) -> record.Ended:
        """End the whole tree now.

        Raises:
            CannotGoOn: as `run`.
        """
        self._ask({"do": "kill"})
        return self._last()

    def ended(self, patience: float | None = None) -> record.Ended | None:
        """How the program ended, or None where it still runs after so many seconds.

        Raises:
            CannotGoOn: as `run`.
        """
        reply = self._reply(patience)
        if reply is None or isinstance(reply, record.Ended):
            return reply
        raise _unexpected(reply)

    def fileno(self) -> int:
        """The descriptor of the socket, for `first_to_speak`."""
        return self._socket.fileno()

    def has_said(self) -> bool:
        """Whether a whole line was received that nobody has asked for yet."""
        return b"\n" in self._received

    def close(self) -> None:
        """End what runs, and wait until nothing of it is left."""
        self._socket.close()
        self._process.wait()

    def _last(self) -> record.Ended:
        ended = self.ended()
        if ended is None:
            raise AssertionError("without a patience somebody waits for ever")
        return ended

    def _ask(self, request: Mapping[str, object]) -> None:
        try:
            self._socket.sendall(msgspec.json.encode(request) + b"\n")
        except OSError as error:
            raise _gone(error) from None

    def _reply(self, patience: float | None) -> Reply | None:
        until = None if patience is None else monotonic() + patience
        try:
            while not self.has_said():
                left = None if until is None else max(until - monotonic(), 0.0)
                if not select.select([self._socket], [], [], left)[0]:
                    return None
                chunk = self._socket.recv(_CHUNK)
                if not chunk:
                    raise OSError("it is gone")
                self._received += chunk
            line, _, rest = bytes(self._received).partition(b"\n")
            self._received = bytearray(rest)
            reply: Reply = _REPLIES.decode(line)
        except (OSError, msgspec.DecodeError) as error:
            raise _gone(error) from None
        return reply


def first_to_speak(launchers: Sequence[Launcher], patience: float) -> Launcher | None:
    """Wait until one of them has something to say; None where none has after so many seconds."""
    for launcher in launchers:
        if launcher.has_said():
            return launcher
    speaking: list[Launcher] = select.select(launchers, [], [], patience)[0]
    return speaking[0] if speaking else None


def _gone(error: Exception) -> CannotGoOn:
    return CannotGoOn(f"the launcher broke off ({error}); start again")


def _unexpected(reply: Reply | None) -> CannotGoOn:
    return CannotGoOn(f"the launcher answered {reply}; install heapswap again")
