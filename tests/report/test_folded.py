"""Folded stacks are read as they were written, and drawn."""

from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.errors import CannotGoOn
from heapswap.profiling.model import Profile
from heapswap.report.document.model import Charts
from heapswap.report.document.profile import profile_document
from heapswap.report.folded import read_folded
from tests.report.artifacts import saved

frames = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";"), min_size=1, max_size=20)


@given(st.dictionaries(st.lists(frames, min_size=1, max_size=5).map(tuple), st.integers(1, 10**12), max_size=6))
@settings(max_examples=50)
def test_what_is_written_is_read(stacks: dict[tuple[str, ...], int]) -> None:
    with NamedTemporaryFile("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{';'.join(stack)} {weight}\n" for stack, weight in stacks.items())
        file.flush()
        assert read_folded(Path(file.name)) == {stack: float(weight) for stack, weight in stacks.items()}


@pytest.mark.parametrize("line", ["main", "main;f ten", "12", "main;f -1"])
def test_what_is_no_stack_is_refused_with_its_line(line: str, tmp_path: Path) -> None:
    file = tmp_path / "folded"
    file.write_text(f"main;f 1\n\n{line}\n")
    with pytest.raises(CannotGoOn, match="line 3: no folded stack"):
        read_folded(file)


def test_a_profile_with_stacks_draws_them(tmp_path: Path) -> None:
    file = tmp_path / "folded"
    file.write_text("main;f 10\nmain;g 30\nmain;f 2\n")
    profile = saved("profile")
    assert isinstance(profile, Profile)
    found = profile_document(profile, read_folded(file))
    (section,) = [one for one in found.sections if one.title == "Where memory is asked for"]
    (block,) = section.blocks
    assert isinstance(block, Charts)
    assert block.charts[0].traces[0]["values"] == [42.0, 30.0, 12.0]
