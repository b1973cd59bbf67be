"""Places in the words of a command that are filled in for every run: ``{port}``."""

import re
from collections.abc import Iterable, Mapping

_PLACE = re.compile(r"\{([a-z_]+)\}")

STARTING = ("port", "folder")
"""places in what starts a service, prepares it, or tells that it is ready"""
LOADING = (*STARTING, "concurrency", "rate", "duration")
"""places in what loads it"""


def places(text: str) -> tuple[str, ...]:
    """The names of the places in a text."""
    return tuple(_PLACE.findall(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with every place filled in that a value is known for."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def filled_words(words: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """The same of every word."""
    return tuple(filled(word, values) for word in words)
