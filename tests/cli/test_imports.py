"""What a command need not load it does not: whoever types one waits for it."""

import subprocess
import sys

import pytest

from heapswap.cli.main import VERBS

SLOW = {"scipy.stats", "scipy.optimize", "plotly", "pandas", "pyarrow", "jinja2"}


@pytest.mark.parametrize("verb", ["advise", "trial", "profile", "report"])
def test_a_verb_starts_without_what_is_slow_to_import(verb: str) -> None:
    assert verb in VERBS
    code = f"import sys, importlib; importlib.import_module('heapswap.cli.{verb}'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert SLOW.isdisjoint(done.stdout.split())
