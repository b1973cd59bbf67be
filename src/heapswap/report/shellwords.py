"""A command as text that can be pasted into a shell, folded to a width without changing what it means."""

import os
import re
from collections.abc import Sequence

from rich.cells import cell_len

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
# What keeps a meaning between double quotes.
_LIVE = re.compile(r'["$`\\!]')
_OPTION = re.compile(r"--?[\w-]*\w|<")
_FIRST, _REST = " " * 4, " " * 6


def quote(word: str) -> str:
    """One word for the shell. Control characters and undecodable bytes are written as escapes, never sent raw."""
    if _PLAIN.fullmatch(word):
        return word
    if word.isprintable() and "'" in word and not _LIVE.search(word):
        return f'"{word}"'
    if word.isprintable():
        return "'" + word.replace("'", "'\\''") + "'"
    return "$'" + "".join(_escaped(character) for character in word) + "'"


def one_line(words: Sequence[str], stdin: str = "") -> str:
    """A command on one line, however long; `stdin` is a file that standard input is read from."""
    return " ".join([*map(quote, words), *(("<", quote(stdin)) if stdin else ())])


def command_lines(words: Sequence[str], width: int, stdin: str = "") -> list[str]:
    """An indented command line of at most `width` cells a line, continued by backslashes.

    `stdin` is a file that standard input is read from. A word longer than a line is cut inside: its continuation
    then starts in the first column, since blanks there would become part of it.
    """
    room = width - 2  # " \" ends every line that is continued
    lines = [_FIRST]
    quoted_words = [(word, quote(word)) for word in words] + ([("<", "<"), (stdin, quote(stdin))] if stdin else [])
    for number, (word, quoted) in enumerate(quoted_words):
        apart = "" if not lines[-1].strip() else " "
        # An option, or a redirection, stays beside its value where both fit on one line.
        follows = number + 1 < len(quoted_words) and _OPTION.fullmatch(word)
        both = f"{quoted} {quoted_words[number + 1][1]}" if follows else quoted
        if cell_len(_REST + both) > room:
            both = quoted
        if cell_len(lines[-1] + apart + both) <= room:
            lines[-1] += apart + quoted
            continue
        if apart:
            lines[-1] += " \\"
            lines.append(_REST)
        first, *others = _cut(word, quoted, room - len(_REST))
        lines[-1] += first
        for part in others:
            lines[-1] += "\\"
            lines.append(part)
    return lines


def _cut(word: str, quoted: str, room: int) -> list[str]:
    """The quoted word in parts of at most `room` cells that a shell joins to the same word."""
    if cell_len(quoted) <= room:
        return [quoted]
    parts = [""]
    for character in word:
        if cell_len(quote(parts[-1] + character)) > room:
            # A blank in the second half is a better place to cut than the middle of a word.
            blank = parts[-1].rfind(" ", len(parts[-1]) // 2) + 1 or len(parts[-1])
            parts[-1:] = [parts[-1][:blank], parts[-1][blank:]]
        parts[-1] += character
    return [quote(part) for part in parts]


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return {"\n": "\\n", "\t": "\\t"}.get(character) or "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
