"""Saved results: one JSON object a file, with `kind` and `schema`; written whole or not at all."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from heapswap.errors import CannotGoOn

T = TypeVar("T")


def encode(value: object) -> bytes:
    """A value as one line of JSON, keys in the order of the type."""
    return msgspec.json.encode(value)


def text(words: str) -> str:
    """Words for people, as a file can hold them: what is no UTF-8 (a path of any bytes) is replaced."""
    return os.fsencode(words).decode("utf-8", "replace")


def readable(value: object) -> object:
    """A value with all its words as `text`: for what is only read, never executed again."""
    match msgspec.to_builtins(value):
        case str() as words:
            return text(words)
        case list() | tuple() as items:
            return [readable(item) for item in items]
        case dict() as fields:
            return {text(name): readable(field) for name, field in fields.items()}
        case other:
            return other


def digest(value: object) -> str:
    """``sha256:…`` of a value's encoding."""
    return "sha256:" + hashlib.sha256(encode(value)).hexdigest()


def file_digest(path: Path) -> str:
    """``sha256:…`` of a file's bytes.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def decode(data: bytes, kind: str, schema: int, type_: type[T], source: str) -> T:
    """Read a value, refusing another kind and a schema newer than this version knows.

    Raises:
        CannotGoOn: not JSON, another kind, a newer schema, or fields that do not fit.
    """
    try:
        head: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CannotGoOn(f"{source} is not a heapswap file ({error}); give a file that heapswap saved") from None
    seen = head.get("kind") if isinstance(head, dict) else None
    if seen != kind:
        raise CannotGoOn(f"{source} holds {seen or 'no kind'!s}, not a {kind}; give a file of kind {kind}")
    found = head.get("schema")
    if not isinstance(found, int) or found > schema:
        raise CannotGoOn(
            f"{source} has schema {found}, and this heapswap knows {kind} up to {schema}; upgrade heapswap to read it"
        )
    try:
        return msgspec.convert(head, type_)
    except msgspec.ValidationError as error:
        raise CannotGoOn(f"{source} is damaged: {error}; it cannot be read") from None


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where heapswap keeps what it has to remember for this user: its folder in the XDG state folder.

    Raises:
        CannotGoOn: this user has no home folder.
    """
    try:
        return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "heapswap"
    except RuntimeError:
        raise CannotGoOn("this user has no home folder to keep results in; set XDG_STATE_HOME to a folder") from None


def write(path: Path, data: bytes) -> None:
    """Replace a file's content in one step, so that an interrupted or failed write leaves the old content.

    Raises:
        CannotGoOn: the folder cannot be written or the disk is full.
    """
    replace(path, lambda file: file.write(data))


def replace(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Replace a file's content by what `fill` writes, in one step, as `write` does.

    Raises:
        CannotGoOn: the folder cannot be written or the disk is full.
    """
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        if not isinstance(error, OSError):
            raise
        raise CannotGoOn(f"{path} cannot be saved: {error.strerror}; what was saved before is unchanged") from None
