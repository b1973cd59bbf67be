"""What a replay predicts, for a person: memory first, then time, then how far both can be trusted."""

from collections.abc import Sequence

from rich.text import Text

from heapswap import artifact
from heapswap.report.figures import amount, count, known, name, percent, share, span
from heapswap.report.findings import finding_lines
from heapswap.report.lines import heading, paragraph
from heapswap.report.nextstep import Step, step_lines
from heapswap.report.terminal import Colour, render
from heapswap.report.verdict import not_tried_lines, results_lines, section
from heapswap.verdict.prediction import PEAK, Forecast, Outlook, Prediction


def prediction_json(prediction: Prediction) -> bytes:
    """One JSON object and a newline."""
    return artifact.encode(prediction) + b"\n"


def prediction_text(prediction: Prediction, *, results: str, width: int, colour: Colour = Colour.NEVER) -> str:
    """The whole answer at `width` columns."""
    return render(
        [
            *paragraph(headline(prediction), width, style="bold"),
            *_rows("Memory of the heap (predicted)", prediction.memory, width),
            *_rows("Time of the program (predicted)", prediction.time, width),
            *heading("How far to trust this"),
            *(line for text in doubts(prediction) for line in paragraph(text, width, first="  ", rest="  ")),
            *section("Findings", finding_lines(prediction.findings, width)),
            *section("Not tried", not_tried_lines(prediction.not_tried, width)),
            *heading("Next"),
            *step_lines([next_step(prediction)], width),
            *results_lines(results, width),
        ],
        colour,
    )


def headline(prediction: Prediction) -> str:
    """The answer in one sentence."""
    if prediction.outlook is Outlook.NOTHING:
        return f"Prediction: no candidate would gain enough over {prediction.baseline} to be worth a trial."
    gains = [
        f"{name(one.metric)} {percent(one.effect)}"
        for one in (*prediction.memory, *prediction.time)
        if one.candidate == prediction.candidate and one.metric in (PEAK, "time") and one.is_worth_a_trial
    ]
    return f"Prediction: {prediction.candidate} is worth a trial ({', '.join(gains)})."


def doubts(prediction: Prediction) -> tuple[str, ...]:
    """What the prediction rests on and what it leaves out, a sentence each."""
    seen = prediction.fidelity
    told = [
        f"A replay, not the program: {seen.calls:,} calls of {count(seen.threads, 'thread')} were played at "
        f"{'the recorded' if seen.speed == 'recorded' else 'full'} speed. Its peak is as a rule within "
        f"{share(seen.error)} of the program's own heap; memory that the program maps itself is not in it."
    ]
    if prediction.share is not None:
        recorded = amount(seen.cpu_seconds or seen.seconds, "s") + (" of CPU time" if seen.cpu_seconds else "")
        told.append(
            f"Time: the calls took {share(prediction.share)} of the {recorded} that was recorded. What an allocator "
            "changes for caches, page faults and threads that meet is not in it: only a trial can tell."
        )
    if seen.touched is not None:
        told.append(f"How much was touched is known for {share(seen.touched)} of the bytes in large blocks.")
    if seen.unknown_frees or seen.lost_frees:
        told.append(
            f"Not in the recording: the allocation of {count(seen.unknown_frees, 'freed block')}, "
            f"the free of {count(seen.lost_frees, 'block')}."
        )
    return tuple(told)


def _rows(title: str, rows: Sequence[Forecast], width: int) -> list[Text]:
    """A line a candidate, the largest gain first."""
    of: dict[str, list[Forecast]] = {}
    for one in sorted(rows, key=lambda one: (one.metric != rows[0].metric, one.effect or 0.0)):
        if known(one.effect) is not None:
            of.setdefault(one.candidate, []).append(one)
    lines = heading(title) if of else []
    for candidate, forecasts in of.items():
        told = "; ".join(_said(one) for one in forecasts)
        worth = ": worth a trial" if any(one.is_worth_a_trial for one in forecasts) else ""
        lines += paragraph(f"{candidate}{worth}", width, first="  ", rest="    ", style="bold" if worth else "")
        lines += paragraph(told, width, first="    ", rest="    ")
    return lines


def _said(one: Forecast) -> str:
    limits = span(one.low, one.high)
    inside = f" ({limits})" if limits else ""
    if one.metric == "time" or one.baseline is None or one.effect is None:
        return f"{name(one.metric)} {percent(one.effect)}{inside}"
    change = f"{amount(one.baseline, 'B')} -> {amount(one.baseline * (1 + one.effect), 'B')}"
    return f"{name(one.metric)} {percent(one.effect)}{inside}, {change}"


def next_step(prediction: Prediction) -> Step:
    """What to do about it."""
    if prediction.candidate is None:
        return Step(purpose="Nothing, unless time matters more than a replay can show: heapswap advise measures it.")
    words = ("heapswap", "trial", "--candidates", prediction.candidate, "--", *prediction.program)
    return Step(purpose="Measure it, before anything is changed:", words=words if prediction.program else ())
