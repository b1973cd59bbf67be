"""`heapswap advise` begins with the profile: two real programs, one of which allocates."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap.profiling.store import load
from heapswap.trials import store

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
CHURN = Path(__file__).parents[2] / "corpus" / "lua_churn.lua"
COUNT = "local sum = 0 for i = 1, 3e7 do sum = sum + i % 7 end print(sum)"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}


def advise(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    options = ("--objective", "cpu", "--budget", "1s", "--timeout", "120s", "--json")
    return subprocess.run(
        [HEAPSWAP, "advise", *options, *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_program_that_does_not_allocate_is_kept_after_one_run(environ: dict[str, str], tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = advise(environ, "--results", str(results), "--", "lua5.4", "-e", COUNT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["outcome"], found["rule"], found["runs"]) == ("keep", "no-measured-bottleneck", 1)
    assert [ground["of"] for ground in found["diagnosis"]["grounds"]][-1] == "time"
    assert len(store.load(results / "trial.json").runs) == 1
    assert load(results / "profile.json").processes[0].exe.endswith("lua5.4")
    alone = subprocess.run(["lua5.4", "-e", COUNT], env=environ, capture_output=True, text=True, check=True)
    assert (results / "runs" / "0000" / "stdout").read_text() == alone.stdout
    resumed = [HEAPSWAP, "trial", "--resume", str(results), "-q", "--json"]
    again = subprocess.run(resumed, env=environ, capture_output=True, text=True, check=True)
    assert again.stdout == done.stdout


def test_a_program_that_lives_on_malloc_is_tried(environ: dict[str, str]) -> None:
    """There is no budget for it, and the profile comes first."""
    done = advise(environ, "--", "lua5.4", str(CHURN), "60000")
    assert done.returncode == 2
    assert "Profiled: allocation may cost time" in done.stderr
    assert "give --budget" in done.stderr
