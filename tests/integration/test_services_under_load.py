"""Services, started, loaded, left alone and stopped by the real launcher; whatever happens, nothing of them is left."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from heapswap import native
from heapswap.allocators.activation import PRELOAD
from heapswap.cli.counting import counted
from heapswap.errors import CannotGoOn
from heapswap.trials.arms import LIBC
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Outcome, Run, Slot, Stage
from heapswap.trials.store import load as load_trial
from heapswap.workload import Level, Ready, Service, Stop

HERE = Path(__file__).with_name("loaded")
PYTHON = sys.executable
MARK = "HEAPSWAP_TEST_MARK"
LOAD = (PYTHON, str(HERE / "load.py"), "{port}", "{concurrency}", "20")
SERVICE = Service(
    load=LOAD,
    levels=tuple(Level(concurrency=count) for count in (1, 2, 3)),
    duration=0.1,
    warmup=0.0,
    rest=0.1,
    ready=Ready(timeout=30.0),
    stop=Stop(grace=20.0),
)


@pytest.fixture
def mark() -> Iterator[str]:
    """A variable that every process of a test has; none of them may be left at its end."""
    value = uuid.uuid4().hex
    yield value
    assert marked(value) == []


def marked(value: str) -> list[str]:
    """Every process that carries the mark, as its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and entry.name != str(os.getpid()):
            try:
                if f"{MARK}={value}".encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def order_of(folder: Path, mark: str, *fault: str, service: Service = SERVICE) -> Order:
    environ = {**os.environ, MARK: mark}
    return Order(
        slot=Slot(stage=Stage.SCREENING, block=1, position=0, candidate="current"),
        program=PYTHON,
        argv=(PYTHON, str(HERE / "service.py"), "{port}", *fault),
        environ=environ,
        directory=str(folder),
        stdin=os.devnull,
        timeout=None,
        accepted=(0,),
        metrics=(),
        folder=folder / "run",
        expected=None,
        service=service,
        outside=environ,
    )


def served(order: Order) -> Run:
    with LaunchExecutor() as executor:
        return executor.execute(order)


def test_a_service_through_its_whole_ramp(tmp_path: Path, mark: str) -> None:
    run = served(order_of(tmp_path, mark))
    assert (run.outcome, run.findings, run.output) == (Outcome.COMPLETED, (), "")
    assert [step.concurrency for step in run.steps] == [1, 2, 3]
    assert [step.value("requests") for step in run.steps] == [20, 40, 60]
    assert all(0 < step.cpu <= step.busy + 0.05 and step.load_cpu > 0 and step.resident > 1e6 for step in run.steps)
    ends = [moment for step in run.steps for moment in (step.started, step.ended)]
    assert ends == sorted(ends)
    (pause,) = run.pauses
    assert (pause.length >= 0.1, pause.at > ends[-1], pause.processes) == (True, True, 1)
    assert run.value("throughput") == run.steps[-1].value("throughput")
    assert run.value("idle") == pause.resident
    assert run.value("latency_p99") is None  # a closed loop
    assert run.steps[-1].value("latency_p99") is not None
    assert (run.value("peak") or 0) >= pause.resident
    assert run.value("wall") is None
    assert (run.value("wall", "run") or 0) > pause.at


def test_at_a_given_rate_latencies_are_compared(tmp_path: Path, mark: str) -> None:
    service = replace(SERVICE, load=(*LOAD, "{rate}"), levels=(Level(concurrency=2, rate=400.0),))
    run = served(order_of(tmp_path, mark, service=service))
    assert run.value("latency_p99") == run.steps[0].value("latency_p99")
    assert (run.steps[0].rate, run.value("throughput")) == (400.0, run.steps[0].value("throughput"))


def test_cycles_repeat_ramp_and_rest(tmp_path: Path, mark: str) -> None:
    run = served(order_of(tmp_path, mark, service=replace(SERVICE, cycles=2, levels=SERVICE.levels[:2])))
    assert [(step.cycle, step.concurrency) for step in run.steps] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [pause.cycle for pause in run.pauses] == [0, 1]


CONNECTS = "import socket; socket.create_connection(('127.0.0.1', {port}))"


