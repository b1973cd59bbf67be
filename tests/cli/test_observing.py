"""A run under the probe, with a double for what runs it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from heapswap.cli import observing
from heapswap.cli.beginning import First, begin
from heapswap.cli.observing import Observer
from heapswap.errors import CannotGoOn
from heapswap.inspection.program import Program, resolve
from heapswap.profiling.place import PROBE
from heapswap.trials.arms import Arm
from heapswap.trials.executor import Order
from heapswap.trials.model import Force, Outcome, ProcessSeen, Run, Slot, Stage
from heapswap.trials.session import Bench
from heapswap.trials.store import create
from heapswap.workload import Workload
from tests.profiling.files import Slot as Numbers
from tests.profiling.files import parts
from tests.trials.synthetic import run

SLOT = Slot(stage=Stage.WARM_UP, block=0, position=0, candidate="current")
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


@dataclass
class Double:
    """Ends every run as it is told, and leaves a probe's file where one is asked for."""

    outcome_under_probe: Outcome = Outcome.COMPLETED
    outcome: Outcome = Outcome.COMPLETED
    orders: list[Order] = field(default_factory=list)

    def execute(self, order: Order) -> Run:
        self.orders.append(order)
        if PROBE not in order.environ:
            return run(SLOT, outcome=self.outcome)
        head, slots, pages = parts(
            Numbers(classes={3: (40, 4000)}), texts=("/bin/program", LIBC, "program"), header={"process": 7}
        )
        (Path(order.environ[PROBE]) / "7.probe").write_bytes(head + slots + pages)
        seen = ProcessSeen(pid=7, parent=1, program="/bin/program", force=Force.IN_FORCE, allocator="/probe.so", cpu=1)
        return replace(run(SLOT, outcome=self.outcome_under_probe), processes=(seen,))


@pytest.fixture
def program() -> Program:
    return resolve("sh", {"PATH": "/usr/bin:/bin"}, Path("/"), ())


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def bench(double: Double, tmp_path: Path) -> Bench:
    return Bench(
        executor=double,
        workload=Workload(argv=("program",), program="/bin/program", directory="/"),
        arms={"current": Arm(spelling="current", environ={"LD_PRELOAD": "/mine.so", "A": "1"}, expected=LIBC)},
        environ={},
        results=create(tmp_path / "results"),
    )


def order(tmp_path: Path) -> Order:
    return Order(
        slot=SLOT,
        program="/bin/program",
        argv=("program", "x"),
        environ={"LD_PRELOAD": "/mine.so", "A": "1"},
        directory="/",
        stdin="/dev/null",
        timeout=5.0,
        accepted=(0,),
        metrics=(),
        folder=tmp_path,
        expected=LIBC,
    )


def test_the_order_is_the_same_but_for_the_probe(double: Double, tmp_path: Path) -> None:
    asked = order(tmp_path)
    Observer(double).execute(asked)
    (given,) = double.orders
    assert replace(given, environ={}, expected=None) == replace(asked, environ={}, expected=None)
    assert given.expected is None, "the probe answers malloc"
    assert given.environ["LD_PRELOAD"].endswith(":/mine.so")
    own = {name for name in given.environ if name.startswith(PROBE)} | {"LD_PRELOAD"}
    assert {name: given.environ[name] for name in set(given.environ) - own} == {"A": "1"}
    assert not Path(given.environ[PROBE]).exists(), "nothing is left behind"


def test_the_run_says_whose_malloc_the_probe_passed_calls_to(double: Double, tmp_path: Path) -> None:
    observer = Observer(double)
    done = observer.execute(order(tmp_path))
    assert [one.allocator for one in done.processes] == [LIBC]
    assert observer.outcome is Outcome.COMPLETED
    assert observer.profile is not None
    assert [(one.pid, one.allocations) for one in observer.profile.processes] == [(7, 40)]
    assert (observer.profile.command, observer.profile.wall) == (("program", "x"), done.value("wall"))


def test_the_first_run_is_the_profile(bench: Bench, double: Double, program: Program) -> None:
    begun = begin(bench, program, "current", 60.0, First.PROFILED)
    assert (len(double.orders), begun.findings) == (1, ())
    assert begun.profile is not None


def test_the_first_run_is_plain_where_that_is_asked_for(bench: Bench, double: Double, program: Program) -> None:
    begun = begin(bench, program, "current", 60.0, First.PLAIN)
    assert (len(double.orders), begun.profile, begun.findings) == (1, None, ())


def test_a_program_that_works_only_without_the_probe_is_tried_without_a_profile(
    bench: Bench, double: Double, program: Program
) -> None:
    double.outcome_under_probe = Outcome.CRASHED
    begun = begin(bench, program, "current", 60.0, First.PROFILED)
    assert (begun.run.outcome, begun.profile, len(double.orders)) == (Outcome.COMPLETED, None, 2)
    assert [one.code for one in begun.findings] == ["not-profiled"]
    assert "does not work under the probe" in begun.findings[0].seen


def test_a_program_that_works_neither_way_is_refused(bench: Bench, double: Double, program: Program) -> None:
    double.outcome_under_probe = double.outcome = Outcome.FAILED
    with pytest.raises(CannotGoOn, match="fails as it is today"):
        begin(bench, program, "current", 60.0, First.PROFILED)


def test_a_program_that_does_not_end_is_not_waited_for_twice(bench: Bench, double: Double, program: Program) -> None:
    double.outcome_under_probe = Outcome.TIMED_OUT
    with pytest.raises(CannotGoOn, match="did not end within"):
        begin(bench, program, "current", 60.0, First.PROFILED)
    assert len(double.orders) == 1


def test_where_the_probe_cannot_be_loaded_it_is_said_and_nothing_else_changes(
    bench: Bench, double: Double, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "conflicts", lambda *_: (_ for _ in ()).throw(CannotGoOn("it is static; do this")))
    begun = begin(bench, program, "current", 60.0, First.PROFILED)
    assert (begun.profile, len(double.orders)) == (None, 1)
    assert begun.findings[0].seen == "the first run is without a profile: it is static; do this"
