"""Taking an edit back out of a file that was edited since."""

from hypothesis import given
from hypothesis import strategies as st

from heapswap.deploy.merge import Conflict, lines, merged

LINE = st.binary(max_size=6).map(lambda data: data.replace(b"\n", b"").replace(b"\0", b""))
FILE = st.lists(LINE, max_size=12).map(b"\n".join)


@given(st.binary(max_size=200))
def test_lines_are_the_whole_file(data: bytes) -> None:
    assert b"".join(lines(data)) == data


@given(FILE, FILE)
def test_one_change_alone_is_made_as_it_is(base: bytes, changed: bytes) -> None:
    assert merged(base, changed, base) == changed
    assert merged(base, base, changed) == changed
    assert merged(base, changed, changed) == changed


@given(st.lists(st.integers(0, 3), min_size=3, max_size=9), st.lists(st.integers(0, 3), max_size=9), st.data())
def test_edits_in_other_lines_are_kept(head: list[int], tail: list[int], data: st.DataObject) -> None:
    """An inserted block comes out again, whatever was done to lines that do not touch it."""
    above = [b"above %d\n" % number for number in head]
    below = [b"below %d\n" % number for number in tail]
    block = [b"ours 1\n", b"ours 2\n"]
    edited_above = data.draw(st.lists(st.sampled_from([*above, b"new\n"]), max_size=9)) + above[-1:]
    now = b"".join((*edited_above, *block, *below))
    expected = b"".join((*edited_above, *below))
    assert merged(b"".join((*above, *block, *below)), b"".join((*above, *below)), now) == expected


def test_an_edit_of_our_own_line_is_a_conflict_and_names_the_line() -> None:
    assert merged(b"a\nours\nb\n", b"a\nb\n", b"a\nours, edited\nb\n") == Conflict(line=2)


def test_two_insertions_at_one_place_are_a_conflict() -> None:
    assert merged(b"a\nb\n", b"a\ntheirs\nb\n", b"a\nmine\nb\n") == Conflict(line=2)


def test_a_line_directly_below_ours_is_kept() -> None:
    assert merged(b"a\nours\n", b"a\n", b"a\nours\nuser\n") == b"a\nuser\n"


def test_binary_files_never_merge() -> None:
    assert merged(b"a\0b\n", b"a\n", b"a\0b\nc\n") == Conflict(line=1)
