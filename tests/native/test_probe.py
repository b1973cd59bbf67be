"""The probe's numbers: against valgrind, against a counting reference, and after every way to end."""

import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from heapswap.profiling import stacks, wire
from tests.native.support import compiled, library, program
from tests.native.test_libraries import FAMILY, exported, needed

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What is compared."""

    allocations: int
    frees: int
    requested: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder for the probe's files, and the reference beside it."""

    folder: Path
    reference: Path

    def environment(self, *behind: Path, **variables: str) -> dict[str, str]:
        self.folder.mkdir(exist_ok=True)
        self.counts.write_bytes(bytes(24))
        preload = ":".join(map(str, (library("probe"), *behind)))
        probe = {"HEAPSWAP_PROBE": str(self.folder), "HEAPSWAP_PROBE_STACKS": "on"}
        own = {"LD_PRELOAD": preload, **probe, "COUNTING_REFERENCE": str(self.counts)}
        return {**os.environ, **own, **variables}

    def run(self, *command: str | Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment(self.reference, **variables)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=timeout)

    @property
    def counts(self) -> Path:
        return self.folder.parent / "counts"

    def expected(self) -> Totals:
        allocations, frees, requested = struct.unpack("<3Q", self.counts.read_bytes())
        return Totals(allocations=allocations, frees=frees, requested=requested)

    def files(self) -> list[wire.Raw]:
        return list(wire.read_all(self.folder))

    def counted(self) -> Totals:
        return totals(self.files())


