"""A prediction as a person reads it, and as a saved file."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap.findings import Finding, Level
from heapswap.report.comparison.make import compare
from heapswap.report.comparison.model import Said
from heapswap.report.document.make import document
from heapswap.report.markdown import markdown
from heapswap.report.prediction import prediction_json, prediction_text
from heapswap.report.text import document_text
from heapswap.verdict.model import NotTried
from heapswap.verdict.objective import MIB
from heapswap.verdict.prediction import Fidelity, Forecast, Outlook, Prediction
from tests.report import strategies
from tests.report.artifacts import HOSTILE, saved
from tests.report.golden_files import matches_golden


def forecast(candidate: str, metric: str, effect: float, *, is_worth_a_trial: bool = False) -> Forecast:
    baseline = 0.12 if metric == "time" else 100 * MIB
    return Forecast(
        candidate=candidate,
        metric=metric,
        effect=effect,
        low=effect - 0.01,
        high=effect + 0.01,
        baseline=baseline,
        is_worth_a_trial=is_worth_a_trial,
    )


PREDICTION = Prediction(
    outlook=Outlook.WORTH_A_TRIAL,
    candidate="jemalloc",
    baseline="current",
    recording="x.heap",
    program=("lua5.4", "churn.lua"),
    memory=(
        forecast("mimalloc", "heap_peak", 0.2),
        forecast("jemalloc", "heap_peak", -0.3, is_worth_a_trial=True),
        forecast("jemalloc", "heap_end", -0.5, is_worth_a_trial=True),
    ),
    time=(forecast("mimalloc", "time", -0.015),),
    share=0.12,
    fidelity=Fidelity(
        speed="recorded",
        calls=110_215,
        threads=21,
        seconds=5.37,
        cpu_seconds=4.2,
        unknown_frees=3,
        lost_frees=1,
        touched=0.5,
    ),
)

TEXT = """\
Prediction: jemalloc is worth a trial (peak heap -30.0 %).

Memory of the heap (predicted)
  jemalloc: worth a trial
    peak heap -30.0 % (-31.0..-29.0), 100 MiB -> 70.0 MiB; heap at the end
    -50.0 % (-51.0..-49.0), 100 MiB -> 50.0 MiB
  mimalloc
    peak heap +20.0 % (+19.0..+21.0), 100 MiB -> 120 MiB

Time of the program (predicted)
  mimalloc
    time -1.5 % (-2.5..-0.5)

How far to trust this
  A replay, not the program: 110,215 calls of 21 threads were played at the
  recorded speed. Its peak is as a rule within 10 % of the program's own heap;
  memory that the program maps itself is not in it.
  Time: the calls took 12 % of the 4.20 s of CPU time that was recorded. What an
  allocator changes for caches, page faults and threads that meet is not in it:
  only a trial can tell.
  How much was touched is known for 50 % of the bytes in large blocks.
  Not in the recording: the allocation of 3 freed blocks, the free of 1 block.

Next
  Measure it, before anything is changed:
    heapswap trial --candidates jemalloc -- lua5.4 churn.lua

Everything measured is kept in /results
"""


def test_a_prediction_at_80_columns() -> None:
    assert prediction_text(PREDICTION, results="/results", width=80) == TEXT


def test_a_prediction_as_json() -> None:
    said = json.loads(prediction_json(PREDICTION))
    assert (said["kind"], said["schema"], said["outlook"]) == ("prediction", 1, "worth-a-trial")
    assert said["fidelity"]["error"] == 0.1


def test_what_was_saved_is_shown_as_when_it_was_made() -> None:
    assert saved("prediction") == PREDICTION


@pytest.mark.parametrize("width", [80, 120])
def test_a_saved_prediction_as_a_document(width: int) -> None:
    matches_golden(f"report-prediction-{width}.txt", document_text(document(PREDICTION), width=width))


def test_without_the_command_there_is_nothing_to_type() -> None:
    shown = prediction_text(replace(PREDICTION, program=()), results="/results", width=80)
    assert "Measure it, before anything is changed:" in shown
    assert "heapswap trial" not in shown


def test_two_predictions_tell_what_changed() -> None:
    first, *rest = PREDICTION.memory
    new = replace(PREDICTION, candidate="mimalloc", memory=(replace(first, effect=-0.4, low=-0.41, high=-0.39), *rest))
    found = compare(new, replace(PREDICTION, baseline="jemalloc", program=("other",)))
    assert [(turn.measure, turn.before, turn.after) for turn in found.turns] == [
        ("to be tried first", "jemalloc", "mimalloc")
    ]
    (change,) = [one for one in found.changes if one.says is not Said.OPEN]
    assert (change.subject, change.measure, change.says) == ("mimalloc", "heap_peak", Said.LESS)
    assert [finding.code for finding in found.findings] == ["other-baseline", "other-command"]


@given(st.sampled_from(HOSTILE), strategies.widths)
@settings(max_examples=30)
def test_hostile_words_are_text(word: str, width: int) -> None:
    def named(rows: tuple[Forecast, ...]) -> tuple[Forecast, ...]:
        return tuple(replace(row, candidate=word) for row in rows)

    hostile = replace(
        PREDICTION,
        candidate=word,
        baseline=word,
        recording=word,
        program=(word, word),
        memory=named(PREDICTION.memory),
        time=named(PREDICTION.time),
        not_tried=(NotTried(candidate=word, reason=word),),
        findings=(Finding(code="x", level=Level.NOTE, seen=word, remedy=word),),
    )
    texts = (
        prediction_text(hostile, results=word, width=width),
        document_text(document(hostile), width=width),
        markdown(document(hostile)),
    )
    for text in texts:
        assert all(character.isprintable() or character in "\n\u2060" for character in text)
