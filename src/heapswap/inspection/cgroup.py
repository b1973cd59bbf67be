"""How much CPU and memory a container may use: the limits of control groups, version 1 and 2."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MOUNT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def cpu_quota(own: Path = _OWN, mount: Path = _MOUNT) -> float | None:
    """CPUs that this process may use at once by quota, the tightest of its groups; None where there is no limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    return min((quota for line in lines for quota in _quotas(line, mount)), default=None)


def memory_limit(own: Path = _OWN, mount: Path = _MOUNT) -> int | None:
    """Bytes that this process's groups may use, the tightest of them; None where there is no limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    return min((limit for line in lines for limit in _limits(line, mount)), default=None)


def _limits(line: str, mount: Path) -> Iterator[int]:
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if controllers == "":
        files = [group / "memory.max" for group in _groups(mount, path)]
    elif "memory" in controllers.split(","):
        files = [group / "memory.limit_in_bytes" for group in _groups(mount / "memory", path)]
    else:
        files = []
    # Version 1 says "no limit" by a number beyond all memory.
    words = (word for file in files for word in _words(file, 1))
    yield from (int(word) for word in words if word.isdigit() and int(word) < 1 << 60)


def _quotas(line: str, mount: Path) -> Iterator[float]:
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if controllers == "":
        for group in _groups(mount, path):
            yield from _quota(*_words(group / "cpu.max", 2))
    elif "cpu" in controllers.split(","):
        for name in (controllers, "cpu"):
            for group in _groups(mount / name, path):
                yield from _quota(*_words(group / "cpu.cfs_quota_us", 1), *_words(group / "cpu.cfs_period_us", 1))


def _groups(mount: Path, path: str) -> Iterator[Path]:
    """The group and those above it. Inside a container its own group is often mounted as the root."""
    group = PurePosixPath(path).relative_to("/") if path.startswith("/") else PurePosixPath()
    for part in (group, *group.parents):
        yield mount / part


def _words(file: Path, count: int) -> list[str]:
    try:
        words = file.read_text().split()
    except OSError:
        words = []
    return words if len(words) == count else []


def _quota(*words: str) -> Iterator[float]:
    """From quota and period in microseconds; ``max`` and -1 mean no limit."""
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]) > 0:
        yield int(words[0]) / int(words[1])
