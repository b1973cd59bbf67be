"""A prediction as a person reads it."""

import json

from heapswap.report.prediction import prediction_json, prediction_text
from heapswap.verdict.objective import MIB
from heapswap.verdict.prediction import Fidelity, Forecast, Outlook, Prediction


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
    assert prediction_text(PREDICTION, program=("lua5.4", "churn.lua"), results="/results", width=80) == TEXT


def test_a_prediction_as_json() -> None:
    said = json.loads(prediction_json(PREDICTION))
    assert (said["kind"], said["schema"], said["outlook"]) == ("prediction", 1, "worth-a-trial")
    assert said["fidelity"]["error"] == 0.1
