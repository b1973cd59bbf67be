"""The loop of a trial: take the next block from the design, run it, save, repeat."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from heapswap.errors import CannotGoOn
from heapswap.filling import filled
from heapswap.trials.arms import Arm
from heapswap.trials.counting import Counter, Counting
from heapswap.trials.design import is_overdrawn, next_block, perturbation, progress
from heapswap.trials.executor import Executor, Order
from heapswap.trials.model import Outcome, Perturbation, Progress, Run, Slot, Stage, Trial
from heapswap.trials.statistics import lasted
from heapswap.trials.store import Results
from heapswap.units import format_duration
from heapswap.workload import Workload

SLOWEST = 20.0
"""times the first baseline run, and at least `PATIENCE`: a run longer than that is killed and counts as timed out"""
PATIENCE = 20.0
"""seconds"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every run of a trial needs."""

    executor: Executor
    workload: Workload
    arms: Mapping[str, Arm]
    """by spelling"""
    environ: Mapping[str, str]
    """of what is not measured: heapswap's own, so that no candidate's failure is taken for the user's"""
    results: Results
    ignored_signals: tuple[int, ...] = ()
    counter: Counter | None = None
    """counts live bytes in the runs of a service that has several cycles"""
    clock: Callable[[], float] = monotonic
    """seconds, which a budget is paid in"""


def warm_up(bench: Bench, baseline: str, limit: float | None) -> Run:
    """The first run, under the baseline: it warms the caches, and the planner looks at it.

    Raises:
        CannotGoOn: the program fails, or does not end within `limit` seconds, as it is today.
    """
    slot = Slot(stage=Stage.WARM_UP, block=0, position=0, candidate=baseline)
    service = bench.workload.service
    limit = bench.workload.timeout or (None if service else limit)  # each part of a service's life has its own
    run = _measure(bench, slot, 0, perturbation(0, 0), limit)
    if service is None:
        _must_work(run, bench.results.run_folder(0), limit)
    else:
        _must_serve(run, bench.results.run_folder(0))
    return run


def conduct(bench: Bench, trial: Trial, watch: Callable[[Progress], None]) -> Iterator[Trial]:
    """Run what the design still asks for, yielding the saved trial after every run.

    Nothing measured is lost: stop iterating, or let an exception through, at any time; a run cut short is not recorded.
    """
    first = trial.runs[0].value("wall") or 0.0
    limit = bench.workload.timeout or (None if bench.workload.service else max(PATIENCE, SLOWEST * first))
    outputs = {run.output for run in trial.runs}
    since = bench.clock()
    while slots := next_block(trial.design, trial.runs):
        for slot in slots:
            if is_overdrawn(trial.design, trial.runs):
                break
            watch(progress(trial.design, trial.runs, running=slot))
            settings = perturbation(trial.design.seed, slot.block)
            run = _measure(bench, slot, len(trial.runs), settings, limit)
            if run.output in outputs:
                (bench.results.run_folder(len(trial.runs)) / "stdout").unlink(missing_ok=True)
            outputs.add(run.output)
            # A budget is of the clock on the wall: deciding and saving are paid for as running is.
            before, since = since, bench.clock()
            run = replace(run, around=max(since - before - lasted(run), 0.0))
            trial = replace(trial, runs=(*trial.runs, run))
            bench.results.save(trial)
            yield trial
    watch(progress(trial.design, trial.runs, running=None))


@contextlib.contextmanager
def surroundings(workload: Workload, environ: Mapping[str, str]) -> Iterator[None]:
    """Run the workload's setup before, and its cleanup after, whatever happens in between.

    Raises:
        CannotGoOn: one of them failed.
    """
    _shell("setup", workload.setup, workload, environ)
    try:
        yield
    except BaseException:
        with contextlib.suppress(CannotGoOn):  # what ended the trial is what has to be said
            _shell("cleanup", workload.cleanup, workload, environ)
        raise
    _shell("cleanup", workload.cleanup, workload, environ)


