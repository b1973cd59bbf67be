"""Recordings, whole: against a counting reference, killed at any moment, in small rooms."""

import json
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from heapswap import native
from heapswap.traces.events import KINDS, events
from heapswap.traces.record import Limits, Reason, Recording, State
from heapswap.traces.replay import Speed, words
from heapswap.traces.replay import compiled as compiled_script
from tests.disks import on_small_disk
from tests.native.support import compiled, library
from tests.native.test_libraries import FAMILY, exported, needed

HERE = Path(__file__).parent
HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
WAYS = "exit _exit closed exec fork _Fork clone vfork signals short-threads destructors exhaust huge dlopen"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for name in ("requests", "threads", "ends", "everything_at_once"):
        compiled(HERE / f"{name}.c", folder)
    for name in ("bump", "counting_reference"):
        compiled(HERE / f"{name}.c", folder, "-shared", "-fPIC")
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a program did while it was recorded."""

    state: State
    ended: subprocess.CompletedProcess[str]


def recorded(
    file: Path, argv: Sequence[str | Path], *behind: Path, limits: Limits | None = None, **variables: str
) -> Seen:
    environ = {**os.environ, "LD_PRELOAD": ":".join(map(str, behind)), **variables}
    with Recording(file, limits or Limits(), [str(word) for word in argv]) as recording:
        ended = subprocess.run(
            argv, env=recording.environ(environ), capture_output=True, text=True, check=False, timeout=120
        )
        return Seen(state=recording.finish(), ended=ended)


@dataclass(slots=True, kw_only=True)
class Totals:
    """What is compared with the reference: a realloc is an allocation and, as it had a block, a free."""

    allocations: int = 0
    frees: int = 0
    requested: int = 0
    sizes: Counter[tuple[str, int]] = field(default_factory=Counter, compare=False)


def totals(file: Path) -> Totals:
    sum_ = Totals()
    for rows in events(file):
        kinds = [KINDS[kind] for kind in rows["kind"]]
        sum_.sizes.update(zip(kinds, map(int, rows["size"]), strict=True))
    for (kind, size), count in sum_.sizes.items():
        if kind in ("allocate", "reallocate"):
            sum_.allocations += count
            sum_.requested += size * count
        if kind in ("free", "reallocate"):
            sum_.frees += count
    return sum_


def summary(file: Path) -> dict[str, Any]:
    answer = subprocess.run([native.tracer(), "summary", file], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def is_in_order(seen: dict[str, Any]) -> bool:
    """Where threads exchange blocks all the time, as in threads.c, some orders are not to be told (so far 0.2 %)."""
    return bool(seen["unordered"] <= 10 + seen["events"] / 100)


def test_the_whole_family_and_fork_are_exported() -> None:
    assert exported(library("recorder")) == FAMILY | {"fork"}


def test_only_the_c_library_is_loaded_with_it() -> None:
    assert needed(library("recorder")) in (["libc.so.6"], ["libc.so"])


@pytest.mark.parametrize("way", WAYS.split())
def test_every_way_to_end_and_to_multiply(way: str, built: Path, tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.write_bytes(bytes(24))
    plain = subprocess.run([built / "ends", way], capture_output=True, text=True, check=False, timeout=60)
    file = tmp_path / "x.heap"
    seen = recorded(file, [built / "ends", way], built / "counting_reference", COUNTING_REFERENCE=str(counts))
    assert (seen.ended.stdout, seen.ended.stderr, seen.ended.returncode) == (
        plain.stdout,
        plain.stderr,
        plain.returncode,
    )
    assert (seen.state.reason, seen.state.processes_refused, seen.state.threads_refused) == (Reason.ENDED, 0, 0)
    allocations, frees, requested = struct.unpack("<3Q", counts.read_bytes())
    assert totals(file) == Totals(allocations=allocations, frees=frees, requested=requested)


def test_every_function(built: Path, tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.write_bytes(bytes(24))
    file = tmp_path / "x.heap"
    recorded(file, [built / "requests", "all"], built / "counting_reference", COUNTING_REFERENCE=str(counts))
    allocations, frees, _ = struct.unpack("<3Q", counts.read_bytes())
    seen = totals(file)
    assert (seen.allocations, seen.frees) == (allocations, frees)


def all_at_once(built: Path, file: Path, threads: int, rounds: int, forks: int) -> None:
    seen = recorded(file, [built / "everything_at_once", *map(str, (threads, rounds, forks))], built / "bump")
    worked, resized, handled, brief, born = map(int, seen.ended.stdout.split())
    sizes = totals(file).sizes
    assert sizes["allocate", 557] == worked == threads * rounds
    assert sizes["reallocate", 331] == sizes["free", 331] == resized
    assert sizes["free", 557] == worked - resized
    assert sizes["allocate", 779] == sizes["free", 779] == handled > 0
    assert sizes["allocate", 443] == sizes["free", 443] == brief == 2 * threads
    assert sizes["allocate", 223] == sizes["free", 223] == born
    assert seen.state.processes == 1 + forks + (forks + 1) // 2
    assert summary(file)["unknown_frees"] == summary(file)["unordered"] == 0


def test_threads_handlers_forks_and_execs_at_once(built: Path, tmp_path: Path) -> None:
    all_at_once(built, tmp_path / "x.heap", threads=8, rounds=4000, forks=6)


@pytest.mark.acceptance
def test_64_threads_handlers_forks_and_execs_at_once(built: Path, tmp_path: Path) -> None:
    all_at_once(built, tmp_path / "x.heap", threads=64, rounds=10_000, forks=200)


# ---- killed ------------------------------------------------------------------------------------------------------


def killed(built: Path, folder: Path, moments: int) -> None:
    """Every call that reached the allocator is there, but for the one each thread was in."""
    counts, threads = folder / "counts", 3
    for moment in range(moments):
        counts.write_bytes(bytes(24))
        file = folder / f"{moment}.heap"
        own = {"LD_PRELOAD": str(built / "counting_reference"), "COUNTING_REFERENCE": str(counts)}
        argv = [str(built / "threads"), str(threads), "-1"]
        with Recording(file, Limits(), argv) as recording:
            environ = recording.environ({**os.environ, **own})
            with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE) as process:
                assert process.stdout
                process.stdout.readline()
                time.sleep(random.Random(moment).uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
            assert recording.finish().reason is Reason.ENDED
        allocations, frees, _ = struct.unpack("<3Q", counts.read_bytes())
        seen = summary(file)
        assert abs(seen["allocations"] + seen["reallocations"] - allocations) <= threads + 1
        assert abs(seen["frees"] + seen["reallocations"] - frees) <= threads + 1
        assert is_in_order(seen)
        assert seen["cut_bytes"] == 0
        assert_it_replays(file, folder / "script")
        file.unlink()


def assert_it_replays(file: Path, place: Path) -> None:
    script = compiled_script(file, place)
    played = subprocess.run(
        [native.replayer(), *words(place, Speed.MAX)], capture_output=True, text=True, check=True, timeout=60
    )
    assert played.stdout.startswith(f"played {script.calls} calls of {script.threads} threads; ")
    assert played.stdout.endswith("; 0 moments off\n")


def test_killed_at_any_moment_nothing_is_lost(built: Path, tmp_path: Path) -> None:
    killed(built, tmp_path, moments=2)


@pytest.mark.acceptance
def test_killed_at_100_random_moments(built: Path, tmp_path: Path) -> None:
    killed(built, tmp_path, moments=100)


def test_a_killed_collector_leaves_what_it_had_written(built: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.heap"
    argv = [str(built / "threads"), "2", "-1"]
    with Recording(file, Limits(), argv) as recording:
        with subprocess.Popen(argv, env=recording.environ(os.environ), stdout=subprocess.PIPE) as process:
            while recording.look().events < 100_000:
                time.sleep(0.01)
            os.kill(recording.collector, signal.SIGKILL)
            assert process.poll() is None
            process.kill()
        assert recording.finish().reason is Reason.KILLED
    assert summary(file)["events"] > 50_000


# ---- small rooms -------------------------------------------------------------------------------------------------


@pytest.mark.acceptance
def test_the_limits_end_the_recording_and_nothing_else(built: Path, tmp_path: Path) -> None:
    argv = [str(built / "threads"), "2", "200000"]
    plain = subprocess.run(argv, capture_output=True, text=True, check=True)
    for limits, reason in (
        (Limits(size=1 << 20), Reason.SIZE),
        (Limits(seconds=0.0), Reason.TIME),
        (Limits(memory=1 << 16), Reason.BEHIND),
    ):
        file = tmp_path / f"{reason}.heap"
        seen = recorded(file, argv, limits=limits)
        assert (seen.ended.returncode, seen.ended.stdout, seen.ended.stderr) == (0, plain.stdout, "")
        assert seen.state.reason is reason
        assert seen.state.ring_memory <= limits.memory
        assert file.stat().st_size < 40 << 20
        assert is_in_order(summary(file))


@pytest.mark.acceptance
def test_a_full_disk_ends_the_recording_and_nothing_else(built: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    inside = on_small_disk(disk, "1m")
    command = [HEAPSWAP, "record", "-o", str(disk / "x.heap"), "--", str(built / "threads"), "2", "200000"]
    plain = subprocess.run(command[5:], capture_output=True, text=True, check=True)
    done = subprocess.run([*inside, *command], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    assert "the file could not be written; give one on a file system with room" in done.stderr


@pytest.mark.acceptance
def test_a_full_dev_shm_ends_the_recording_and_nothing_else(built: Path, tmp_path: Path) -> None:
    inside = on_small_disk(tmp_path / "disk", "300k")
    inside[-2] = inside[-2].replace('"$0"', "/dev/shm")
    command = [HEAPSWAP, "record", "-o", str(tmp_path / "x.heap"), "--", str(built / "threads"), "12", "40000"]
    plain = subprocess.run(command[5:], capture_output=True, text=True, check=True)
    done = subprocess.run([*inside, *command], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    assert "no memory was left for it in /dev/shm" in done.stderr
    assert summary(tmp_path / "x.heap")["events"] > 1000


@pytest.mark.acceptance
def test_in_a_group_of_64_mib_the_program_is_untouched(built: Path, tmp_path: Path) -> None:
    with group_of(64 << 20) as group:
        file = tmp_path / "x.heap"
        command = [HEAPSWAP, "record", "-o", str(file), "--", str(built / "threads"), "8", "100000"]
        words = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *command]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "ready\n")
    assert summary(file)["end"]["ring_memory"] <= 8 << 20


@contextmanager
def group_of(limit: int) -> Iterator[Path]:
    """A control group that may use so much memory; skips where none can be made."""
    for mount, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = Path(mount, f"heapswap-test-{os.getpid()}")
        try:
            group.mkdir()
            (group / name).write_text(str(limit))
        except OSError:
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("no control group can be made here: be root, with memory groups")
