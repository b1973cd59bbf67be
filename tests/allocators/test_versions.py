import pytest

from heapswap.allocators.model import Knob, KnobType
from heapswap.allocators.versions import belongs, covers, parts


def test_a_version_is_its_numbers() -> None:
    assert parts("5.3.0") == (5, 3, 0)
    assert parts("2.10") > parts("2.9")
    assert parts("") == ()
    assert parts("2.1rc1") == (2, 1)
    assert parts("unknown") == ()


@pytest.mark.parametrize(
    ("version", "line", "expected"),
    [("2.0.9", "2", True), ("2.0.9", "2.0", True), ("2.0.9", "2.1", False), ("20.1", "2", False), ("2.0", "", True)],
)
def test_a_line_is_the_beginning_of_a_version(version: str, line: str, expected: bool) -> None:
    assert belongs(version, line) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.0.9", False),
        ("2.1", True),
        ("2.1.0", True),
        ("2.9.9", True),
        ("3.0.0", False),
        ("3", False),
        ("", True),
        ("2", True),
    ],
)
def test_a_row_covers_its_range_and_what_may_be_in_it(version: str, expected: bool) -> None:
    row = Knob(name="x", variable="X", type=KnobType.TEXT, since="2.1", until="3.0")
    assert covers(row, version) is expected
