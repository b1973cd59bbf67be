"""The malloc family answers as glibc's does, whoever stands behind it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.native.support import ALLOCATORS, compiled, preloading

SOURCE = Path(__file__).with_name("answers.c")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(SOURCE, tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def glibc(answers: Path) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run([answers], env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_questions_themselves_are_passed_by_glibc(glibc: list[str]) -> None:
    assert "malloc(SIZE_MAX): null, ENOMEM" in glibc
    assert "posix_memalign(24, 8): EINVAL, place kept" in glibc
    assert "wrong contents: 0" in glibc
    assert "wrongly aligned blocks: 0" in glibc
    assert glibc[-1] == "freed under every name"


@pytest.mark.parametrize("name", ALLOCATORS)
def test_same_answers_as_glibc(name: str, answers: Path, glibc: list[str]) -> None:
    done = subprocess.run([answers], env=preloading(name), capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == glibc
    assert done.returncode == 0
