"""Every list of moves is a program that can be played."""

import re

from hypothesis import given
from hypothesis import strategies as st

from heapswap.conformance.programs import Move, shorter, text

LINE = re.compile(
    r"(thread [12]: )?((?P<name>[a-f]) = (?P<call>malloc|calloc|realloc|memalign|posix_memalign|aligned_alloc)\((.*)\)"
    r"|free\((?P<freed>[a-f])\))"
)
moves = st.lists(
    st.builds(
        Move,
        function=st.sampled_from(("malloc", "calloc", "posix_memalign", "memalign", "aligned_alloc")),
        name=st.sampled_from("abc"),
        size=st.integers(0, 5000),
        count=st.integers(1, 7),
        alignment=st.sampled_from((8, 64, 4096)),
        is_resized=st.booleans(),
        thread=st.integers(0, 2),
    )
)


@given(moves)
def test_every_move_is_a_line_that_makes_sense_where_it_stands(made: list[Move]) -> None:
    lines = text(made).splitlines()
    assert len(lines) == len(made)
    live: set[str] = set()
    for line in lines:
        match = LINE.fullmatch(line)
        assert match, line
        if match["freed"]:
            live.remove(match["freed"])
        elif match["call"] == "realloc":
            assert match["name"] in live
        else:
            assert match["name"] not in live
            live.add(match["name"])


@given(moves)
def test_aligned_alloc_is_asked_for_whole_multiples(made: list[Move]) -> None:
    for alignment, size in re.findall(r"aligned_alloc\((\d+), (\d+)\)", text(made)):
        assert int(size) % int(alignment) == 0


@given(moves)
def test_what_is_left_out_leaves_a_program(made: list[Move]) -> None:
    for fewer in shorter(made):
        assert len(fewer) < len(made)
        assert len(text(fewer).splitlines()) == len(fewer)
