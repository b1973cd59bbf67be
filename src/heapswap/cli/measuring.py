"""What `advise` and `trial` share: the options that describe a workload, and the way from a request to a trial."""

import argparse
import contextlib
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from heapswap import artifact
from heapswap.allocators.activation import activate
from heapswap.allocators.model import Candidate
from heapswap.allocators.promise import change_cost
from heapswap.allocators.spelling import parse
from heapswap.dispositions import environment_at_start, ignored_at_start
from heapswap.environment import present
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, resolve
from heapswap.report.progress import ProgressReport, announcement, display_of
from heapswap.report.terminal import colour_of, width_of
from heapswap.report.trial import trial_text
from heapswap.report.verdict import verdict_json, verdict_text
from heapswap.trials.arms import Arm, arm
from heapswap.trials.executor import LaunchExecutor
from heapswap.trials.model import Design, Trial
from heapswap.trials.planner import plan
from heapswap.trials.session import Bench, conduct, surroundings, warm_up
from heapswap.trials.store import Results, create, default_folder, reopen
from heapswap.units import parse_duration
from heapswap.verdict.model import Decision
from heapswap.verdict.objective import OBJECTIVES, Objective, criteria
from heapswap.verdict.rules import decide
from heapswap.workload import Direction, Metric, Workload

INTERRUPTED = 130
"""exit status after Ctrl-C, as of a shell's child that SIGINT ended"""

EXIT_CODES = {Decision.KEEP: 0, Decision.ADOPT: 10, Decision.INCONCLUSIVE: 11, Decision.UNSAFE: 12}
"""with --exit-code"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is run, how long, and where the results go."""
    what = parser.add_argument_group("the workload")
    what.add_argument("--stdin", metavar="FILE", help="standard input of every run (default: what is redirected here)")
    what.add_argument("--setup", metavar="CMD", default="", help="shell command run once before, unmeasured")
    what.add_argument("--prepare", metavar="CMD", default="", help="shell command run before every run, unmeasured")
    what.add_argument("--cleanup", metavar="CMD", default="", help="shell command run once after, unmeasured")
    what.add_argument("--timeout", metavar="TIME", type=parse_duration, help="kill a run and its children after this")
    what.add_argument(
        "--success",
        metavar="STATUS",
        type=int,
        action="append",
        help="an exit status that counts as success (default: 0; may be repeated)",
    )
    what.add_argument(
        "--metric",
        metavar="NAME=REGEX",
        action="append",
        default=[],
        help="a metric of your own: the last match's first group in the program's output; less is better",
    )
    what.add_argument(
        "--more-is-better",
        metavar="NAME",
        action="append",
        default=[],
        help="of this metric of your own, more is better",
    )
    how = parser.add_argument_group("the trial")
    how.add_argument(
        "--objective", choices=tuple(OBJECTIVES), default="balanced", help="what counts (default: balanced)"
    )
    how.add_argument("--primary", metavar="METRIC", help="the one metric that decides (default: the objective's)")
    how.add_argument("--budget", metavar="TIME", type=parse_duration, help="time for all runs, such as 90s or 5m")
    how.add_argument("--seed", type=int, metavar="N", help="seed of the order of runs (default: drawn anew)")
    out = parser.add_argument_group("the results")
    out.add_argument(
        "--results", metavar="FOLDER", help="where results go (default: a new folder under the XDG state folder)"
    )
    out.add_argument(
        "--json", action="store_true", help="print one JSON object on standard output and nothing else there"
    )
    out.add_argument("-q", "--quiet", action="store_true", help="no progress")
    out.add_argument("--redact", action="store_true", help="leave arguments and logs out of what is saved")
    out.add_argument(
        "--exit-code", action="store_true", help="exit 0 for keep, 10 for adopt, 11 for inconclusive, 12 for unsafe"
    )


def required(command: list[str] | None, verb: str) -> tuple[str, ...]:
    """The command to measure.

    Raises:
        Misuse: none was given.
    """
    if not command:
        raise Misuse(f"no command to measure; write: heapswap {verb} -- PROGRAM ARGUMENTS")
    return tuple(command)


def workload_of(arguments: argparse.Namespace, argv: tuple[str, ...], results: Results) -> Workload:
    """The workload that the options describe.

    Raises:
        Misuse: an option's value cannot be meant.
    """
    return Workload(
        argv=argv,
        directory=str(Path.cwd()),
        stdin=_input(arguments.stdin, results),
        setup=arguments.setup,
        prepare=arguments.prepare,
        cleanup=arguments.cleanup,
        timeout=arguments.timeout,
        accepted=tuple(arguments.success or (0,)),
        metrics=metrics_of(arguments.metric, arguments.more_is_better),
    )


