"""What `import heapswap` offers, and what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import heapswap


@pytest.mark.parametrize("name", sorted(heapswap._HOMES))
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(heapswap, name)
    assert value.__module__ == heapswap._HOMES[name]
    assert name in dir(heapswap)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(heapswap.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {
        alias.name: node.module for node in imports for alias in node.names
    } == heapswap._HOMES | heapswap._FOR_RESULTS
    assert heapswap.__all__ == sorted(heapswap._HOMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'heapswap' has no attribute 'malloc'"):
        heapswap.malloc  # noqa: B018


def test_importing_it_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import heapswap; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['heapswap']\n"


def test_numpy_is_loaded_only_for_arrays() -> None:
    program = (
        "import sys; from heapswap import *; from heapswap import buffer, MiMalloc, numpy_allocator; "
        "buffer(8, MiMalloc()).release(); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
