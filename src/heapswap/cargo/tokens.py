"""Rust source as trees of tokens: comments gone, literals whole, brackets nested.

Enough of the language's lexical grammar (The Rust Reference, "Tokens") that an attribute in a comment, in a string or
in the body of a macro is never taken for one that the compiler sees.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    """identifier, keyword or number"""
    TEXT = "text"
    """string literal"""
    OTHER = "other"
    """punctuation, lifetime or character"""


@dataclass(frozen=True, slots=True)
class Token:
    """One token that is no bracket."""

    kind: Kind
    text: str
    """of a string literal what stands between its quotes, escapes as written"""
    line: int


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between two brackets."""

    bracket: str
    """the opening one"""
    items: tuple["Tree", ...]
    line: int


Tree = Token | Group

_TOKEN = re.compile(
    r"""
    (?P<space>\s+ | //[^\n]*)
  | (?P<comment>/\*)
  | (?P<raw>(?:b|c)?r(?P<hashes>\#*)"(?P<rawtext>.*?)"(?P=hashes))
  | (?P<string>(?:b|c)?"(?P<text>(?:[^"\\]|\\.)*)")
  | (?P<char>b?'(?:[^'\\\n]|\\u\{[^}']*\}|\\x..|\\.)')
  | (?P<lifetime>'(?:r\#)?\w+)
  | (?P<word>(?:r\#)?\w+)
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_SHEBANG = re.compile(r"#!(?!\s*\[)[^\n]*")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def parse(source: str) -> tuple[Tree, ...]:
    """The trees of a file. A bracket that nothing closes is closed by the end; one that closes nothing is left out."""
    open_groups: list[tuple[str, int, list[Tree]]] = [("", 0, [])]
    for kind, text, line in _tokens(source):
        if kind == "open":
            open_groups.append((text, line, []))
        elif kind == "close":
            if len(open_groups) > 1 and _CLOSING[open_groups[-1][0]] == text:
                _close(open_groups)
        else:
            open_groups[-1][2].append(Token(_KINDS.get(kind, Kind.OTHER), text, line))
    while len(open_groups) > 1:
        _close(open_groups)
    return tuple(open_groups[0][2])


_KINDS = {"word": Kind.WORD, "string": Kind.TEXT, "raw": Kind.TEXT}


def _close(open_groups: list[tuple[str, int, list[Tree]]]) -> None:
    bracket, line, items = open_groups.pop()
    open_groups[-1][2].append(Group(bracket, tuple(items), line))


def _tokens(source: str) -> Iterator[tuple[str, str, int]]:
    """Kind, text and line of each token, brackets included and comments left out."""
    source = source.removeprefix("\ufeff")
    shebang = _SHEBANG.match(source)
    at, line = (shebang.end() if shebang else 0), 1
    while at < len(source):
        match = _TOKEN.match(source, at)
        assert match is not None  # the last alternative takes any character
        kind = match.lastgroup or ""
        end = _comment_end(source, at) if kind == "comment" else match.end()
        for name, inside in (("raw", "rawtext"), ("string", "text")):
            if match[name] is not None:
                kind = name
                yield kind, match[inside], line
                break
        else:
            if kind not in ("space", "comment"):
                yield kind, match[0].removeprefix("r#"), line
        line += source.count("\n", at, end)
        at = end


def _comment_end(source: str, at: int) -> int:
    """Where the block comment that starts at `at` ends: they nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(source, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(source)


def preamble(source: str) -> int:
    """Where the inner attributes and inner documentation of a file end, as an offset; 0 where it has none.

    What must stand before every item: the first ``mod`` may follow there.
    """
    shebang = _SHEBANG.match(source)
    at = end = shebang.end() if shebang else int(source.startswith("\ufeff"))
    end = end if shebang else 0
    while (match := _TOKEN.match(source, at)) is not None:
        at = match.end()
        match match.lastgroup, source[match.start() : match.start() + 3]:
            case "space", text:
                end = at if text == "//!" else end
            case "comment", text:
                at = _comment_end(source, match.start())
                end = at if text == "/*!" else end
            case "other", text if _INNER.match(source, match.start()):
                at = end = _bracket_end(source, match.start())
            case _:
                break
    return end


_INNER = re.compile(r"#\s*!\s*\[")


def _bracket_end(source: str, at: int) -> int:
    """Where the bracket that opens next is closed."""
    depth = 0
    while (match := _TOKEN.match(source, at)) is not None:
        at = _comment_end(source, at) if match.lastgroup == "comment" else match.end()
        depth += {"open": 1, "close": -1}.get(match.lastgroup or "", 0)
        if depth == 0 and match.lastgroup == "close":
            break
    return at
