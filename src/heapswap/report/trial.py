"""The answer of `heapswap trial`: the table first, what the runs did, and the verdict as the last word."""

from collections import Counter
from collections.abc import Iterable

from rich.text import Text

from heapswap.report.figures import count
from heapswap.report.guards import open_guard_lines
from heapswap.report.lines import heading, paragraph
from heapswap.report.terminal import Colour, render
from heapswap.report.verdict import (
    before_and_after,
    candidates_in_order,
    evidence_lines,
    headline_lines,
    results_lines,
)
from heapswap.trials.model import Outcome, Run, Trial
from heapswap.verdict.model import Verdict

PHRASES = {
    Outcome.FAILED: "failed",
    Outcome.CRASHED: "crashed",
    Outcome.TIMED_OUT: "ran out of time",
    Outcome.OTHER_OUTPUT: "printed something else than the baseline",
    Outcome.NOT_IN_FORCE: "was not served by the candidate's allocator and is not compared",
}


def trial_text(trial: Trial, verdict: Verdict, *, results: str, width: int, colour: Colour = Colour.NEVER) -> str:
    """The comparison at `width` columns; `verdict` is what the rules say about `trial`."""
    order = candidates_in_order(verdict, trial.workload)
    done = count(len(trial.runs), "run")
    return render(
        [
            *paragraph(f"{done} of {count(len(trial.design.candidates), 'candidate')} and the baseline.", width),
            *evidence_lines(verdict, order, width),
            *_section_of_troubles(trial.runs, width),
            Text(),
            *headline_lines(verdict, order, width),
            *before_and_after(verdict, order, width),
            *open_guard_lines(verdict.guards, verdict.candidate, width),
            *results_lines(results, width),
        ],
        colour,
    )


def _section_of_troubles(runs: Iterable[Run], width: int) -> list[Text]:
    """Runs that did not complete, counted by candidate and kind."""
    all_runs = list(runs)
    totals = Counter(run.slot.candidate for run in all_runs)
    troubles = Counter(
        (run.slot.candidate, PHRASES[run.outcome] + ending(run))
        for run in all_runs
        if run.outcome is not Outcome.COMPLETED
    )
    if not troubles:
        return []
    return [
        *heading("Runs that did not complete"),
        *(
            line
            for (candidate, phrase), number in troubles.items()
            for line in paragraph(
                f"{candidate}: {number} of {count(totals[candidate], 'run')} {phrase}.", width, first="  ", rest="    "
            )
        ),
    ]


def ending(run: Run) -> str:
    """The signal or exit status behind an outcome, in brackets; empty where it says nothing more."""
    if run.signal is not None:
        return f" (signal {run.signal})"
    return f" (exit status {run.exit_status})" if run.outcome is Outcome.FAILED else ""
