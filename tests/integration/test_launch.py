"""The launcher and the executor with real programs. Expectations are amounts and orders, never absolute times."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Force, Outcome, Run, Slot, Stage

MIB = 1 << 20
PYTHON = os.path.realpath(sys.executable)
SLOT = Slot(stage=Stage.SCREENING, block=0, position=0, candidate="current")
PATIENCE = 60.0
"""seconds until something that must happen is held not to happen"""

Execute = Callable[..., Run]


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Execute]:
    """Run a command under one launcher: the words of it, and whatever else of an order is to differ."""
    with LaunchExecutor() as executor:

        def run(*argv: str, **changes: object) -> Run:
            fields: dict[str, object] = {
                "slot": SLOT,
                "program": argv[0],
                "argv": argv,
                "environ": dict(os.environ),
                "directory": str(tmp_path),
                "stdin": "/dev/null",
                "timeout": PATIENCE,
                "accepted": (0,),
                "metrics": (),
                "folder": tmp_path / "run",
                "expected": None,
            }
            return executor.execute(Order(**{**fields, **changes}))  # type: ignore[arg-type]

        yield run


@pytest.fixture
def stdout(tmp_path: Path) -> Callable[[], str]:
    return lambda: (tmp_path / "run" / "stdout").read_text(errors="surrogateescape")


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true while patience lasts."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def python(code: str) -> tuple[str, ...]:
    return (PYTHON, "-I", "-c", code)


# What is measured


def test_true_from_a_large_python_is_small() -> None:
    code = """
