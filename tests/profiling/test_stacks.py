"""What `heapswap-symbolise` says."""

import os
import stat
from pathlib import Path

import pytest

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.profiling import doubts
from heapswap.profiling.stacks import Doubt, Stacks, decode, read

ANSWER = b"""{"frames": [{"function": "f", "file": "", "line": 0, "library": "/p", "python": false}],
"processes": [{"name": "1-0.probe", "flags": 4, "python": 50987760, "lost": 2, "stacks": [
{"size": 10, "scale": 14, "function": 0, "rarity": 1, "whole": true, "frames": [0, 0]}]}]}"""


def program(folder: Path, text: str) -> Path:
    path = folder / "heapswap-symbolise"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_decoded() -> None:
    found = decode(ANSWER)["1-0.probe"]
    assert (found.doubts, found.lost, found.python) == (Doubt.UNKNOWN_PYTHON, 2, 50987760)
    (stack,) = found.stacks
    assert [found.frames[place].function for place in stack.frames] == ["f", "f"]


def test_a_folder_without_files(tmp_path: Path) -> None:
    assert read(tmp_path) == {}


def test_files_of_something_else_and_cut_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "short.probe").write_bytes(b"heapprob")
    (tmp_path / "zeros.probe").write_bytes(b"")
    os.truncate(tmp_path / "zeros.probe", 32 << 20)
    area = bytearray(34 << 20)
    area[18 << 20 : (18 << 20) + 8] = b"heapstck"
    area[(18 << 20) + 8 : (18 << 20) + 24] = b"\xff" * 16
    (tmp_path / "broken.probe").write_bytes(bytes(area))
    assert {name: len(found.stacks) for name, found in read(tmp_path).items()} == {"broken.probe": 0}


@pytest.mark.parametrize(
    ("text", "said"), [("echo told >&2; exit 3", "could not be read: told"), ("exit 1", "could not be read: status 1")]
)
def test_what_fails_is_one_line(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "symboliser", lambda: program(tmp_path, text))
    with pytest.raises(CannotGoOn, match=said):
        read(tmp_path)


def stacks(doubt: Doubt, python: int = 0) -> Stacks:
    return Stacks(frames=(), doubts=doubt, python=python, lost=0, stacks=())


def test_doubts() -> None:
    assert list(doubts.of_stacks([stacks(Doubt(0))])) == []
    seen = [one.seen for one in doubts.of_stacks([stacks(Doubt.NO_COPY), stacks(Doubt.NO_LOOK_UP)])]
    assert ["C library" in seen[0], "process_vm_writev" in seen[1]] == [True, True]
    unknown = [stacks(Doubt.UNKNOWN_PYTHON, 0x030E00F0), stacks(Doubt.UNKNOWN_PYTHON, 1)]
    (found,) = doubts.of_stacks(unknown)
    assert "Python 3.14, a Python before 3.11" in found.seen
