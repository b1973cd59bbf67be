"""Recording: the environment, the limits, and a real program."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.traces import record
from heapswap.traces.record import (
    LEAST_MEMORY,
    MOST_MEMORY,
    SEGMENT,
    Limits,
    Reason,
    Recording,
    State,
    memory_for_rings,
)


def recorded(file: Path, *argv: str, limits: Limits | None = None, status: int = 0) -> State:
    with Recording(file, limits or Limits(), argv) as recording:
        ended = subprocess.run(argv, env=recording.environ({"PATH": "/usr/bin:/bin"}), check=False, timeout=60)
        state = recording.finish()
    assert ended.returncode == status
    return state


@pytest.mark.parametrize(
    ("room", "limit", "memory"),
    [
        (1 << 40, None, MOST_MEMORY),
        (64 << 20, None, 16 << 20),
        (1 << 40, 64 << 20, 8 << 20),
        (1000, None, LEAST_MEMORY),
        (1 << 40, 1 << 20, LEAST_MEMORY),
        (100 * SEGMENT + 5, None, 25 * SEGMENT),
    ],
)
def test_rings_take_a_part_of_what_is_there(
    monkeypatch: pytest.MonkeyPatch, room: int, limit: int | None, memory: int
) -> None:
    monkeypatch.setattr(record, "_room", lambda _: room)
    assert memory_for_rings(limit, Path("/")) == memory


def test_the_recorder_stands_in_front_of_what_is_preloaded(tmp_path: Path) -> None:
    with Recording(tmp_path / "x.heap", Limits(), ("x",)) as recording:
        environ = recording.environ({"LD_PRELOAD": "/lib/other.so", "LANG": "C"})
        folder = Path(environ["HEAPSWAP_TRACE"])
        assert folder.is_dir()
    assert environ["LD_PRELOAD"] == f"{native.required('recorder')}:/lib/other.so"
    assert environ["LANG"] == "C"
    assert not folder.exists()


def test_a_program_is_recorded_whole(tmp_path: Path) -> None:
    state = recorded(tmp_path / "x.heap", sys.executable, "-S", "-c", "pass")
    assert state.reason is Reason.ENDED
    assert (state.processes, state.threads) == (1, 1)
    assert state.events > 1000
    assert (tmp_path / "x.heap").stat().st_size > state.bytes > state.events


def test_a_killed_program_leaves_a_trace(tmp_path: Path) -> None:
    state = recorded(tmp_path / "x.heap", "/bin/sh", "-c", "kill -9 $$", status=-signal.SIGKILL)
    assert state.reason is Reason.ENDED
    assert state.events > 0


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match="give a file that can be written"):
        Recording(tmp_path / "none" / "x.heap", Limits(), ("x",))


def test_packing_says_the_same_in_less(tmp_path: Path) -> None:
    recorded(tmp_path / "x.heap", sys.executable, "-S", "-c", "pass")
    before = (tmp_path / "x.heap").stat().st_size
    assert record.pack(tmp_path / "x.heap")
    assert (tmp_path / "x.heap").stat().st_size < before
    assert [path.name for path in tmp_path.iterdir()] == ["x.heap"]
