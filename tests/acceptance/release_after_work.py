"""Runs ``corpus/lxml_documents.py`` to its rest, then gives memory back, and prints what each moment looked like."""

import contextlib
import dataclasses
import json
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import heapswap

CORPUS = Path(__file__).parents[2] / "corpus"
sys.path.insert(0, str(CORPUS))

seen: dict[str, Any] = {}


def settle() -> None:
    """Rest as every program of the corpus does, while its memory is still held; then release."""
    runpy.run_path(str(CORPUS / "settle.py"))["settle"]()
    seen["idle"] = dataclasses.asdict(heapswap.stats("full"))
    done = heapswap.release()
    seen["released"] = {"how": done.how, "moved": done.moved, "seconds": done.seconds}
    seen["after"] = dataclasses.asdict(heapswap.stats("full"))


sys.modules["settle"] = types.SimpleNamespace(settle=settle)  # type: ignore[assignment]
with contextlib.redirect_stdout(sys.stderr):
    runpy.run_path(str(CORPUS / "lxml_documents.py"), run_name="__main__")
print(json.dumps(seen))
