"""The example of a third-party allocator: installed from its folder, it is one of heapswap's families."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.native.support import ROOT, program

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin in it, as pip installs it there."""
    program("gcc", "gcc")
    folder = tmp_path_factory.mktemp("plugin")
    # Built in a copy: what a build leaves behind does not belong into the checkout.
    source = shutil.copytree(ROOT / "examples/allocator-plugin", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


def heapswap(installed: Path, *words: str, status: int = 0) -> str:
    """What heapswap prints with the plugin on Python's path."""
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "heapswap", *words]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def answer(installed: Path, *words: str) -> Any:
    return json.loads(heapswap(installed, *words, "--json"))


def test_it_is_among_the_allocators(installed: Path) -> None:
    (found,) = [row for row in answer(installed, "allocators")["libraries"] if row["spelling"] == "shelf"]
    library = found["library"]
    assert (library["origin"], library["version"], library["family"]) == ("plugin", "1.0", "shelf")
    assert Path(library["path"]).parent == installed / "heapswap_shelf"
    assert "size classes over mmap" in heapswap(installed, "allocators", "shelf")


def test_it_holds_every_clause(installed: Path) -> None:
    printed = answer(installed, "conform", "shelf")
    assert [row for row in printed["clauses"] if row["outcome"] != "held"] == []
    assert printed["library"]["origin"] == "plugin"


def test_a_trial_runs_under_it_and_proves_that_it_answered(installed: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    words = ["--quiet", "--candidates", "shelf", "--blocks", "1", "--results", str(results)]
    heapswap(installed, "trial", *words, "--", "sort", "/etc/passwd")
    trial = json.loads((results / "trial.json").read_text())
    runs = [run for run in trial["runs"] if run["slot"]["candidate"] == "shelf"]
    assert len(runs) >= 2
    assert {run["outcome"] for run in runs} == {"completed"}
    assert all("heapswap_shelf" in json.dumps(run["processes"]) for run in runs)


def test_advise_tries_it(installed: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    heapswap(installed, "advise", "--quiet", "--budget", "10s", "--results", str(results), "--", "sort", "/etc/passwd")
    trial = json.loads((results / "trial.json").read_text())
    assert "shelf" in {run["slot"]["candidate"] for run in trial["runs"]}


def test_without_it_the_name_is_unknown(tmp_path: Path) -> None:
    heapswap(tmp_path, "conform", "shelf", status=2)
