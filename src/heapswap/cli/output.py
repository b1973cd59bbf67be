"""Standard output, which may be closed, full, or read by somebody who has seen enough."""

import contextlib
import io
import sys
from collections.abc import Iterator

from heapswap.cli.main import TYPE_CHECKING
from heapswap.errors import CannotGoOn

if TYPE_CHECKING:
    from typing import TextIO


@contextlib.contextmanager
def standard_output(otherwise: str) -> "Iterator[TextIO]":
    """Where an answer goes; characters that its encoding lacks are replaced.

    Nobody reads what is written where the stream was closed from the start, or when its reader has left.

    Args:
        otherwise: what to do where it cannot be written.

    Raises:
        CannotGoOn: it cannot be written.
    """
    stream: TextIO = io.TextIOWrapper(io.BytesIO(), encoding="utf-8") if sys.stdout is None else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        raise CannotGoOn(f"the answer cannot be printed: {error.strerror}; {otherwise}") from None