import os, sys, tempfile
from pathlib import Path
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Slot, Stage
ballast = bytearray(os.urandom(1)) * (300 << 20)
assert int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") > 300 << 20
with tempfile.TemporaryDirectory() as folder, LaunchExecutor() as executor:
    for _ in range(3):
        run = executor.execute(Order(
            slot=Slot(stage=Stage.SCREENING, block=0, position=0, candidate="current"),
            program="/bin/true", argv=("true",),
            environ=dict(os.environ, BALLAST="x" * 100_000), directory="/", stdin="/dev/null", timeout=None,
            accepted=(0,), metrics=(), folder=Path(folder), expected=None))
        print(run.value("peak"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    peaks = [float(line) for line in done.stdout.split()]
    assert len(peaks) == 3
    assert max(peaks) < 2.5 * MIB


FORKS = """
import os, sys, time
def touch(block, until):
    for index in range(0, until, 4096):
        block[index] = 1
block = bytearray(200 << 20)
touch(block, len(block))
ready, go = os.pipe(), os.pipe()
tree = [os.getpid()]
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        touch(block, int(sys.argv[1]) << 20)
        os.write(ready[1], b".")
        os.read(go[0], 1)
        os._exit(0)
    tree.append(pid)
for _ in range(4):
    os.read(ready[0], 1)
time.sleep(0.5)
lines = [line.split() for pid in tree for line in open(f"/proc/{pid}/smaps_rollup").read().splitlines()]
print(*(sum(int(words[1]) for words in lines if words[0] == name) << 10 for name in ("Pss:", "Rss:")))
os.write(go[1], b"....")
for _ in range(4):
    os.wait()
"""


@pytest.mark.parametrize("unshared", [0, 100], ids=["shared", "half-unshared"])
def test_pages_that_forks_share_count_once(execute: Execute, stdout: Callable[[], str], unshared: int) -> None:
    run = execute(PYTHON, "-I", "-c", FORKS, str(unshared))
    truth, summed = (int(word) for word in stdout().split())
    assert (200 + 4 * unshared) * MIB < truth < (216 + 4 * unshared) * MIB
    assert summed > 1000 * MIB
    row = next(row for row in run.measurements if row.metric == "peak")
    low, high = row.low or row.value, row.high or row.value
    # Whoever reads the truth asks for memory to do so, which may be gone again at the next look.
    assert low - MIB <= truth <= high + MIB
    assert low <= row.value <= high
    assert row.value == pytest.approx(truth, rel=0.1)
    assert high < summed - 100 * MIB
    assert max(sample.processes for sample in run.timeline) == 5


def test_one_process_is_exact_to_the_page_and_its_course_is_kept(execute: Execute) -> None:
    run = execute(
        *python("""
import time
block = bytearray(100 << 20)
for index in range(0, len(block), 4096): block[index] = 1
time.sleep(0.3)
del block
time.sleep(0.7)
""")
    )
    row = next(row for row in run.measurements if row.metric == "peak")
    assert (row.low, row.high) == (None, None)
    assert 100 * MIB < row.value < 125 * MIB
    assert max(sample.resident for sample in run.timeline) == pytest.approx(row.value, rel=0.02)
    assert 10 * MIB < (run.value("mean") or 0) < row.value  # how long each part of it lasts is the machine's to say
    assert 0 < (run.value("idle") or 0) < 25 * MIB
    assert (run.value("rest") or 0) >= 0.5
    assert (run.value("faults") or 0) > 100 * MIB / 4096 / 16


def test_cpu_of_every_descendant_counts_and_the_busiest_is_named(execute: Execute) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    run = execute("/bin/sh", "-c", f'"$0" -I -c "{burn}" & "$0" -I -c "{burn}"; wait', PYTHON)
    assert 0.6 <= (run.value("cpu") or 0) < 1.2
    assert run.value("cpu") == pytest.approx((run.value("user") or 0) + (run.value("system") or 0))
    busy = [process for process in run.processes if process.cpu > 0.2]
    assert [os.path.realpath(process.program) for process in busy] == [PYTHON, PYTHON]
    assert run.timeline[-1].cpu == pytest.approx(run.value("cpu"), rel=0.5)
    assert all(process.peak > 0 for process in busy)


def test_a_program_that_executes_another_is_named_by_the_last(execute: Execute) -> None:
    run = execute("/bin/sh", "-c", 'exec "$0" -I -c "import time; time.sleep(0.2)"', PYTHON, expected="libc")
    assert [os.path.realpath(process.program) for process in run.processes] == [PYTHON]
    assert run.processes[0].force is not Force.NOT_SEEN


def test_two_runs_after_each_other_do_not_mix(execute: Execute, stdout: Callable[[], str]) -> None:
    large = execute(*python("print('large'); block = bytearray(b'x') * (80 << 20)"))
    assert stdout() == "large\n"
    small = execute("/bin/echo", "small")
    assert stdout() == "small\n"
    assert (large.value("peak") or 0) > 80 * MIB
    assert (small.value("peak") or 0) < 4 * MIB
    assert {process.pid for process in large.processes}.isdisjoint(process.pid for process in small.processes)
    assert small.started > large.started


# How it is started


def test_nothing_is_changed_about_the_program(execute: Execute, stdout: Callable[[], str]) -> None:
    execute(
        *python("""
import json, os, resource, signal
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:4],
    "blocked": int(status["SigBlk"], 16),
    "session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "directory": os.getcwd(),
}))
"""),
        directory="/usr",
    )
    import resource  # noqa: PLC0415 - the same reading, on this side

    assert json.loads(stdout()) == {
        "descriptors": [0, 1, 2, 3],  # the fourth reads the folder of descriptors
        "blocked": 0,
        "session": True,
        "files": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        "directory": "/usr",
    }


@pytest.mark.parametrize("ignored", [(), (signal.SIGHUP, signal.SIGPIPE)])
def test_signals_have_their_default_action_but_those_that_stay_ignored(
    execute: Execute, stdout: Callable[[], str], ignored: tuple[int, ...]
) -> None:
    execute("/bin/grep", "SigIgn", "/proc/self/status", ignored_signals=tuple(int(number) for number in ignored))
    seen = int(stdout().split()[1], 16)
    # The C library keeps 32 and 33 to itself and lets nobody set them; GNU make hands them on ignored.
    assert seen & ~(0b11 << 31) == sum(1 << (number - 1) for number in ignored)


def test_a_closed_pipe_ends_its_writer_without_a_word(
    execute: Execute, stdout: Callable[[], str], tmp_path: Path
) -> None:
    run = execute("/bin/bash", "-c", "yes | head -1")
    assert run.outcome is Outcome.COMPLETED
    assert stdout() == "y\n"
    assert (tmp_path / "run" / "stderr").read_bytes() == b""


def test_arguments_and_environment_are_bytes(execute: Execute, stdout: Callable[[], str]) -> None:
    odd = bytes(range(1, 256)).decode(errors="surrogateescape")
    environ = {**os.environ, "ODD\udcff": odd, "HUGE": "x" * 120_000, "PYTHONUTF8": "1"}
    run = execute(
        PYTHON,
        "-c",
        "import os, sys\n"
        "print(ascii(os.fsencode(sys.argv[1])), ascii(os.environb[b'ODD\\xff']), len(os.environ['HUGE']))",
        odd,
        environ=environ,
    )
    assert run.outcome is Outcome.COMPLETED
    expected = ascii(bytes(range(1, 256)))
    assert stdout() == f"{expected} {expected} 120000\n"


def test_standard_input_is_read_anew_in_every_run(execute: Execute, stdout: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "in").write_text("once\n")
    for _ in range(2):
        execute("/bin/cat", stdin=str(tmp_path / "in"))
        assert stdout() == "once\n"
    execute("/bin/cat")
    assert stdout() == ""


def test_a_fifo_that_nobody_writes_to_is_at_its_end(
    execute: Execute, stdout: Callable[[], str], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert execute("/bin/cat", stdin=str(tmp_path / "fifo")).outcome is Outcome.COMPLETED
    assert stdout() == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"program": "/no/such/program"}, "/no/such/program: No such file or directory (exec)"),
        ({"program": "/etc/passwd"}, "/etc/passwd: Permission denied (exec)"),
        ({"argv": ("/bin/true", "x" * 200_000)}, "/bin/true: Argument list too long (exec)"),
        ({"argv": ("/bin/true", "a\0b")}, "/bin/true: Invalid argument (request)"),
        ({"stdin": "/no/such/input"}, "/no/such/input: No such file or directory (stdin)"),
        ({"directory": "/no/such/folder"}, "/no/such/folder: No such file or directory (directory)"),
    ],
    ids=["absent", "no-program", "too-long", "nul", "no-input", "no-folder"],
)
def test_what_cannot_be_started_is_said_exactly_and_the_next_run_works(
    execute: Execute, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(CannotGoOn) as caught:
        execute("/bin/true", **changes)
    assert str(caught.value).startswith(message)
    assert execute("/bin/true").outcome is Outcome.COMPLETED


def test_a_script_without_an_interpreter_line_is_the_shells(
    execute: Execute, stdout: Callable[[], str], tmp_path: Path
) -> None:
    script = tmp_path / "a script"
    script.write_text('echo "$0" "$1"\n')
    script.chmod(0o755)
    assert execute("./a script", "one two", program=str(script)).outcome is Outcome.COMPLETED
    assert stdout() == "./a script one two\n"
    assert execute("a script", "one", program=str(script)).outcome is Outcome.COMPLETED
    assert stdout() == f"{script} one\n"


def test_a_program_for_another_machine_is_no_script(execute: Execute, tmp_path: Path) -> None:
    program = tmp_path / "foreign"
    program.write_bytes(b"\x7fELF" + b"\0" * 60)
    program.chmod(0o755)
    with pytest.raises(CannotGoOn, match=r"foreign: Exec format error \(exec\)"):
        execute(str(program))


# How it ends


def test_an_exit_status_is_reported_and_judged(execute: Execute) -> None:
    run = execute("/bin/sh", "-c", "echo why >&2; exit 7")
    assert (run.outcome, run.exit_status, run.signal, run.log) == (Outcome.FAILED, 7, None, "why")
    assert execute("/bin/sh", "-c", "exit 7", accepted=(7,)).outcome is Outcome.COMPLETED


def test_a_crash_is_reported_with_its_signal(execute: Execute) -> None:
    run = execute(*python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert (run.outcome, run.exit_status, run.signal) == (Outcome.CRASHED, None, signal.SIGSEGV)


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        block = bytearray(b"x") * (60 << 20)
        open(sys.argv[1], "w").write(str(os.getpid()))
        while time.process_time() < 0.2: pass
        open(sys.argv[1] + ".done", "w").close()
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1] + ".done"): time.sleep(0.01)
time.sleep(0.1)
"""


def test_a_daemon_is_counted_and_does_not_survive(execute: Execute, tmp_path: Path) -> None:
    run = execute(PYTHON, "-I", "-c", DAEMON, str(tmp_path / "pid"))
    assert run.outcome is Outcome.COMPLETED
    assert not alive(int((tmp_path / "pid").read_text()))
    assert (run.value("cpu") or 0) >= 0.2
    assert (run.value("peak") or 0) > 60 * MIB
    assert [finding.code for finding in run.findings] == ["left-behind"]
    assert (run.value("wall") or 0) < PATIENCE


def test_a_child_that_ends_soon_after_its_parent_is_not_left_behind(execute: Execute) -> None:
    run = execute("/bin/sh", "-c", "sleep 0.05 & exit 0")
    assert run.findings == ()


COMETS = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        while True:
            if os.fork(): os._exit(0)
open(sys.argv[1], "w").close()
while True:
    if os.fork() == 0: os._exit(0)
    os.wait()
"""
"""Four processes that fork and exit for ever, so that each is another one at every look, and a root that never ends."""


