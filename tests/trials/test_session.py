"""The loop of a trial, with an exact double of the executor: no process is started but for the shell's own tests."""

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.environment import present
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.trials.arms import Arm
from heapswap.trials.counting import Counting
from heapswap.trials.design import OVERRUN, next_block, perturbation
from heapswap.trials.executor import Order
from heapswap.trials.model import Measurement, Outcome, Progress, Run, Slot, Stage, Trial
from heapswap.trials.session import Bench, conduct, surroundings, warm_up
from heapswap.trials.statistics import duration
from heapswap.trials.store import Results, create
from heapswap.workload import Direction, Metric, Service, Workload
from tests.trials import synthetic

CANDIDATES = ("mimalloc", "jemalloc", "system:arena_max=2")
DESIGN = synthetic.design(CANDIDATES)
FIRST = Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current")
GAIN = {"mimalloc": 0.8, "jemalloc": 0.97}


def factor(slot: Slot) -> float:
    """What a run of this slot takes, as a multiple of the usual: the candidate's gain and noise of five percent."""
    drawn = hashlib.sha256(f"{slot.block} {slot.position}".encode()).digest()[0] / 255
    return GAIN.get(slot.candidate, 1.0) * (0.975 + 0.05 * drawn)


def measured(slot: Slot) -> Run:
    return synthetic.run(slot, {"wall": factor(slot), "cpu": factor(slot)})


class Double:
    """Makes the runs of a table, keeps every order, and writes what an executor writes."""

    def __init__(self, make: Callable[[Slot], Run] = measured) -> None:
        self.orders: list[Order] = []
        self.make = make
        self.ends: dict[int, BaseException] = {}
        """what happens instead of a run, by the number of the order"""

    def execute(self, order: Order) -> Run:
        number = len(self.orders)
        self.orders.append(order)
        order.folder.mkdir(parents=True, exist_ok=True)
        (order.folder / "stdout").write_text("printed")
        if number in self.ends:
            raise self.ends[number]
        return self.make(order.slot)


def ignore(_: Progress) -> None:
    """Nobody watches."""


def bench_of(results: Results, double: Double, **workload: object) -> Bench:
    fields: dict[str, object] = {
        "argv": ("program", "argument"),
        "program": "/opt/program",
        "directory": str(results.folder),
    }
    return Bench(
        executor=double,
        workload=Workload(**{**fields, **workload}),  # type: ignore[arg-type]
        arms={
            name: Arm(spelling=name, environ={"ARM": name}, expected=f"/opt/{name}.so")
            for name in ("current", *CANDIDATES)
        },
        environ={"ARM": "none", "PATH": "/usr/bin:/bin", "HERE": str(results.folder)},
        results=results,
        ignored_signals=(13,),
        clock=lambda: 0.0,
    )


def begun(bench: Bench, first: Run | None = None) -> Trial:
    """A trial whose first run is made."""
    trial = Trial(
        workload=bench.workload,
        environment=present({}),
        design=DESIGN,
        runs=(first or measured(FIRST),),
    )
    bench.results.save(trial)
    return trial


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return create(tmp_path / "results")


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[Run, ...]:
    return synthetic.conduct(DESIGN, lambda slot, _: measured(slot))


def stages(runs: tuple[Run, ...]) -> set[Stage]:
    return {run.slot.stage for run in runs}


# --- the order, and what is saved --------------------------------------------------------------------------------


def test_runs_are_made_in_the_order_of_the_design(results: Results, uninterrupted: tuple[Run, ...]) -> None:
    double = Double()
    grown = list(conduct(bench := bench_of(results, double), begun(bench), ignore))
    assert [order.slot for order in double.orders] == [run.slot for run in uninterrupted[1:]]
    assert grown[-1].runs == uninterrupted
    assert stages(uninterrupted) >= {Stage.WARM_UP, Stage.SCREENING, Stage.CONFIRMING}
    assert next_block(DESIGN, grown[-1].runs) == ()


def test_every_run_is_saved_before_the_next_begins(results: Results) -> None:
    bench = bench_of(results, Double())
    for number, grown in enumerate(conduct(bench, begun(bench), ignore), start=2):
        assert len(grown.runs) == number
        assert results.load() == grown


