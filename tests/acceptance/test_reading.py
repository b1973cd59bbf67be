"""A line that cannot fail promises nothing: here the reading of answers is shown answers that break the promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.acceptance import __main__ as acceptance
from tests.acceptance import contention, corpus, error_control, rules, services
from tests.acceptance.evidence import Evidence, NoEvidence, Output
from tests.acceptance.line import Line, Result, Row, measure
from tests.acceptance.power import deviation, interval, power, runs_needed
from tests.acceptance.suite import outcomes
from tests.acceptance.table import render


def comparison(candidate: str, metric: str, effect: float, high: float | None = None) -> dict[str, Any]:
    return {
        "candidate": candidate,
        "metric": metric,
        "effect": effect,
        "low": effect - 0.02,
        "high": effect + 0.02 if high is None else high,
        "verdict": "better",
    }


def guard(candidate: str, metric: str, state: str) -> dict[str, Any]:
    return {"candidate": candidate, "metric": metric, "limit": 0.1, "effect": 0.0, "low": 0, "high": 0, "state": state}


def answer(outcome: str, candidate: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "candidate": candidate,
        "rule": "r",
        "primary": "cpu",
        "comparisons": [],
        "guards": [],
        **fields,
    }


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `advise` answer what a test wants."""
    return lambda verdict: monkeypatch.setattr(corpus, "advise", lambda _evidence, _program: verdict)


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(folder=tmp_path)


# ---- the corpus --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "free"),
    [
        ("system:arena_max=2", True),
        ("system/returning", True),
        ("system:python=malloc,arena_max=2", True),
        ("system:python=malloc", False),
        ("system", False),
        ("jemalloc:dirty_decay_ms=0", False),
        (None, False),
    ],
)
def test_a_free_knob_is_a_knob_of_the_c_library(candidate: str | None, free: bool) -> None:
    assert corpus.is_free_knob(candidate) is free


@pytest.mark.parametrize(("high", "held"), [(-0.11, True), (-0.10, False), (-0.05, False)])
def test_lua_churn_needs_the_whole_interval_beyond_ten_percent(
    said: Any, evidence: Evidence, high: float, held: bool
) -> None:
    said(answer("adopt", "mimalloc", comparisons=[comparison("mimalloc", "cpu", -0.3, high)]))
    assert corpus.lua_churn(evidence).held is held


@pytest.mark.parametrize(
    ("outcome", "held"), [("keep", True), ("inconclusive", True), ("adopt", False), ("unsafe", False)]
)
def test_a_control_is_never_adopted(said: Any, evidence: Evidence, outcome: str, held: bool) -> None:
    said(answer(outcome))
    assert corpus.control("sqlite_index")(evidence).held is held


def test_json_burst_names_the_best_whose_guards_hold(said: Any, evidence: Evidence) -> None:
    rows = [comparison("jemalloc/returning", "cpu", -0.5), comparison("system:arena_max=2", "cpu", -0.3)]
    peak = [guard("jemalloc/returning", "peak", "broken"), guard("system:arena_max=2", "peak", "held")]
    said(answer("inconclusive", comparisons=rows, guards=peak))
    assert corpus.json_burst_knob(evidence).held
    assert corpus.json_burst_jemalloc(evidence).held
    said(answer("inconclusive", comparisons=rows, guards=[{**row, "state": "held"} for row in peak]))
    assert not corpus.json_burst_knob(evidence).held
    assert not corpus.json_burst_jemalloc(evidence).held


def test_image_service_shows_the_price_of_trimming(said: Any, evidence: Evidence) -> None:
    trim = "system:trim_threshold=65536"
    cheaper = [comparison(trim, "idle", -0.9), comparison(trim, "cpu", -0.1)]
    dearer = [comparison(trim, "idle", -0.9), comparison(trim, "cpu", 0.3)]
    said(answer("adopt", trim, comparisons=dearer, guards=[guard(trim, "peak", "held")]))
    assert corpus.image_service_trim(evidence).held
    assert corpus.image_service_knob(evidence).held
    said(answer("adopt", trim, comparisons=cheaper, guards=[guard(trim, "cpu", "broken")]))
    assert not corpus.image_service_trim(evidence).held
    assert not corpus.image_service_knob(evidence).held


