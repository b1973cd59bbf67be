"""What the replay of a recording predicts for the program: memory as it was seen, time scaled and never a promise.

A replay does nothing but allocate. So its memory is the program's heap, while its time is only the part that allocating
has in the program's, and less alike where threads get in each other's way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from heapswap.findings import Finding
from heapswap.verdict.model import Effect, NotTried, Verdict
from heapswap.verdict.objective import MEMORY_MARGIN, TIME_MARGIN

KIND = "prediction"
SCHEMA = 1
PEAK = "heap_peak"
MEMORY = (PEAK, "heap_mean", "heap_end")
CALLS = "heap_cpu"
"""CPU time of the calls of a replay"""
TYPICAL_ERROR = 0.10
"""of the peak of a replay, see `benchmarks/fidelity.py`"""

UNTESTED = 0.05
"""part of the program's time that has to be gained where too few runs tell how noisy that is"""


class Outlook(StrEnum):
    """What a prediction says to do; it never says adopt."""

    WORTH_A_TRIAL = "worth-a-trial"
    NOTHING = "nothing-predicted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How much of what the program did the replay does, too."""

    speed: str
    """``recorded``: calls came when they had come; ``max``: memory had less time to be given back"""
    calls: int
    threads: int
    seconds: float
    """that the recording lasts"""
    cpu_seconds: float | None = None
    """that the program worked meanwhile; None: not known"""
    unknown_frees: int
    lost_frees: int
    touched: float | None = None
    """part of the bytes in large blocks for which it is known how much was touched; None where there are none"""
    error: float = TYPICAL_ERROR
    """how far the peak of a replay is from the program's, as a rule"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """One candidate on one metric of the program: candidate / baseline - 1, negative is less."""

    candidate: str
    metric: str
    """``heap_peak``, ``heap_mean``, ``heap_end``, or ``time``"""
    effect: float | None
    low: float | None
    high: float | None
    baseline: float | None
    """of a memory in bytes, of time the part of it that allocating has"""
    is_worth_a_trial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a replay predicts, and how far it can be trusted."""

    kind: str = KIND
    schema: int = SCHEMA
    outlook: Outlook
    candidate: str | None
    """the one to try first; None where nothing is predicted"""
    baseline: str
    recording: str
    program: tuple[str, ...] = ()
    """the command that was recorded; empty where that is not kept"""
    memory: tuple[Forecast, ...]
    time: tuple[Forecast, ...]
    share: float | None
    """part of the recorded CPU time that the calls take, of the time on the wall where only that is known"""
    fidelity: Fidelity
    not_tried: tuple[NotTried, ...] = ()
    findings: tuple[Finding, ...] = ()
    evidence: str = ""
    """digest of the trial of the replay this rests on, ``sha256:…``"""


def predict(verdict: Verdict, recording: str, fidelity: Fidelity, program: tuple[str, ...] = ()) -> Prediction:
    """What the trial of a replay says about the program that was recorded, by this command."""
    share = _share(verdict.comparisons, fidelity.cpu_seconds or fidelity.seconds)
    memory = tuple(_memory(row) for row in verdict.comparisons if row.metric in MEMORY)
    time = tuple(_time(row, share) for row in verdict.comparisons if row.metric == CALLS and share is not None)
    best = _best((one for one in memory if one.metric == PEAK), time)
    return Prediction(
        outlook=Outlook.NOTHING if best is None else Outlook.WORTH_A_TRIAL,
        candidate=best,
        baseline=verdict.baseline,
        recording=recording,
        program=program,
        memory=memory,
        time=time,
        share=share,
        fidelity=fidelity,
        not_tried=verdict.not_tried,
        findings=verdict.findings,
        evidence=verdict.evidence,
    )


def _share(comparisons: Iterable[Effect], seconds: float) -> float | None:
    """The part of so many seconds that the baseline's calls took when they were played."""
    calls = next((row.baseline for row in comparisons if row.metric == CALLS and row.baseline is not None), None)
    return None if calls is None or seconds <= 0 else min(1.0, calls / seconds)


def _memory(row: Effect) -> Forecast:
    # A replay's memory is nearly free of noise: an estimate beyond the margin needs no test, only no doubt of its sign.
    needed = MEMORY_MARGIN.ratio if not row.baseline else max(MEMORY_MARGIN.ratio, MEMORY_MARGIN.floor / row.baseline)
    return Forecast(
        candidate=row.candidate,
        metric=row.metric,
        effect=row.effect,
        low=row.low,
        high=row.high,
        baseline=row.baseline,
        is_worth_a_trial=_gains(row.effect, row.high, needed),
    )


def _time(row: Effect, share: float) -> Forecast:
    effect, low, high = (None if one is None else one * share for one in (row.effect, row.low, row.high))
    return Forecast(
        candidate=row.candidate,
        metric="time",
        effect=effect,
        low=low,
        high=high,
        baseline=share,
        is_worth_a_trial=_gains(effect, high, UNTESTED if high is None else TIME_MARGIN.ratio),
    )


def _gains(effect: float | None, high: float | None, needed: float) -> bool:
    return effect is not None and effect < -needed and (high is None or high < 0)


def _best(peaks: Iterable[Forecast], times: Iterable[Forecast]) -> str | None:
    """The candidate with the largest gain in memory; without one in time."""
    for rows in (peaks, times):
        worth = [one for one in rows if one.is_worth_a_trial and one.effect is not None]
        if worth:
            return min(worth, key=lambda one: one.effect or 0.0).candidate
    return None
