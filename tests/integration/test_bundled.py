"""The bundled allocators where allocators break: fork with threads that allocate, thread ends, many threads at once."""

import os
import signal
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
    stress = subprocess.Popen(
        [fork_stress],
        env=preloading(name, "witness"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        # The time limit only turns a hang into a failure; a run takes a second or two.
        stdout, stderr = stress.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        # A child that hangs would outlive its parent.
        os.killpg(stress.pid, signal.SIGKILL)
        stress.communicate()
        pytest.fail(f"a fork under {name} hangs")
    assert stdout == "150 forks, 0 failed, 0 wrong blocks\n"
    assert (stderr, stress.returncode) == ("", 0)
