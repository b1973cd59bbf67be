"""What to type next is a command that heapswap understands and that asks the same question."""

from dataclasses import replace

import pytest

from heapswap.report.nextstep import budget_that_would_do, step_lines, steps
from heapswap.verdict.model import Verdict
from heapswap.workload import Build, Level, Service, Workload
from tests.report.examples import (
    ADOPT,
    CROWDED,
    INCONCLUSIVE,
    KEEP,
    LUA,
    MEMORY,
    OWN,
    OWN_METRIC,
    SERVICE,
    UNKNOWN,
    UNSAFE,
)


def _commands(verdict: Verdict, workload: Workload, ranked: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    return [step.words for step in steps(verdict, workload, ranked) if step.words]


def test_adopting_runs_the_program_and_ships_the_choice() -> None:
    run, ship, _ = _commands(ADOPT, LUA)
    assert run == ("heapswap", "run", "mimalloc", "--", *LUA.argv)
    assert ship == ("heapswap", "deploy", "env", ".env", "mimalloc")


def test_a_settling_trial_asks_the_same_question_with_a_larger_budget() -> None:
    # 44 runs and 24 more, 1.25 s each, and a quarter more: 106 s.
    settle, _ = _commands(INCONCLUSIVE, SERVICE)
    assert settle == (
        *("heapswap", "advise", "--budget", "2m"),
        *("--stdin", "/srv/requests.txt", "--prepare", "rm -rf cache", "--", *SERVICE.argv),
    )


@pytest.mark.parametrize(("more", "budget"), [(0, "90s"), (1, "90s"), (24, "2m"), (1000, "28m")])
def test_budget(more: int, budget: str) -> None:
    assert budget_that_would_do(replace(INCONCLUSIVE, runs_needed=more)) == budget


def test_no_budget_is_invented() -> None:
    assert budget_that_would_do(UNKNOWN) == ""
    assert [words[1] for words in _commands(UNKNOWN, LUA)] == ["trial"]


def test_a_closer_look_takes_the_best_three_as_they_are_spelled() -> None:
    spelled = ("jemalloc:background_thread=true,dirty_decay_ms=1000", "mimalloc", "/opt/lib/libfoo.so", "system")
    (words,) = _commands(KEEP, LUA, spelled)
    assert words == ("heapswap", "trial", "--candidates", *spelled[:3], "--objective", "time", "--", *LUA.argv)


def test_options_describe_the_workload() -> None:
    workload = replace(OWN, timeout=2.5, accepted=(0, 3), setup="make", cleanup="rm x")
    (words,) = _commands(KEEP, workload)
    assert " ".join(words) == (
        "heapswap trial --objective time --setup make --cleanup rm x --timeout 2.5s --success 0 --success 3"
        " --metric throughput=rate: (\\d+) --more-is-better throughput -- /srv/server --bench"
    )


def test_the_metric_that_decided_is_asked_for_again() -> None:
    assert "--primary throughput" in " ".join(_commands(OWN_METRIC, OWN)[-1])
    assert "--primary peak" in " ".join(_commands(replace(MEMORY, primary="peak"), LUA)[-1])
    assert "--primary" not in _commands(MEMORY, LUA)[-1]
    assert "--primary" not in _commands(ADOPT, LUA)[-1]


@pytest.mark.parametrize(
    ("verdict", "first"), [(KEEP, "  Nothing to change."), (UNSAFE, "  Leave the allocator as it is.")]
)
def test_where_nothing_is_to_be_done_it_says_so(verdict: Verdict, first: str) -> None:
    assert step_lines(steps(verdict, LUA, ()), 80)[0].plain == first


def test_without_candidates_a_trial_can_still_be_asked_for() -> None:
    assert _commands(CROWDED, LUA) == [
        ("heapswap", "trial", "--objective", "memory", "--primary", "peak", "--", *LUA.argv)
    ]


BUILDS = Workload(
    argv=("app", "input"),
    directory="/data/me",
    program="/results/builds/current/app",
    builds=(
        Build(candidate="mimalloc", program="/results/builds/mimalloc/app", digest="", command=("cargo", "build")),
    ),
    source=("--cargo", "/data/me/app", "--bin", "app"),
)


def test_a_build_is_shipped_by_its_feature() -> None:
    ship, build, deeper = _commands(ADOPT, BUILDS, ("mimalloc",))
    assert ship == ("heapswap", "deploy", "cargo", "/data/me/app", "mimalloc")
    assert build == ("cargo", "build")
    assert deeper[-6:] == ("--cargo", "/data/me/app", "--bin", "app", "--", "input")


def test_a_knob_for_a_program_that_was_built_here_names_its_path() -> None:
    run, _, _ = _commands(replace(ADOPT, candidate="system:arena_max=2"), BUILDS)
    assert run[-3:] == ("--", "/results/builds/current/app", "input")


def test_a_benchmark_is_measured_again_without_what_cargo_adds() -> None:
    bench = replace(
        BUILDS, argv=("speed", "few", "--bench"), source=("--cargo", "/data/me/app", "--bench", "speed"), builds=()
    )
    (words,) = _commands(KEEP, bench)
    assert words[-6:] == ("--cargo", "/data/me/app", "--bench", "speed", "--", "few")
    (bare,) = _commands(KEEP, replace(bench, argv=("speed", "--bench")))
    assert bare[-2:] == ("--bench", "speed")


def test_a_service_is_run_on_a_port_and_not_on_a_place_for_one() -> None:
    service = Service(load=("hit", "{port}"))
    described = replace(LUA, service=service, argv=("serve", "--port={port}", "--data", "{folder}", "{else}"))
    run = steps(ADOPT, described, ())[0]
    assert run.purpose == "To run the service with mimalloc, here on port 8080 and in the folder data:"
    assert run.words == ("heapswap", "run", "mimalloc", "--", "serve", "--port=8080", "--data", "data", "{else}")
    fixed = steps(ADOPT, replace(described, service=replace(service, port=99), argv=("serve", "{port}")), ())[0]
    assert (fixed.purpose, fixed.words[-1]) == ("To run the service with mimalloc:", "99")
    assert _commands(ADOPT, replace(LUA, argv=("print", "{port}")))[0][-1] == "{port}"


def test_a_service_is_measured_again_as_it_was_described() -> None:
    service = Service(load=("hit", "{port}"), warmup=2.0, duration=3.0, rest=10.0, levels=(Level(concurrency=1),) * 2)
    described = replace(LUA, service=service, source=("--workload", "w.toml"), setup="make")
    verdict = replace(INCONCLUSIVE, runs=20, runs_needed=10)
    settle, deeper = steps(verdict, described, ["mimalloc"])
    # Thirty runs of 18 s, and a quarter more.
    assert settle.words[:4] == ("heapswap", "advise", "--budget", "12m")
    assert settle.words[-2:] == deeper.words[-2:] == ("--workload", "w.toml")
    given = replace(described, source=("--load", "hit {port}"), argv=("serve", "{port}"))
    assert steps(verdict, given, [])[0].words[-5:] == ("--load", "hit {port}", "--", "serve", "{port}")
