"""A recording under way: the environment that has a program recorded, and the collector that empties its rings.

The collector is a process of its own and lives as long as the pipe to it: a recording is whole however heapswap ends.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from heapswap import native
from heapswap.errors import CannotGoOn

FOLDER = "HEAPSWAP_TRACE"
"""the variable that tells the recorder its folder"""
PRELOAD = "LD_PRELOAD"
MEMORY = Path("/dev/shm")
"""a file system in memory: the program's stores are never held up by a disk"""
SEGMENT = 64 << 10
"""bytes of a segment, as in `native/trace-format/src/ring.rs`"""
MOST_MEMORY = 64 << 20
LEAST_MEMORY = 1 << 20


class Reason(StrEnum):
    """Why a recording ended."""

    ENDED = "ended"
    """the program has"""
    SIZE = "size"
    TIME = "time"
    BEHIND = "behind"
    """the program filled the memory faster than it could be written to the file"""
    MEMORY = "memory"
    DISK = "disk"
    KILLED = "killed"
    """the collector was"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a recording may take."""

    size: int | None = 2_000_000_000
    """bytes of the file while it is recorded"""
    seconds: float | None = None
    memory: int = MOST_MEMORY
    """bytes that all processes' rings may have together"""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a recording is, or was when it ended."""

    seconds: float = 0.0
    events: int = 0
    """calls recorded; a realloc is one"""
    bytes: int = 0
    """of their records"""
    processes: int = 0
    threads: int = 0
    ring_memory: int = 0
    """bytes of memory between the program and the file: now, and at the end the most there ever were"""
    processes_refused: int = 0
    threads_refused: int = 0
    reason: Reason | None = None
    """None: it is going on"""


def memory_for_rings(limit: int | None, otherwise: Path) -> int:
    """Bytes that rings may have: less where the file system in memory, or what the container may use, is small.

    Args:
        limit: bytes that the control group may use; None where there is no limit.
        otherwise: the folder used where there is no file system in memory.
    """
    room = _room(MEMORY) or _room(otherwise)
    most = MOST_MEMORY if limit is None else limit // 8
    return max(min(MOST_MEMORY, room // 4, most) // SEGMENT * SEGMENT, LEAST_MEMORY)


class Recording:
    """Records whatever is started with its `environ`, until the context is left or `finish` is called."""

    def __init__(self, file: Path, limits: Limits, command: Sequence[str]) -> None:
        """Start the collector.

        Raises:
            CannotGoOn: it is missing, or neither folder nor file can be written.
        """
        self.file = file
        self.state = State()
        self._received = b""
        recorder = native.preloadable("recorder")
        self._folder = _folder(file.parent)
        self._preload = recorder
        settings = {
            "metadata": {
                "program": command[0] if command else "",
                "arguments": list(command),
                "page_size": os.sysconf("SC_PAGE_SIZE"),
                "limits": {"size": limits.size, "seconds": limits.seconds, "memory": limits.memory},
            },
            "segments": max(limits.memory // SEGMENT, 1),
            "size": limits.size,
            "seconds": limits.seconds,
        }
        words = [str(native.tracer()), "collect", str(self._folder), str(file), json.dumps(settings)]
        self._collector = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
        )
        self._await_readiness()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment with the recorder in front of everything that is preloaded."""
        present = environ.get(PRELOAD, "")
        preload = f"{self._preload}:{present}" if present else self._preload
        return {**environ, PRELOAD: preload, FOLDER: os.fspath(self._folder)}

    @property
    def collector(self) -> int:
        """Its process id."""
        return self._collector.pid

    def look(self) -> State:
        """How far it is, without waiting."""
        assert self._collector.stdout is not None
        os.set_blocking(self._collector.stdout.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._collector.stdout.fileno(), 65536):
                self._take(part)
        return self.state

    def finish(self) -> State:
        """End recording; what the program still does goes unrecorded. Once it is finished, the same answer again."""
        if self._collector.stdin is None or self._collector.stdin.closed:
            return self.state
        self._collector.stdin.close()
        assert self._collector.stdout is not None
        os.set_blocking(self._collector.stdout.fileno(), True)
        while part := os.read(self._collector.stdout.fileno(), 65536):
            self._take(part)
        self._collector.wait()
        for pipe in (self._collector.stdout, self._collector.stderr):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self.state.reason is None:
            self.state = msgspec.structs.replace(self.state, reason=Reason.KILLED)
        return self.state

    def _await_readiness(self) -> None:
        assert self._collector.stdout is not None
        while b"\n" not in self._received:
            part = os.read(self._collector.stdout.fileno(), 65536)
            if not part:
                assert self._collector.stderr is not None
                said = self._collector.stderr.read().decode(errors="replace").strip()
                self.finish()
                raise CannotGoOn(f"{said or self.file}; give a file that can be written with -o")
            self._received += part
        _, _, self._received = self._received.partition(b"\n")

    def _take(self, part: bytes) -> None:
        *lines, self._received = (self._received + part).split(b"\n")
        if lines:
            self.state = msgspec.json.decode(lines[-1], type=State)


def pack(file: Path) -> bool:
    """Replace a trace by the same one compressed; False where there is no room for it, and the file is as it was."""
    packed = file.with_name(f".{file.name}.{os.getpid()}")
    ended = subprocess.run([native.tracer(), "pack", file, packed], capture_output=True, check=False)
    if ended.returncode != 0:
        packed.unlink(missing_ok=True)
        return False
    packed.replace(file)
    return True


def _folder(otherwise: Path) -> Path:
    """A private folder for the rings.

    Raises:
        CannotGoOn: it cannot be made.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="heapswap-trace-", dir=MEMORY if _room(MEMORY) else otherwise.absolute()))
    except OSError as error:
        raise CannotGoOn(f"{otherwise}: {error.strerror}; give a file that can be written with -o") from None


def _room(folder: Path) -> int:
    """Bytes that may be written there."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return int(status.f_bavail * status.f_frsize) if os.access(folder, os.W_OK) else 0
