"""Output kept as files. ``HEAPSWAP_WRITE_GOLDEN=1 pytest tests/report`` writes them anew; read the difference."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"


def matches_golden(name: str, text: str) -> None:
    """Fail unless `text` is what the golden file holds."""
    path = _FOLDER / name
    if os.environ.get("HEAPSWAP_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