@pytest.mark.parametrize(
    "ready",
    [
        Ready(log="^listening$"),
        Ready(tcp="127.0.0.1:{port}"),
        Ready(url="http://127.0.0.1:{port}/"),
        Ready(command=shlex.join((PYTHON, "-c", CONNECTS))),
    ],
    ids=["log", "tcp", "url", "command"],
)
def test_each_way_to_be_ready(tmp_path: Path, mark: str, ready: Ready) -> None:
    run = served(order_of(tmp_path, mark, service=replace(SERVICE, ready=ready, levels=SERVICE.levels[:1])))
    assert run.outcome is Outcome.COMPLETED


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "change", "outcome", "seen", "log", "steps"),
    [
        ("exits", {}, Outcome.FAILED, "the service ended with status 1 before it was ready", "no configuration", 0),
        (
            "hangs",
            {"ready": Ready(timeout=1.0)},
            Outcome.TIMED_OUT,
            "the service was not ready within 1.00 s: 127.0.0.1:",
            "waiting for the database",
            0,
        ),
        (
            "dies",
            {},
            Outcome.CRASHED,
            "the service was ended by signal 11 in step 3 of 3 (concurrency 3)",
            "the third step was too much",
            2,
        ),
        (
            "stubborn",
            {"stop": Stop(grace=0.5)},
            Outcome.TIMED_OUT,
            "the service did not end within 0.5 s of SIGTERM, and was killed",
            "",
            3,
        ),
        ("leaves", {}, Outcome.FAILED, "the service ended with status 0 ", "", None),
        ("errs", {}, Outcome.FAILED, "20 of 20 requests failed in step 1 of 3 (concurrency 1)", "", 0),
        (
            "",
            {"load": (PYTHON, "-c", "import sys; sys.exit('cannot connect')")},
            Outcome.FAILED,
            f"the load ({PYTHON}) ended with status 1 in step 1 of 3 (concurrency 1)",
            "cannot connect",
            0,
        ),
    ],
    ids=["exits", "hangs", "dies", "stubborn", "leaves", "errs", "load-fails"],
)
def test_a_fault_is_an_outcome_with_its_log(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path,
    mark: str,
    fault: str,
    change: dict[str, object],
    outcome: Outcome,
    seen: str,
    log: str,
    steps: int | None,
) -> None:
    service = replace(SERVICE, **change)  # type: ignore[arg-type]
    run = served(order_of(tmp_path, mark, *([fault] if fault else []), service=service))
    assert run.outcome is outcome
    assert steps is None or len(run.steps) == steps
    assert run.findings[-1].seen.startswith(seen)
    assert log in run.log


def test_a_daemon_that_the_service_forks_is_ended_with_it(tmp_path: Path, mark: str) -> None:
    run = served(order_of(tmp_path, mark, "daemon"))
    assert run.outcome is Outcome.COMPLETED
    assert [finding.code for finding in run.findings] == ["left-behind"]
    assert len(run.processes) == 3


def test_a_load_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path, mark: str) -> None:
    endless = (
        PYTHON,
        "-c",
        "import os, time; os.fork(); os.setsid() if os.getpid() != os.getsid(0) else 0; time.sleep(999)",
    )
    run = served(replace(order_of(tmp_path, mark, service=replace(SERVICE, load=endless)), timeout=1.0))
    assert run.outcome is Outcome.TIMED_OUT
    assert run.findings[-1].seen == f"the load ({PYTHON}) ran out of time in step 1 of 3 (concurrency 1)"


