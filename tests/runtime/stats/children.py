"""Children under each allocator that hold what they are told to, and say what heapswap says of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heapswap import native

_SYSTEM = Path(f"/usr/lib/{os.uname().machine}-linux-gnu")

LIBRARIES: dict[str, Path | None] = {
    "glibc": None,
    "jemalloc": native.bundled("jemalloc"),
    "mimalloc": native.bundled("mimalloc"),
    "mimalloc_v2": native.bundled("mimalloc_v2"),
    "mimalloc_secure": native.bundled("mimalloc_secure"),
    "snmalloc": native.bundled("snmalloc"),
    "debian jemalloc": _SYSTEM / "libjemalloc.so.2",
    "debian mimalloc": _SYSTEM / "libmimalloc.so.2",
    "debian tcmalloc": _SYSTEM / "libtcmalloc_minimal.so.4",
}
"""What the figures are tested under; None is the C library's own allocator."""


class Child:
    """One such process; `order` is answered by one line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def order(self, **order: Any) -> Any:
        """Send an order and read the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the child ended with {self._process.wait()}"
        return json.loads(line)


@contextmanager
def child(name: str, **variables: str) -> Iterator[Child]:
    """A child under one of `LIBRARIES`."""
    library = LIBRARIES[name]
    preload = {} if library is None else {"LD_PRELOAD": str(library)}
    program = Path(__file__).with_name("memory_child.py")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MALLOC_", "LD_PRELOAD"))}
    with subprocess.Popen(
        [sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, **preload, **variables},
    ) as process:
        yield Child(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
