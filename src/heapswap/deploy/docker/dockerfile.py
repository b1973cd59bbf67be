"""Dockerfiles as instructions and stages, with the lines they stand on. Nothing is changed or run here.

Read as BuildKit reads them (docs.docker.com/reference/dockerfile): parser directives first, ``\\`` or the chosen escape
continues a line, comments and empty lines inside a continuation vanish, here-documents belong to their instruction.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from heapswap.errors import CannotGoOn

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(.*?)\s*")
_COMMENT = re.compile(r"\s*#")
_FLAG = re.compile(r"--([\w-]+)(?:=(\S*))?\s*")
_HERE = re.compile(r"(?<![<\w])\d*<<(-?)([\"']?)(\w[\w.-]*)\2")
_PAIR = re.compile(r"([\w.-]+)=((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'\\])*)\s*")
_VARIABLE = re.compile(r"\\(.)|\$(\w+)|\$\{(\w+)(?:(:?[-+])((?:\$\{[^}]*\}|[^}])*))?\}")
_HERE_READERS = ("RUN", "COPY", "ADD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction."""

    keyword: str
    """in capitals"""
    flags: tuple[tuple[str, str], ...]
    value: str
    """what follows the flags, continued lines joined, here-documents left out"""
    start: int
    end: int
    """lines, counted from 0, the end excluded"""

    @property
    def exec_form(self) -> tuple[str, ...] | None:
        """The words of the JSON form; None for the shell form."""
        try:
            words = json.loads(self.value)
        except ValueError:
            return None
        return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One FROM and what follows it."""

    index: int
    name: str
    """as written after AS; empty: it has none"""
    base: str
    """image, or name of an earlier stage; build arguments replaced by their defaults, unknown ones left as written"""
    platform: str
    """as written after ``--platform=``; empty: the target's"""
    instructions: tuple[Instruction, ...]
    """the FROM first"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """A whole file."""

    stages: tuple[Stage, ...]
    escape: str
    """character that continues a line"""

    def stage(self, name: str) -> Stage | None:
        """The stage of that name or number, or None."""
        for stage in self.stages:
            if name and (stage.name.lower() == name.lower() or str(stage.index) == name):
                return stage
        return None

    def chain(self, stage: Stage) -> tuple[Stage, ...]:
        """The stages that end in this one, from the image on: each is the base of the next."""
        earlier = self.stage(stage.base)
        if earlier is None or earlier.index >= stage.index:
            return (stage,)
        return (*self.chain(earlier), stage)

    def environment(self, stage: Stage) -> dict[str, str]:
        """What ENV sets at the end of a stage, as far as the file tells."""
        environ: dict[str, str] = {}
        for one in self.chain(stage):
            arguments: dict[str, str] = {}
            for instruction in one.instructions:
                scope = {**arguments, **environ}
                if instruction.keyword == "ARG":
                    arguments |= {name: value for name, value in pairs(instruction.value, scope) if value is not None}
                elif instruction.keyword == "ENV":
                    environ |= {name: value or "" for name, value in pairs(instruction.value, scope)}
        return environ


def parse(text: str, path: Path) -> Dockerfile:
    """The stages of a Dockerfile.

    Raises:
        CannotGoOn: there is no FROM, or a here-document does not end.
    """
    escape = _escape(text)
    globals_: dict[str, str] = {}
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for instruction in _instructions(text.split("\n"), escape, path):
        if instruction.keyword == "FROM":
            stages.append((instruction, [instruction]))
        elif stages:
            stages[-1][1].append(instruction)
        elif instruction.keyword == "ARG":
            globals_ |= {name: value for name, value in pairs(instruction.value, globals_) if value is not None}
    if not stages:
        raise CannotGoOn(f"{path} has no FROM, so it is no Dockerfile; give one")
    return Dockerfile(
        stages=tuple(_stage(index, head, body, globals_) for index, (head, body) in enumerate(stages)), escape=escape
    )


def pairs(value: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Names and values of an ENV or ARG, expanded; None for an ARG without default."""
    name, rest = [*value.split(None, 1), "", ""][:2]
    if "=" not in name:
        yield name, expand(rest.strip(), environ) if rest else None
        return
    for match in _PAIR.finditer(value):
        yield match[1], expand(match[2], environ)


def expand(word: str, environ: Mapping[str, str]) -> str:
    """A word with quotes taken away and variables replaced; a variable that is not set is empty."""
    parts = re.findall(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|(?:\\.|[^'\"\\])+", word)
    return "".join(part[1:-1] if part[0] == "'" else _expanded(part.strip('"'), environ) for part in parts)


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        escaped, plain, braced, operator, alternative = match.groups()
        if escaped is not None:
            return str(escaped)
        there = environ.get(plain or braced)
        present = there is not None and (there != "" or not (operator or "").startswith(":"))
        if operator and operator.endswith("+"):
            return _expanded(alternative, environ) if present else ""
        if operator and not present:
            return _expanded(alternative, environ)
        return there or ""

    return _VARIABLE.sub(value, text)


def _escape(text: str) -> str:
    """The escape character: directives stand before anything else, a comment included."""
    for row in text.split("\n"):
        match = _DIRECTIVE.fullmatch(row)
        if match is None:
            break
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            return match[2]
    return "\\"


def _instructions(rows: list[str], escape: str, path: Path) -> Iterator[Instruction]:
    continued = re.compile(re.escape(escape) + r"[ \t]*$")
    at = 0
    while at < len(rows):
        start = at
        if _COMMENT.match(rows[at]) or not rows[at].strip():
            at += 1
            continue
        joined = ""
        while True:
            row, at = rows[at], at + 1
            if joined and (_COMMENT.match(row) or not row.strip()):
                more = True
            else:
                joined += continued.sub("", row)
                more = continued.search(row) is not None
            if not more or at == len(rows):
                break
        keyword, value = [*joined.split(None, 1), ""][:2]
        for here in _HERE.finditer(value) if keyword.upper() in _HERE_READERS else ():
            at = _end_of(here, rows, at, path)
        flags, value = _flags(value.strip())
        yield Instruction(keyword=keyword.upper(), flags=flags, value=value, start=start, end=at)


def _end_of(here: re.Match[str], rows: list[str], at: int, path: Path) -> int:
    for number in range(at, len(rows)):
        row = rows[number].lstrip("\t") if here[1] else rows[number]
        if row == here[3]:
            return number + 1
    raise CannotGoOn(f"{path}, line {at}: the here-document {here[3]} does not end; mend it first")


def _flags(value: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags = []
    while match := _FLAG.match(value):
        flags.append((match[1], match[2] or ""))
        value = value[match.end() :]
    return tuple(flags), value


def _stage(index: int, head: Instruction, body: list[Instruction], globals_: Mapping[str, str]) -> Stage:
    words = head.value.split()
    name = words[2] if len(words) > 2 and words[1].upper() == "AS" else ""
    image = words[0] if words else ""
    known = {match[2] or match[3] for match in _VARIABLE.finditer(image)} - {None} <= globals_.keys() or ":-" in image
    return Stage(
        index=index,
        name=name,
        base=expand(image, globals_) if known else image,
        platform=dict(head.flags).get("platform", ""),
        instructions=tuple(body),
    )