def _measure(bench: Bench, slot: Slot, number: int, settings: Perturbation, limit: float | None) -> Run:
    arm, workload = bench.arms[slot.candidate], bench.workload
    environ, folder = settings.applied(arm.environ), bench.results.run_folder(number)
    with _scratch(workload) as scratch, _counting(bench, environ, folder) as counting:
        _shell("prepare", filled(workload.prepare, {"folder": scratch}), workload, bench.environ)
        return bench.executor.execute(
            Order(
                slot=slot,
                program=arm.program or workload.program or workload.argv[0],
                argv=workload.argv,
                environ=environ,
                directory=workload.directory,
                stdin=workload.stdin,
                timeout=limit,
                accepted=workload.accepted,
                metrics=workload.metrics,
                folder=folder,
                expected=arm.expected,
                ignored_signals=bench.ignored_signals,
                service=workload.service,
                outside=bench.environ if workload.service else {},
                scratch=scratch,
                counting=counting,
            )
        )


@contextlib.contextmanager
def _counting(bench: Bench, environ: Mapping[str, str], folder: Path) -> Iterator[Counting | None]:
    """What counts in a run: one cycle tells no trend, and is measured as it is."""
    service = bench.workload.service
    if bench.counter is None or service is None or service.cycles == 1:
        yield None
        return
    with bench.counter(environ, folder) as counting:
        yield counting


@contextlib.contextmanager
def _scratch(workload: Workload) -> Iterator[str]:
    """A folder for one run of a service; none for a command."""
    if workload.service is None:
        yield ""
        return
    folder = tempfile.mkdtemp(prefix="heapswap-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _must_work(run: Run, folder: Path, limit: float | None) -> None:
    if run.outcome is Outcome.COMPLETED:
        return
    last = run.log.strip().splitlines()[-1:] or ["nothing on standard error"]
    if run.outcome is Outcome.TIMED_OUT:
        raise CannotGoOn(
            f"the program did not end within {format_duration(limit or 0.0)} as it is today; give a command that ends "
            "by itself, a longer --timeout, or a larger --budget"
        )
    if run.outcome is Outcome.NOT_IN_FORCE:
        raise CannotGoOn("; ".join((run.findings[-1].seen, run.findings[-1].remedy)))
    how = f"signal {run.signal}" if run.signal is not None else f"exit status {run.exit_status}"
    raise CannotGoOn(
        f"the program fails as it is today ({how}; last line: {last[0]}), so nothing can be compared; "
        f"make it succeed first; its output is in {folder}"
    )


def _must_serve(run: Run, folder: Path) -> None:
    if run.outcome is not Outcome.COMPLETED:
        told = run.findings[-1] if run.findings else None
        last = run.log.strip().splitlines()[-1:] or ["nothing"]
        how = f"signal {run.signal}" if run.signal is not None else f"exit status {run.exit_status}"
        seen = told.seen if told else f"the service did not end well when it was stopped ({how})"
        remedy = told.remedy if told else "accept that status with --success, or give another signal with [stop]"
        raise CannotGoOn(
            f"{seen}, as it is today; last line of the log: {last[0]}; {remedy}; its output is in {folder}"
        )
    if run.value("throughput") is None:
        raise CannotGoOn(
            "nothing that the load printed tells how much was served; name its kind with `reader`, or give a metric "
            f"'throughput' with a pattern of your own; its output is in {folder}"
        )


def _shell(name: str, command: str, workload: Workload, environ: Mapping[str, str]) -> None:
    if not command:
        return
    # A file, because a pipe ends only with the last process that holds it: a service that setup leaves running.
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command,
                shell=True,
                cwd=workload.directory,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        except OSError as error:
            raise CannotGoOn(f"{workload.directory}: {error.strerror}; start from a folder that exists") from None
        if done.returncode == 0:
            return
        output.seek(0)
        last = output.read().decode(errors="replace").strip().splitlines()[-1:] or ["it printed nothing"]
    raise CannotGoOn(f"--{name} '{command}' ended with status {done.returncode}: {last[0]}; mend it and start again")