def test_a_timeout_ends_a_tree_that_ignores_signals_and_runs_away_by_forking(execute: Execute, tmp_path: Path) -> None:
    run = execute(PYTHON, "-I", "-c", COMETS, str(tmp_path / "begun"), timeout=1.0)
    assert (run.outcome, run.signal) == (Outcome.TIMED_OUT, signal.SIGKILL)
    assert (tmp_path / "begun").exists()
    mark = os.fsencode(tmp_path / "begun")
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in _content(path)]
    assert execute("/bin/true").outcome is Outcome.COMPLETED


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_nothing_survives_the_measuring_python(death: signal.Signals, tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Slot, Stage
with LaunchExecutor() as executor:
    executor.execute(Order(
        slot=Slot(stage=Stage.SCREENING, block=0, position=0, candidate="current"),
        program="/bin/sh", argv=("sh", "-c", "trap '' INT TERM HUP; setsid sleep 600 & echo $! $$ > pids; wait"),
        environ=dict(os.environ), directory=sys.argv[1], stdin="/dev/null", timeout=None, accepted=(0,), metrics=(),
        folder=Path(sys.argv[1]), expected=None))
"""
    measuring = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE)
    with measuring:
        pids = tmp_path / "pids"
        assert eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        tree = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in tree)
        measuring.send_signal(death)
        _, errors = measuring.communicate(timeout=PATIENCE)
    if death is signal.SIGINT:
        assert errors.rstrip().endswith(b"KeyboardInterrupt")
        assert not any(alive(pid) for pid in tree)
    assert eventually(lambda: not any(alive(pid) for pid in tree))


# Whose malloc answered


def test_the_witness_tells_whose_malloc_served_a_run(execute: Execute) -> None:
    run = execute("/bin/true", expected="libc")
    assert run.outcome is Outcome.COMPLETED
    assert [process.force for process in run.processes] == [Force.IN_FORCE]
    run = execute("/bin/true", expected="/opt/lib/libmimalloc.so")
    assert run.outcome is Outcome.NOT_IN_FORCE


def test_a_preloaded_allocator_is_in_force(execute: Execute) -> None:
    library = native.bundled("mimalloc")
    assert library is not None
    environ = {**os.environ, "LD_PRELOAD": str(library)}
    run = execute(*python("import os\nif os.fork(): os.wait()"), environ=environ, expected=os.path.realpath(library))
    assert run.outcome is Outcome.COMPLETED
    assert {process.force for process in run.processes} == {Force.IN_FORCE}


# The protocol itself


class Launcher:
    """The launcher without the executor."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [native.launcher(), str(theirs.fileno())], pass_fds=[theirs.fileno()], start_new_session=True
            )
        self.socket = ours
        self.stream = ours.makefile("rwb")

    def say(self, **request: object) -> None:
        self.stream.write(json.dumps(request).encode() + b"\n")
        self.stream.flush()

    def hear(self) -> dict[str, object]:
        reply = json.loads(self.stream.readline())
        assert isinstance(reply, dict)
        return reply

    def start(self, folder: Path, *argv: str, stdout: str = "") -> int:
        self.say(
            do="start",
            argv=argv,
            env=["PATH=/usr/bin:/bin"],
            cwd=str(folder),
            stdin="/dev/null",
            stdout=stdout or str(folder / "stdout"),
            stderr=str(folder / "stderr"),
        )
        reply = self.hear()
        assert reply["event"] == "started"
        return int(str(reply["pid"]))

    def close(self) -> None:
        self.stream.close()
        self.socket.close()
        self.process.wait(PATIENCE)


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    try:
        yield launcher
    finally:
        launcher.close()


