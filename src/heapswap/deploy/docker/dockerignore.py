"""Which files of a build context the builder sees, and the exceptions that let heapswap's through.

Patterns as docs.docker.com/build/concepts/context has them: Go's filepath.Match with ``**``, the last match decides.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from heapswap.deploy import lines
from heapswap.deploy.model import Action
from heapswap.deploy.tree import Tree


def admitted(context: Path, dockerfile: Path, paths: list[str], tree: Tree) -> Iterator[Action]:
    """The action that lets these files of the context through; none where all of them are seen already."""
    file = next((path for path in _files(context, dockerfile) if tree.read(path) is not None), None)
    if file is None:
        return
    data = tree.read(file) or b""
    names = [Path(path).relative_to(context).as_posix() for path in paths]
    patterns = lines.text(data, file).split("\n")
    if any(ignored(name, patterns) for name in names):
        folders = dict.fromkeys(name.partition("/")[0] for name in names)
        rows = [row for folder in folders for row in (f"!{folder}", f"!{folder}/**")]
        yield tree.change(file, lines.appended(data, rows), "lets these files into the build")


def ignored(name: str, patterns: list[str]) -> bool:
    """Whether the builder leaves out a file, named relative to the context."""
    parts = name.split("/")
    names = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    left_out = False
    for row in patterns:
        pattern = row.strip()
        if not pattern or pattern.startswith("#"):
            continue
        excepted = pattern.startswith("!")
        expression = _expression(pattern.removeprefix("!").strip().strip("/"))
        if any(expression.fullmatch(one) for one in names):
            left_out = not excepted
    return left_out


def _files(context: Path, dockerfile: Path) -> tuple[Path, ...]:
    return (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore")


def _expression(pattern: str) -> re.Pattern[str]:
    pattern = re.sub(r"^(\./)+", "", pattern)
    parts = {r"**/": r"(?:.*/)?", r"**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    found = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|\\.|.", pattern)
    return re.compile("".join(parts.get(part, part if part[0] == "[" else re.escape(part[-1])) for part in found))
