"""The saved form."""

import json
from pathlib import Path
from typing import Any

import pytest

from heapswap import artifact
from heapswap.errors import CannotGoOn
from heapswap.profiling.store import load

GOLDEN = Path(__file__).with_name("golden") / "profile-1.json"
"""A file of schema 1 with every field. It is never changed: files like it are in people's hands. A field that is added
later needs a default, and a golden file of its own beside it: `lifetimes`, `contention`, `call_sites`, `splits`,
`work`."""

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


def without_later_fields(now: Any, then: Any) -> Any:
    """What is saved now, less the fields that the older form does not have."""
    if isinstance(then, dict):
        return {name: without_later_fields(now[name], field) for name, field in then.items()}
    if isinstance(then, list):
        assert len(now) == len(then)
        return [without_later_fields(*pair) for pair in zip(now, then, strict=True)]
    return now


@pytest.mark.parametrize("file", sorted(GOLDEN.parent.iterdir()), ids=lambda file: file.stem)
def test_the_format_is_what_it_was(file: Path) -> None:
    then = json.loads(file.read_text())
    assert without_later_fields(json.loads(artifact.encode(load(file))), then) == then


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
