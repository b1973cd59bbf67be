"""Which allocator an object contains, in which version, and what shows it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heapswap import elf
from heapswap.elf import Elf
from heapswap.inspection.marks import BY_SYMBOL, Mark

UNKNOWN = "unknown"
"""the family of an object that defines malloc and bears no mark that is known here"""
_MARKER = ".heapswap.allocator"
"""section of the bundled libraries: ``family=…;version=…``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One allocator inside one object."""

    family: str
    version: str
    """empty when it cannot be told"""
    variable: str
    """the environment variable, or prefix of variables, that it reads; empty: none is known"""
    evidence: str
    answers_malloc: bool
    """the object defines ``malloc`` for every object of the process"""


def identify(image: Elf) -> tuple[Identity, ...]:
    """The allocators inside one object; empty for an object that holds none.

    Raises:
        NotElf, OSError: the file cannot be read.
    """
    answers = bool(elf.exported(image.path, ("malloc",)))
    bundled = elf.section(image.path, _MARKER)
    if bundled is not None:
        return (_bundled(bundled, answers),)
    marks = sorted(elf.defined(image.path, BY_SYMBOL))
    if marks:
        families = dict.fromkeys(BY_SYMBOL[mark].family for mark in marks)
        return tuple(
            _marked(image, [BY_SYMBOL[m] for m in marks if BY_SYMBOL[m].family == f], answers) for f in families
        )
    if not answers:
        return ()
    libc = _libc(image)
    return (
        Identity(
            family=libc or UNKNOWN,
            version=_version(image.path, libc),
            variable={"glibc": "MALLOC_"}.get(libc, ""),
            evidence="defines malloc",
            answers_malloc=True,
        ),
    )


def _libc(image: Elf) -> str:
    if image.soname == "libc.so.6":
        return "glibc"
    if (
        image.soname == "libc.so"
        or image.soname.startswith("libc.musl-")
        or Path(image.path).name.startswith("ld-musl-")
    ):
        return "musl"
    return ""


def _bundled(content: bytes, answers: bool) -> Identity:
    fields = dict(pair.partition("=")[::2] for pair in content.rstrip(b"\0").decode(errors="replace").split(";"))
    family = fields.get("family", UNKNOWN)
    features = fields.get("features", "")
    return Identity(
        family=family,
        version=fields.get("version", ""),
        variable={"jemalloc": "_RJEM_MALLOC_CONF", "mimalloc": "MIMALLOC_"}.get(family, ""),
        evidence="bundled with heapswap" + (f", features {features}" if features else ""),
        answers_malloc=answers,
    )


def _marked(image: Elf, marks: list[Mark], answers: bool) -> Identity:
    names = ", ".join(mark.symbol for mark in marks)
    return Identity(
        family=marks[0].family,
        version=_version(image.path, marks[0].family),
        variable=marks[0].variable,
        evidence=f"defines {'malloc, ' if answers else ''}{names}",
        answers_malloc=answers,
    )


def _version(path: str, family: str) -> str:
    """The version that the object names in its constants, or in its file name."""
    match family:
        case "jemalloc":
            return _first(r"(\d+\.\d+\.\d+)-\d+-g[0-9a-f]{40}", _candidates(path, ("5.", "4.", "6.")))
        case "glibc":
            return _first(r".*stable release version (\d+\.\d+)", elf.strings(path, "GNU C Library"), re.DOTALL)
        case "tcmalloc":
            return _first(r"gperftools (\d+(?:\.\d+)+)", elf.strings(path, "gperftools "))
        case _:
            found = re.search(r"\.so\.(\d+(?:\.\d+)+)$", str(Path(path).resolve()))
            return found[1] if found else ""


def _candidates(path: str, prefixes: Iterable[str]) -> Iterable[str]:
    for prefix in prefixes:
        yield from elf.strings(path, prefix)


def _first(pattern: str, texts: Iterable[str], flags: re.RegexFlag = re.NOFLAG) -> str:
    return next((found[1] for text in texts if (found := re.match(pattern, text, flags))), "")
