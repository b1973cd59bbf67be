"""Questions about the content of a file, each answered by reading no more of it than it needs."""

import re
from collections.abc import Iterable
from pathlib import Path

from heapswap.elf.image import opened


def section(path: str | Path, name: str) -> bytes | None:
    """The content of the section called `name`, or None where there is none.

    Raises:
        NotElf, OSError: as `read`.
    """
    with opened(path) as image:
        return image.section(name)


def exported(path: str | Path, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that the file defines for other objects (in its dynamic symbol table).

    Raises:
        NotElf, OSError: as `read`.
    """
    with opened(path) as image:
        return image.symbols.exported(names)


def imported(path: str | Path, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that the file expects another object to define; weak references do not count.

    Raises:
        NotElf, OSError: as `read`.
    """
    with opened(path) as image:
        return image.symbols.imported(names)


def defined(path: str | Path, names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that the file defines at all: for others, or (where it is not stripped) for itself only.

    Raises:
        NotElf, OSError: as `read`.
    """
    asked = frozenset(names)
    with opened(path) as image:
        found = image.symbols.exported(asked)
        private = image.static_symbols
        if private is not None:
            found |= {name for name, symbol in private.find(asked - found) if symbol.defined}
        return found


def mentions(path: str | Path, text: bytes) -> bool:
    """Whether `text` stands anywhere in the file.

    Raises:
        NotElf, OSError: as `read`.
    """
    with opened(path) as image:
        return text in bytes(image.records.view)


def search(path: str | Path, pattern: re.Pattern[bytes]) -> str:
    """The first group of the first match among the file's bytes; empty where nothing matches.

    Raises:
        NotElf, OSError: as `read`.
    """
    with opened(path) as image:
        found = pattern.search(image.records.view)
        return found[1].decode(errors="surrogateescape") if found else ""


def strings(path: str | Path, prefix: str) -> tuple[str, ...]:
    """The zero-terminated strings among the file's constants that start with `prefix`, tails of longer ones included.

    Raises:
        NotElf, OSError: as `read`.
    """
    wanted = prefix.encode()
    found = []
    with opened(path) as image:
        constants = image.constants
        at = constants.find(wanted)
        while at != -1:
            end = constants.find(b"\0", at)
            found.append(constants[at : end if end != -1 else None].decode(errors="surrogateescape"))
            at = constants.find(wanted, at + 1)
    return tuple(found)
