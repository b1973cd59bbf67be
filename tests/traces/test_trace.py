"""A trace is read as it was written, old files too; a file that is not as it was written is refused in one line."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import artifact, native
from heapswap.errors import CannotGoOn
from heapswap.traces.events import NEVER_SEEN, events
from heapswap.traces.model import By
from heapswap.traces.trace import Trace, is_trace

GOLDEN = Path(__file__).parent / "golden"
RECORDED = GOLDEN / "version_1_recorded.heap"
PACKED = GOLDEN / "version_1.heap"
"""the same, packed"""
HEADER = 48
"""bytes of a frame's header"""


def ask(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(native.tracer()), *words], capture_output=True, text=True, check=False, timeout=60)


def frames(data: bytes) -> list[tuple[int, int]]:
    """Where each frame begins and ends."""
    found, at = [], 16
    while at < len(data):
        end = at + HEADER + int.from_bytes(data[at + 36 : at + 40], "little")
        found.append((at, end))
        at = end
    return found


@pytest.mark.parametrize("file", [RECORDED, PACKED])
def test_files_of_every_version_say_what_they_said(file: Path) -> None:
    said = json.loads((GOLDEN / "version_1.json").read_text())
    found = json.loads(artifact.encode(Trace.open(file).summary))
    # Packing makes the file smaller, and nothing else.
    assert found | {"bytes_per_event": 0} == said | {"bytes_per_event": 0}
    assert found["bytes_per_event"] == pytest.approx(file.stat().st_size / 600)


def test_the_encoder_writes_what_it_wrote(tmp_path: Path) -> None:
    made = tmp_path / "made.heap"
    assert ask("synthesise", "600", str(made), "2").returncode == 0
    # The metadata name the machine.
    (_, behind), *_ = frames(RECORDED.read_bytes())
    assert made.read_bytes()[-(RECORDED.stat().st_size - behind) :] == RECORDED.read_bytes()[behind:]


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 9])
def test_threads_that_free_each_others_blocks_are_put_in_an_order(threads: int, tmp_path: Path) -> None:
    made = tmp_path / "made.heap"
    assert ask("synthesise", "200000", str(made), str(threads)).returncode == 0
    said = json.loads(ask("summary", str(made)).stdout)
    assert (said["threads"], said["unordered"], said["unknown_frees"]) == (threads, 0, 0)
    assert (said["cross_thread_frees"] > 0) == (threads > 1)


def test_packing_keeps_every_event(tmp_path: Path) -> None:
    packed = tmp_path / "packed.heap"
    assert ask("pack", str(RECORDED), str(packed)).returncode == 0
    before, after = (np.concatenate(list(events(path))) for path in (RECORDED, packed))
    assert len(before) == 600
    assert (before == after).all()
    assert ask("pack", str(RECORDED), str(packed)).returncode == 3, "an existing file is not replaced"


def test_a_free_names_the_event_in_which_its_block_was_allocated() -> None:
    rows = np.concatenate(list(events(PACKED)))
    frees = rows[(rows["kind"] == 1) & (rows["allocation"] != NEVER_SEEN)]
    origin = rows[frees["allocation"]]
    assert (origin["block"] == frees["block"]).all()
    assert (origin["size"] == frees["size"]).all()
    assert (origin["event"] < frees["event"]).all()


@pytest.mark.parametrize("by", By)
def test_rows_by_anything_add_up_to_the_whole(by: By) -> None:
    trace = Trace.open(PACKED)
    rows = trace.by(by).rows
    count = "blocks" if by is By.LIFETIME else "allocations"
    assert sum(int(row[count] or 0) for row in rows) == trace.counts.allocations
    assert sum(int(row["bytes"] or 0) for row in rows) == trace.counts.allocated_bytes
    if by not in (By.LIFETIME, By.TIME):
        assert sum(int(row["live_bytes_at_peak"] or 0) for row in rows) == trace.counts.peak_live_bytes
        assert sum(int(row["live_bytes_at_end"] or 0) for row in rows) == trace.counts.live_bytes_at_end