# ---- error control -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "trials", "held"), [(12, 2000, True), (13, 2000, False), (0, 1999, False)])
def test_the_limit_of_wrong_adopts(
    monkeypatch: pytest.MonkeyPatch, evidence: Evidence, wrong: int, trials: int, held: bool
) -> None:
    row = {"wrong": wrong, "trials": trials, "kept": 0}
    monkeypatch.setattr(error_control, "simulated", lambda _evidence, _scenario: row)
    assert error_control.few_wrong("equal")(evidence).held is held


# ---- the machinery -----------------------------------------------------------------------------------------------


def test_a_line_that_cannot_be_measured_is_not_held(evidence: Evidence) -> None:
    def broken(_: Evidence) -> Result:
        raise NoEvidence("nothing was printed")

    row = measure("group", Line(promise="p", measure=broken), evidence)
    assert not row.held
    assert "nothing was printed" in row.figure


def test_a_command_is_run_once_and_kept(evidence: Evidence) -> None:
    first = evidence.command("date", ["sh", "-c", "echo out; echo err >&2; exit 4"])
    assert first == Output(status=4, stdout="out\n", stderr="err\n")
    assert evidence.command("date", ["false"]) is first
    assert (evidence.folder / "date.stdout").read_text() == "out\n"
    assert "exit status 4" in (evidence.folder / "date.command").read_text()


@pytest.mark.parametrize("argv", [["sh", "-c", "exit 1"], ["echo", "no JSON"], ["/nowhere/at/all"]])
def test_what_is_no_answer_is_no_evidence(evidence: Evidence, argv: list[str]) -> None:
    with pytest.raises(NoEvidence):
        evidence.json("name", argv)


def test_skipped_and_failed_tests_are_named() -> None:
    report = (
        '<testsuites><testsuite><testcase name="good"><properties/></testcase>'
        '<testcase name="bad"><failure/></testcase>'
        '<testcase name="left_out"><skipped/></testcase></testsuite></testsuites>'
    )
    assert outcomes(report) == (1, ["bad", "left_out"])


def test_the_table() -> None:
    rows = [
        Row(group="loops", promise="a promise that is held", figure="1.02", held=True),
        Row(group="smoke", promise="a longer promise that has to be wrapped at this width", figure="no", held=False),
    ]
    assert render(rows, width=60).splitlines() == [
        "held      promise                figure",
        "-- loops ---------------------------------------------------",
        "yes       a promise that is      1.02",
        "          held",
        "-- smoke ---------------------------------------------------",
        "NOT HELD  a longer promise that  no",
        "          has to be wrapped at",
        "          this width",
        "1 of 2 lines held",
    ]


# ---- services ----------------------------------------------------------------------------------------------------


def test_two_answers_about_a_service() -> None:
    said, other = answer("adopt", "jemalloc"), answer("adopt", "mimalloc")
    open_ = answer("inconclusive", comparisons=[comparison("jemalloc", "throughput", 0.05)])
    assert services.compared(said, said).figure.startswith("confirmed")
    assert services.compared(said, said).held
    assert not services.compared(said, other).held
    assert not services.compared(answer("keep"), said).held
    assert services.compared(open_, open_).figure.startswith("not confirmed, and not contradicted")
    assert services.compared(said, open_).held
    far = answer("inconclusive", comparisons=[comparison("jemalloc", "throughput", -0.2)])
    assert services.compared(open_, far).figure.startswith("CONTRADICTED")
    assert not services.compared(open_, far).held


def test_a_gain_is_believed_where_the_intervals_are_apart() -> None:
    base = [0.1, 0.12, 0.11, 0.09]
    better = contention.judged({"system": base, "jemalloc": [0.5, 0.52, 0.49, 0.51]}, "4 runs")
    assert better.held
    assert better.figure.startswith("system 1.11 (1.09 to 1.13); jemalloc 1.66 (")
    assert not contention.judged({"system": base, "jemalloc": [0.0, 0.3, 0.1, 0.9]}, "4 runs").held
    assert not contention.judged({"jemalloc": base, "system": [0.5, 0.52, 0.49, 0.51]}, "4 runs").held


