"""The answer of `trial`: the table first, the verdict as the last word."""

from dataclasses import replace

import pytest

from heapswap.environment import Environment
from heapswap.report.trial import trial_text
from heapswap.trials.model import Criteria, Design, Outcome, Run, Slot, Stage, Trial
from tests.report.examples import ADOPT, LUA, RESULTS
from tests.report.golden_files import matches_golden

ENVIRONMENT = Environment(
    heapswap="0.1.0",
    python="3.11.2",
    kernel="6.1.0",
    libc="glibc 2.36",
    machine="x86_64",
    processor="a processor",
    cores=2,
    memory=8 * 1024**3,
    page_size=4096,
    transparent_huge_pages="madvise",
    variables=(),
)


def _run(candidate: str, position: int, outcome: Outcome = Outcome.COMPLETED) -> Run:
    return Run(
        slot=Slot(stage=Stage.CONFIRMING, block=0, position=position, candidate=candidate),
        outcome=outcome,
        exit_status={Outcome.CRASHED: None, Outcome.FAILED: 1}.get(outcome, 0),
        signal=11 if outcome is Outcome.CRASHED else None,
        measurements=(),
    )


TRIAL = Trial(
    workload=LUA,
    environment=ENVIRONMENT,
    design=Design(
        baseline="current",
        candidates=("mimalloc", "jemalloc"),
        criteria=Criteria(primary="cpu", adopt_ratio=0.02),
        seed=1,
    ),
    runs=(
        _run("current", 0),
        _run("mimalloc", 1),
        _run("jemalloc", 2, Outcome.CRASHED),
        _run("jemalloc", 3, Outcome.CRASHED),
        _run("jemalloc", 4, Outcome.FAILED),
        _run("jemalloc", 5),
    ),
)


@pytest.mark.parametrize("width", [80, 120])
def test_text_is_the_golden_one(width: int) -> None:
    matches_golden(f"trial-{width}.txt", trial_text(TRIAL, ADOPT, results=RESULTS, width=width))


def test_runs_that_did_not_complete_are_counted_by_kind() -> None:
    text = trial_text(TRIAL, ADOPT, results=RESULTS, width=80)
    assert "  jemalloc: 2 of 4 runs crashed (signal 11).\n" in text
    assert "  jemalloc: 1 of 4 runs failed (exit status 1).\n" in text


def test_a_trial_that_went_well_does_not_mention_trouble() -> None:
    assert "not complete" not in trial_text(replace(TRIAL, runs=TRIAL.runs[:2]), ADOPT, results=RESULTS, width=80)
