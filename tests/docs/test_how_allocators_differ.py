"""The table of sizes, asked of the allocators themselves."""

import os
import re
import subprocess
import sys

import pytest

from heapswap import native
from tests.docs.pages import DOCS

PAGE = "how-allocators-differ.md"
_ROW = re.compile(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.MULTILINE)
_ASK = """
import ctypes, sys
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
c.malloc.argtypes = [ctypes.c_size_t]
c.malloc_usable_size.restype = ctypes.c_size_t
c.malloc_usable_size.argtypes = [ctypes.c_void_p]
print(*[c.malloc_usable_size(c.malloc(int(size))) for size in sys.argv[1:]])
"""


@pytest.mark.parametrize(
    ("library", "column"), [(None, 1), ("mimalloc", 2), ("mimalloc_v2", 2), ("jemalloc", 2), ("snmalloc", 2)]
)
def test_blocks_have_the_sizes_of_the_table(library: str | None, column: int) -> None:
    rows = [[int(cell.replace(",", "")) for cell in row] for row in _ROW.findall(DOCS.joinpath(PAGE).read_text())]
    assert len(rows) == 4
    environ = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    if library is not None:
        environ["LD_PRELOAD"] = str(native.required(library))
    asked = [sys.executable, "-c", _ASK, *(str(row[0]) for row in rows)]
    found = subprocess.run(asked, env=environ, check=True, capture_output=True, text=True).stdout.split()
    # What would be left of a free block, if it is below 32 bytes, stays with the block in glibc.
    spare = {0, 16} if library is None else {0}
    assert {int(size) - row[column] for size, row in zip(found, rows, strict=True)} <= spare
