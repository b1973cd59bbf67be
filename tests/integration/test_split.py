"""Whose the memory of a real process is, one holder at a time."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heapswap.profiling.model import Split
from heapswap.profiling.split import look
from tests.native.support import compiled, library

HERE = Path(__file__).parent
MIB = 1 << 20

PYTHON = """
import sys
kept = [(number, str(number)) for number in range(400_000)]
arrays = bytearray(20 << 20)
{after}
sys._debugmallocstats()
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def holders(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(HERE / "holders.c", tmp_path_factory.mktemp("holders")))


@contextlib.contextmanager
def waiting(*command: str, preload: str = "") -> Iterator[subprocess.Popen[str]]:
    """The program at the line that says that all is there."""
    environment = {"LD_PRELOAD": preload} if preload else {}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        yield process
        process.communicate("")


def split(*command: str) -> Split:
    with waiting(*command) as process:
        return look(process.pid, 1.0, 0, glibc=True)


FEW = 4 * MIB
"""what any process has beside"""


@pytest.mark.parametrize(
    ("how", "holder", "least", "most"),
    [
        ("heap", "malloc", 55, 65),
        ("arena", "malloc", 55, 65),
        ("large", "malloc", 40, 44),
        ("untouched", "malloc", 0, 4),
        ("own", "unknown", 40, 44),
        ("stack", "stacks", 30, 34),
        ("static", "files", 30, 34),
    ],
)
def test_each_holder_by_itself(how: str, holder: str, least: int, most: int, holders: str) -> None:
    found = split(holders, how)
    sizes = {name: getattr(found, name) for name in ("malloc", "python", "stacks", "unknown")}
    assert least * MIB <= getattr(found, holder) <= most * MIB
    assert all(size < FEW for name, size in sizes.items() if name != holder)
    assert found.python == found.named == 0


@pytest.mark.parametrize("after", ["", "del kept[::2]"], ids=["full", "half"])
def test_pythons_arenas_are_told_from_mallocs_blocks(after: str) -> None:
    with waiting(sys.executable, "-S", "-c", PYTHON.format(after=after)) as process:
        found = look(process.pid, 1.0, 0, glibc=True)
        _, said = process.communicate("")
    pools = re.search(r"# arenas allocated current += +([\d,]+)", said)
    assert pools, said
    arenas = int(pools.group(1).replace(",", "")) * MIB
    assert arenas > 20 * MIB
    # Where an arena does not begin as a pool must, and where the last one is not full, nothing is resident.
    assert 0.9 * arenas - MIB <= found.python <= arenas
    assert found.malloc
    assert 20 * MIB <= found.malloc < 40 * MIB, "the bytearray, and the list's own table"
    assert found.unknown < FEW


def test_python_on_malloc_has_no_arenas() -> None:
    found = split("env", "PYTHONMALLOC=malloc", sys.executable, "-S", "-c", PYTHON.format(after=""))
    assert found.python == 0
    assert found.malloc
    assert found.malloc > 40 * MIB


def test_another_allocator_is_not_told_apart(holders: str) -> None:
    with waiting(holders, "large", preload=str(library("mimalloc"))) as process:
        found = look(process.pid, 1.0, 0, glibc=False)
    assert found.malloc is None
    assert found.unknown + found.named >= 40 * MIB


def test_a_process_that_is_gone_is_an_error() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        with pytest.raises(OSError, match=r".*"):
            look(process.pid, 1.0, 0, glibc=True)
