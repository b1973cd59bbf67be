"""The saved form."""

import json
from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.errors import CannotGoOn
from heapswap.profiling.store import load

GOLDEN = Path(__file__).with_name("golden") / "profile-1.json"
"""A file of schema 1 with every field. It is never changed: files like it are in people's hands. A field that is added
later needs a default, and a golden file of its own."""

PROMISED = {
    "pid",
    "exe",
    "allocations",
    "frees",
    "requested_bytes",
    "peak_live_bytes",
    "threads",
    "allocator_cpu_share",
    "lock_wait_share",
    "retained_bytes",
}


def test_the_format_is_what_it_was() -> None:
    assert artifact.encode(load(GOLDEN)) + b"\n" == GOLDEN.read_bytes()


def test_what_is_promised_is_there() -> None:
    saved = json.loads(GOLDEN.read_text())
    assert (saved["kind"], saved["schema"]) == ("profile", 1)
    for process in saved["processes"]:
        assert set(process) >= PROMISED
    shares = [process["allocator_cpu_share"] for process in saved["processes"]]
    assert [set(share) for share in shares if share] == [{"value", "low", "high"}] * 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "holds no kind, not a profile"),
        (b'{"kind": "profile", "schema": 2}', "schema 2, and this heapswap knows profile up to 1"),
        (b'{"kind": "profile", "schema": 1}', "is damaged"),
        (b"\0", "is not a heapswap file"),
    ],
)
def test_other_files_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CannotGoOn, match=said):
        load(tmp_path / "file")
    with pytest.raises(CannotGoOn, match="cannot be read"):
        load(tmp_path / "absent")
