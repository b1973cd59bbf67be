"""Every process says whose malloc answers in it, and no program notices."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.native.support import compiled, library, preloading

HERE = Path(__file__).parent
PYTHON = str(Path(sys.executable).resolve())


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    pid: int
    parent: int
    owner: str
    executable: str


def records(journal: Path) -> list[Record]:
    """Decodes by the written format alone: five fields that end with NUL, then a newline."""
    rest, found = journal.read_bytes(), []
    while rest:
        version, pid, parent, owner, executable, rest = rest.split(b"\0", 5)
        assert version == b"1"
        assert rest.startswith(b"\n")
        rest = rest[1:]
        found.append(Record(pid=int(pid), parent=int(parent), owner=owner.decode(), executable=executable.decode()))
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "witness"
    path.touch()
    return path


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(HERE / "beginning.c", tmp_path_factory.mktemp("beginning"))


def run(argv: list[str | Path], journal: Path | str, *libraries: str) -> subprocess.CompletedProcess[str]:
    environment = preloading("witness", *libraries, HEAPSWAP_WITNESS=str(journal))
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_python_under_a_bundled_allocator(journal: Path) -> None:
    done = run([PYTHON, "-c", "import os; print(os.getpid())"], journal, "mimalloc")
    expected = Record(
        pid=int(done.stdout), parent=os.getpid(), owner=str(library("mimalloc")), executable=os.path.realpath(PYTHON)
    )
    assert records(journal) == [expected]
    assert done.stderr == ""


def test_a_process_of_one_millisecond(journal: Path) -> None:
    assert run(["/bin/true"], journal).returncode == 0
    (record,) = records(journal)
    assert Path(record.owner).name.startswith(("libc.so", "ld-musl"))
    assert record.executable == os.path.realpath("/bin/true")


@pytest.mark.parametrize("order", [("witness", "jemalloc"), ("jemalloc", "witness")])
def test_the_order_of_preloads_does_not_matter(order: tuple[str, str], journal: Path) -> None:
    environment = preloading(*order, HEAPSWAP_WITNESS=str(journal))
    subprocess.run(["/bin/true"], env=environment, check=True)
    assert [record.owner for record in records(journal)] == [str(library("jemalloc"))]


def test_the_bytes_are_those_of_the_written_format(journal: Path) -> None:
    child = subprocess.Popen(["/bin/true"], env=preloading("witness", "snmalloc", HEAPSWAP_WITNESS=str(journal)))
    assert child.wait() == 0
    fields = ["1", str(child.pid), str(os.getpid()), str(library("snmalloc")), os.path.realpath("/bin/true"), "\n"]
    assert journal.read_bytes() == "\0".join(fields).encode()


def test_a_child_without_the_environment_is_not_seen(journal: Path) -> None:
    assert run(["env", "-i", "/bin/true"], journal).returncode == 0
    assert [Path(record.executable).name for record in records(journal)] == [
        Path(os.path.realpath("/usr/bin/env")).name
    ]


def test_a_fork_says_nothing_and_an_exec_speaks_again(journal: Path) -> None:
    done = run(["bash", "-c", "(:); (:); /bin/true; (exec /bin/true)"], journal, "mimalloc")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    names = [Path(record.executable).name for record in records(journal)]
    assert names == [Path(os.path.realpath("/bin/bash")).name, "true", "true"]


def test_an_exec_keeps_the_process_id(journal: Path) -> None:
    run(["bash", "-c", "exec /bin/true"], journal)
    before, after = records(journal)
    assert before.pid == after.pid


def test_a_program_with_its_own_malloc_is_named_itself(journal: Path, tmp_path: Path) -> None:
    program = compiled(HERE / "own_malloc.c", tmp_path)
    assert run([program], journal, "mimalloc").returncode == 0
    (record,) = records(journal)
    assert record.owner == record.executable == str(program.resolve())


@pytest.mark.parametrize("options", [("-no-pie", "-fno-pie"), ("-pie", "-fpie")])
def test_a_program_that_takes_the_address_of_malloc(options: tuple[str, ...], journal: Path, tmp_path: Path) -> None:
    program = compiled(HERE / "malloc_address.c", tmp_path, *options)
    assert run([program], journal, "mimalloc").returncode == 0
    assert [record.owner for record in records(journal)] == [str(library("mimalloc"))]


def test_the_program_begins_as_it_would_without(beginning: Path, journal: Path) -> None:
    without = subprocess.run([beginning], capture_output=True, text=True, check=False)
    done = run([beginning], journal)
    assert without.stdout.startswith("errno 0")
    assert (done.stdout, done.stderr, done.returncode) == (without.stdout, without.stderr, without.returncode)
    assert len(records(journal)) == 1


def test_closed_standard_streams(beginning: Path, journal: Path, tmp_path: Path) -> None:
    reports = [tmp_path / "without", tmp_path / "with"]
    command = 'exec "$1" "$2" <&- >&- 2>&-'
    without = subprocess.run(["bash", "-c", command, "bash", beginning, reports[0]], check=False)
    done = run(["bash", "-c", command, "bash", beginning, reports[1]], journal)
    assert "next descriptor 1," in reports[0].read_text()
    assert reports[1].read_text() == reports[0].read_text()
    assert done.returncode == without.returncode == 7
    assert [Path(record.executable).name for record in records(journal)][1:] == ["beginning"]


@pytest.mark.parametrize("place", ["/proc/version", "/", "", "/dev/full", "/nowhere/at/all"])
def test_a_file_that_cannot_be_written(place: str) -> None:
    done = run(["bash", "-c", "echo fine; exit 3"], place)
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 3)


def test_the_file_is_never_created(tmp_path: Path) -> None:
    assert run(["/bin/true"], tmp_path / "gone").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_neither_blocks_nor_kills(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert run(["/bin/true"], pipe).returncode == 0
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert run(["/bin/true"], pipe).returncode == 0
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_limit_on_file_sizes_does_not_kill(journal: Path) -> None:
    done = run(["bash", "-c", "ulimit -f 0; /bin/true; echo $?"], journal)
    assert done.stdout == "0\n"
    assert [Path(record.executable).name for record in records(journal)] == [Path(os.path.realpath("/bin/bash")).name]


def test_a_record_that_would_be_too_long_is_left_out(journal: Path, tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["d" * 200] * 11)
    folder.mkdir(parents=True)
    program = compiled(HERE / "own_malloc.c", folder)
    assert len(str(program)) * 2 > 4096
    assert run([program], journal).returncode == 0
    assert records(journal) == []


def test_records_of_concurrent_processes_do_not_mix(journal: Path) -> None:
    environment = preloading("witness", "mimalloc", HEAPSWAP_WITNESS=str(journal))
    children = [subprocess.Popen(["/bin/true"], env=environment) for _ in range(60)]
    assert [child.wait() for child in children] == [0] * 60
    assert sorted(record.pid for record in records(journal)) == sorted(child.pid for child in children)


def test_without_the_variable_nothing_happens(beginning: Path) -> None:
    without = subprocess.run([beginning], capture_output=True, text=True, check=False)
    done = subprocess.run([beginning], env=preloading("witness"), capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (without.stdout, "")
