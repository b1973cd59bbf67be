"""Line edits leave every other byte as it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.deploy import merge
from heapswap.deploy.lines import BOM, appended, newline, spliced, text
from heapswap.errors import CannotGoOn

ROW = st.lists(st.sampled_from([b"a", b"\xff", b" ", b"#", "é".encode()]), max_size=4).map(b"".join)
FILE = st.builds(bytes.join, st.sampled_from([b"\n", b"\r\n"]), st.lists(ROW))


@given(FILE, st.data())
def test_splicing_keeps_the_lines_around(data: bytes, draw: st.DataObject) -> None:
    rows = merge.lines(data)
    start = draw.draw(st.integers(0, len(rows)))
    end = draw.draw(st.integers(start, len(rows)))
    result = merge.lines(spliced(data, start, end, ["one", "two"]))
    assert [row.rstrip(b"\r\n") for row in result[:start]] == [row.rstrip(b"\r\n") for row in rows[:start]]
    assert result[start + 2 :] == rows[end:]
    assert [row.rstrip(b"\r\n") for row in result[start : start + 2]] == [b"one", b"two"]
    assert spliced(BOM + data, start, end, ["one", "two"]) == BOM + spliced(data, start, end, ["one", "two"])


@given(FILE)
def test_reading_has_the_same_lines(data: bytes) -> None:
    plain = text(data, Path("f"))
    assert len(merge.lines(data)) == len(merge.lines(plain.encode("utf-8", "surrogateescape")))


def test_the_newline_is_that_of_the_file() -> None:
    assert newline(b"a\r\nb\r\n") == b"\r\n"
    assert newline(b"a\nb\r\n") == b"\n"
    assert newline(b"") == b"\n"
    assert appended(b"a\r\nb", ["c"]) == b"a\r\nb\r\nc\r\n"


def test_a_replaced_last_line_without_newline_leaves_none() -> None:
    assert spliced(b"a\nb", 1, 2, ["c"]) == b"a\nc"


def test_the_mark_stays_first() -> None:
    assert spliced(BOM + b"a\nb\n", 0, 1, ["c"]) == BOM + b"c\nb\n"


def test_utf_16_is_refused_in_one_line() -> None:
    with pytest.raises(CannotGoOn, match=r"^f is binary or UTF-16; "):
        text("FROM x\n".encode("utf-16"), Path("f"))
