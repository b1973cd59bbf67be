"""Places in commands."""

from hypothesis import given
from hypothesis import strategies as st

from heapswap.filling import filled, filled_words, places


def test_what_is_known_is_filled_in_and_the_rest_stays() -> None:
    assert filled('x {port}{port} {} {"a": 1} {other}', {"port": "80"}) == 'x 8080 {} {"a": 1} {other}'
    assert filled_words(("{a}", "b"), {"a": "{b}", "b": "c"}) == ("{b}", "b")  # what is filled in is not read again
    assert places("{port} {Other} {rate}") == ("port", "rate")


@given(st.text())
def test_nothing_known_changes_nothing(text: str) -> None:
    assert filled(text, {}) == text
