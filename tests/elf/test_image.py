"""Files that are no programs, or damaged: refused in one line, never a crash."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import elf
from heapswap.elf import NotElf
from tests.elf.samples import TRIVIAL
from tests.inspection.programs import build


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x09\x09" + b"\0" * 60])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotElf):
        elf.read(path)


def test_object_files_are_neither(folder: Path) -> None:
    with pytest.raises(NotElf, match="object or core file"):
        elf.read(build(folder, "object.o", TRIVIAL, "-c"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotElf):
        elf.read(tmp_path / "pipe")


def test_missing_files_are_the_callers_affair(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        elf.read(tmp_path / "nothing")


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_files_are_refused_or_read(
    small: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(small.read_bytes())
    # Most of what decides lies in the headers at the front and in the sections at the end.
    places = st.one_of(st.integers(0, 1024), st.integers(0, len(content) - 1))
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[min(at, len(content) - 1)] = value
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(content[:cut]))
    for question in (
        lambda: elf.read(path),
        lambda: elf.exported(path, ("answer", "nothing")),
        lambda: elf.imported(path, ("question",)),
        lambda: elf.defined(path, ("both",)),
        lambda: elf.section(path, ".text"),
        lambda: elf.strings(path, "a"),
    ):
        try:
            question()
        except NotElf as error:
            assert str(path) in str(error)  # noqa: PT017 - either answer is right, a crash is not