def test_what_a_run_costs_beside_itself_is_paid_from_the_budget(results: Results) -> None:
    """A second a run here, of which a double's program seems to take nine tenths to eleven."""
    ticks = itertools.count(0.0, 1.5)
    bench = replace(bench_of(results, Double()), clock=lambda: next(ticks))
    first, second = next(conduct(bench, begun(bench), ignore)).runs
    assert first.around == 0.0
    assert second.around == pytest.approx(1.5 - (second.value("wall") or 0.0))
    assert duration(second) == pytest.approx(1.5)


def test_a_block_that_takes_longer_than_foreseen_is_left_where_the_budget_ends(results: Results) -> None:
    """From the 60th second on nothing is as fast as it was: no run begins behind the budget, not even of a block."""
    now = 0.0

    def slower(slot: Slot) -> Run:
        nonlocal now
        now += 1.0 if now < 60.0 else 50.0
        return measured(slot)

    bench = replace(bench_of(results, Double(slower)), clock=lambda: now)
    *_, last = conduct(bench, begun(bench), ignore)
    took = [duration(run) for run in last.runs]
    assert sum(took[:-1]) <= 126.0 * OVERRUN < sum(took)
    assert next_block(DESIGN, last.runs) == ()


def test_an_order_has_everything_that_a_run_needs(results: Results) -> None:
    metric = Metric(name="rate", pattern="([0-9]+)", direction=Direction.MORE)
    double = Double()
    bench = bench_of(results, double, stdin="/srv/input", timeout=9.0, accepted=(0, 3), metrics=(metric,))
    trial = list(conduct(bench, begun(bench), ignore))[-1]
    for number, order in enumerate(double.orders, start=1):
        slot = order.slot
        assert order == Order(
            slot=trial.runs[number].slot,
            program="/opt/program",
            argv=("program", "argument"),
            environ=perturbation(DESIGN.seed, slot.block).applied({"ARM": slot.candidate}),
            directory=str(results.folder),
            stdin="/srv/input",
            timeout=9.0,
            accepted=(0, 3),
            metrics=(metric,),
            folder=results.folder / "runs" / f"{number:04d}",
            expected=f"/opt/{slot.candidate}.so",
            ignored_signals=(13,),
        )


def test_a_program_without_a_file_of_its_own_is_its_first_word(results: Results) -> None:
    double = Double()
    bench = bench_of(results, double, program="", argv=("/opt/other",))
    next(conduct(bench, begun(bench), ignore))
    assert double.orders[0].program == "/opt/other"


def test_who_watches_sees_every_run_before_it_is_made_and_the_end(results: Results) -> None:
    seen: list[Progress] = []
    double = Double()
    bench = bench_of(results, double)
    trial = list(conduct(bench, begun(bench), seen.append))[-1]
    assert [one.running for one in seen] == [*(order.slot for order in double.orders), None]
    assert [one.done for one in seen] == list(range(1, len(trial.runs) + 1))


# --- interruption ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [CannotGoOn("the launcher broke off"), KeyboardInterrupt(), RuntimeError("a bug")])
def test_whatever_ends_run_37_keeps_the_36_before(
    results: Results, error: BaseException, uninterrupted: tuple[Run, ...]
) -> None:
    double = Double()
    double.ends[35] = error  # the first run is not an order of this loop
    bench = bench_of(results, double)
    with pytest.raises(type(error)):
        list(conduct(bench, begun(bench), ignore))
    assert results.load().runs == uninterrupted[:36]


def moments(results: Results, double: Double, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Callable[[int], None]]:
    """Ways to let Ctrl-C arrive around a certain run."""

    def while_it_runs(number: int) -> None:
        double.ends[number] = KeyboardInterrupt()

    def while_it_is_saved(number: int) -> None:
        real, calls = artifact.write, iter(range(1000))

        def write(path: Path, data: bytes) -> None:
            if next(calls) == number:
                raise KeyboardInterrupt
            real(path, data)

        monkeypatch.setattr(artifact, "write", write)

    def while_its_folder_is_made(number: int) -> None:
        real = Results.run_folder

        def run_folder(self: Results, asked: int) -> Path:
            if asked == number + 1:
                monkeypatch.undo()
                raise KeyboardInterrupt
            return real(self, asked)

        monkeypatch.setattr(Results, "run_folder", run_folder)

    return {"run": while_it_runs, "save": while_it_is_saved, "folder": while_its_folder_is_made}


