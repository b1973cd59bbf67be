"""Small libraries, built once a test file."""

from pathlib import Path

import pytest

from tests.elf.samples import LIBRARY
from tests.inspection.programs import library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elf")


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    return library(folder, "libsmall.so", LIBRARY, "-nostdlib", "-Wl,-soname,libsmall.so.7", "-Wl,-rpath,$ORIGIN/a:/b")