def test_a_service_is_marked_and_stopped(launcher: Launcher, tmp_path: Path) -> None:
    pid = launcher.start(tmp_path, PYTHON, "-I", "-c", FORKS.replace("time.sleep(0.5)", "time.sleep(600)"), "0")
    while True:
        launcher.say(do="mark", name="ready")
        mark = launcher.hear()
        if mark["processes"] == 5:
            break
    assert (mark["event"], mark["name"]) == ("marked", "ready")
    launcher.say(do="stop", signal=int(signal.SIGTERM), grace=PATIENCE)
    ended = launcher.hear()
    assert (ended["event"], ended["signal"], ended["timed_out"]) == ("ended", signal.SIGTERM, False)
    assert len(ended["left_behind"]) == 4  # type: ignore[arg-type]
    assert not alive(pid)


def test_a_mark_right_after_the_start_is_answered(launcher: Launcher, tmp_path: Path) -> None:
    """Also where the kernel does not count any memory yet, which about one start in eighty meets."""
    for _ in range(100):
        launcher.start(tmp_path, "/bin/sleep", "600")
        launcher.say(do="mark", name="first")
        assert launcher.hear()["event"] == "marked"
        launcher.say(do="kill")
        assert launcher.hear()["event"] == "ended"


def test_a_service_that_does_not_stop_is_killed(launcher: Launcher, tmp_path: Path) -> None:
    pid = launcher.start(tmp_path, "/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done")
    assert eventually(lambda: (tmp_path / "stdout").read_text() == "up\n")
    launcher.say(do="stop", signal=int(signal.SIGTERM), grace=0.2)
    ended = launcher.hear()
    assert (ended["signal"], ended["killed"], ended["timed_out"]) == (signal.SIGKILL, True, False)
    assert not alive(pid)