@pytest.mark.parametrize("number", [0, 2, 36])
@pytest.mark.parametrize("moment", ["run", "save", "folder"])
def test_an_interrupted_trial_goes_on_as_if_nothing_had_been(
    results: Results, monkeypatch: pytest.MonkeyPatch, moment: str, number: int, uninterrupted: tuple[Run, ...]
) -> None:
    """Ctrl-C loses no run that was saved, and the rest of the block is what it would have been."""
    double = Double()
    bench = bench_of(results, double)
    trial = begun(bench)
    moments(results, double, monkeypatch)[moment](number)
    with pytest.raises(KeyboardInterrupt):
        list(conduct(bench, trial, ignore))
    monkeypatch.undo()
    kept = results.load()
    assert kept.runs == uninterrupted[: number + 1]
    again = Double()
    finished = list(conduct(bench_of(results, again), kept, ignore))[-1]
    assert [order.slot for order in again.orders] == [run.slot for run in uninterrupted[number + 1 :]]
    assert finished.runs == uninterrupted
    assert results.load() == finished


def test_whoever_stops_asking_has_everything_up_to_there(results: Results, uninterrupted: tuple[Run, ...]) -> None:
    bench = bench_of(results, Double())
    loop: Iterator[Trial] = conduct(bench, begun(bench), ignore)
    next(loop)
    next(loop)
    del loop
    assert results.load().runs == uninterrupted[:3]


def test_a_finished_trial_asks_for_nothing_more(results: Results, uninterrupted: tuple[Run, ...]) -> None:
    double = Double()
    bench = bench_of(results, double)
    assert list(conduct(bench, replace(begun(bench), runs=uninterrupted), ignore)) == []
    assert double.orders == []


# --- output ------------------------------------------------------------------------------------------------------


def test_an_output_that_is_there_already_is_not_kept_twice(results: Results) -> None:
    def make(slot: Slot) -> Run:
        return replace(measured(slot), output="sha256:other" if slot.candidate == "jemalloc" else "sha256:same")

    bench = bench_of(results, Double(make))
    trial = list(conduct(bench, begun(bench, make(FIRST)), ignore))[-1]
    others = [number for number, run in enumerate(trial.runs) if run.output == "sha256:other"]
    kept = sorted(path.parent.name for path in results.folder.glob("runs/*/stdout"))
    assert len(others) > 1
    assert kept == [f"{others[0]:04d}"]


# --- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wall", "timeout", "limit"), [(0.5, None, 20.0), (3.0, None, 60.0), (3.0, 7.5, 7.5), (0.001, 99.0, 99.0)]
)
def test_a_run_may_take_twenty_times_the_first_and_at_least_twenty_seconds(
    results: Results, wall: float, timeout: float | None, limit: float
) -> None:
    double = Double()
    bench = bench_of(results, double, timeout=timeout)
    row = Measurement(metric="wall", value=wall, unit="s", direction=Direction.LESS)
    next(conduct(bench, begun(bench, replace(measured(FIRST), measurements=(row,))), ignore))
    assert double.orders[0].timeout == limit


@pytest.mark.parametrize(
    ("timeout", "budget", "limit"), [(None, None, None), (None, 30.0, 30.0), (5.0, 30.0, 5.0), (5.0, None, 5.0)]
)
def test_the_first_run_may_take_the_whole_budget(
    results: Results, timeout: float | None, budget: float | None, limit: float | None
) -> None:
    double = Double()
    run = warm_up(bench_of(results, double, timeout=timeout), "current", budget)
    assert run.slot == FIRST
    assert double.orders[0].timeout == limit
    assert double.orders[0].folder == results.folder / "runs" / "0000"


# --- the first run -----------------------------------------------------------------------------------------------