def test_the_runs_that_are_planned_tell_as_often_as_they_promise() -> None:
    """By simulation: of 400 a binomial of 0.9 gives fewer than 330 in less than one case of ten thousand."""
    runs = runs_needed(0.2, 0.1, ratio=1.3, fewest=3, most=100)
    assert power(0.2, 0.1, ratio=1.3, runs=runs - 1) < 0.9
    random = np.random.default_rng(5)
    told = sum(
        interval(random.normal(np.log(1.3), 0.2, runs).tolist())[0] > interval(random.normal(0, 0.1, runs).tolist())[1]
        for _ in range(400)
    )
    assert told >= 330
    assert runs_needed(0.2, 0.1, ratio=1.01, fewest=3, most=20) == 20
    assert runs_needed(0.0, 0.0, ratio=1.3, fewest=3, most=20) == 3


def test_a_pilot_is_not_believed_to_vary_as_little_as_it_happens_to() -> None:
    random = np.random.default_rng(6)
    planned = [deviation(random.normal(0, 1, 6).tolist()) for _ in range(1000)]
    assert 0.75 < np.mean(np.array(planned) >= 1) < 0.85


# ---- what an earlier run has measured ----------------------------------------------------------------------------


def test_a_line_that_was_measured_is_kept_held_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[str] = []

    def counted(name: str) -> Line:
        def line(_: Evidence) -> Result:
            counts.append(name)
            return Result(figure=name, held=name == "one")

        return Line(promise=name, measure=line)

    def broken(_: Evidence) -> Result:
        raise KeyboardInterrupt

    lines = (counted("one"), counted("two"), Line(promise="three", measure=broken))
    monkeypatch.setitem(acceptance.GROUPS, "g", lines)
    with pytest.raises(KeyboardInterrupt):
        acceptance.measured("g", tmp_path / "g")
    monkeypatch.setitem(acceptance.GROUPS, "g", (*lines[:2], counted("three")))
    rows = acceptance.measured("g", tmp_path / "g", resume=True)
    assert counts == ["one", "two", "three"]
    assert [(row.promise, row.held) for row in rows] == [("one", True), ("two", False), ("three", False)]
    acceptance.measured("g", tmp_path / "g")
    assert counts == ["one", "two", "three"] * 2


def test_a_command_that_ended_is_not_run_again_by_who_resumes(tmp_path: Path) -> None:
    argv = ["sh", "-c", f"echo x >> {tmp_path}/times; echo said; exit 3"]
    first = Evidence(folder=tmp_path).command("c", argv)
    again = Evidence(folder=tmp_path, resumes=True).command("c", argv)
    assert (first, first.status, first.stdout) == (again, 3, "said\n")
    Evidence(folder=tmp_path, resumes=True).command("c", [*argv, "other"])
    Evidence(folder=tmp_path).command("c", argv)
    assert (tmp_path / "times").read_text() == "x\n" * 3


def test_a_keep_that_a_long_trial_would_not_give_is_false(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs are kept by their profile, one wrongly, and the others are tried."""
    whole = {"of": "time", "most": 0.06, "limit": 0.1}
    kept = answer("keep", diagnosis={"grounds": [whole]})
    monkeypatch.setattr(rules, "profiled", lambda _, asked: kept if asked.name in ("lua_count", "node_json") else None)
    monkeypatch.setattr(
        rules,
        "tried",
        lambda _, asked: (
            answer("adopt", "jemalloc", comparisons=[comparison("jemalloc", "cpu", -0.04)])
            if asked.name == "node_json"
            else answer("keep")
        ),
    )
    found = rules.no_false_keeps(Evidence(folder=tmp_path))
    assert not found.held
    assert "2 of" in found.figure
    assert "1 false: node_json: adopt jemalloc (rule r), adopt" in found.figure
    table = (tmp_path / "keeps.txt").read_text()
    assert "node_json       kept: ≤ 6.0 %   FALSE" in table
    assert "right" in table
    monkeypatch.setattr(rules, "tried", lambda _, __: answer("keep"))
    assert rules.no_false_keeps(Evidence(folder=tmp_path)).held
