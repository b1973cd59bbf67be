"""Links out of docs/, for the site: a reader of the repository can follow them, a reader of the site reads the path."""

import logging
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)#]+)\)")
# MkDocs counts warnings of its own loggers: in a strict build one of them is the end.
_LOG = logging.getLogger("mkdocs.hooks.outside")


def on_page_markdown(markdown: str, /, *, page: Any, **_: Any) -> str:
    """The page with each link to a file outside docs/ as its text alone; a file that is not there is a warning."""
    for _text, path in _OUTSIDE.findall(markdown):
        if not (ROOT / path).exists():
            _LOG.warning("%s: there is no %s in the repository", page.file.src_uri, path)
    return _OUTSIDE.sub(_as_text, markdown)


def _as_text(link: re.Match[str]) -> str:
    text, path = link.groups()
    return f"`{path}`" if text.strip("`").removeprefix("../") == path else f"{text} (`{path}`)"
