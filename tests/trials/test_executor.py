"""The executor against a launcher that plays a script: what is asked of it, and what becomes of its answers."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Outcome, Slot, Stage
from tests.trials.test_record import LINE

SLOT = Slot(stage=Stage.SCREENING, block=1, position=2, candidate="mimalloc")

LAUNCHER = """#!{python}
import pathlib, socket, sys
here = pathlib.Path(__file__).parent
connection = socket.socket(fileno=int(sys.argv[1]))
stream = connection.makefile("rwb")
for line in stream:
    (here / "asked").write_bytes(line)
    (here / "run/stdout").write_bytes(b"rate 5")
    (here / "run/stderr").write_bytes(b"last words")
    (here / "run/witness").write_bytes((here / "journal").read_bytes())
    stream.write((here / "answer").read_bytes())
    stream.flush()
    if not (here / "answer").read_bytes():
        break
(here / "left").touch()
"""


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(
        slot=SLOT,
        program="/usr/bin/caf\udce9",
        argv=("caf\udce9", "x"),
        environ={"PATH": "/usr/bin"},
        directory="/tmp",
        stdin="/dev/null",
        timeout=9.5,
        accepted=(0,),
        metrics=(),
        folder=tmp_path / "run",
        expected=None,
    )


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what the launcher answers, and what the witness wrote meanwhile."""
    script = tmp_path / "launcher"
    script.write_text(LAUNCHER.format(python=sys.executable))
    script.chmod(0o700)
    monkeypatch.setattr(native, "launcher", lambda: script)
    monkeypatch.setattr(native, "required", lambda name: Path(f"/opt/{name}.so"))

    def set_answer(*lines: bytes, journal: bytes = b"") -> None:
        (tmp_path / "answer").write_bytes(b"".join(line + b"\n" for line in lines))
        (tmp_path / "journal").write_bytes(journal)

    return set_answer


STARTED = b'{"event":"started","pid":7}'


def changed(order: Order, **changes: object) -> Order:
    fields = {name: getattr(order, name) for name in Order.__dataclass_fields__}
    return Order(**{**fields, **changes})


def test_a_run_is_asked_for_word_for_word(order: Order, answer: Callable[..., None], tmp_path: Path) -> None:
    answer(STARTED, LINE)
    with LaunchExecutor() as executor:
        run = executor.execute(order)
    assert json.loads((tmp_path / "asked").read_bytes()) == {
        "do": "start",
        "program": "/usr/bin/caf\xe9",
        "argv": ["caf\xe9", "x"],
        "env": ["PATH=/usr/bin", f"HEAPSWAP_WITNESS={tmp_path}/run/witness", "LD_PRELOAD=/opt/witness.so"],
        "cwd": "/tmp",
        "stdin": "/dev/null",
        "stdout": f"{tmp_path}/run/stdout",
        "stderr": f"{tmp_path}/run/stderr",
        "timeout": 9.5,
        "ignored": [],
    }
    assert run.slot == SLOT
    assert run.outcome is Outcome.COMPLETED
    assert run.value("wall") == 1.25
    assert (run.steal, run.pressure, run.log) == (0.0, 0.5, "")
    assert (tmp_path / "left").exists()


def test_the_witness_comes_behind_what_is_preloaded_already(
    order: Order, answer: Callable[..., None], tmp_path: Path
) -> None:
    answer(STARTED, LINE)
    with LaunchExecutor() as executor:
        executor.execute(changed(order, environ={"LD_PRELOAD": "/opt/a.so /opt/b.so"}, ignored_signals=(1,)))
    asked = json.loads((tmp_path / "asked").read_bytes())
    assert "LD_PRELOAD=/opt/a.so /opt/b.so:/opt/witness.so" in asked["env"]
    assert asked["ignored"] == [1]


def test_a_run_under_another_allocator_is_not_in_force(order: Order, answer: Callable[..., None]) -> None:
    journal = b"1\x007\x001\0/lib/libc.so.6\0/opt/caf\xc3\xa9\0\n"
    answer(STARTED, LINE, journal=journal)
    with LaunchExecutor() as executor:
        run = executor.execute(changed(order, expected="/opt/libmimalloc.so"))
        assert run.outcome is Outcome.NOT_IN_FORCE
        assert [finding.code for finding in run.findings] == ["not-in-force"]
        assert run.log == "last words"
        run = executor.execute(changed(order, expected="libc"))
        assert run.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("was", "now", "outcome"),
    [
        (b'"exit":0', b'"exit":4', Outcome.FAILED),
        (b'"exit":0,"signal":null', b'"exit":null,"signal":11', Outcome.CRASHED),
        (b'"timed_out":false', b'"timed_out":true', Outcome.TIMED_OUT),
    ],
)
def test_a_run_that_ended_badly_is_that_before_it_is_not_in_force(
    order: Order, answer: Callable[..., None], was: bytes, now: bytes, outcome: Outcome
) -> None:
    answer(STARTED, LINE.replace(was, now))
    with LaunchExecutor() as executor:
        run = executor.execute(changed(order, expected="/opt/libmimalloc.so"))
    assert run.outcome is outcome
    assert run.log == "last words"


@pytest.mark.parametrize(
    ("step", "errno", "message"),
    [
        ("exec", 2, "/usr/bin/café: No such file or directory (exec); give a program that this machine can execute"),
        ("stdin", 13, "/dev/null: Permission denied (stdin); give a file that can be read"),
        ("directory", 2, "/tmp: No such file or directory (directory); start from a folder that exists"),
        ("exec", 7, "/usr/bin/café: Argument list too long (exec); give a program that this machine can execute"),
    ],
)
def test_a_program_that_cannot_be_started_ends_the_trial(
    order: Order, answer: Callable[..., None], step: str, errno: int, message: str
) -> None:
    answer(json.dumps({"event": "refused", "step": step, "errno": errno}).encode())
    with LaunchExecutor() as executor, pytest.raises(CannotGoOn) as caught:
        executor.execute(changed(order, program="/usr/bin/café"))
    assert str(caught.value) == message


@pytest.mark.parametrize("answers", [(), (STARTED, STARTED), (b'{"event":"error","reason":"what?"}', LINE), (b"junk",)])
def test_a_launcher_that_breaks_off_is_an_error_and_not_a_run(
    order: Order, answer: Callable[..., None], answers: tuple[bytes, ...], tmp_path: Path
) -> None:
    answer(*answers)
    executor = LaunchExecutor()
    with pytest.raises(CannotGoOn, match="the launcher"):
        executor.execute(order)
    assert (tmp_path / "left").exists()
    answer(STARTED, LINE)
    with executor:
        assert executor.execute(order).outcome is Outcome.COMPLETED


def test_a_witness_that_cannot_be_preloaded_is_said_before_anything_runs(
    order: Order, answer: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(native, "required", lambda name: Path(f"/opt/my tools/{name}.so"))
    with LaunchExecutor() as executor, pytest.raises(CannotGoOn, match="install heapswap elsewhere"):
        executor.execute(order)
    assert not (tmp_path / "asked").exists()


def test_no_descriptor_is_left(order: Order, answer: Callable[..., None]) -> None:
    answer(STARTED, LINE)
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors are not files
    with LaunchExecutor() as executor:
        executor.execute(order)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