def failing(outcome: Outcome, **changes: object) -> Callable[[Slot], Run]:
    def make(slot: Slot) -> Run:
        return replace(synthetic.run(slot, outcome=outcome), **changes)  # type: ignore[arg-type]

    return make


NOT_SERVED = Finding(code="not-in-force", level=Level.ERROR, seen="x was served by y", remedy="see z")


@pytest.mark.parametrize(
    ("make", "timeout", "message"),
    [
        (
            failing(Outcome.FAILED, exit_status=4, log="first\nlast words\n"),
            None,
            "the program fails as it is today (exit status 4; last line: last words), so nothing can be compared; "
            "make it succeed first; its output is in {folder}",
        ),
        (
            failing(Outcome.CRASHED, exit_status=None, signal=11, log="\n"),
            None,
            "the program fails as it is today (signal 11; last line: nothing on standard error), so nothing can be "
            "compared; make it succeed first; its output is in {folder}",
        ),
        (
            failing(Outcome.TIMED_OUT, exit_status=None, signal=9),
            0.25,
            "the program did not end within 250 ms as it is today; give a command that ends by itself, "
            "a longer --timeout, or a larger --budget",
        ),
        (failing(Outcome.NOT_IN_FORCE, findings=(NOT_SERVED,)), None, "x was served by y; see z"),
    ],
)
def test_a_program_that_does_not_work_as_it_is_ends_the_trial_before_it_begins(
    results: Results, make: Callable[[Slot], Run], timeout: float | None, message: str
) -> None:
    bench = bench_of(results, Double(make), timeout=timeout)
    with pytest.raises(CannotGoOn) as caught:
        warm_up(bench, "current", None)
    assert str(caught.value) == message.format(folder=results.folder / "runs" / "0000")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.NOT_IN_FORCE])
def test_a_candidate_that_does_not_work_is_a_run_and_not_an_error(results: Results, outcome: Outcome) -> None:
    def make(slot: Slot) -> Run:
        return synthetic.run(slot, outcome=outcome) if slot.candidate == "mimalloc" else measured(slot)

    bench = bench_of(results, Double(make))
    trial = list(conduct(bench, begun(bench), ignore))[-1]
    assert {run.outcome for run in trial.runs if run.slot.candidate == "mimalloc"} == {outcome}
    assert {run.outcome for run in trial.runs if run.slot.candidate != "mimalloc"} == {Outcome.COMPLETED}
    assert results.load() == trial


# --- what is run beside the program, unmeasured ------------------------------------------------------------------


def told(results: Results) -> list[str]:
    return (results.folder / "told").read_text().split()


class Telling(Double):
    """Says in the file of the other commands when it was asked for a run."""

    def execute(self, order: Order) -> Run:
        with (order.folder.parents[1] / "told").open("a") as file:
            file.write("run\n")
        return super().execute(order)


COMMANDS = {name: f"echo {name} $ARM >>told" for name in ("setup", "prepare", "cleanup")}
AROUND = ["prepare", "none", "run"]


def test_setup_comes_once_prepare_before_every_run_and_cleanup_once(results: Results) -> None:
    """None of them under a candidate, whose failure would be taken for theirs."""
    bench = bench_of(results, Telling(), **COMMANDS)
    with surroundings(bench.workload, bench.environ):
        first = warm_up(bench, "current", None)
        trial = list(conduct(bench, begun(bench, first), ignore))[-1]
    assert told(results) == ["setup", "none", *AROUND * len(trial.runs), "cleanup", "none"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CannotGoOn("a full disk"), RuntimeError("a bug")])
def test_cleanup_is_run_whatever_ends_the_trial(results: Results, error: BaseException) -> None:
    double = Telling()
    double.ends[1] = error
    bench = bench_of(results, double, **COMMANDS)
    with pytest.raises(type(error)), surroundings(bench.workload, bench.environ):
        list(conduct(bench, begun(bench), ignore))
    assert told(results) == ["setup", "none", *AROUND * 2, "cleanup", "none"]


