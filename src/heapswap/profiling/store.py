"""A profile on disk: one JSON object, with `kind` and `schema`."""

from pathlib import Path

from heapswap import artifact
from heapswap.errors import CannotGoOn
from heapswap.profiling.model import Profile

SCHEMA = 1


def load(file: Path) -> Profile:
    """Read a profile.

    Raises:
        CannotGoOn: unreadable, damaged, another kind, or from a newer heapswap.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{file} cannot be read: {error.strerror}") from None
    return artifact.decode(data, "profile", SCHEMA, Profile, str(file))
