"""What was probably meant: the second half of a message about a word that is not known."""

from collections.abc import Iterable


def near(word: str, known: Iterable[str]) -> str:
    """``did you mean mimalloc?``, or all that is known when nothing is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - needed only for a message

    names = list(dict.fromkeys(known))
    close = get_close_matches(word, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"it knows {', '.join(names)}" if names else "it has none"
