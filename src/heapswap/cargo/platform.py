"""The platform that a project is judged for: the one that rustc builds for here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heapswap.cargo import tool
from heapswap.errors import CannotGoOn


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A target of the compiler."""

    triple: str
    cfg: frozenset[tuple[str, str | None]]
    """what holds in ``cfg(…)``: name, and value where it has one"""

    @property
    def options(self) -> tuple[str, ...]:
        """For `cargo metadata`: leave out what is built on other platforms only."""
        return ("--filter-platform", self.triple)


def host(environ: Mapping[str, str], directory: Path) -> Platform:
    """The compiler's own platform, as it is for a project in `directory`.

    Raises:
        CannotGoOn: there is no rustc, or it does not work.
    """
    triple = re.search(r"^host: (\S+)$", _rustc(("-vV",), environ, directory), re.MULTILINE)
    if triple is None:
        raise CannotGoOn("rustc -vV does not name its host; check the installation of Rust")
    lines = _rustc(("--print", "cfg"), environ, directory).splitlines()
    pairs = (line.partition("=") for line in lines)
    cfg = frozenset((name, value.strip('"') if equals else None) for name, equals, value in pairs)
    return Platform(triple=triple[1], cfg=cfg)


def _rustc(words: tuple[str, ...], environ: Mapping[str, str], directory: Path) -> str:
    done = tool.ran((tool.found("rustc", environ), *words), environ, directory)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise CannotGoOn(f"rustc {words[0]} failed: {last[0]}; check the installation of Rust")
    return done.stdout
