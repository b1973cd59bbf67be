"""Layout against the rules that Rust documents for `Layout::from_size_align`."""

import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heapswap import Layout
from heapswap.errors import Misuse

MAX = 2**63 - 1


def allowed(size: int, align: int) -> bool:
    """Rust's words: not zero, a power of two, the size rounded up to a multiple of it does not exceed isize::MAX."""
    if size < 0 or align not in {2**bit for bit in range(64)}:
        return False
    return -(-size // align) * align <= MAX


sizes = st.one_of(
    st.integers(-3, 5000),
    st.integers(0, 2**65),
    st.builds(lambda edge, by: edge + by, st.just(MAX), st.integers(-5000, 5000)),
)
aligns = st.one_of(
    st.integers(-3, 5000), st.builds(lambda bit, by: 2**bit + by, st.integers(0, 66), st.integers(-1, 1))
)
powers = st.integers(0, 63).map(lambda bit: 2**bit)


@given(size=sizes, align=st.one_of(aligns, powers))
@example(size=0, align=2**63)
@example(size=1, align=2**63)
@example(size=MAX, align=1)
@example(size=MAX, align=2)
@example(size=MAX - 1, align=2)
@example(size=0, align=0)
def test_rules_are_those_of_rust(size: int, align: int) -> None:
    if allowed(size, align):
        layout = Layout(size, align)
        assert (layout.size, layout.align) == (size, align)
    else:
        with pytest.raises(Misuse) as refused:
            Layout(size, align)
        assert "\n" not in str(refused.value)


@given(align=powers)
def test_the_largest_size_is_the_last_one_that_is_allowed(align: int) -> None:
    largest = MAX - (align - 1)
    assert Layout(largest, align).size == largest
    with pytest.raises(Misuse, match="ask for a smaller block"):
        Layout(largest + 1, align)


def test_isize_max_is_this_machines() -> None:
    assert sys.maxsize == MAX


@pytest.mark.parametrize(
    ("size", "align", "said"),
    [
        (8, 24, "the alignment 24 is not a power of two; give 1, 2, 4, 8, 16 …"),
        (8, 0, "the alignment 0 is not a power of two; give 1, 2, 4, 8, 16 …"),
        (-1, 8, "the size -1 is negative; a block has 0 bytes or more"),
        (1.5, 8, "the size 1.5 is no whole number; give bytes as an int"),
        (8, "8", "the align '8' is no whole number; give bytes as an int"),
    ],
)
def test_what_is_refused_is_said(size: object, align: object, said: str) -> None:
    with pytest.raises(Misuse) as refused:
        Layout(size, align)  # type: ignore[arg-type]
    assert str(refused.value) == said


def test_integers_of_numpy_become_plain() -> None:
    layout = Layout(np.int64(24), np.uint8(8))  # type: ignore[arg-type]
    assert (type(layout.size), type(layout.align)) == (int, int)
    assert layout == Layout(24, 8)
    assert hash(layout) == hash(Layout(24, 8))