def test_a_port_that_is_taken_and_a_load_that_is_missing_end_the_trial(tmp_path: Path, mark: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = replace(SERVICE, port=taken.getsockname()[1])
        with pytest.raises(CannotGoOn, match="another program listens on it"):
            served(order_of(tmp_path, mark, service=service))
    with pytest.raises(CannotGoOn, match="'no-such-load' is no program that is found here"):
        served(order_of(tmp_path, mark, service=replace(SERVICE, load=("no-such-load",))))


# --- who runs under what -------------------------------------------------------------------------------------------

LOOK = """
import os, sys
library, tool, out, who = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "a"), sys.argv[4]
parents = {}
for name in filter(str.isdecimal, os.listdir("/proc")):
    try:
        parents[int(name)] = int(open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[1])
    except OSError:
        pass
for pid in parents:
    above = pid
    while above in parents and above != tool:
        above = parents[above]
    # While the service starts, only who asks looks at itself: its libraries are not all there yet.
    if above == tool and (who == "load" or pid == os.getpid()):
        try:
            maps, environ = open(f"/proc/{pid}/maps").read(), open(f"/proc/{pid}/environ").read()
            names = [os.path.basename(word) for word in open(f"/proc/{pid}/cmdline").read().split("\\0")]
        except OSError:
            continue
        known = [name for name in names if name in ("service.py", "heapswap-launch")]
        kind = who if pid == os.getpid() else "tool" if pid == tool else known[0] if known else "other"
        print(kind, library in maps, library in environ, "HEAPSWAP_WITNESS" in environ, file=out)
print("throughput: 1")
"""


def test_the_swap_reaches_the_service_and_nobody_else(tmp_path: Path, mark: str) -> None:
    """Every process that there is below this one while the service is loaded, and what asks whether it is ready."""
    library = native.preloadable("mimalloc")
    look = (PYTHON, "-c", LOOK, library, str(os.getpid()), str(tmp_path / "seen"))
    service = replace(
        SERVICE, load=(*look, "load"), levels=SERVICE.levels[:1], ready=Ready(command=shlex.join((*look, "ready")))
    )
    order = order_of(tmp_path, mark, service=replace(service, ready=Ready(log="listening")))
    under = {"environ": {**order.environ, PRELOAD: library}, "expected": os.path.realpath(library)}
    assert served(replace(order, **under)).outcome is Outcome.COMPLETED  # type: ignore[arg-type]
    served(replace(order, **under, service=replace(service, load=LOAD)))  # type: ignore[arg-type]
    seen = {tuple(line.split()) for line in (tmp_path / "seen").read_text().splitlines()}
    assert seen == {
        ("service.py", "True", "True", "True"),
        ("load", "False", "False", "False"),
        ("ready", "False", "False", "False"),
        ("heapswap-launch", "False", "False", "False"),
        ("tool", "False", "False", "False"),
    }


def test_a_candidate_that_does_not_serve_the_service_is_not_in_force(tmp_path: Path, mark: str) -> None:
    library = os.path.realpath(native.preloadable("mimalloc"))
    order = order_of(tmp_path, mark, service=replace(SERVICE, levels=SERVICE.levels[:1]))
    assert served(replace(order, expected=library)).outcome is Outcome.NOT_IN_FORCE
    assert served(replace(order, expected=LIBC)).outcome is Outcome.COMPLETED


# --- live bytes from cycle to cycle --------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "grows"), [("leaks", True), ("", False)])
def test_live_bytes_are_counted_at_every_rest(tmp_path: Path, mark: str, fault: str, grows: bool) -> None:
    library = native.preloadable("mimalloc")
    order = order_of(tmp_path, mark, fault, service=replace(SERVICE, levels=SERVICE.levels[:1], cycles=4))
    environ = {**order.environ, PRELOAD: library}
    tmp_path.joinpath("run").mkdir()
    with counted(environ, tmp_path / "run") as counting:
        run = served(replace(order, environ=environ, counting=counting, expected=os.path.realpath(library)))
    assert run.outcome is Outcome.COMPLETED  # mimalloc answered, behind what counts
    live = [pause.live for pause in run.pauses]
    assert len(live) == 4
    kept = 20 * 100 * 1000  # by the requests of one cycle
    for before, after in pairwise(live[1:]):
        assert before is not None
        assert after is not None
        assert (after - before > kept / 2) == grows


def test_an_allocator_behind_the_counter_that_is_not_the_candidates_is_seen(tmp_path: Path, mark: str) -> None:
    library = os.path.realpath(native.preloadable("mimalloc"))
    order = order_of(tmp_path, mark, service=replace(SERVICE, levels=SERVICE.levels[:1]))
    tmp_path.joinpath("run").mkdir()
    with counted(order.environ, tmp_path / "run") as counting:
        for expected, outcome in ((library, Outcome.NOT_IN_FORCE), (LIBC, Outcome.COMPLETED)):
            assert served(replace(order, counting=counting, expected=expected)).outcome is outcome


# --- the whole trial -----------------------------------------------------------------------------------------------


def test_ctrl_c_in_the_middle_keeps_what_was_measured_and_the_trial_goes_on(tmp_path: Path, mark: str) -> None:
    """The load itself interrupts the tool, in the second run, and once."""
    interrupts = (
        "import os, signal, sys\n"
        f"flag, tool = {str(tmp_path / 'flag')!r}, {str(tmp_path / 'tool')!r}\n"
        "runs = len(os.listdir(sys.argv[1]))\n"
        "if runs > 1 and not os.path.exists(flag):\n"
        "    open(flag, 'w').close()\n"
        "    os.kill(int(open(tool).read()), signal.SIGINT)\n"
        "    signal.pause()\n"
        "print('throughput: 5')\n"
    )
    (tmp_path / "workload.toml").write_text(
        f"start = [{json.dumps(PYTHON)}, {json.dumps(str(HERE / 'service.py'))}, '{{port}}']\n"
        f"load = [{json.dumps(PYTHON)}, '-c', {json.dumps(interrupts)}, {json.dumps(str(tmp_path / 'r' / 'runs'))}]\n"
        "duration = 0.1\nwarmup = 0\nrest = 0.1\n"
    )
    environ = {**os.environ, MARK: mark}
    words = [PYTHON, "-m", "heapswap", "trial", "--workload", str(tmp_path / "workload.toml")]
    begun = subprocess.Popen(
        [*words, "--candidates", "mimalloc", "--blocks", "1", "--results", str(tmp_path / "r"), "-q"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    (tmp_path / "tool").write_text(str(begun.pid))
    printed, _ = begun.communicate()
    assert begun.returncode == 128 + signal.SIGINT, printed.decode()
    assert marked(mark) == []
    before = load_trial(tmp_path / "r" / "trial.json")
    assert [run.outcome for run in before.runs] == [Outcome.COMPLETED]
    assert before.runs[0].steps
    went_on = subprocess.run(
        [PYTHON, "-m", "heapswap", "trial", "--resume", str(tmp_path / "r"), "-q", "--json"],
        env=environ,
        capture_output=True,
        check=False,
    )
    assert went_on.returncode == 0, went_on.stderr.decode()
    verdict = json.loads(went_on.stdout)
    after = load_trial(tmp_path / "r" / "trial.json")
    assert after.runs[0] == before.runs[0]
    assert len(after.runs) == verdict["runs"] == 5
    assert {run.value("throughput") for run in after.runs} == {5.0}
    assert {row["metric"] for row in verdict["comparisons"]} >= {"throughput", "peak", "idle"}
