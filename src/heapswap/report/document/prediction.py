"""A prediction as a document: what a replay says about the program, and how far that can be trusted."""

from collections.abc import Iterator, Sequence

from heapswap.report.charts.forecasts import memory_chart, time_chart
from heapswap.report.charts.memory import replay_memory
from heapswap.report.document.model import (
    Block,
    Cell,
    Commands,
    Document,
    Prose,
    Section,
    Table,
    Tone,
    drawn,
    findings,
    left,
    named,
    right,
    said,
    sections,
)
from heapswap.report.document.untried import not_tried
from heapswap.report.figures import UNKNOWN, amount, known, limits, percent, title
from heapswap.report.prediction import doubts, headline, next_step
from heapswap.report.shellwords import one_line
from heapswap.trials.model import Trial
from heapswap.verdict.prediction import Forecast, Outlook, Prediction


def prediction_document(prediction: Prediction, trial: Trial | None = None) -> Document:
    """The answer, the forecasts it rests on, the doubts, and what to type; with the trial of the replay its memory."""
    return Document(
        kind=prediction.kind,
        subject=one_line(prediction.program) if prediction.program else prediction.recording,
        answer=headline(prediction),
        tone=Tone.GOOD if prediction.outlook is Outlook.WORTH_A_TRIAL else Tone.PLAIN,
        beside=(f"From the recording {prediction.recording}; the program was not run.",),
        sections=sections(
            Section(title="Memory of the heap (predicted)", blocks=tuple(_memory(prediction))),
            Section(title="Time of the program (predicted)", blocks=tuple(_time(prediction))),
            Section(title="Memory over time", blocks=drawn(replay_memory(trial)) if trial is not None else ()),
            Section(title="How far to trust this", blocks=tuple(Prose(text=text) for text in doubts(prediction))),
            Section(title="Findings", blocks=findings(prediction.findings)),
            Section(title="What to type", blocks=(Commands(steps=(next_step(prediction),)),)),
            Section(title="Not tried", blocks=not_tried(prediction.not_tried)),
        ),
    )


def _memory(prediction: Prediction) -> Iterator[Block]:
    rows = prediction.memory
    order = _order(rows)
    yield from drawn([chart for metric in _metrics(rows) for chart in memory_chart(prediction, metric, order)])
    yield from _forecasts(prediction, rows, order)


def _time(prediction: Prediction) -> Iterator[Block]:
    order = _order(prediction.time)
    yield from drawn(time_chart(prediction, order))
    yield from _forecasts(prediction, prediction.time, order)


def _metrics(rows: Sequence[Forecast]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.metric for row in rows if known(row.effect) is not None))


def _order(rows: Sequence[Forecast]) -> Sequence[str]:
    """The candidates, the largest gain on the first metric first."""
    first = {row.candidate: known(row.effect) or 0.0 for row in rows if row.metric in _metrics(rows)[:1]}
    return sorted(dict.fromkeys(row.candidate for row in rows), key=lambda one: first.get(one, 0.0))


def _forecasts(prediction: Prediction, rows: Sequence[Forecast], candidates: Sequence[str]) -> Iterator[Block]:
    """A row a candidate."""
    metrics = _metrics(rows)
    if not metrics:
        return
    of = {(row.candidate, row.metric): row for row in rows}
    baseline = {row.metric: row for row in rows if known(row.baseline) is not None}
    yield Table(
        caption=f"Candidates against {prediction.baseline}",
        columns=(*left("candidate"), *right(*map(title, metrics))),
        rows=(
            (named(prediction.baseline), *(_baseline(baseline.get(metric)) for metric in metrics)),
            *((named(one), *(_forecast(of.get((one, metric))) for metric in metrics)) for one in candidates),
        ),
    )


def _baseline(row: Forecast | None) -> Cell:
    if row is None or row.baseline is None or row.metric == "time":
        return said(UNKNOWN)
    return said(amount(row.baseline, "B"))


def _forecast(row: Forecast | None) -> Cell:
    if row is None or known(row.effect) is None:
        return said(UNKNOWN)
    worth = "worth a trial" if row.is_worth_a_trial else ""
    return said(
        percent(row.effect),
        Tone.GOOD if worth else Tone.PLAIN,
        ", ".join(filter(None, (limits(row.low, row.high), worth))),
    )
