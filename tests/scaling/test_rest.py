"""Pauses of services whose memory is known to leak, to be retained, or to do neither."""

from dataclasses import replace

import pytest

from heapswap.scaling.model import AtRest
from heapswap.scaling.rest import growths
from heapswap.trials.model import Force, ProcessSeen, Slot, Stage, Trial
from tests.scaling.services import of, pauses
from tests.trials.synthetic import MIB, design
from tests.trials.synthetic import run as plain

CYCLES = 8
UP = [(50 + 4 * cycle) * MIB for cycle in range(CYCLES)]
FLAT = [40 * MIB + 100 * cycle for cycle in range(CYCLES)]


def resting(
    resident: list[float],
    live: list[float] | None,
    *,
    program: str = "/srv/service",
    candidate: str = "current",
    variables: dict[str, str] | None = None,
) -> Trial:
    plan = design(["jemalloc:python=malloc", "jemalloc"], budget=None)
    slot = Slot(stage=Stage.WARM_UP, block=0, position=0, candidate=candidate)
    processes = (ProcessSeen(pid=1, parent=0, program=program, force=Force.IN_FORCE),)
    run = replace(plain(slot), pauses=pauses(resident, live), processes=processes)
    return of(plan, (run,), cycles=len(resident), variables=variables)


def kind(trial: Trial) -> AtRest:
    (found,) = growths(trial)
    return found.kind


@pytest.mark.parametrize(
    ("resident", "live", "expected"),
    [(UP, UP, AtRest.LEAK), (UP, FLAT, AtRest.RETENTION), (FLAT, FLAT, AtRest.NEITHER), (UP, None, AtRest.UNKNOWN)],
)
def test_what_grows_gives_the_name(resident: list[float], live: list[float] | None, expected: AtRest) -> None:
    assert kind(resting(resident, live)) is expected


def test_beside_arenas_of_python_growth_is_retention_only_where_malloc_sees_all() -> None:
    python = "/usr/bin/python3.11"
    assert kind(resting(UP, FLAT, program=python)) is AtRest.UNKNOWN
    assert kind(resting(UP, UP, program=python)) is AtRest.LEAK
    assert kind(resting(UP, FLAT, program=python, variables={"PYTHONMALLOC": "malloc"})) is AtRest.RETENTION
    assert kind(resting(UP, FLAT, program=python, candidate="jemalloc:python=malloc")) is AtRest.RETENTION


def test_small_objects_that_were_counted_beside_malloc_are_live_too() -> None:
    """What malloc does not see is known then, and grows or does not."""

    def with_small(live: list[float], small: list[float | None]) -> AtRest:
        trial = resting(UP, live, program="/usr/bin/python3.11")
        pauses = tuple(
            replace(pause, small=None if one is None else int(one))
            for pause, one in zip(trial.runs[0].pauses, small, strict=True)
        )
        return kind(replace(trial, runs=(replace(trial.runs[0], pauses=pauses),)))

    assert with_small(FLAT, list(FLAT)) is AtRest.RETENTION
    assert with_small(FLAT, list(UP)) is AtRest.LEAK
    assert with_small(FLAT, [None, *FLAT[1:]]) is AtRest.UNKNOWN


def test_live_bytes_that_are_missing_once_are_not_known() -> None:
    trial = resting(UP, UP)
    first, *others = trial.runs[0].pauses
    gap = replace(trial.runs[0], pauses=(replace(first, live=None), *others))
    assert kind(replace(trial, runs=(gap,))) is AtRest.UNKNOWN


def test_one_cycle_and_a_plain_command_say_nothing() -> None:
    assert growths(resting(UP[:1], UP[:1])) == ()
    trial = resting(UP, UP)
    assert growths(replace(trial, workload=replace(trial.workload, service=None))) == ()
