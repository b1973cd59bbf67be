"""`heapswap profile` on real programs."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from scipy.stats import binomtest

from tests.native.support import compiled, library, program

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
HERE = Path(__file__).parent
PLAIN = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

Profile = Callable[..., dict[str, Any]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {**PLAIN, "HOME": str(tmp_path)}


@pytest.fixture
def profile(tmp_path: Path, environ: dict[str, str]) -> Profile:
    """The JSON of a profile of these words, and nothing else on either stream."""

    def run(*words: str, options: tuple[str, ...] = (), stdin: str = "", **variables: str) -> dict[str, Any]:
        done = subprocess.run(
            [HEAPSWAP, "profile", "--json", "--results", "results", *options, "--", *words],
            cwd=tmp_path,
            env={**environ, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(HERE / "costs.c", tmp_path_factory.mktemp("costs"), "-O2"))


@pytest.fixture(scope="module")
def slow_lock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An allocator whose lock is waited for."""
    options = ("-O2", "-shared", "-fPIC")
    return str(compiled(HERE / "slow_lock.c", tmp_path_factory.mktemp("slow_lock"), *options))


def test_the_program_runs_as_ever_and_is_counted(profile: Profile, tmp_path: Path) -> None:
    found = profile("sh", "-c", "cat; echo said >&2; exit 3", stdin="given")
    assert (found["kind"], found["schema"], found["exit_status"]) == ("profile", 1, 3)
    assert (tmp_path / "results" / "stdout").read_text() == "given"
    assert (tmp_path / "results" / "stderr").read_text() == "said\n"
    assert json.loads((tmp_path / "results" / "profile.json").read_text()) == found
    assert [finding["code"] for finding in found["findings"]] == ["program-failed"]
    assert {Path(process["exe"]).name for process in found["processes"]} >= {"cat"}
    assert all(process["allocations"] >= process["frees"] - 5 for process in found["processes"])


def test_nothing_is_left_behind(profile: Profile, tmp_path: Path) -> None:
    said = tmp_path / "said"
    profile("sh", "-c", f'test -d "$HEAPSWAP_PROBE" && echo "$HEAPSWAP_PROBE" > {said}')
    folder = Path(said.read_text().strip())
    assert folder.name.startswith("heapswap-")
    assert not folder.exists()


def test_the_whole_tree_each_process_named(profile: Profile) -> None:
    child = "[bytes(3000) for _ in range(100)]; os._exit(0)"
    code = f"import os\nfor k in range(3):\n    if os.fork() == 0:\n        {child}\nfor k in range(3): os.wait()"
    found = profile(sys.executable, "-c", code)
    parent, *children = found["processes"]
    assert len(children) == 3
    assert [child["parent"] for child in children] == [parent["pid"]] * 3
    assert [child["forks"] for child in children] == [1] * 3
    assert {Path(process["exe"]).name for process in found["processes"]} == {Path(sys.executable).resolve().name}


def test_a_candidate_is_behind_the_probe(profile: Profile) -> None:
    found = profile("sqlite3", ":memory:", "select 1;", options=("mimalloc",))
    (process,) = found["processes"]
    assert found["candidate"] == "mimalloc"
    assert "/mimalloc." in process["allocator"]
    assert found["findings"] == []
    assert process["live_bytes"] is not None


def test_a_preload_of_the_users_own_stays(profile: Profile) -> None:
    found = profile("sqlite3", ":memory:", "select 1;", LD_PRELOAD=str(library("jemalloc")))
    assert "/jemalloc." in found["processes"][0]["allocator"]


@pytest.mark.parametrize("way", ["wait", "fault", "compute"])
def test_where_the_time_goes(way: str, costs: str, slow_lock: str, profile: Profile) -> None:
    variables = {"LD_PRELOAD": slow_lock} if way == "wait" else {}
    found = profile(costs, way, "400" if way == "wait" else "2000", **variables)
    (process,) = found["processes"]
    share, wait, kernel = process["allocator_cpu_share"], process["lock_wait_share"], process["kernel_share"]
    if way == "wait":  # three of four threads wait at any moment, and all of them sleep
        assert wait["low"] > 0.2
    if way == "fault":
        assert kernel["low"] > 0.2
    if way == "compute":
        assert share["high"] < 0.05
        assert kernel["value"] < 0.05
    if way != "wait":
        assert wait["value"] < 0.02