def test_a_file_that_just_stops_is_read_up_to_its_last_whole_frame(tmp_path: Path) -> None:
    data = RECORDED.read_bytes()
    (_, metadata), (_, process), *segments, (end, _) = frames(data)
    path = tmp_path / "cut.heap"
    for length in (metadata, process, process + 5, *(s for pair in segments for s in (pair[1], pair[1] - 1)), end + 9):
        path.write_bytes(data[:length])
        counts = Trace.open(path).counts
        whole = [last for _, last in ((0, metadata), (0, process), *segments) if last <= length]
        assert counts.end is None
        assert counts.cut_bytes == length - whole[-1]
    # A file system may give a file its length before its content.
    path.write_bytes(data[:end] + bytes(5000))
    assert Trace.open(path).counts.events == 600


def test_what_is_missing_in_the_middle_is_seen(tmp_path: Path) -> None:
    data = RECORDED.read_bytes()
    begin, behind = frames(data)[2]
    path = tmp_path / "gap.heap"
    path.write_bytes(data[:begin] + data[behind:])
    with pytest.raises(CannotGoOn, match=r"was finished with 2 segments, and 1 are there"):
        Trace.open(path)


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    data = bytearray(PACKED.read_bytes())
    begin, behind = frames(bytes(data))[3]
    data[behind - 1] ^= 1
    path = tmp_path / "bad.heap"
    path.write_bytes(data)
    place = rf"segment 0 of stream 1 of process 0 \(byte {begin}\)"
    with pytest.raises(CannotGoOn, match=rf"{path} is damaged at {place}: its checksum differs; record it again"):
        Trace.open(path)
    with pytest.raises(CannotGoOn, match=place):
        list(events(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no trace; give a file that heapswap record made"),
        (b"x" * 500, "is no trace; give a file that heapswap record made"),
        (b"heaptrac\x02\x00" + bytes(100), "has format 2, and this heapswap knows traces up to 1; upgrade heapswap"),
        (b"heaptrac\x01\x00" + bytes(6), "it stops before its metadata"),
    ],
)
def test_other_files_are_refused(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "other.heap"
    path.write_bytes(content)
    with pytest.raises(CannotGoOn, match=says):
        Trace.open(path)
    assert is_trace(path) == content.startswith(b"heaptrac")


def test_no_file_and_no_permission(tmp_path: Path) -> None:
    assert not is_trace(tmp_path / "absent")
    with pytest.raises(CannotGoOn, match="No such file"):
        Trace.open(tmp_path / "absent")


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with a few of them other, more, or fewer."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(found) - 1, 0)))
        match draw(st.sampled_from(("flip", "set", "insert", "remove", "cut"))):
            case "flip" if found:
                found[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if found:
                found[at] = draw(st.integers(0, 255))
            case "insert":
                found[at:at] = draw(st.binary(min_size=1, max_size=20))
            case "remove":
                del found[at : at + draw(st.integers(1, 50))]
            case _:
                del found[at:]
    return bytes(found)


def never_silently_wrong(data: bytes, original: Path, folder: Path) -> None:
    """Refused in one line, or the answer of the original, or an answer that says that the file just stops."""
    path = folder / "changed.heap"
    path.write_bytes(data)
    done = ask("summary", str(path))
    if done.returncode == 0:
        answer = json.loads(done.stdout)
        right = json.loads(ask("summary", str(original)).stdout)
        assert answer == right or answer["end"] is None
    else:
        assert done.returncode == 3
        assert done.stderr.startswith(f"{path} ")
        assert done.stderr.count("\n") == 1


@given(st.data())
@settings(max_examples=40)
def test_a_changed_file_is_never_silently_wrong(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    original = data.draw(st.sampled_from((RECORDED, PACKED)))
    folder = tmp_path_factory.mktemp("changed")
    never_silently_wrong(data.draw(changed(original.read_bytes())), original, folder)
    shutil.rmtree(folder)


@pytest.mark.acceptance
@given(st.data())
@settings(max_examples=5000)
def test_thousands_of_changed_files(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    original = data.draw(st.sampled_from((RECORDED, PACKED)))
    folder = tmp_path_factory.mktemp("changed")
    never_silently_wrong(data.draw(changed(original.read_bytes())), original, folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("words", [(), ("nonsense",), ("summary",), ("query", "colour", str(PACKED)), ("pack", "one")])
def test_misuse_is_one_line(words: tuple[str, ...]) -> None:
    done = ask(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
