"""cgroup: the tightest CPU quota, in both versions of control groups."""

from pathlib import Path

import pytest

from heapswap.inspection.cgroup import cpu_quota, memory_limit


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n"}, None),
        # A group above may be tighter, and inside a container the own group is mounted as the root.
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/a/b\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/\n", {}, None),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "250000", "cpu,cpuacct/x/cpu.cfs_period_us": "100000"},
            2.5,
        ),
        ("4:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "100000", "cpu/x/cpu.cfs_period_us": "100000"}, 1.0),
        ("4:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, None),
        ("5:memory:/x\n", {"memory/x/cpu.cfs_quota_us": "1", "memory/x/cpu.cfs_period_us": "1"}, None),
        ("0::/a\n", {"a/cpu.max": "garbage"}, None),
        ("0::/a\n", {"a/cpu.max": "100 0"}, None),
        ("", {}, None),
    ],
)
def test_quota(tmp_path: Path, own: str, files: dict[str, str], quota: float | None) -> None:
    write(tmp_path / "own", own)
    for name, text in files.items():
        write(tmp_path / "mount" / name, text)
    assert cpu_quota(tmp_path / "own", tmp_path / "mount") == quota


def test_without_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "nothing", tmp_path) is None


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "67108864\n"}, 67108864),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "1000\n", "memory.max": "2000\n"}, 1000),
        ("4:memory:/x\n", {"memory/x/memory.limit_in_bytes": "5000\n"}, 5000),
        ("4:memory:/x\n", {"memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("4:cpu:/x\n", {"memory/x/memory.limit_in_bytes": "5000\n"}, None),
        ("", {}, None),
    ],
)
def test_memory(tmp_path: Path, own: str, files: dict[str, str], limit: int | None) -> None:
    write(tmp_path / "own", own)
    for name, text in files.items():
        write(tmp_path / "mount" / name, text)
    assert memory_limit(tmp_path / "own", tmp_path / "mount") == limit
