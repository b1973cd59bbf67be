"""Where heapswap's own library lies, and what it is called, on a machine that heapswap is not installed on."""

import re
from pathlib import Path

from heapswap.allocators.model import Library

INSIDE = "/usr/local/lib/heapswap"
"""a folder that only the superuser writes"""


def file_name(library: Library) -> str:
    """The library's name where it is deployed: without the part that says which Python it was built beside."""
    return re.sub(r"\.(cpython-[\w-]+|abi3)\.so$", ".so", Path(library.path).name)
