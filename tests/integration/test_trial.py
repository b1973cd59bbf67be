"""`heapswap trial` and `heapswap advise` end to end, on real programs that are over at once."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heapswap.trials.model import Outcome, Stage, Trial
from heapswap.trials.store import load
from heapswap.verdict.objective import OBJECTIVES
from tests.inspection.programs import require

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
KNOB = "system:arena_max=2"
"""a candidate that a shell script can tell from the baseline: it sets MALLOC_ARENA_MAX"""
SHORT = ("--candidates", KNOB, "--blocks", "1")
RUNS = 5
"""of such a trial: the first, and one block of two and two"""
PATIENCE = 60.0
"""seconds until something that must happen is held not to happen"""

Heapswap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """No allocator is chosen, and results go nowhere else."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}


@pytest.fixture
def heapswap(tmp_path: Path, environ: dict[str, str]) -> Heapswap:
    """Run heapswap with these words in a folder of its own; it must end with `status`."""

    def run(*words: str, status: int = 0, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [HEAPSWAP, *words],
            cwd=tmp_path,
            env=environ,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == status, done.stderr
        return done

    return run


@pytest.fixture
def verdict(heapswap: Heapswap) -> Callable[..., dict[str, Any]]:
    """The answer of a short trial of a shell script, and nothing else on either stream."""

    def run(script: str, *options: str, status: int = 0) -> dict[str, Any]:
        done = heapswap(
            "trial", *SHORT, "--results", "results", "--json", "-q", *options, "--", "sh", "-c", script, status=status
        )
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def outcomes(trial: Trial, candidate: str) -> set[Outcome]:
    return {run.outcome for run in trial.runs if run.slot.candidate == candidate}


def codes(found: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in found["findings"]}


def printed(results: Path) -> list[str]:
    """What is kept of the output of each run."""
    return [path.read_text() for path in sorted(results.glob("runs/*/stdout"))]


# --- the answer and the files ------------------------------------------------------------------------------------


def test_a_trial_says_how_long_it_takes_and_answers(heapswap: Heapswap, tmp_path: Path) -> None:
    done = heapswap("trial", *SHORT, "--results", "results", "--", "lua5.4", "-e", "print(#('x'):rep(100000))")
    assert done.stderr.startswith(f"The command will run about {RUNS} times, for ")
    assert f"{RUNS} runs of 1 candidate and the baseline." in done.stdout
    assert KNOB in done.stdout
    assert str(tmp_path / "results") in done.stdout.replace("\n  ", "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    trial = load(tmp_path / "results" / "trial.json")
    assert [run.slot.stage for run in trial.runs] == [Stage.WARM_UP, *[Stage.CONFIRMING] * 4]
    assert sorted(run.slot.candidate for run in trial.runs[1:]) == ["current"] * 2 + [KNOB] * 2
    assert outcomes(trial, "current") == outcomes(trial, KNOB) == {Outcome.COMPLETED}
    assert trial.workload.argv == ("lua5.4", "-e", "print(#('x'):rep(100000))")
    assert trial.workload.directory == str(tmp_path)
    assert printed(tmp_path / "results") == ["100000\n"]


def test_json_is_one_object_on_standard_output_and_nothing_else(heapswap: Heapswap, tmp_path: Path) -> None:
    """The program's own output, and progress, are elsewhere."""
    words = ("--results", "results", "--json", "--objective", "memory")
    done = heapswap("trial", *SHORT, *words, "--", "sh", "-c", "echo mine; echo loud >&2")
    found = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert "run" in done.stderr
    assert "mine" not in done.stderr + done.stdout
    assert "loud" not in done.stderr + done.stdout
    assert (found["kind"], found["schema"], found["objective"], found["primary"]) == ("verdict", 1, "memory", "peak")
    assert json.loads((tmp_path / "results" / "verdict.json").read_text()) == found


def test_quiet_says_nothing_but_the_answer(heapswap: Heapswap) -> None:
    assert heapswap("trial", *SHORT, "-q", "--", "true").stderr == ""


def test_results_are_in_the_users_state_unless_told_otherwise(heapswap: Heapswap, tmp_path: Path) -> None:
    heapswap("trial", *SHORT, "-q", "--", "true")
    (folder,) = (tmp_path / ".local" / "state" / "heapswap").iterdir()
    assert len(load(folder / "trial.json").runs) == RUNS
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_trial_is_saved_where_it_is_wanted(heapswap: Heapswap, tmp_path: Path) -> None:
    heapswap("trial", *SHORT, "-q", "-o", "trial.json", "--", "true")
    assert len(load(tmp_path / "trial.json").runs) == RUNS
    assert {path.name for path in (tmp_path / "trial.json.runs").iterdir()} == {"runs", "verdict.json"}
    heapswap("trial", *SHORT, "-q", "-o", "other.json", "--results", "elsewhere", "--", "true")
    assert len(load(tmp_path / "other.json").runs) == RUNS
    assert {path.name for path in (tmp_path / "elsewhere").iterdir()} == {"runs", "verdict.json"}


def test_a_finished_trial_is_answered_again_from_its_file_alone(heapswap: Heapswap, tmp_path: Path) -> None:
    words = ("--objective", "memory", "-q", "--json", "-o", "t.json", "--results", "elsewhere")
    first = heapswap("trial", *SHORT, *words, "--", "true")
    again = heapswap("trial", "--resume", "t.json", "-q", "--json")
    assert again.stdout == first.stdout
    assert len(load(tmp_path / "t.json").runs) == RUNS


def test_an_answer_that_cannot_be_printed_is_saved_all_the_same(tmp_path: Path, environ: dict[str, str]) -> None:
    trial = f"{HEAPSWAP} trial --candidates {KNOB} --blocks 1 -q"
    for number, (where, status, said) in enumerate(
        [
            (">/dev/full", 3, "heapswap: the answer cannot be printed: No space left on device; it is saved in {}\n"),
            (">&-", 0, ""),
        ]
    ):
        folder = tmp_path / f"results{number}"
        command = f"{trial} --results {folder} -- true {where} </dev/null"
        done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (status, said.format(folder))
        assert json.loads((folder / "verdict.json").read_text())["runs"] == RUNS


def test_advise_has_every_field_that_scripts_rely_on(heapswap: Heapswap) -> None:
    words = ("--budget", "12s", "--objective", "cpu", "--json", "-q")
    done = heapswap("advise", *words, "--", "lua5.4", "-e", "for i = 1, 100 do local t = {i} end")
    found = json.loads(done.stdout)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert list(found)[:8] == [
        *("kind", "schema", "outcome", "candidate", "baseline", "objective", "primary", "rule"),
    ]
    assert (found["kind"], found["schema"], found["baseline"]) == ("verdict", 1, "current")
    assert (found["objective"], found["primary"]) == ("cpu", "cpu")
    assert found["outcome"] in ("adopt", "keep", "inconclusive", "unsafe")
    assert (found["candidate"] is None) == (found["outcome"] != "adopt")
    row = {"candidate", "metric", "effect", "low", "high", "verdict", "runs"}
    assert all(row <= set(one) for one in found["comparisons"])
    assert {one["verdict"] for one in found["comparisons"]} <= {"better", "not_better", "unknown"}
    tried = {one["candidate"] for one in found["comparisons"]}
    left = {one["candidate"] for one in found["not_tried"]}
    assert {"mimalloc", "jemalloc", "system:arena_max=2"} <= tried | left
    assert {"guards", "control", "findings"} <= set(found)
    assert isinstance(found["control"], dict)


def test_advise_names_the_objectives_it_knows(heapswap: Heapswap) -> None:
    assert "{" + ",".join(OBJECTIVES) + "}" in heapswap("advise", "--help").stdout


# --- what the program gets ---------------------------------------------------------------------------------------


def test_a_redirected_file_is_given_to_every_run(heapswap: Heapswap, tmp_path: Path) -> None:
    require("sqlite3", "sqlite3")
    source = tmp_path / "source.sql"
    source.write_text("create table t (x); insert into t values (41), (42); select max(x) from t;\n")
    with source.open() as file:
        heapswap("trial", *SHORT, "-q", "--results", "results", "--", "sqlite3", ":memory:", stdin=file.fileno())
    trial = load(tmp_path / "results" / "trial.json")
    assert trial.workload.stdin == str(tmp_path / "results" / "stdin")
    assert len({run.output for run in trial.runs}) == 1
    assert printed(tmp_path / "results") == ["42\n"]


def test_a_pipe_is_given_to_every_run(heapswap: Heapswap, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"from a pipe")
    os.close(write)
    heapswap("trial", *SHORT, "-q", "--results", "results", "--", "cat", stdin=read)
    os.close(read)
    assert printed(tmp_path / "results") == ["from a pipe"]
    assert len({run.output for run in load(tmp_path / "results" / "trial.json").runs}) == 1


def test_a_file_that_is_named_comes_before_what_is_redirected(heapswap: Heapswap, tmp_path: Path) -> None:
    (tmp_path / "named").write_text("named")
    with Path("/etc/passwd").open() as file:
        words = ("--stdin", "named", "--results", "results")
        heapswap("trial", *SHORT, "-q", *words, "--", "cat", stdin=file.fileno())
    assert printed(tmp_path / "results") == ["named"]


def test_a_terminal_is_not_read(heapswap: Heapswap, tmp_path: Path) -> None:
    _, terminal = pty.openpty()
    heapswap("trial", *SHORT, "-q", "--results", "results", "--", "cat", stdin=terminal)
    assert load(tmp_path / "results" / "trial.json").workload.stdin == "/dev/null"
    assert printed(tmp_path / "results") == [""]


def test_other_commands_are_run_around_it_and_not_under_a_candidate(heapswap: Heapswap, tmp_path: Path) -> None:
    words = [
        word for name in ("setup", "prepare", "cleanup") for word in (f"--{name}", f"echo {name}=$LD_PRELOAD >>log")
    ]
    heapswap("trial", "--candidates", "mimalloc", "--blocks", "1", "-q", *words, "--", "sh", "-c", "echo run >>log")
    assert (tmp_path / "log").read_text().split() == ["setup=", *["prepare=", "run"] * RUNS, "cleanup="]


def test_a_cleanup_that_fails_comes_after_the_answer(heapswap: Heapswap) -> None:
    done = heapswap("trial", *SHORT, "-q", "--json", "--cleanup", "exit 3", "--", "true", status=3)
    assert json.loads(done.stdout)["runs"] == RUNS
    assert (
        done.stderr == "heapswap: --cleanup 'exit 3' ended with status 3: it printed nothing; mend it and start again\n"
    )


def test_a_metric_of_ones_own_decides(heapswap: Heapswap, tmp_path: Path) -> None:
    words = ("--metric", "rate=rate ([0-9]+)", "--more-is-better", "rate", "--primary", "rate", "--json", "-q")
    script = 'echo same; echo "rate ${MALLOC_ARENA_MAX:-1}" >&2'
    done = heapswap("trial", *SHORT, "--results", "results", *words, "--", "sh", "-c", script)
    found = json.loads(done.stdout)
    (row,) = (one for one in found["comparisons"] if one["metric"] == "rate")
    assert found["primary"] == "rate"
    assert (row["candidate"], row["effect"], row["baseline"], row["runs"]) == (KNOB, pytest.approx(1.0), 1.0, 2)


def test_success_is_what_it_is_said_to_be(verdict: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    verdict("exit 3", "--success", "3")
    assert outcomes(load(tmp_path / "results" / "trial.json"), KNOB) == {Outcome.COMPLETED}


# --- candidates that go wrong ------------------------------------------------------------------------------------


def test_another_output_is_unsafe(verdict: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    found = verdict("echo $MALLOC_ARENA_MAX")
    assert (found["outcome"], found["candidate"], found["rule"]) == ("unsafe", None, "fails-or-differs")
    assert codes(found) == {"unsafe-candidate"}
    assert printed(tmp_path / "results") == ["\n", "2\n"]


TROUBLES = {
    Outcome.FAILED: ("exit 1", "failed"),
    Outcome.CRASHED: ("kill -SEGV $$", "crashed"),
    Outcome.TIMED_OUT: ("sleep 600", "did not end in time"),
}


@pytest.mark.parametrize("outcome", TROUBLES)
def test_a_candidate_that_does_not_work_is_reported_and_the_trial_goes_on(
    verdict: Callable[..., dict[str, Any]], tmp_path: Path, outcome: Outcome
) -> None:
    trouble, words = TROUBLES[outcome]
    options = ("--timeout", "1s") if outcome is Outcome.TIMED_OUT else ()
    found = verdict(f"[ -z $MALLOC_ARENA_MAX ] || {{ echo oh no >&2; {trouble}; }}", *options)
    trial = load(tmp_path / "results" / "trial.json")
    assert len(trial.runs) == RUNS
    assert outcomes(trial, KNOB) == {outcome}
    assert outcomes(trial, "current") == {Outcome.COMPLETED}
    assert {run.log for run in trial.runs} == {"", "oh no"}
    assert found["outcome"] == "unsafe"
    assert found["reason"] == f"{KNOB} {words} in 2 of 2 runs, and the baseline never did"


def test_an_output_that_always_differs_makes_nobody_unsafe(verdict: Callable[..., dict[str, Any]]) -> None:
    found = verdict("echo $$")
    assert found["outcome"] != "unsafe"
    assert codes(found) == {"nondeterministic-output"}


def test_a_candidate_that_is_not_here_is_named_with_the_reason(heapswap: Heapswap) -> None:
    names = ("--candidates", f"/nonexistent/libx.so,{KNOB}", "--blocks", "1")
    found = json.loads(heapswap("trial", *names, "--json", "-q", "--", "true").stdout)
    (left,) = found["not_tried"]
    assert left["candidate"] == "/nonexistent/libx.so"
    assert left["reason"].startswith("/nonexistent/libx.so does not exist; ")


def test_the_exit_status_tells_the_answer_where_it_is_asked_to(verdict: Callable[..., dict[str, Any]]) -> None:
    assert verdict("echo $MALLOC_ARENA_MAX", "--exit-code", status=12)["outcome"] == "unsafe"


# --- what is kept ------------------------------------------------------------------------------------------------


def test_nothing_private_is_kept_of_a_redacted_trial(
    heapswap: Heapswap, tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "input").write_text("secret")
    environ["PASSWORD"] = "secret"
    words = ("--prepare", "true secret", "--results", "results", "--redact")
    script = "cat; echo secret >&2; [ -z $MALLOC_ARENA_MAX ]"
    with (tmp_path / "input").open() as file:
        done = heapswap("trial", *SHORT, "-q", *words, "--", "sh", "-c", script, "secret", stdin=file.fileno())
    saved = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert {path.name for path in saved} == {"trial.json", "verdict.json"}
    assert not any(b"secret" in content for content in saved.values())
    assert "secret" not in done.stdout
    assert len(load(tmp_path / "results" / "trial.json").runs) == RUNS


def test_of_the_environment_only_what_concerns_allocators_is_kept(
    heapswap: Heapswap, tmp_path: Path, environ: dict[str, str]
) -> None:
    environ |= {"PASSWORD": "secret", "MALLOC_TOP_PAD_": "65536"}
    heapswap("trial", *SHORT, "-q", "--results", "results", "--", "true")
    trial = load(tmp_path / "results" / "trial.json")
    assert trial.environment.variables == (("MALLOC_TOP_PAD_", "65536"),)
    assert "secret" not in (tmp_path / "results" / "trial.json").read_text()


# --- Ctrl-C ------------------------------------------------------------------------------------------------------

HANGING = "echo x >>ran; [ -e go ] || [ $(wc -l <ran) -lt 4 ] || exec sleep 600"
"""the fourth run does not end before the file `go` is there"""


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


@pytest.mark.parametrize("face", [("--json",), ()])
def test_ctrl_c_keeps_and_reports_what_was_measured_and_the_trial_goes_on(
    heapswap: Heapswap, tmp_path: Path, environ: dict[str, str], face: tuple[str, ...]
) -> None:
    words = (*SHORT, "--seed", "7", "--results", "results", "-q", "--cleanup", "echo x >>cleaned", *face)
    command = [HEAPSWAP, "trial", *words, "--", "sh", "-c", HANGING]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert eventually(lambda: lines(tmp_path / "ran") == 4)
        os.killpg(running.pid, signal.SIGINT)
        report, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, errors) == (130, "")
    assert (json.loads(report)["runs"] == 3) if face else report.startswith("3 runs of 1 candidate")
    kept = load(tmp_path / "results" / "trial.json")
    assert len(kept.runs) == 3
    assert json.loads((tmp_path / "results" / "verdict.json").read_text())["runs"] == 3
    assert lines(tmp_path / "cleaned") == 1

    environ["MALLOC_ARENA_MAX"] = "7"
    refused = heapswap("trial", "--resume", "results", "-q", status=3)
    assert "cannot be continued: MALLOC_ARENA_MAX was not set and is '7'; " in refused.stderr
    del environ["MALLOC_ARENA_MAX"]

    (tmp_path / "go").touch()
    done = heapswap("trial", "--resume", "results", "-q", "--json")
    finished = load(tmp_path / "results" / "trial.json")
    assert json.loads(done.stdout)["runs"] == RUNS
    assert finished.runs[:3] == kept.runs
    assert len(finished.runs) == RUNS
    assert lines(tmp_path / "ran") == 4 + 2
    assert lines(tmp_path / "cleaned") == 2

    heapswap("trial", *SHORT, "--seed", "7", "--results", "whole", "-q", "--", "sh", "-c", HANGING)
    whole = load(tmp_path / "whole" / "trial.json")
    assert [run.slot for run in finished.runs] == [run.slot for run in whole.runs]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_keeps_cleans_and_reports_like_ctrl_c(
    tmp_path: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    words = (*SHORT, "--results", "results", "-q", "--json", "--cleanup", "sleep 0.2; echo x >>cleaned")
    # The child of the measured shell has to end as well.
    script = "echo x >>ran; [ $(wc -l <ran) -lt 4 ] || { sleep 600 & echo $! >child; wait; }"
    with subprocess.Popen(
        [HEAPSWAP, "trial", *words, "--", "sh", "-c", script],
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert eventually(lambda: lines(tmp_path / "child") == 1)
        running.send_signal(number)
        # `timeout` sends twice, and the second must not cut the cleanup short.
        running.send_signal(number)
        report, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, errors) == (128 + number, "")
    assert json.loads(report)["runs"] == 3
    assert len(load(tmp_path / "results" / "trial.json").runs) == 3
    assert lines(tmp_path / "cleaned") == 1
    assert not Path("/proc", (tmp_path / "child").read_text().strip()).exists()


def test_under_nohup_a_trial_outlives_its_terminal(tmp_path: Path, environ: dict[str, str]) -> None:
    script = "echo x >>ran; [ $(wc -l <ran) -ne 4 ] || while [ ! -e go ]; do sleep 0.01; done"
    command = [HEAPSWAP, "trial", *SHORT, "--results", "results", "-q", "--json", "--", "sh", "-c", script]
    with subprocess.Popen(
        ["nohup", *command],
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert eventually(lambda: lines(tmp_path / "ran") == 4)
        running.send_signal(signal.SIGHUP)
        (tmp_path / "go").touch()
        report, _ = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert json.loads(report)["runs"] == RUNS


def test_current_is_what_the_user_has_though_heapswap_itself_runs_under_a_candidate(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """`run --only` around `trial` is for the Python of heapswap; neither the program nor `--setup` is in its scope."""
    environ["MALLOC_TOP_PAD_"] = "65536"
    report = "env -0 | sort -z | grep -zE '^(LD_PRELOAD|MIMALLOC|MALLOC|HEAPSWAP_(SCOPE|WAS))' | tr '\\0' '\\n'"
    inner = [HEAPSWAP, "trial", *SHORT, "--results", "results", "-q", "--json", "--setup", f"{report} >setup"]
    done = subprocess.run(
        [HEAPSWAP, "run", "--only", "mimalloc:purge_delay=7", "--", *inner, "--", "sh", "-c", f"{report} >>seen"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "setup").read_text() == "MALLOC_TOP_PAD_=65536\n"
    seen = (tmp_path / "seen").read_text()
    assert "MIMALLOC" not in seen
    assert "mimalloc" not in seen
    assert seen.count("MALLOC_TOP_PAD_=65536\n") == RUNS - 2
    trial = load(tmp_path / "results" / "trial.json")
    baseline = [run for run in trial.runs if run.slot.candidate == "current"]
    # A process that is over at once may not have been seen.
    seen_there = {Path(process.allocator).name for run in baseline for process in run.processes if process.allocator}
    assert seen_there == {"libc.so.6"}
    assert trial.environment.variables == (("MALLOC_TOP_PAD_", "65536"),)


def test_ctrl_c_in_the_first_run_leaves_nothing_running(tmp_path: Path, environ: dict[str, str]) -> None:
    command = [
        HEAPSWAP,
        "trial",
        *SHORT,
        "--cleanup",
        "echo x >>cleaned",
        "--",
        "sh",
        "-c",
        "echo $$ >pid; exec sleep 600",
    ]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert eventually(lambda: lines(tmp_path / "pid") == 1)
        os.killpg(running.pid, signal.SIGINT)
        report, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, report, errors) == (130, "", "")
    assert lines(tmp_path / "cleaned") == 1
    program = Path("/proc") / (tmp_path / "pid").read_text().strip()
    assert eventually(lambda: not program.exists())
