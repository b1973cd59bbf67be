"""The examples on the pages of docs/, by language, in order."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One fenced block."""

    language: str
    heading: str
    """the heading that it stands under"""
    text: str


def examples(page: str, language: str) -> list[Example]:
    """Every block of a language on a page."""
    text = (DOCS / page).read_text()
    found = []
    for match in _FENCE.finditer(text):
        headings = re.findall(r"^#+ (.*)$", text[: match.start()], re.MULTILINE)
        if match[1] == language:
            found.append(Example(language=match[1], heading=headings[-1], text=match[2]))
    return found