def totals(files: list[wire.Raw]) -> Totals:
    classes = [file.tallies("classes") for file in files]
    return Totals(
        allocations=sum(int(table[:, 0].sum()) for table in classes),
        frees=sum(file.total("frees") for file in files),
        requested=sum(int(table[:, 1].sum()) for table in classes),
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for name in ("requests", "threads", "ends"):
        compiled(HERE / f"{name}.c", folder)
    compiled(HERE / "counting_reference.c", folder, "-shared", "-fPIC")
    return folder


@pytest.fixture
def bench(built: Path, tmp_path: Path) -> Bench:
    return Bench(folder=tmp_path / "files", reference=built / "counting_reference")


# ---- the library -------------------------------------------------------------------------------------------------


def test_the_whole_family_and_nothing_else_is_exported() -> None:
    assert exported(library("probe")) == FAMILY


def test_only_the_c_library_is_loaded_with_it() -> None:
    assert needed(library("probe")) in (["libc.so.6"], ["libc.so"])


def test_a_file_is_its_owners_alone(bench: Bench) -> None:
    assert bench.run("/bin/true").returncode == 0
    (path,) = bench.folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_blocks * 512 <= 64 * 1024, "the file must be sparse"


# ---- exact -------------------------------------------------------------------------------------------------------

VALGRIND = re.compile(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes allocated")
SQL = (
    "create table t (k integer primary key, v text); create index i on t (v); "
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) "
    "insert into t select i, hex(i * 7919 % 10007) from n; select count(*), sum(length(v)) from t;"
)
# None of them copies its environment, which valgrind changes.
SINGLE_THREADED = {
    "requests": ["{built}/requests"],
    "sqlite3": ["sqlite3", ":memory:", SQL],
    "lua": ["lua5.4", "-e", "local t = {} for i = 1, 3000 do t[i % 97] = ('x'):rep(i % 300) end print(#t)"],
    "sort": ["sort", "--parallel=1", "--buffer-size=10000", "{built}/../words"],
}


@pytest.mark.parametrize("name", SINGLE_THREADED)
def test_equal_to_valgrinds_total_heap_usage(name: str, built: Path, bench: Bench) -> None:
    command = [word.replace("{built}", str(built)) for word in SINGLE_THREADED[name]]
    (built.parent / "words").write_text("".join(f"{number * 7919 % 10007}\n" for number in range(5000)))
    valgrind = [program("valgrind", "valgrind"), "--run-libc-freeres=no", "--trace-children=no", *command]
    done = subprocess.run(valgrind, capture_output=True, text=True, check=True, timeout=120)
    said = VALGRIND.search(done.stderr)
    assert said, done.stderr
    subprocess.run(command, env=bench.environment(), capture_output=True, check=True, timeout=60)
    allocations, frees, requested = (int(word.replace(",", "")) for word in said.groups())
    assert bench.counted() == Totals(allocations=allocations, frees=frees, requested=requested)


def test_every_function_and_every_size_class(built: Path, bench: Bench) -> None:
    assert bench.run(built / "requests", "all").returncode == 0
    (file,) = bench.files()
    calls = file.tallies("functions")[:, 0]
    called = {wire.Function(place).name.lower() for place, number in enumerate(calls) if number}
    assert called == FAMILY - {"malloc", "free", "cfree", "malloc_usable_size"}
    assert calls[wire.Function.POSIX_MEMALIGN] == calls[wire.Function.ALIGNED_ALLOC] == 10
    table = file.tallies("classes")
    for place, (limit, (count, requested)) in enumerate(zip(wire.upper_limits(), table, strict=True)):
        lower = wire.upper_limits()[place - 1] + 1 if place else 0
        assert count * lower <= requested <= count * limit
    assert bench.counted() == bench.expected()


def test_live_bytes_return_to_what_is_kept(built: Path, bench: Bench) -> None:
    subprocess.run([built / "ends", "peak"], env=bench.environment(), check=True)
    (file,) = bench.files()
    # 100 blocks of 10,000 bytes at once, then all freed; glibc's chunks are at most 16 bytes larger.
    assert 1_000_000 <= file.header.peak <= 1_000_000 + 100 * 24 + 70_000
    assert file.total("live") < 70_000


@pytest.mark.parametrize("allocator", ["", "mimalloc", "jemalloc", "snmalloc"])
def test_threads_equal_to_the_reference(allocator: str, built: Path, bench: Bench) -> None:
    if allocator:
        # The allocator is behind the probe instead of the reference, which stands on the C library.
        environment = bench.environment(library(allocator))
        subprocess.run([built / "threads", "4", "20000"], env=environment, capture_output=True, check=True)
        plain = Bench(folder=bench.folder.parent / "plain", reference=bench.reference)
        assert plain.run(built / "threads", "4", "20000").returncode == 0
        # Which blocks are left in the places depends on the order of threads, so frees are not compared.
        # snmalloc asks for a block a thread itself, in threads that live long enough.
        more = bench.counted().allocations - plain.counted().allocations
        assert more in (range(6) if allocator == "snmalloc" else {0})
        (file,) = bench.files()
        assert f"/{allocator}." in file.header.library
    else:
        assert bench.run(built / "threads", "4", "20000").returncode == 0
        assert bench.counted() == bench.expected()
        (file,) = bench.files()
        assert file.header.threads == file.header.slots == 5


def test_live_bytes_are_the_blocks_that_are_left(built: Path, bench: Bench) -> None:
    assert bench.run(built / "threads", "4", "20000").returncode == 0
    (file,) = bench.files()
    left = bench.expected().allocations - bench.expected().frees
    assert 0 < left <= 600
    assert left * 24 <= file.total("live") <= left * 200_100
    assert file.header.peak >= file.total("live") - file.header.slots * file.header.quantum


JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")


@pytest.mark.parametrize("behind", ["", "jemalloc", "mimalloc", "a jemalloc that says sizes beforehand"])
def test_live_bytes_are_what_the_allocator_says_of_the_blocks(behind: str, tmp_path: Path) -> None:
    program = compiled(HERE / "asked.c", tmp_path, "-fno-builtin")
    if behind.startswith("a ") and not JEMALLOC.exists():
        pytest.fail(f"{JEMALLOC} is not there: apt-get install libjemalloc2")
    preload = [library("probe"), *([JEMALLOC] if behind.startswith("a ") else [library(behind)] if behind else [])]

    def run(rounds: int) -> tuple[int, int]:
        folder = tmp_path / str(rounds)
        folder.mkdir()
        environ = {"LD_PRELOAD": ":".join(map(str, preload)), "HEAPSWAP_PROBE": str(folder)}
        done = subprocess.run([program, str(rounds)], env=environ, capture_output=True, check=True, timeout=60)
        (file,) = wire.read_all(folder)
        return int(done.stdout), file.total("live")

    (_, before), (left, live) = run(0), run(50_000)
    assert left > 50_000
    assert live - before == left


# ---- every way to end --------------------------------------------------------------------------------------------


def test_killed_at_any_moment_nothing_is_lost(built: Path, bench: Bench) -> None:
    killed(built, bench, moments=8)


@pytest.mark.acceptance
def test_killed_at_100_random_moments(built: Path, bench: Bench) -> None:
    killed(built, bench, moments=100)


def killed(built: Path, bench: Bench, moments: int) -> None:
    threads = 3
    for moment in range(moments):
        for path in bench.folder.glob("*"):
            path.unlink()
        command = [str(built / "threads"), str(threads), "-1"]
        with subprocess.Popen(command, env=bench.environment(bench.reference), stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(random.Random(moment).uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        counted, expected = bench.counted(), bench.expected()
        assert abs(counted.allocations - expected.allocations) <= threads + 1
        assert abs(counted.frees - expected.frees) <= threads + 1
        (file,) = bench.files()
        assert wire.Flag.ENDED not in file.header.flags
        (known,) = stacks.read(bench.folder).values()
        assert all(stack.frames for stack in known.stacks)
        assert (file.lives["size"] <= 200_000).all(), "no life is half written"


WAYS = "exit _exit closed exec fork _Fork clone vfork signals short-threads destructors exhaust huge dlopen"


@pytest.mark.parametrize("way", WAYS.split())
def test_every_way_to_end_and_to_multiply(way: str, built: Path, bench: Bench) -> None:
    plain = subprocess.run([built / "ends", way], capture_output=True, text=True, check=False, timeout=60)
    done = bench.run(built / "ends", way)
    assert (done.stdout, done.stderr, done.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert bench.counted() == bench.expected()
    assert all(not file.header.threads_refused and not file.header.children_refused for file in bench.files())


def test_forks_beside_threads_that_allocate(built: Path, bench: Bench) -> None:
    storm(built, bench, forks=50)


@pytest.mark.acceptance
@pytest.mark.timeout(1800)
def test_10_000_forks_beside_threads_that_allocate(built: Path, bench: Bench) -> None:
    storm(built, bench, forks=10_000)


def storm(built: Path, bench: Bench, forks: int) -> None:
    done = bench.run(built / "ends", "storm", str(forks), timeout=1700)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    files = bench.files()
    assert len(files) == forks + 1
    assert bench.counted() == bench.expected()


@pytest.mark.acceptance
def test_10_000_short_threads(built: Path, bench: Bench) -> None:
    assert bench.run(built / "ends", "short-threads", "10000").returncode == 0
    (file,) = bench.files()
    assert file.header.threads == 10_001
    assert file.header.slots <= 8
    assert bench.counted() == bench.expected()


def test_children_are_named_and_begin_at_nothing(built: Path, bench: Bench) -> None:
    assert bench.run(built / "ends", "fork").returncode == 0
    parent, *children = bench.files()
    assert len(children) == 5
    assert {child.header.parent for child in children} == {parent.header.process}
    assert {child.header.forks for child in children} == {1}
    assert all(wire.Flag.INHERITED_EXACTLY in child.header.flags for child in children)
    assert all(child.header.program == parent.header.program for child in children)
    assert all(child.header.inherited > 100_000 for child in children), "the parent held a block of 100,000 bytes"
    assert all(totals([child]).allocations <= 20 for child in children)


def test_short_threads_share_their_slots(built: Path, bench: Bench) -> None:
    assert bench.run(built / "ends", "short-threads").returncode == 0
    (file,) = bench.files()
    assert file.header.threads == 301
    assert file.header.slots <= 8


@pytest.mark.parametrize("function", ["calloc", "realloc"])
def test_the_short_way_is_taken_whatever_the_first_call_was(function: str, tmp_path: Path, bench: Bench) -> None:
    one = compiled(HERE / "first_call.c", tmp_path)
    assert instructions(bench, str(one), function) < 1.1 * instructions(bench, str(one), "malloc")


def instructions(bench: Bench, *command: str) -> int:
    """Of a program with the probe in front of the C library's malloc."""
    own = {name: value for name, value in bench.environment().items() if name != "HEAPSWAP_PROBE_STACKS"}
    callgrind = [program("valgrind", "valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(callgrind, env=own, capture_output=True, text=True, check=True, timeout=120)
    said = re.search(r"Collected : (\d+)", done.stderr)
    assert said, done.stderr
    return int(said.group(1))


def test_without_a_folder_the_program_runs_as_ever(built: Path, bench: Bench) -> None:
    for folder in ("", str(bench.folder / "absent"), "x" * 5000):
        assert bench.run(built / "ends", "exit", HEAPSWAP_PROBE=folder).returncode == 3
        assert bench.files() == []


def test_a_limit_on_file_sizes_is_respected(built: Path, bench: Bench) -> None:
    done = bench.run("bash", "-c", f"ulimit -f 1; exec {built / 'ends'} exit")
    assert done.returncode == 3
    assert [file.header.program for file in bench.files()] == [os.path.realpath(program("bash", "bash"))]


def test_without_live_bytes_everything_else_is_counted(built: Path, bench: Bench) -> None:
    assert bench.run(built / "requests", "all", HEAPSWAP_PROBE_LIVE="off").returncode == 0
    (file,) = bench.files()
    assert wire.Flag.LIVE_COUNTED not in file.header.flags
    assert (file.total("live"), file.header.peak) == (0, 0)
    assert bench.counted() == bench.expected()


def test_a_message_of_the_loader_is_the_programs_own(bench: Bench) -> None:
    code = "import ctypes; f = ctypes.CDLL(None).dlerror; f.restype = ctypes.c_char_p; print(f())"
    done = bench.run(sys.executable, "-c", code)
    assert (done.stdout, done.returncode) == ("None\n", 0)
