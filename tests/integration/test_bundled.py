"""The bundled allocators where allocators break: fork with threads that allocate, thread ends, many threads at once."""

import subprocess
from pathlib import Path

import pytest

from tests.native.support import ALLOCATORS, compiled, preloading

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def fork_stress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(HERE / "fork_stress.c", tmp_path_factory.mktemp("fork_stress"))


@pytest.mark.parametrize("name", ALLOCATORS)
def test_forks_while_threads_allocate(name: str, fork_stress: Path) -> None:
    # The time limit only turns a hang into a failure; a run takes a second or two.
    done = subprocess.run(
        [fork_stress], env=preloading(name, "witness"), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "150 forks, 0 failed, 0 wrong blocks\n"
    assert (done.stderr, done.returncode) == ("", 0)
