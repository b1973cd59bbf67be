"""`heapswap profile --pid`: on real processes, with perf's place taken by a double where its numbers do not matter."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.native.support import compiled, library, program

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
HERE = Path(__file__).parent
WAITS = "import sys; held = bytearray(30 << 20); print('ready', flush=True); sys.stdin.read()"

DOUBLE = """#!/bin/sh
# perf, as far as it is used: what it was asked is written down; its samples are half malloc's.
case "$1" in
record)
    echo "$@" >> "{folder}/asked"
    while [ "$1" != -o ]; do shift; done
    echo data > "$2"
    while [ "$1" != -p ]; do shift; done
    echo "$2" > "{folder}/pid"
    shift 3
    exec "$@" ;;
script)
    pid=$(cat "{folder}/pid")
    second=0
    while [ $second -lt 40 ]; do
        printf '%s/%s 1%02d.5: 2000000 cpu-clock:\\n' $pid $pid $second
        printf '\\t 11 [unknown] ({libc})\\n\\t 12 malloc ({libc})\\n\\n'
        printf '%s/%s 1%02d.6: 2000000 cpu-clock:\\n\\t 13 main (/bin/x)\\n\\n' $pid $pid $second
        second=$((second + 1))
    done ;;
esac
"""


@pytest.fixture
def waiting() -> Iterator[subprocess.Popen[str]]:
    """A Python with 30 MiB, until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
    finally:
        process.communicate("", timeout=60)
        assert process.returncode == 0


@pytest.fixture
def libc() -> str:
    """The C library of this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return next(words[5] for line in lines if len(words := line.split()) > 5 and "/libc." in words[5])


@pytest.fixture
def double(tmp_path: Path, libc: str) -> dict[str, str]:
    """An environment in which perf is a double."""
    folder = tmp_path / "bin"
    folder.mkdir()
    perf = folder / "perf"
    perf.write_text(DOUBLE.format(folder=tmp_path, libc=libc))
    perf.chmod(perf.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "LANG": "C.UTF-8", "HOME": str(tmp_path)}


def heapswap(*words: str, environ: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [HEAPSWAP, "profile", *words],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_running_process(waiting: subprocess.Popen[str], double: dict[str, str], libc: str, tmp_path: Path) -> None:
    words = ("--pid", str(waiting.pid), "--seconds", "1", "--json", "-o", "control.json")
    done = heapswap(*words, environ=double, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "control.json").read_text()) == found
    assert (found["kind"], found["schema"], found["source"]) == ("profile", 1, "outside")
    (process,) = found["processes"]
    assert (process["pid"], process["allocator"], process["samples"]) == (waiting.pid, libc, 80)
    assert process["allocator_cpu_share"]["value"] == 0.5
    unknown = ("allocations", "frees", "requested_bytes", "live_bytes", "peak_live_bytes", "retained_bytes")
    assert [process[name] for name in unknown] == [None] * len(unknown)
    assert all(moment["heap"] + moment["anonymous"] > 30 << 20 for moment in process["resident"])
    assert f"-p {waiting.pid} " in (tmp_path / "asked").read_text()


def test_against_a_control(waiting: subprocess.Popen[str], double: dict[str, str], tmp_path: Path) -> None:
    first = ("--pid", str(waiting.pid), "--seconds", "1", "-o", "control.json")
    assert heapswap(*first, environ=double, folder=tmp_path).returncode == 0
    again = ("--pid", str(waiting.pid), "--seconds", "1", "--against", "control.json")
    page = heapswap(*again, environ=double, folder=tmp_path)
    assert (page.returncode, page.stderr) == (0, "")
    assert "Against control.json" in page.stdout
    done = heapswap(*again, "--json", environ=double, folder=tmp_path)
    compared = json.loads(done.stdout)
    assert (compared["kind"], compared["of"]) == ("comparison", "profile")
    assert [row["change"]["value"] for row in compared["changes"] if row["unit"] == "share"] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--pid", "999999999"), 3, "no process"),
        (("--pid", "1", "--", "true"), 2, "as it runs"),
        (("--pid", "1", "mimalloc"), 2, "as it runs"),
        (("--pid", "1", "--seconds", "0"), 2, "--seconds 0"),
        (("--seconds", "3", "--", "true"), 2, "go with --pid"),
        (("--pid", "{pid}", "--seconds", "1", "--against", "absent"), 3, "absent cannot be read"),
    ],
)
def test_bad_requests_are_one_line(
    words: tuple[str, ...], status: int, said: str, double: dict[str, str], tmp_path: Path
) -> None:
    done = heapswap(*(word.format(pid=os.getpid()) for word in words), environ=double, folder=tmp_path)
    assert done.returncode == status
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_without_perf(waiting: subprocess.Popen[str], tmp_path: Path) -> None:
    done = heapswap("--pid", str(waiting.pid), environ={"PATH": str(tmp_path)}, folder=tmp_path)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "perf" in done.stderr


# With perf itself.

Observe = Callable[..., dict[str, Any]]


@pytest.fixture
def observe(tmp_path: Path) -> Observe:
    """The one process of an observation of a command that runs until it is stopped."""
    program("perf", "linux-perf")

    def observed(*command: str, **variables: str) -> dict[str, Any]:
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(tmp_path)}
        with subprocess.Popen(command, env={**environ, **variables}, stdout=subprocess.DEVNULL) as running:
            try:
                words = ("--pid", str(running.pid), "--seconds", "6", "--json")
                done = heapswap(*words, environ=environ, folder=tmp_path)
            finally:
                running.kill()
        assert done.returncode == 0, done.stderr
        (process,) = json.loads(done.stdout)["processes"]
        return dict(process)

    return observed


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(HERE / "costs.c", tmp_path_factory.mktemp("costs"), "-O2"))


@pytest.mark.acceptance
def test_waits_are_seen_from_outside(costs: str, observe: Observe, tmp_path: Path) -> None:
    slow = compiled(HERE / "slow_lock.c", tmp_path, "-O2", "-shared", "-fPIC")
    process = observe(costs, "wait", "100000000", LD_PRELOAD=str(slow))
    assert process["lock_wait_share"]["low"] > 0.5


@pytest.mark.acceptance
@pytest.mark.parametrize("name", ["mimalloc", "jemalloc", "snmalloc"])
def test_a_preloaded_allocator_is_seen_from_outside(name: str, costs: str, observe: Observe) -> None:
    process = observe(costs, "wait", "1000000000", LD_PRELOAD=str(library(name)))
    assert process["allocator"] == str(library(name))
    assert process["allocator_cpu_share"]["low"] > 0.3


@pytest.mark.acceptance
def test_computing_is_no_allocators_from_outside(observe: Observe) -> None:
    process = observe(sys.executable, "-c", "while True: pass")
    assert process["allocator_cpu_share"]["high"] < 0.05
    assert process["lock_wait_share"]["high"] < 0.05