def metrics_of(definitions: Sequence[str], more: Sequence[str]) -> tuple[Metric, ...]:
    """The user's own metrics from ``NAME=REGEX`` words and the names of those of which more is better.

    Raises:
        Misuse: a word without a name or with a pattern that is no regular expression with one group.
    """
    import re  # noqa: PLC0415 - only where a metric is given

    metrics = []
    for word in definitions:
        name, equals, pattern = word.partition("=")
        if not (name and equals and pattern):
            raise Misuse(f"--metric '{word}' is not NAME=REGEX; write for example --metric 'rps=([0-9.]+) req/s'")
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise Misuse(f"--metric '{word}': {error}; write a regular expression with one group") from None
        if groups != 1:
            raise Misuse(f"--metric '{word}' has {groups} groups; put one pair of parentheses around the number")
        direction = Direction.MORE if name in more else Direction.LESS
        metrics.append(Metric(name=name, pattern=pattern, direction=direction))
    for name in more:
        if name not in {metric.name for metric in metrics}:
            raise Misuse(f"--more-is-better {name}: no such metric; define it with --metric '{name}=REGEX'")
    return tuple(metrics)


def _input(given: str | None, results: Results) -> str:
    """The file every run reads: the one given, a copy of what is redirected here, or /dev/null for a terminal."""
    if given is not None:
        if not Path(given).is_file():
            raise Misuse(f"--stdin {given} is not a file; give one that can be read anew for every run")
        return str(Path(given).resolve())
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return os.devnull
    if stat.S_ISCHR(mode):
        return os.devnull
    copy = results.folder / "stdin"
    with open(0, "rb", closefd=False) as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target)
    return str(copy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrants:
    """The candidates of a trial: those that can run, and those that cannot, with the reason."""

    arms: Mapping[str, Arm]
    """by spelling, in order of promise; the baseline first"""
    candidates: tuple[Candidate, ...]
    """the baseline excluded"""
    not_tried: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    """doubts about the program as it is today"""


def enter(candidates: Iterable[Candidate], program: Program, environ: Mapping[str, str], baseline: str) -> Entrants:
    """Activate every candidate and look for conflicts before anything runs.

    Raises:
        HeapswapError: the baseline itself cannot be activated, or a candidate cannot be meant.
    """
    python = str(program.python or "")
    first = activate(parse(baseline), python=python)
    arms = {str(first.candidate): arm(first, environ)}
    entered: list[Candidate] = []
    refused: list[tuple[str, str]] = []
    findings = dict.fromkeys(preflight(program, first, environ))
    for candidate in candidates:
        spelling = str(candidate)
        if spelling in arms:
            continue
        try:
            activation = activate(candidate, python=python)
        except CannotGoOn as error:
            refused.append((spelling, str(error)))
            continue
        conflicts = preflight(program, activation, environ)
        blocking = [finding for finding in conflicts if finding.level is Level.ERROR]
        if blocking:
            refused.append((spelling, f"{blocking[0].seen}; {blocking[0].remedy}"))
            continue
        findings.update(dict.fromkeys(conflicts))
        arms[spelling] = arm(activation, environ)
        entered.append(candidate)
    return Entrants(arms=arms, candidates=tuple(entered), not_tried=tuple(refused), findings=tuple(findings))


class Face(StrEnum):
    """How the answer is shown."""

    ADVICE = "advice"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A trial that can be conducted: fresh with its first run made, or read back to be continued."""

    bench: Bench
    trial: Trial
    objective: Objective
    environ: Mapping[str, str]


@contextlib.contextmanager
def begin(
    arguments: argparse.Namespace,
    argv: tuple[str, ...],
    *,
    baseline: str,
    candidates: Callable[[Program], Iterable[Candidate]],
    blocks: int | None = None,
    file: Path | None = None,
) -> Iterator[Session]:
    """Prepare everything, make the first baseline run, and plan.

    Raises:
        HeapswapError: the request cannot be meant, or the program does not work as it is today.
    """
    environ = environment_at_start()
    program = resolve(argv[0], environ, Path.cwd(), argv[1:])
    entrants = enter(candidates(program), program, environ, baseline)
    results = create(_folder(arguments.results, file, argv[0], environ), file)
    workload = workload_of(arguments, argv, results)
    with surroundings(workload, environ), LaunchExecutor() as executor:
        bench = Bench(
            executor=executor,
            workload=workload,
            arms=entrants.arms,
            results=results,
            ignored_signals=ignored_at_start(os.environ),
        )
        first = warm_up(bench, baseline, arguments.budget)
        objective = OBJECTIVES[arguments.objective]
        design = Design(
            baseline=baseline,
            candidates=tuple(str(candidate) for candidate in entrants.candidates),
            criteria=criteria(objective, (first,), primary=arguments.primary),
            seed=arguments.seed if arguments.seed is not None else secrets.randbits(32),
            budget=arguments.budget,
            blocks=blocks,
            simplicity=tuple(change_cost(candidate) for candidate in entrants.candidates),
        )
        planned = plan(design, first)
        _say(arguments, announcement(planned.runs, planned.seconds))
        trial = Trial(
            workload=workload,
            environment=present(environ),
            design=design,
            runs=(first,),
            not_tried=(*entrants.not_tried, *planned.not_tried),
            findings=entrants.findings,
        )
        results.save(trial)
        yield Session(bench=bench, trial=trial, objective=objective, environ=environ)


@contextlib.contextmanager
def resume(arguments: argparse.Namespace) -> Iterator[Session]:
    """Read a trial back and make its candidates ready again.

    Raises:
        HeapswapError: there is no trial, or a candidate of it is no longer here.
    """
    environ = environment_at_start()
    results = reopen(Path(arguments.resume))
    trial = results.load()
    program = resolve(trial.workload.argv[0], environ, trial.workload.directory, trial.workload.argv[1:])
    entrants = enter(map(parse, trial.design.candidates), program, environ, trial.design.baseline)
    gone = [spelling for spelling in trial.design.candidates if spelling not in entrants.arms]
    if gone:
        reason = dict(entrants.not_tried)[gone[0]]
        raise CannotGoOn(f"the trial cannot be continued: {gone[0]} can no longer be run ({reason})")
    with surroundings(trial.workload, environ), LaunchExecutor() as executor:
        bench = Bench(
            executor=executor,
            workload=trial.workload,
            arms=entrants.arms,
            results=results,
            ignored_signals=ignored_at_start(os.environ),
        )
        yield Session(bench=bench, trial=trial, objective=OBJECTIVES[arguments.objective], environ=environ)


def finish(session: Session, arguments: argparse.Namespace, face: Face) -> int:
    """Conduct the trial, decide, save and show. Ctrl-C ends the measuring, and what is there is reported on."""
    trial, interrupted = session.trial, False
    display = display_of(sys.stderr, session.environ, quiet=arguments.quiet)
    primary = trial.design.criteria.primary
    with ProgressReport(sys.stderr, display=display, primary=primary, environ=session.environ) as watch:
        try:
            for grown in conduct(session.bench, trial, watch):
                trial = grown
        except KeyboardInterrupt:
            interrupted = True
    trial = redacted(trial) if arguments.redact else trial
    if arguments.redact:
        session.bench.results.save(trial)
    verdict = decide(trial, session.objective)
    folder = session.bench.results.folder
    artifact.write(folder / "verdict.json", artifact.encode(verdict))
    if arguments.json:
        sys.stdout.write(verdict_json(verdict).decode())
    else:
        width, colour = width_of(sys.stdout, session.environ), colour_of(sys.stdout, session.environ)
        shown = (
            verdict_text(verdict, workload=trial.workload, results=str(folder), width=width, colour=colour)
            if face is Face.ADVICE
            else trial_text(trial, verdict, results=str(folder), width=width, colour=colour)
        )
        sys.stdout.write(shown)
    if interrupted:
        return INTERRUPTED
    return EXIT_CODES[verdict.outcome] if arguments.exit_code else 0


def redacted(trial: Trial) -> Trial:
    """The trial without what may be private: arguments and the log lines of runs."""
    workload = replace(trial.workload, argv=(trial.workload.argv[0], "…"), setup="", prepare="", cleanup="")
    return replace(trial, workload=workload, runs=tuple(replace(run, log="") for run in trial.runs))


def _folder(given: str | None, file: Path | None, program: str, environ: Mapping[str, str]) -> Path:
    if given is not None:
        return Path(given)
    return default_folder(program, environ) if file is None else file.with_name(file.name + ".runs")


def _say(arguments: argparse.Namespace, line: str) -> None:
    if not arguments.quiet:
        print(line, file=sys.stderr, flush=True)
