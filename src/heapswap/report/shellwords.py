"""A command as text that can be pasted into a shell, folded to a width without changing what it means."""

import os
import re
from collections.abc import Sequence

from rich.cells import cell_len

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_FIRST, _REST = " " * 4, " " * 6


def quote(word: str) -> str:
    """One word for the shell. Control characters and undecodable bytes are written as escapes, never sent raw."""
    if _PLAIN.fullmatch(word):
        return word
    if word.isprintable():
        return "'" + word.replace("'", "'\\''") + "'"
    return "$'" + "".join(_escaped(character) for character in word) + "'"


def command_lines(words: Sequence[str], width: int, stdin: str = "") -> list[str]:
    """An indented command line of at most `width` cells a line, continued by backslashes.

    `stdin` is a file that standard input is read from. A word longer than a line is cut inside: its continuation
    then starts in the first column, since blanks there would become part of it.
    """
    room = width - 2  # " \" ends every line that is continued
    lines = [_FIRST]
    for word, quoted in [(w, quote(w)) for w in words] + ([("<", "<"), (stdin, quote(stdin))] if stdin else []):
        apart = "" if not lines[-1].strip() else " "
        if cell_len(lines[-1] + apart + quoted) <= room:
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
            parts.append("")
        parts[-1] += character
    return [quote(part) for part in parts]


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character.isprintable():
        return character
    return {"\n": "\\n", "\t": "\\t"}.get(character) or "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