def test_requests_that_make_no_sense_change_nothing(launcher: Launcher, tmp_path: Path) -> None:
    launcher.stream.write(b"nonsense\n")
    launcher.say(do="dance")
    assert [launcher.hear()["event"], launcher.hear()["event"]] == ["error", "error"]
    launcher.say(do="kill")
    launcher.say(do="mark", name="nobody")
    pid = launcher.start(tmp_path, "/bin/sleep", "600")
    launcher.say(do="start", argv=["/bin/true"], env=[], cwd="/", stdin="/", stdout="/", stderr="/")
    assert launcher.hear() == {"event": "error", "reason": "a run is under way"}
    assert alive(pid)
    launcher.say(do="kill")
    ended = launcher.hear()
    assert (ended["signal"], ended["killed"]) == (signal.SIGKILL, True)


def test_a_full_disk_is_the_programs_own_affair(launcher: Launcher, tmp_path: Path) -> None:
    launcher.start(tmp_path, "/bin/sh", "-c", "echo lost; echo status $? >&2", stdout="/dev/full")
    assert launcher.hear()["exit"] == 0
    assert (tmp_path / "stderr").read_text().endswith("status 1\n")


def test_a_launcher_that_is_told_to_end_ends_its_tree(launcher: Launcher, tmp_path: Path) -> None:
    pid = launcher.start(tmp_path, "/bin/sh", "-c", "trap '' TERM; sleep 600")
    launcher.process.terminate()
    assert launcher.process.wait(PATIENCE) == 0
    assert not alive(pid)


def test_a_program_does_not_outlive_a_launcher_that_is_killed(launcher: Launcher, tmp_path: Path) -> None:
    pid = launcher.start(tmp_path, "/bin/sleep", "600")
    launcher.process.kill()
    assert eventually(lambda: not alive(pid))


def test_by_hand_it_says_what_it_is_for() -> None:
    done = subprocess.run([native.launcher()], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not for use by hand" in done.stderr
