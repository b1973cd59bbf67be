"""What `advise` and `trial` share: from a request to a trial, and from a trial to the answer on the screen."""

import argparse
import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol

from heapswap import artifact
from heapswap.allocators.model import Candidate
from heapswap.allocators.spelling import CURRENT, parse
from heapswap.artifact import text
from heapswap.cli import beginning as beginnings
from heapswap.cli import builds, options, services
from heapswap.cli.beginning import First
from heapswap.cli.builds import Made
from heapswap.cli.counting import counted
from heapswap.cli.entrants import NO_VARIANTS, NobodyEnters, Variants, enter
from heapswap.cli.interruption import ended_in_order
from heapswap.cli.options import workload_of
from heapswap.cli.output import standard_output
from heapswap.dispositions import environment_at_start, ignored_at_start
from heapswap.environment import changed, present
from heapswap.errors import CannotGoOn, status_after
from heapswap.inspection.program import Program, find, resolve
from heapswap.report.diagnosis import diagnosed
from heapswap.report.progress import ProgressReport, announcement, display_of
from heapswap.report.terminal import Colour, colour_of, width_of
from heapswap.report.trial import trial_text
from heapswap.report.verdict import verdict_json, verdict_text
from heapswap.scope import outside
from heapswap.trials.design import next_block
from heapswap.trials.executor import LaunchExecutor
from heapswap.trials.model import Design, Run, Trial
from heapswap.trials.planner import fewest_runs, plan
from heapswap.trials.services.trees import located
from heapswap.trials.session import Bench, conduct, surroundings
from heapswap.trials.statistics import duration
from heapswap.trials.store import Keeps, beside, create, default_folder, is_redacted, reopen
from heapswap.verdict.constrained import constrained
from heapswap.verdict.diagnosis import kept
from heapswap.verdict.model import Advice, Decision, Diagnosis, Verdict
from heapswap.verdict.objective import criteria
from heapswap.verdict.rules import decide
from heapswap.workload import Workload

EXIT_CODES = {Decision.KEEP: 0, Decision.ADOPT: 10, Decision.INCONCLUSIVE: 11, Decision.UNSAFE: 12}
"""with --exit-code"""


class Face(StrEnum):
    """How the answer is shown."""

    ADVICE = "advice"
    TRIAL = "trial"


