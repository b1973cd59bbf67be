"""Memory over time, seen from outside: live bytes in the probe's files, resident bytes in /proc."""

import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from heapswap.profiling import wire
from heapswap.profiling.model import Moment, Split
from heapswap.profiling.profile import Course
from heapswap.profiling.split import is_glibcs, look

INTERVAL = 0.02
"""seconds between looks, at first; they get rarer with the length of the run"""
RARER = 64
"""a look every so manyth of the time that has passed"""
LONGEST = 1.0
SHARE = 20.0
"""a look is waited for at least so many times as long as the last one worked: a large tree has thousands of files"""
SPLIT_INTERVAL = 0.1
"""seconds between splits of the memory, at least"""
SPLITS = 16
"""one every so manyth of the time that has passed, and never sooner than `SHARE` allows by what the last one took"""
MOST = 400
"""moments kept of a process: the course is thinned to half whenever it is full"""


@dataclass(slots=True)
class _Course:
    """The moments of one process so far."""

    process: int
    begun: int
    glibc: bool
    moments: list[Moment] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    due: float = 0.1
    """seconds after which the memory is split again"""

    def add(self, moment: Moment) -> None:
        self.moments.append(moment)
        if len(self.moments) > MOST:
            self.moments = self.moments[::2]


class Watch:
    """Looks at every process of a run until the context is left; a thread of this process, not of theirs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._courses: dict[str, _Course] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, name="memory over time", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def courses(self) -> dict[str, Course]:
        """What was seen of each file's process, by the name of the file."""
        return {
            name: Course(timeline=tuple(course.moments), splits=tuple(course.splits))
            for name, course in list(self._courses.items())
        }

    @property
    def timelines(self) -> dict[str, tuple[Moment, ...]]:
        """The moments alone."""
        return {name: course.timeline for name, course in self.courses.items()}

    def _look_again_and_again(self) -> None:
        began = time.monotonic()
        cost = 0.0
        while not self._over.wait(max(min((time.monotonic() - began) / RARER, LONGEST), INTERVAL, SHARE * cost)):
            # CPU time: on a busy machine a look takes longer without costing more, and fewer looks would tell less.
            before = time.thread_time()
            self.look()
            cost = time.thread_time() - before
            self.split()

    def look(self) -> None:
        """One look at every process that is there."""
        latest: dict[int, str] = {}
        for path in self._folder.glob(f"*{wire.SUFFIX}"):
            course = self._courses.get(path.name) or self._begin(path)
            if course is None:
                continue
            other = latest.get(course.process)
            # After an exec the same process goes on in another file.
            if other is None or self._courses[other].begun < course.begun:
                latest[course.process] = path.name
        for name in latest.values():
            self._add(name)

    def split(self) -> None:
        """Splits the memory of every process that is due, right after a look."""
        for course in self._courses.values():
            if course.moments and course.moments[-1].at >= course.due:
                _split(course, course.moments[-1])

    def _begin(self, path: Path) -> _Course | None:
        try:
            with path.open("rb") as file:
                header = wire.decode_header(file.read(wire.HEADER))
        except (wire.NotAProbeFile, OSError):
            return None
        course = _Course(header.process, header.begun, is_glibcs(header.library))
        self._courses[path.name] = course
        return course

    def _add(self, name: str) -> None:
        course = self._courses[name]
        memory = resident(course.process)
        if memory is None:
            return
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        try:
            live = wire.live_now(self._folder / name)
        except (wire.NotAProbeFile, OSError):
            return
        moment = Moment(at=(now - course.begun) * 1e-9, live=live, resident=memory[0], anonymous=memory[1])
        course.add(moment)


def _split(course: _Course, moment: Moment) -> None:
    began = time.thread_time()
    with contextlib.suppress(OSError):
        course.splits.append(look(course.process, moment.at, moment.live, glibc=course.glibc))
    # The kernel holds the process's map meanwhile, and the process may want to change it.
    course.due = moment.at + max(moment.at / SPLITS, SHARE * (time.thread_time() - began), SPLIT_INTERVAL)


def resident(process: int) -> tuple[int, int] | None:
    """Resident and anonymous bytes of a process; None where it is gone, or a zombie."""
    try:
        fields = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return None
    pages, shared = int(fields[1]), int(fields[2])
    if pages == 0:
        return None
    return pages * _PAGE, max(pages - shared, 0) * _PAGE


_PAGE = os.sysconf("SC_PAGE_SIZE")
