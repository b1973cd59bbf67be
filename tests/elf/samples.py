"""What is built for these tests, and real files to compare with."""

import os
import sys
from pathlib import Path

TRIVIAL = "int main(void) { return 0; }\n"
LIBRARY = "int answer(void) { return 42; }\nextern int question(int);\nint both(void) { return question(answer()); }\n"


def c_library() -> str:
    """The C library that this very process runs on."""
    words = Path("/proc/self/maps").read_text().split()
    return next(word for word in words if "/libc.so" in word or "/libc-" in word)


def real_file(name: str) -> str:
    return {"python": os.path.realpath(sys.executable), "libc": c_library()}.get(name, f"/bin/{name}")
