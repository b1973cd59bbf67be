"""The pauses of a service's runs, and what they say of each candidate's memory at rest."""

from dataclasses import replace

from heapswap.allocators.python import KNOB
from heapswap.allocators.spelling import parse
from heapswap.scaling.growth import judge
from heapswap.scaling.model import Growth
from heapswap.trials.model import Outcome, Run, Trial

ARENAS = "Python keeps objects of up to 512 bytes in arenas of its own: PYTHONMALLOC=malloc makes them malloc's"


def growths(trial: Trial) -> tuple[Growth, ...]:
    """Of the baseline, then of every candidate whose runs had several cycles; none otherwise."""
    service = trial.workload.service
    if service is None or service.cycles < 2:
        return ()
    names = (trial.design.baseline, *trial.design.candidates)
    return tuple(found for name in names if (found := _growth(trial, name)) is not None)


def _growth(trial: Trial, candidate: str) -> Growth | None:
    mine = [run for run in trial.runs if run.slot.candidate == candidate and run.outcome is Outcome.COMPLETED]
    runs = [run for run in mine if len(run.pauses) > 1]
    if not runs:
        return None
    live = [[float(pause.live + (pause.small or 0)) for pause in run.pauses if pause.live is not None] for run in runs]
    known = all(len(values) == len(run.pauses) for values, run in zip(live, runs, strict=True))
    resident = [[float(pause.resident) for pause in run.pauses] for run in runs]
    is_all = _is_all_malloc(trial, candidate) or all(pause.small is not None for run in runs for pause in run.pauses)
    unseen = ARENAS if any(map(_runs_python, runs)) and not is_all else ""
    return replace(judge(resident, live if known else None, unseen=unseen), candidate=candidate)


def _runs_python(run: Run) -> bool:
    return any(one.program.rpartition("/")[2].startswith("python") for one in run.processes)


def _is_all_malloc(trial: Trial, candidate: str) -> bool:
    """Whether Python hands every request to malloc: by the candidate's setting, or by the user's."""
    users = dict(trial.environment.variables).get(KNOB.variable, "")
    return dict(parse(candidate).knobs).get(KNOB.name, users).removesuffix("_debug") == "malloc"