def settles(diagnosis: Diagnosis | None) -> bool:
    """Whether what the first run's profile says is the answer."""
    return diagnosis is not None and diagnosis.advice is Advice.NO_BOTTLENECK


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A trial that can be conducted: fresh with its first run made, or read back to be continued."""

    bench: Bench
    trial: Trial
    diagnosis: Diagnosis | None = None
    """what the first run's profile says, where it was profiled"""

    @property
    def is_settled(self) -> bool:
        """Whether the first run is enough."""
        return settles(self.diagnosis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a verb asks to be measured."""

    argv: tuple[str, ...]
    candidates: Callable[[Program], Iterable[Candidate]]
    """which candidates, once it is known what program the command runs"""
    baseline: str = CURRENT
    blocks: int | None = None
    """confirming blocks; None: as the budget allows"""
    file: Path | None = None
    """where the trial is saved; None: in the results folder"""
    make: Callable[[Path], Made] | None = None
    """builds the program first, keeping what was built in a folder; None: the command is the program"""
    described: Workload | None = None
    """a service, as it is described; None: the command ends by itself"""
    least_budget: float | None = None
    """seconds of a budget that nobody has given, or what the fewest runs take; None: `blocks` bounds the trial"""
    first: First = First.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured: a command, a service, or a project that is built first."""

    argv: tuple[str, ...]
    """of a Cargo project its name and the program's arguments"""
    make: Callable[[Path], Made] | None = None
    described: Workload | None = None


def subject(
    arguments: argparse.Namespace, command: list[str] | None, verb: str, candidates: Iterable[Candidate]
) -> Subject:
    """What the options and the command ask to be measured.

    Raises:
        Misuse: nothing was given, or options that do not go together.
        CannotGoOn: no such project, or no such file.
    """
    described = services.described(arguments, command)
    if arguments.cargo is None:
        builds.refuse_without_project(arguments)
        return Subject(argv=described.argv if described else options.required(command, verb), described=described)
    started = described.argv[0] if described else ""
    make = builds.maker(arguments, tuple(candidates), users_environment(), partial(_say, arguments), started)
    argv = described.argv if described else (Path(arguments.cargo).resolve().name, *(command or ()))
    return Subject(argv=argv, make=make, described=described)


@contextlib.contextmanager
def begin(arguments: argparse.Namespace, request: Request) -> Iterator[Session]:
    """Prepare everything, make the first baseline run, and plan.

    Raises:
        HeapswapError: the request cannot be meant, or the program does not work as it is today.
    """
    environ = users_environment()
    directory = Path(request.described.directory) if request.described else _directory()
    keeps = Keeps.NUMBERS if arguments.redact else Keeps.EVERYTHING
    results = create(_folder(arguments.results, request.file, request.argv[0], environ), request.file, keeps)
    with results.discarded_on_error():
        made = request.make(results.folder) if request.make else None
        argv = request.argv if made is None else (made.argv0, *request.argv[1:], *made.more)
        found = find(argv[0] if made is None else made.program, environ, directory)
        program = resolve(argv[0] if made is None else made.program, environ, directory, argv[1:])
        entrants = enter(
            request.candidates(program), program, environ, request.baseline, made.variants if made else NO_VARIANTS
        )
        baseline = str(parse(request.baseline))
        workload = workload_of(arguments, str(found), argv, results, request.described)
        if workload.service is not None:
            located(workload.service.load[0], environ, workload.directory)
        if made is not None:
            workload = replace(
                workload,
                directory=made.directory or workload.directory,
                builds=made.variants.made,
                source=(*made.source, *workload.source),
                metrics=(*workload.metrics, *made.metrics),
            )
    with ended_in_order(), surroundings(workload, environ), LaunchExecutor() as executor:
        bench = Bench(
            executor=executor,
            workload=workload,
            arms=entrants.arms,
            environ=environ,
            results=results,
            ignored_signals=ignored_at_start(os.environ),
            counter=counted,
        )
        beginning = beginnings.begin(bench, program, baseline, arguments.budget, request.first)
        first = beginning.run
        with results.discarded_on_error():
            diagnosis = beginnings.consult(
                bench, beginning, arguments.objective, arguments.primary, entrants.candidates
            )
            if diagnosis:
                _say(arguments, diagnosed(diagnosis))
            chosen = beginnings.choose(entrants, diagnosis)
            primary = diagnosis.primary if diagnosis else arguments.primary
            design = Design(
                baseline=baseline,
                candidates=tuple(map(str, chosen.costs)),
                criteria=criteria(arguments.objective, (first,), primary=primary),
                seed=arguments.seed if arguments.seed is not None else secrets.randbits(32),
                budget=budget_of(arguments.budget, request.least_budget, first),
                blocks=request.blocks,
                simplicity=tuple(chosen.costs.values()),
                objective=arguments.objective,
            )
            trial = Trial(workload=workload, environment=present(environ), design=design, runs=(first,))
            session = Session(bench=bench, trial=trial, diagnosis=diagnosis)
            planned = None if session.is_settled else plan(design, first)
        if planned:
            _say(arguments, announcement(planned.runs, planned.seconds))
        trial = replace(
            trial,
            not_tried=(*entrants.not_tried, *chosen.left_out, *(planned.not_tried if planned else ())),
            findings=(*entrants.findings, *beginning.findings),
        )
        results.save(trial)
        yield replace(session, trial=trial)


@contextlib.contextmanager
def resume(arguments: argparse.Namespace) -> Iterator[Session]:
    """Read a trial back and make its candidates ready again.

    Raises:
        HeapswapError: there is no trial, a candidate of it is no longer here, or it was begun in other circumstances.
    """
    environ = users_environment()
    results = reopen(Path(arguments.resume), Keeps.NUMBERS if arguments.redact else Keeps.EVERYTHING)
    trial = results.load()
    if is_redacted(trial):
        raise CannotGoOn(
            f"{results.trial} was saved with --redact, without the command's arguments; it can be read, "
            "but not continued: start the trial again"
        )
    diagnosis = beginnings.recall(results, trial)
    is_open = not settles(diagnosis) and next_block(trial.design, trial.runs)
    if is_open and (change := changed(trial.environment, present(environ))):
        raise CannotGoOn(f"the trial cannot be continued: {change}; its runs could not be compared, start a new one")
    name = trial.workload.program if trial.workload.builds else trial.workload.argv[0]
    program = resolve(name, environ, trial.workload.directory, trial.workload.argv[1:])
    variants = Variants(made=builds.unchanged(trial.workload.builds))
    entrants = enter(map(parse, trial.design.candidates), program, environ, trial.design.baseline, variants)
    gone = [spelling for spelling in trial.design.candidates if spelling not in entrants.arms]
    if gone:
        reason = dict(entrants.not_tried)[gone[0]]
        raise CannotGoOn(f"the trial cannot be continued: {gone[0]} can no longer be run ({reason})")
    with ended_in_order(), surroundings(trial.workload, environ), LaunchExecutor() as executor:
        bench = Bench(
            executor=executor,
            workload=trial.workload,
            arms=entrants.arms,
            environ=environ,
            results=results,
            ignored_signals=ignored_at_start(os.environ),
            counter=counted,
        )
        yield Session(bench=bench, trial=trial, diagnosis=diagnosis)


class Judge(Protocol):
    """Has the last word about a trial: the exit status."""

    def __call__(self, verdict: Verdict, trial: Trial, *, to_output: bool) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How a verdict is told."""

    text: Callable[[Verdict, str, int, Colour], str]
    """for a terminal: the verdict, where results are kept, the width"""
    json: Callable[[Verdict], bytes] = verdict_json
    beside: Mapping[str, Callable[[Verdict], bytes]] = field(default_factory=dict)
    """what is saved beside the verdict, by the name of the file"""


def finish(
    session: Session,
    arguments: argparse.Namespace,
    face: Face,
    judge: Judge | None = None,
    telling: Telling | None = None,
) -> int:
    """Conduct the trial, decide, save and show. Ctrl-C ends the measuring, and what is there is reported on."""
    trial, interruption = session.trial, None
    results, environ = session.bench.results, session.bench.environ
    display = display_of(sys.stderr, environ, quiet=arguments.quiet)
    primary = trial.design.criteria.primary
    with ProgressReport(sys.stderr, display=display, primary=primary, environ=environ) as watch:
        try:
            for grown in () if session.is_settled else conduct(session.bench, trial, watch):
                trial = grown
        except KeyboardInterrupt as error:
            interruption = error
    trial = results.kept(trial)
    results.tidy()
    verdict = _decided(trial, session)
    told = telling or (_comparison(trial) if face is Face.TRIAL else _advice(trial.workload))
    status = _answer(verdict, results.folder, arguments, told)
    if judge is not None:
        status = judge(verdict, trial, to_output=not arguments.json)
    return status if interruption is None else status_after(interruption)


def _decided(trial: Trial, session: Session) -> Verdict:
    if session.is_settled and session.diagnosis:
        return kept(
            session.diagnosis,
            baseline=trial.design.baseline,
            objective=trial.design.objective,
            not_tried=trial.not_tried,
            findings=trial.findings,
        )
    return replace(decide(trial, trial.design.objective), diagnosis=session.diagnosis)


def without_runs(arguments: argparse.Namespace, request: Request, refusal: NobodyEnters) -> int:
    """The answer about a program in which no candidate can take effect: nothing is run for it."""
    environ = users_environment()
    results = create(_folder(arguments.results, None, request.argv[0], environ), None, Keeps.EVERYTHING)
    verdict = constrained(
        refusal.refused, baseline=request.baseline, objective=arguments.objective, findings=refusal.findings
    )
    workload = Workload(argv=tuple(map(text, request.argv)), directory=text(str(Path.cwd())))
    return _answer(verdict, results.folder, arguments, _advice(workload))


def _advice(workload: Workload) -> Telling:
    """The answer and what to do next."""

    def told(verdict: Verdict, results: str, width: int, colour: Colour) -> str:
        return verdict_text(verdict, workload=workload, results=results, width=width, colour=colour)

    return Telling(text=told)


def _comparison(trial: Trial) -> Telling:
    """The table of a trial, and the verdict as its last line."""

    def told(verdict: Verdict, results: str, width: int, colour: Colour) -> str:
        return trial_text(trial, verdict, results=results, width=width, colour=colour)

    return Telling(text=told)


def _answer(verdict: Verdict, folder: Path, arguments: argparse.Namespace, telling: Telling) -> int:
    """Save and show a verdict."""
    environ = users_environment()
    artifact.write(folder / "verdict.json", artifact.encode(verdict))
    for name, content in telling.beside.items():
        artifact.write(folder / name, content(verdict))
    with standard_output(f"it is saved in {folder}") as stream:
        if arguments.json:
            stream.write(telling.json(verdict).decode())
        else:
            stream.write(telling.text(verdict, str(folder), width_of(stream, environ), colour_of(stream, environ)))
    return EXIT_CODES[verdict.outcome] if arguments.exit_code else 0


def users_environment() -> dict[str, str]:
    """What a program gets that heapswap starts: under `heapswap run --only` the user's own values."""
    return outside(environment_at_start(), os.getpid())


def budget_of(given: float | None, least: float | None, first: Run) -> float | None:
    """Seconds of the trial: those given, or at least so many and what the fewest runs take; None: without a budget."""
    if given is not None or least is None:
        return given
    return max(least, fewest_runs(duration(first)))


def _directory() -> Path:
    """Where the program runs.

    Raises:
        CannotGoOn: it was removed.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise CannotGoOn(f"the current folder: {error.strerror}; start from a folder that exists") from None


def _folder(given: str | None, file: Path | None, program: str, environ: Mapping[str, str]) -> Path:
    if given is not None:
        return Path(given)
    return default_folder(program, environ) if file is None else beside(file)


def _say(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.quiet and sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)
