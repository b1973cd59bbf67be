"""Folding loses nothing, and nothing sticks out."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from heapswap.report.lines import fold, paragraph, pieces, printable
from tests.report import strategies


@given(strategies.words, st.integers(4, 60))
def test_fold_keeps_every_character(text: str, width: int) -> None:
    lines = fold(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == printable("".join(text.split())).replace(" ", "")


@given(strategies.spellings, st.integers(4, 60))
def test_pieces_are_the_word(word: str, width: int) -> None:
    cut = pieces(word, width)
    assert "".join(cut) == word
    assert all(cell_len(piece) <= width for piece in cut)


def test_a_spelling_breaks_after_its_separators() -> None:
    assert pieces("/opt/long/path/libfoo.so:purge=0", 12) == ["/opt/long/", "path/", "libfoo.so:", "purge=0"]


def test_a_number_keeps_its_unit_and_an_arrow_its_ends() -> None:
    assert fold("idle memory 132 MiB -> 34 MiB", 20) == ["idle memory", "132 MiB -> 34 MiB"]
    assert fold("a gain of 10 % and more", 12) == ["a gain of", "10 % and", "more"]


def test_control_characters_are_shown_not_sent() -> None:
    assert printable("\x1b[31mred\x07\udcff") == "\\x1b[31mred\\x07\\udcff"


def test_a_paragraph_hangs_below_its_first_line() -> None:
    lines = paragraph("one two three", 8, first="- ", rest="  ")
    assert [line.plain for line in lines] == ["- one", "  two", "  three"]
