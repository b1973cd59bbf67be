"""Which allocator an object contains, in which version, and what shows it."""

import re
from pathlib import Path

from heapswap import elf
from heapswap.allocators import locate, registry
from heapswap.allocators.marks import BY_SYMBOL, Mark
from heapswap.elf import Elf
from heapswap.values import value


@value
class Identity:
    """One allocator inside one object."""

    family: str
    """``unknown`` for an object that defines malloc and bears no known mark"""
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
    bundled = elf.section(image.path, locate.MARKER)
    if bundled is not None:
        return (_bundled(bundled, answers),)
    marks = [BY_SYMBOL[name] for name in sorted(elf.defined(image.path, BY_SYMBOL))]
    if marks and not answers and elf.exported(image.path, _INTERPRETER):
        # Python's own copy of mimalloc is PYTHONMALLOC's business.
        return ()
    if marks:
        families = dict.fromkeys(mark.family for mark in marks)
        return tuple(_marked([mark for mark in marks if mark.family == family], answers) for family in families)
    if not answers:
        return ()
    if family := _c_library(image):
        variable = "MALLOC_" if family == "glibc" else ""
        return (Identity(family=family, variable=variable, evidence="defines malloc", answers_malloc=True),)
    return (_of_a_plugin(image),)


def version(image: Elf, family: str) -> str:
    """The version that the object names among its bytes or in its file name; empty when it cannot be told.

    Raises:
        NotElf, OSError: the file cannot be read.
    """
    bundled = elf.section(image.path, locate.MARKER)
    if bundled is not None:
        return _fields(bundled).get("version", "")
    known = registry.own(family) or next((one for one in registry.plugins()[0] if one.name == family), None)
    pattern = _GLIBC_BANNER if family == "glibc" else known.version if known else ""
    if pattern and (found := elf.search(image.path, re.compile(pattern.encode()))):
        return found
    named = re.search(r"malloc[^/]*\.so\.(\d+(?:\.\d+)+)$", str(Path(image.path).resolve()))
    return named[1] if named else ""


_INTERPRETER = ("Py_BytesMain",)
_GLIBC_BANNER = r"GNU C Library [^\n]* version (\d+\.\d+)"


def _c_library(image: Elf) -> str:
    if image.soname == "libc.so.6":
        return "glibc"
    names = (image.soname, Path(image.path).name)
    return "musl" if "libc.so" in names or any(name.startswith(("ld-musl-", "libc.musl-")) for name in names) else ""


def _of_a_plugin(image: Elf) -> Identity:
    """The allocator of an object that defines malloc and bears none of heapswap's own marks."""
    for family in registry.plugins()[0]:
        if family.symbols and (seen := elf.exported(image.path, family.symbols)):
            return Identity(
                family=family.name,
                variable=family.configuration,
                evidence=f"defines malloc, {', '.join(sorted(seen))}",
                answers_malloc=True,
            )
    return Identity(family=locate.UNKNOWN, variable="", evidence="defines malloc", answers_malloc=True)


def _fields(marker: bytes) -> dict[str, str]:
    pairs = marker.rstrip(b"\0").decode(errors="replace").split(";")
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def _bundled(marker: bytes, answers: bool) -> Identity:
    fields = _fields(marker)
    family = fields.get("family", locate.UNKNOWN)
    features = fields.get("features", "")
    known = registry.own(family)
    return Identity(
        family=family,
        variable=known.builds[0].configuration if known and known.builds else "",
        evidence="a build of heapswap's" + (f" ({features})" if features else ""),
        answers_malloc=answers,
    )


def _marked(marks: list[Mark], answers: bool) -> Identity:
    names = ["malloc"] * answers + [mark.symbol for mark in marks]
    return Identity(
        family=marks[0].family,
        variable=marks[0].variable,
        evidence=f"defines {', '.join(names)}",
        answers_malloc=answers,
    )
