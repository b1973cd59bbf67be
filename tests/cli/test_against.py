"""`trial --against`: what is tried again, what is refused, and who is told."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.allocators.spelling import CURRENT
from heapswap.cli import against
from heapswap.cli.against import ALLOWED, STOPPED, Held, held
from heapswap.cli.main import main
from heapswap.errors import Misuse
from heapswap.trials.model import Trial
from heapswap.verdict.model import Verdict
from tests.report.artifacts import SAVED, saved


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    against.configure(parser)
    found = parser.parse_args(words)
    found.baseline, found.objective, found.primary = CURRENT, "balanced", None
    return found


def given() -> Held:
    found = held(arguments("--against", str(SAVED["verdict"])))
    assert found is not None
    return found


def test_the_choice_is_tried_again_and_the_question_is_the_same() -> None:
    found, asked = given(), arguments()
    assert found.allowed == ALLOWED
    assert found.candidates((), ("jemalloc",)) == ["mimalloc"]
    assert found.candidates(("jemalloc", "mimalloc"), ()) == ["mimalloc", "jemalloc"]
    found.settle(asked)
    assert (asked.baseline, asked.objective, asked.primary) == ("current", "cpu", "cpu")


def test_what_was_kept_is_held_against_the_usual_ones() -> None:
    found = given()
    kept = replace(found, verdict=replace(found.verdict, candidate=None))
    assert kept.candidates((), ("jemalloc",)) == ("jemalloc",)
    assert kept.candidates(("snmalloc",), ("jemalloc",)) == ("snmalloc",)


def test_a_trial_is_as_good_as_its_verdict() -> None:
    found = held(arguments("--against", str(SAVED["trial"]), "--fail-if-worse", "2.5 %"))
    assert found is not None
    assert found.allowed == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--fail-if-worse", "5%"], 2, "give it with --against"),
        (["--against", str(SAVED["verdict"]), "--fail-if-worse", "5"], 2, "'5' is not a percentage; write 5%"),
        (["--against", str(SAVED["profile"])], 2, "--against takes a verdict or a trial"),
        (["--against", "/nowhere/v.json"], 3, "cannot be read"),
    ],
)
def test_refusals(words: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trial", *words, "--", "true"]) == status
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) == 1


def judged(found: Held, capsys: pytest.CaptureFixture[str], *, to_output: bool = True) -> tuple[int, str, str]:
    verdict, trial = saved("verdict"), saved("trial")
    assert isinstance(verdict, Verdict)
    assert isinstance(trial, Trial)
    status = found.judge(verdict, trial, to_output=to_output)
    out, err = capsys.readouterr()
    return status, out, err


def test_what_became_of_it_is_said_once_and_is_the_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    found = given()
    first, *others = found.verdict.comparisons
    better = replace(first, effect=-0.9, low=-0.91, high=-0.89)
    shrunk = replace(found, verdict=replace(found.verdict, comparisons=(better, *others)))
    status, out, err = judged(shrunk, capsys)
    assert (status, err) == (STOPPED, "")
    assert out.startswith("\nNo longer right: ")
    status, out, err = judged(shrunk, capsys, to_output=False)
    assert (status, out) == (STOPPED, "")
    assert err.startswith("heapswap: No longer right: ")


def test_github_gets_an_annotation_and_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    status, out, err = judged(given(), capsys)
    title = "No longer right" if status else "Still right"
    assert f"::{'error' if status else 'notice'} title=heapswap%3A {title}::" in err
    assert "::" not in out
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith(f"**{title}**: ")
    assert "### Effects" in summary
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary.md")
    again, _, err = judged(given(), capsys)
    assert again == status
    assert "the job's summary cannot be written" in err


def test_a_choice_that_is_no_candidate_is_refused(tmp_path: Path) -> None:
    verdict = saved("verdict")
    assert isinstance(verdict, Verdict)
    file = tmp_path / "verdict.json"
    file.write_bytes(artifact.encode(replace(verdict, candidate="Not A Candidate")))
    with pytest.raises(Misuse, match="is not a candidate"):
        held(arguments("--against", str(file)))