@pytest.mark.acceptance
def test_waiting_rises_with_the_number_of_threads(costs: str, profile: Profile, tmp_path: Path) -> None:
    fair_lock = compiled(HERE / "fair_lock.c", tmp_path, "-O2", "-shared", "-fPIC")
    found = profile(costs, "alone", "5000", LD_PRELOAD=str(fair_lock))
    alone, *together = found["processes"][0]["contention"]
    assert alone["threads"] == 1
    assert together, "four threads were never seen at it together"
    assert 4 * alone["wait_share"]["value"] < max(row["wait_share"]["low"] for row in together)


@pytest.mark.acceptance
def test_where_the_time_goes_on_the_lock_of_an_arena(costs: str, profile: Profile) -> None:
    """One arena for four threads against one each, in pairs: how much is waited depends on how many run at once."""

    def waited(arenas: str) -> float:
        variables = {"MALLOC_ARENA_MAX": arenas, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
        found = profile(costs, "wait", "100000", options=("--results", f"run-{next(runs)}"), **variables)
        return float(found["processes"][0]["lock_wait_share"]["value"])

    runs = itertools.count()
    pairs = [(waited("1"), waited("8")) for _ in range(12)]
    more, less = (sum(one > other for one, other in order) for order in (pairs, [pair[::-1] for pair in pairs]))
    assert binomtest(more, more + less, alternative="greater").pvalue < 0.01


@pytest.mark.parametrize(("way", "memory"), [("leak", "growing"), ("retain", "retained"), ("steady", "settled")])
def test_a_leak_and_a_retention_are_told_apart(way: str, memory: str, costs: str, profile: Profile) -> None:
    (process,) = profile(costs, way)["processes"]
    assert process["memory"] == memory
    last = process["splits"][-1]
    assert last["unknown"] + last["python"] + last["named"] < 8 << 20
    if way == "retain":
        assert process["retained_bytes"] > 50 << 20
        assert last["malloc"] - last["live"] > 50 << 20
    if way == "leak":
        assert process["live_bytes"] > 50 << 20


def test_who_holds_the_memory_is_looked_at_meanwhile(profile: Profile) -> None:
    code = "import time; kept = [(k, str(k)) for k in range(100_000)]; more = bytearray(20 << 20); time.sleep(1)"
    (process,) = profile(sys.executable, "-c", code)["processes"]
    assert process["splits"]
    assert max(split["python"] for split in process["splits"]) > 4 << 20
    assert max(split["malloc"] for split in process["splits"]) > 20 << 20
    # A look may fall between the kernel's giving the large block and malloc's return: until then nobody holds it.
    assert median(split["unknown"] for split in process["splits"]) < 4 << 20


def test_a_killed_program_keeps_its_numbers(profile: Profile) -> None:
    found = profile(sys.executable, "-c", "import os\nx = [bytes(2000) for _ in range(500)]\nos.kill(os.getpid(), 9)")
    assert found["signal"] == 9
    (process,) = found["processes"]
    assert process["allocations"] > 500
    assert process["live_bytes"] > 500 * 2000


def test_redacted(profile: Profile) -> None:
    found = profile("sh", "-c", "echo secret", options=("--redact",))
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("profile",), 2, "no command to run"),
        (("profile", "no-such-allocator", "--", "true"), 2, "no-such-allocator"),
        (("profile", "--", "no-such-program"), 3, "no-such-program"),
        (("profile", "--timeout", "soon", "--", "true"), 2, "not a duration"),
        (("profile", "--results", ".", "--", "true"), 2, "exists"),
    ],
)
def test_bad_requests_are_one_line(words: tuple[str, ...], status: int, said: str, environ: dict[str, str]) -> None:
    done = subprocess.run([HEAPSWAP, *words], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_static_program_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }\n")
    target = tmp_path / "static"
    subprocess.run([program("gcc", "gcc"), "-static", str(tmp_path / "empty.c"), "-o", str(target)], check=True)
    done = subprocess.run(
        [HEAPSWAP, "profile", "--", str(target)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "statically linked" in done.stderr


def test_the_page_of_a_real_run(environ: dict[str, str]) -> None:
    command = [HEAPSWAP, "profile", "--", "sqlite3", ":memory:", "select 1;"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert "sqlite3" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80 or "/state/heapswap/" in done.stdout
