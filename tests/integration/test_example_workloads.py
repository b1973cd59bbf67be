"""The examples that are loaded, each with its ``workload.toml``: short forms of two always, all of them on demand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scripts.measure_examples import as_another_user

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = Path(sys.executable).parent
LOADED = sorted(file.parent.name for file in EXAMPLES.glob("*/workload.toml"))
SHORT = ("--warmup", "0", "--rest", "0.2", "--blocks", "1")


def tried(example: str, folder: Path, *options: str, user: tuple[str, ...] = ()) -> dict[str, Any]:
    """The verdict on an example, and its trial."""
    results = folder / "results"
    argv = [*user, str(SCRIPTS / "heapswap"), "trial", "--workload", "workload.toml", "--results", str(results)]
    environ = {**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "HOME": str(folder), "TMPDIR": str(folder)}
    done = subprocess.run(
        [*argv, *options, "--quiet", "--json"],
        cwd=EXAMPLES / example,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    verdict: dict[str, Any] = json.loads(done.stdout)
    verdict["trial"] = json.loads((results / "trial.json").read_text())
    return verdict


def everything_worked(verdict: dict[str, Any], candidate: str, levels: list[int]) -> None:
    runs = verdict["trial"]["runs"]
    assert [run["outcome"] for run in runs] == ["completed"] * len(runs)
    assert {run["slot"]["candidate"] for run in runs} == {"current", candidate}
    assert [ramp["candidate"] for ramp in verdict["ramps"]] == ["current", candidate]
    for ramp in verdict["ramps"]:
        assert [point["level"] for point in ramp["points"]] == levels
        assert all(point["throughput"] > 0 for point in ramp["points"])
    assert all(run["pauses"][0]["resident"] > 0 for run in runs)


# Told to terminate, gunicorn's workers first wait for a second.
@pytest.mark.parametrize(("example", "stop"), [("json-api", "TERM"), ("gunicorn-api", "QUIT")])
def test_a_short_form_of_an_example(example: str, stop: str, tmp_path: Path) -> None:
    short = ("--concurrency", "1", "--duration", "1", "--stop-signal", stop, *SHORT)
    verdict = tried(example, tmp_path, "--candidates", "jemalloc", *short)
    everything_worked(verdict, "jemalloc", [1])


@pytest.mark.acceptance
@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", [name for name in LOADED if name not in ("postgresql", "redis")])
def test_an_example(example: str, tmp_path: Path) -> None:
    verdict = tried(example, tmp_path, "--candidates", "mimalloc", *SHORT)
    everything_worked(verdict, "mimalloc", [point["level"] for point in verdict["ramps"][0]["points"]])
    assert len(verdict["ramps"][0]["points"]) >= 3


@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_redis_runs_on_its_own_jemalloc_alone(tmp_path: Path) -> None:
    """What Debian's Redis is linked with takes knobs; another malloc would be given blocks of jemalloc."""
    knob = "jemalloc@5.3.0/returning"
    verdict = tried("redis", tmp_path, "--candidates", "mimalloc", knob, *SHORT)
    everything_worked(verdict, knob, [1, 4, 16])
    (refused,) = verdict["not_tried"]
    assert refused["candidate"] == "mimalloc"
    assert "mallctl" in refused["reason"]


@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_postgresql(tmp_path: Path) -> None:
    """It refuses root: the whole trial is then run as Debian's user for it, who may read what root's home holds."""
    user = as_another_user(tmp_path)
    if user:
        for folder in tmp_path.parents[:2]:
            folder.chmod(0o755)
    verdict = tried("postgresql", tmp_path, "--candidates", "jemalloc", *SHORT, user=user)
    everything_worked(verdict, "jemalloc", [1, 4, 16])
