"""From steps and pauses to what is compared."""

from dataclasses import replace

import pytest

from heapswap.trials.model import Measurement, Pause, Step
from heapswap.trials.services.account import account
from heapswap.workload import Direction, Level


def row(metric: str, value: float, unit: str = "ms", direction: Direction = Direction.LESS) -> Measurement:
    return Measurement(metric=metric, value=value, unit=unit, direction=direction, phase="step")


def step(concurrency: int, throughput: float, *, rate: float | None = None, cycle: int = 0) -> Step:
    return Step(
        concurrency=concurrency,
        rate=rate,
        cycle=cycle,
        started=1.0,
        ended=3.0,
        cpu=0.5,
        load_cpu=0.1,
        busy=0.7,
        resident=1000,
        metrics=(
            row("throughput", throughput, "1/s", Direction.MORE),
            row("latency_p99", 1000 / throughput),
            row("errors", 0.0, "1"),
        ),
    )


LEVELS = (Level(concurrency=1), Level(concurrency=4))
PAUSE = Pause(cycle=0, at=20.0, length=15.01, resident=5000)


def whole(rows: tuple[Measurement, ...]) -> dict[str, float]:
    return {one.metric: one.value for one in rows if one.phase == "whole"}


def test_throughput_is_that_of_the_highest_level_and_a_closed_loop_compares_no_latency() -> None:
    rows = account((), (step(1, 100), step(4, 300)), (PAUSE,), LEVELS)
    # One second of CPU for 2 s at 100/s and 2 s at 300/s.
    assert whole(rows) == pytest.approx({"throughput": 300, "cpu_per_request": 1250, "idle": 5000, "rest": 15.01})


def test_latencies_at_a_given_rate_are_compared() -> None:
    levels = (Level(concurrency=4, rate=50.0), Level(concurrency=4, rate=90.0))
    rows = account((), (step(4, 50, rate=50.0), step(4, 90, rate=90.0)), (), levels)
    assert whole(rows)["latency_p99"] == pytest.approx(1000 / 90)
    assert whole(rows)["throughput"] == 90


def test_cycles_count_alike_and_memory_is_that_of_the_last_rest() -> None:
    steps = (step(1, 1), step(4, 100), step(1, 1, cycle=1), step(4, 200, cycle=1))
    pauses = (PAUSE, replace(PAUSE, cycle=1, resident=7000, live=9))
    found = whole(account((), steps, pauses, LEVELS))
    assert (found["throughput"], found["idle"], found["live"]) == (150, 7000, 9)


def test_a_run_that_did_not_reach_the_top_has_no_throughput_to_compare() -> None:
    assert "throughput" not in whole(account((), (step(1, 100),), (), LEVELS))
    assert whole(account((), (), (), LEVELS)) == {}


def test_what_depends_on_how_long_a_service_lives_is_kept_and_not_compared() -> None:
    rows = account((replace(row("wall", 9.0), phase="whole"), replace(row("peak", 7.0), phase="whole")), (), (), LEVELS)
    assert {one.metric: one.phase for one in rows} == {"wall": "run", "peak": "whole"}


def test_requests_that_were_counted_go_before_those_worked_out() -> None:
    counted = replace(step(4, 300), metrics=(row("requests", 50.0, "1"),))
    assert whole(account((), (counted,), (), LEVELS)) == {"cpu_per_request": pytest.approx(10_000)}
