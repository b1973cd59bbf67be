"""The answer of `advise`, as a person and as a program reads it."""

import re
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from heapswap.report.reading import read
from heapswap.report.terminal import Colour
from heapswap.report.verdict import headline, verdict_json, verdict_text
from heapswap.verdict.model import Decision, Verdict
from heapswap.workload import Workload
from tests.report import strategies
from tests.report.artifacts import SAVED
from tests.report.examples import ADOPT, CASES, INCONCLUSIVE, KEEP, LONG, LUA, MEMORY, PATH, RESULTS, UNKNOWN
from tests.report.golden_files import matches_golden


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", CASES)
def test_text_is_the_golden_one(case: str, width: int) -> None:
    verdict, workload = CASES[case]
    text = verdict_text(verdict, workload=workload, results=RESULTS, width=width)
    matches_golden(f"verdict-{case}-{width}.txt", text)


@pytest.mark.parametrize("width", [80, 120])
def test_colour_changes_no_character(width: int) -> None:
    plain = verdict_text(MEMORY, workload=LUA, results=RESULTS, width=width)
    coloured = verdict_text(MEMORY, workload=LUA, results=RESULTS, width=width, colour=Colour.ALWAYS)
    assert "\x1b[1;32mAdopt" in coloured
    assert _without_colour(coloured) == plain


def test_a_long_spelling_cut_before_its_runs_leaves_no_blank() -> None:
    spelling = "x" * 77
    comparisons = tuple(replace(row, candidate=spelling) for row in KEEP.comparisons[:1])
    text = verdict_text(replace(KEEP, comparisons=comparisons, guards=()), workload=LUA, results=RESULTS, width=80)
    assert spelling in text.split("\n")


@settings(max_examples=150)
@given(strategies.verdicts, strategies.workloads, strategies.arguments, strategies.widths, st.sampled_from(Colour))
def test_any_verdict_fits_the_width(
    verdict: Verdict, workload: Workload, results: str, width: int, colour: Colour
) -> None:
    text = verdict_text(verdict, workload=workload, results=results, width=width, colour=colour)
    lines = _without_colour(text).split("\n")
    assert [line for line in lines if cell_len(line) > width] == []
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if line != line.rstrip(" ")] == []


def test_every_candidate_stays_whole() -> None:
    for width in (80, 120):
        text = verdict_text(MEMORY, workload=LUA, results=RESULTS, width=width)
        assert f"\n{LONG} (12) !\n" in text
        assert f"\n{PATH} (10)" in verdict_text(INCONCLUSIVE, workload=LUA, results=RESULTS, width=width)


def test_the_answer_is_the_first_line() -> None:
    first = {
        case: verdict_text(v, workload=w, results=RESULTS, width=80).split("\n")[0] for case, (v, w) in CASES.items()
    }
    assert first["adopt"] == "Adopt mimalloc: CPU time -38.1 % (99 % interval -40.2 % to -35.9 %)."
    assert first["keep"] == "Keep the present allocator: a gain in wall above 7 % is excluded for every"
    assert first["inconclusive"] == "Inconclusive: no gain beyond the margin was shown, and one of up to 13 % is not"
    assert first["unsafe"] == "Unsafe: jemalloc printed something else in 3 of 12 runs, and the baseline never"


def test_open_guards_stand_beside_the_answer() -> None:
    text = verdict_text(CASES["open-guards"][0], workload=LUA, results=RESULTS, width=120)
    assert text.split("\n")[2].startswith("Guards still open: CPU time +11.0 % (+6.0 % to +16.0 %), limit +15.0 %;")
    assert "still open" not in verdict_text(ADOPT, workload=LUA, results=RESULTS, width=120)


def test_inconclusive_says_how_many_runs_are_missing_and_who_is_ahead() -> None:
    assert headline(INCONCLUSIVE).endswith(" About 24 more runs would settle it.")
    assert headline(replace(INCONCLUSIVE, runs_needed=1)).endswith(" About 1 more run would settle it.")
    text = verdict_text(INCONCLUSIVE, workload=LUA, results=RESULTS, width=120)
    assert f"\nBest so far: {PATH}, wall time -6.2 % (99 % interval -13.1 % to +1.2 %).\n" in text
    assert "Best so far" not in verdict_text(UNKNOWN, workload=LUA, results=RESULTS, width=120)


def test_a_replay_is_at_most_worth_a_trial() -> None:
    verdict = replace(ADOPT, objective="heap")
    assert headline(verdict).startswith("In the replay mimalloc is better, so it is worth a trial: CPU time -38.1 %")
    shown = verdict_text(verdict, workload=LUA, results=RESULTS, width=80)
    assert "Adopt" not in shown
    assert "heapswap deploy" not in shown


def test_a_reason_is_told_once() -> None:
    for verdict in (KEEP, INCONCLUSIVE, UNKNOWN):
        text = verdict_text(verdict, workload=LUA, results=RESULTS, width=120)
        assert " ".join(text.split()).count(verdict.reason) == 1


def test_an_older_diagnosis_has_one_row_for_all_page_faults() -> None:
    older = read(SAVED["verdict"].with_name("verdict-1-profile.json"))
    assert isinstance(older, Verdict)
    text = verdict_text(older, workload=LUA, results=RESULTS, width=80)
    assert "    page faults of the heap                          0.4 %" in text
    assert "costs together" not in text


def test_an_exclusion_that_is_no_reason_is_not_claimed() -> None:
    # Nothing can be adopted, so nothing can gain: that says nothing about the candidates' speed.
    verdict = replace(KEEP, excluded=0.0, reason="every candidate fails or breaks a guard")
    text = verdict_text(verdict, workload=LUA, results=RESULTS, width=80)
    assert text.startswith("Keep the present allocator: every candidate fails or breaks a guard.\n")
    assert "is excluded" not in text


def test_keep_names_a_baseline_that_is_not_current() -> None:
    assert headline(replace(KEEP, baseline="system")).startswith("Keep system: ")


def test_metrics_without_room_are_named() -> None:
    narrow = verdict_text(MEMORY, workload=LUA, results=RESULTS, width=50)
    assert "No room here for" in narrow
    assert "No room" not in verdict_text(MEMORY, workload=LUA, results=RESULTS, width=80)


def test_json_is_one_object_on_one_line() -> None:
    data = verdict_json(ADOPT)
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    assert msgspec.json.decode(data, type=Verdict) == ADOPT
    first, second = list(msgspec.json.decode(data).items())[:2]
    assert (first, second) == (("kind", "verdict"), ("schema", 1))
    assert msgspec.json.decode(verdict_json(KEEP))["candidate"] is None


@pytest.mark.parametrize("outcome", Decision)
def test_every_outcome_ends_with_something_to_do(outcome: Decision) -> None:
    text = verdict_text(replace(ADOPT, outcome=outcome), workload=LUA, results=RESULTS, width=80)
    assert "\nNext\n  " in text
    assert text.endswith(f"\n  {RESULTS}\n")


def _without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
