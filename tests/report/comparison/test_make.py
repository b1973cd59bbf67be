"""What changed between two artifacts of one kind."""

from dataclasses import replace

import pytest

from heapswap.conformance.model import Conformance, Outcome
from heapswap.errors import Misuse
from heapswap.profiling.model import Profile
from heapswap.report.comparison.make import compare
from heapswap.report.comparison.model import Said
from heapswap.report.reading import KINDS
from heapswap.trials.model import Trial
from heapswap.verdict.model import Decision, Verdict
from tests.report.artifacts import saved


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_changed_against_itself(kind: str) -> None:
    found = compare(saved(kind), saved(kind))
    assert found.turns == ()
    assert found.only_before == found.only_after == ()
    assert {one.says for one in found.changes} <= {Said.OPEN, Said.COUNTED}
    assert all(one.change.value == pytest.approx(0.0, abs=1e-12) for one in found.changes)


@pytest.mark.parametrize(("new", "old"), [("trial", "profile"), ("conformance", "verdict"), ("profile", "conformance")])
def test_two_kinds_are_refused(new: str, old: str) -> None:
    with pytest.raises(Misuse, match=f"a {new} and a {old} cannot be compared"):
        compare(saved(new), saved(old))


def test_a_trial_and_a_verdict_go_together() -> None:
    assert compare(saved("trial"), saved("verdict")).of == "verdict"
    assert compare(saved("trial"), saved("trial")).of == "trial"


def test_a_gain_that_is_gone_is_more_than_before() -> None:
    old = saved("verdict")
    assert isinstance(old, Verdict)
    (first, *rest) = old.comparisons
    new = replace(
        old,
        outcome=Decision.KEEP,
        candidate=None,
        comparisons=(replace(first, effect=0.0, low=-0.01, high=0.01), *rest),
    )
    found = compare(new, old)
    assert [(turn.measure, turn.before, turn.after) for turn in found.turns] == [
        ("the answer", "adopt", "keep"),
        ("adopted", "mimalloc", "nothing"),
    ]
    (change,) = [one for one in found.changes if one.measure == "cpu"]
    assert change.says is Said.MORE
    assert change.change.value == pytest.approx(1 / 0.619 - 1)


def test_values_are_compared_run_by_run_and_another_machine_is_said() -> None:
    old = saved("trial")
    assert isinstance(old, Trial)
    slower = tuple(
        replace(run, measurements=tuple(replace(row, value=row.value * 2) for row in run.measurements))
        for run in old.runs
    )
    new = replace(old, runs=slower, environment=replace(old.environment, cores=64))
    found = compare(new, old)
    levels = [one for one in found.changes if one.unit != "effect"]
    assert levels
    assert all(one.change.value == pytest.approx(1.0) for one in levels)
    assert [one.code for one in found.findings] == ["other-machine"]
    other = replace(new, workload=replace(new.workload, argv=("other",)))
    assert "other-command" in [one.code for one in compare(other, old).findings]


def test_processes_are_matched_by_program() -> None:
    old = saved("profile")
    assert isinstance(old, Profile)
    heaviest = max(old.processes, key=lambda one: (one.cpu, one.allocations))
    new = replace(
        old,
        processes=tuple(
            replace(one, allocations=3 * (one.allocations or 0), exe="/elsewhere/" + one.exe) for one in old.processes
        ),
    )
    found = compare(new, old)
    counted = [one for one in found.changes if one.measure == "allocations"]
    assert counted
    assert all(one.change.value == pytest.approx(2.0) for one in counted)
    assert counted[0].before.value == heaviest.allocations
    alone = compare(replace(old, processes=()), old)
    assert alone.only_before
    assert {one.subject for one in alone.changes} == {"the whole"}


def test_a_clause_that_broke_is_a_turn() -> None:
    old = saved("conformance")
    assert isinstance(old, Conformance)
    place = next(at for at, one in enumerate(old.clauses) if one.outcome is Outcome.HELD)
    broken = replace(old.clauses[place], outcome=Outcome.CRASHED)
    new = replace(old, clauses=(*old.clauses[:place], broken, *old.clauses[place + 1 :]))
    (turn,) = compare(new, old).turns
    assert (turn.subject, turn.measure, turn.before, turn.after) == ("clause", broken.id, "held", "crashed")
