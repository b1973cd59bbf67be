"""From two predictions to what changed."""

from collections.abc import Iterator

from heapswap.estimate import Estimate
from heapswap.findings import Finding, Level
from heapswap.report.comparison.estimates import changed
from heapswap.report.comparison.model import Change, Comparison, Turn
from heapswap.verdict.prediction import Forecast, Prediction


def predictions(new: Prediction, old: Prediction, confidence: float) -> Comparison:
    """What changed from `old` to `new`; `confidence` is that of the forecasts' limits."""
    now, then = _rows(new), _rows(old)
    return Comparison(
        of=new.kind,
        subject=new.recording if new.recording == old.recording else f"{new.recording}, before: {old.recording}",
        confidence=confidence,
        turns=tuple(_turned(new, old)),
        changes=tuple(_changes(now, then)),
        only_before=tuple(sorted({one for one, _ in then} - {one for one, _ in now})),
        only_after=tuple(sorted({one for one, _ in now} - {one for one, _ in then})),
        findings=tuple(_doubts(new, old)),
    )


_Rows = dict[tuple[str, str], Forecast]


def _rows(prediction: Prediction) -> _Rows:
    return {(row.candidate, row.metric): row for row in (*prediction.memory, *prediction.time)}


def _turned(new: Prediction, old: Prediction) -> Iterator[Turn]:
    words = (
        ("the answer", old.outlook.value, new.outlook.value),
        ("to be tried first", old.candidate or "nothing", new.candidate or "nothing"),
        ("speed", old.fidelity.speed, new.fidelity.speed),
    )
    yield from (Turn(subject="prediction", measure=name, before=a, after=b) for name, a, b in words if a != b)


def _changes(now: _Rows, then: _Rows) -> Iterator[Change]:
    for (candidate, metric), row in now.items():
        before, after = _estimate(then.get((candidate, metric))), _estimate(row)
        if before and after and (found := changed(candidate, metric, "effect", before, after)):
            yield found


def _estimate(row: Forecast | None) -> Estimate | None:
    return None if row is None or row.effect is None else Estimate(value=row.effect, low=row.low, high=row.high)


def _doubts(new: Prediction, old: Prediction) -> Iterator[Finding]:
    if new.baseline != old.baseline:
        yield Finding(
            code="other-baseline",
            level=Level.WARNING,
            seen=f"effects were against {old.baseline}, and are against {new.baseline}",
            remedy="repeat one of them where the other was made",
        )
    if new.program != old.program:
        yield Finding(
            code="other-command",
            level=Level.WARNING,
            seen="the two recordings are of different commands",
            remedy="compare predictions for one command",
        )
