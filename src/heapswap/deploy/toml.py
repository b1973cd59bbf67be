"""TOML files edited with comments, order, spacing and newlines kept (tomlkit)."""

from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.toml_document import TOMLDocument

from heapswap.deploy.lines import BOM
from heapswap.errors import CannotGoOn


def document(data: bytes, path: Path) -> TOMLDocument:
    """The file as a document that can be edited.

    Raises:
        CannotGoOn: it is no UTF-8, or no TOML.
    """
    try:
        text = data.removeprefix(BOM).decode()
        return tomlkit.parse(text.replace("\r\n", "\n") if _windows(data) else text)
    except (TOMLKitError, UnicodeDecodeError, RecursionError) as error:
        raise CannotGoOn(f"{path} is not TOML ({' '.join(str(error).split())}); mend it first") from None


def encoded(edited: TOMLDocument, like: bytes) -> bytes:
    """The document as a file with the newlines and the byte order mark of the one it was read from."""
    text = tomlkit.dumps(edited)
    data = (text.replace("\n", "\r\n") if _windows(like) else text).encode()
    return BOM + data if like.startswith(BOM) else data


def table(parent: Any, name: str, path: Path) -> Any:
    """The table called `name`, made at the end where there is none.

    Raises:
        CannotGoOn: the name is taken by something else.
    """
    if name not in parent:
        if parent and isinstance(parent, TOMLDocument):
            parent.add(tomlkit.nl())
        parent[name] = tomlkit.table()
    found = parent[name]
    if not hasattr(found, "items"):
        raise CannotGoOn(f"{path}: '{name}' is no table; mend it first")
    return found


def _windows(data: bytes) -> bool:
    return data.count(b"\n") > 0 and data.count(b"\n") == data.count(b"\r\n")