@pytest.mark.parametrize("name", ["setup", "prepare", "cleanup"])
@pytest.mark.parametrize(
    ("command", "end"),
    [
        ("echo no; echo such thing >&2; exit 3", "status 3: such thing"),
        ("echo said; exit 1", "status 1: said"),
        ("exit 2", "status 2: it printed nothing"),
    ],
)
def test_a_command_that_fails_is_named_with_its_last_line(results: Results, name: str, command: str, end: str) -> None:
    bench = bench_of(results, Double(), **{name: command})
    with pytest.raises(CannotGoOn) as caught, surroundings(bench.workload, bench.environ):
        next(conduct(bench, begun(bench), ignore))
    assert str(caught.value) == f"--{name} '{command}' ended with {end}; mend it and start again"


def test_setup_may_leave_a_service_running(results: Results) -> None:
    """It keeps what setup printed to open. The cleanup fails where the service has ended before."""
    bench = bench_of(results, Double(), setup="sleep 30 & echo $! >>told", cleanup="kill $(cat told)")
    with surroundings(bench.workload, bench.environ):
        assert len(told(results)) == 1


def test_a_cleanup_that_fails_does_not_hide_what_ended_the_trial(results: Results) -> None:
    bench = bench_of(results, Double(), cleanup="exit 3")
    with pytest.raises(CannotGoOn, match=r"^a full disk$"), surroundings(bench.workload, bench.environ):
        raise CannotGoOn("a full disk")


def test_cleanup_is_not_run_where_setup_failed(results: Results) -> None:
    bench = bench_of(results, Double(), setup="exit 1", cleanup="echo cleanup >>told")
    with pytest.raises(CannotGoOn), surroundings(bench.workload, bench.environ):
        raise AssertionError("the setup failed")
    assert not (results.folder / "told").exists()


# --- services ------------------------------------------------------------------------------------------------------


def measured_service(slot: Slot) -> Run:
    row = Measurement(metric="throughput", value=100.0, unit="1/s", direction=Direction.MORE)
    made = measured(slot)
    return replace(made, measurements=(*made.measurements, row))


def test_a_service_has_a_folder_of_its_own_and_what_loads_it_heapswaps_environment(results: Results) -> None:
    double = Double(measured_service)
    bench = bench_of(results, double, service=Service(load=("hit",)), prepare="touch {folder}/made")
    warm_up(bench, "current", 5.0)
    (order,) = double.orders
    assert order.service == Service(load=("hit",))
    assert (order.environ["ARM"], order.outside["ARM"]) == ("current", "none")
    assert order.timeout is None  # each part of its life has a limit of its own
    assert order.scratch
    assert not Path(order.scratch).exists()


@pytest.mark.parametrize(("cycles", "counts"), [(1, False), (2, True)])
def test_live_bytes_are_counted_where_there_are_cycles(results: Results, cycles: int, counts: bool) -> None:
    counting = Counting(environ={"COUNTED": "1"}, counter="/opt/probe.so", live=lambda: 1, small=lambda: 2, behind=dict)
    double = Double(measured_service)
    bench = bench_of(results, double, service=Service(load=("hit",), cycles=cycles))
    warm_up(replace(bench, counter=lambda *_: contextlib.nullcontext(counting)), "current", None)
    assert double.orders[0].counting is (counting if counts else None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {
                "outcome": Outcome.CRASHED,
                "log": "one\ntwo\n",
                "findings": (Finding(code="x", level=Level.WARNING, seen="it died in step 3", remedy="see why"),),
            },
            "it died in step 3, as it is today; last line of the log: two; see why; its output is in ",
        ),
        (
            {"outcome": Outcome.FAILED, "exit_status": 9},
            "the service did not end well when it was stopped (exit status 9), as it is today; last line of the log: ",
        ),
        ({"measurements": ()}, "nothing that the load printed tells how much was served; "),
    ],
)
def test_a_service_that_does_not_work_as_it_is_ends_the_trial(
    results: Results, change: dict[str, object], message: str
) -> None:
    double = Double(lambda slot: replace(measured_service(slot), **change))  # type: ignore[arg-type]
    with pytest.raises(CannotGoOn) as caught:
        warm_up(bench_of(results, double, service=Service(load=("hit",))), "current", None)
    assert str(caught.value).startswith(message)
