"""What to type next, as commands that can be pasted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from rich.text import Text

from heapswap.allocators.spelling import CURRENT
from heapswap.filling import filled_words, places
from heapswap.report.figures import count
from heapswap.report.lines import paragraph
from heapswap.report.shellwords import command_lines
from heapswap.trials.model import Trial
from heapswap.verdict import constrained
from heapswap.verdict.model import Advice, Decision, Verdict
from heapswap.verdict.objective import HEAP, OBJECTIVES
from heapswap.workload import Build, Direction, Service, Workload

_DEEPER = 3
"""candidates proposed for a closer look"""
A_PORT = 8080
"""an example of a service's port, where a trial chooses a free one for every run"""
A_FOLDER = "data"
"""an example of its folder, likewise"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do: why, and the command (empty: nothing to type)."""

    purpose: str
    words: tuple[str, ...] = ()
    stdin: str = ""
    """file the shell redirects standard input from"""


def step_lines(steps: Sequence[Step], width: int) -> list[Text]:
    """Each purpose as a sentence with its command indented below."""
    lines: list[Text] = []
    for step in steps:
        lines += paragraph(step.purpose, width, first="  ", rest="  ")
        if step.words:
            lines += [Text(line, style="cyan") for line in command_lines(step.words, width, step.stdin)]
    return lines


def steps(verdict: Verdict, workload: Workload, ranked: Sequence[str]) -> tuple[Step, ...]:
    """What the verdict asks the reader to do; `ranked` are the candidates, the best first."""
    if verdict.objective == HEAP:
        words = ("heapswap", "trial", "--candidates", verdict.candidate or "CANDIDATE", "--", "PROGRAM")
        return (Step(purpose="A replay shows what may be won; the program itself has to prove it:", words=words),)
    return (*_act(verdict, workload), *_look_deeper(workload, verdict, ranked))


def repeat(trial: Trial) -> Step:
    """The command that makes the same trial again: the same candidates, order of runs and workload."""
    design = trial.design
    candidates = ("--candidates", *design.candidates) if design.candidates else ()
    baseline = () if design.baseline == CURRENT else ("--baseline", design.baseline)
    budget = () if design.budget is None else ("--budget", f"{design.budget:g}s")
    blocks = () if design.blocks is None else ("--blocks", str(design.blocks))
    settled = ("--seed", str(design.seed), "--objective", design.objective, "--primary", design.criteria.primary)
    words = ("heapswap", "trial", *candidates, *baseline, *budget, *blocks, *settled, *_options(trial.workload))
    return Step(purpose="To repeat this trial:", words=(*words, *_measured(trial.workload)))


def budget_that_would_do(verdict: Verdict, service: Service | None = None) -> str:
    """A budget for the runs so far and those still needed, such as ``90s`` or ``7m``; empty where none can be told."""
    wall = next((row.baseline for row in verdict.comparisons if row.metric == "wall" and row.baseline), None)
    if service is not None:
        wall = service.warmup + service.cycles * (len(service.levels) * service.duration + service.rest)
    if wall is None or verdict.runs_needed is None:
        return ""
    # A quarter more: candidates may be slower than the baseline, and starting a run costs time too.
    seconds = (verdict.runs + verdict.runs_needed) * wall * 1.25
    return f"{ceil(seconds / 30) * 30}s" if seconds <= 90 else f"{ceil(seconds / 60)}m"


def _act(verdict: Verdict, workload: Workload) -> tuple[Step, ...]:
    match verdict.outcome:
        case Decision.ADOPT if build := next(
            (one for one in workload.builds if one.candidate == verdict.candidate), None
        ):
            return _ship(build, workload)
        case Decision.ADOPT if verdict.candidate is not None:
            stdin = "" if workload.stdin == "/dev/null" else workload.stdin
            return (
                Step(
                    purpose=f"To run the {_what(workload)} with {verdict.candidate}{_where(workload)}:",
                    words=("heapswap", "run", verdict.candidate, "--", *_command(workload)),
                    stdin=stdin,
                ),
                Step(
                    purpose="To ship it as variables in a file, shown first (python, docker, systemd likewise):",
                    words=("heapswap", "deploy", "env", ".env", verdict.candidate),
                ),
            )
        case Decision.INCONCLUSIVE:
            budget = budget_that_would_do(verdict, workload.service)
            if not budget:
                return ()
            words = ("heapswap", "advise", "--budget", budget, *_objective(verdict), *_options(workload))
            more = count(verdict.runs_needed or 0, "more run")
            return (Step(purpose=f"To settle it (about {more}):", words=(*words, *_measured(workload))),)
        case Decision.UNSAFE:
            return (Step(purpose="Leave the allocator as it is."),)
        case _:
            return (Step(purpose="Nothing to change."),)


def _look_deeper(workload: Workload, verdict: Verdict, ranked: Sequence[str]) -> tuple[Step, ...]:
    if verdict.rule == constrained.RULE:
        return ()
    if verdict.rule == Advice.NO_BOTTLENECK:
        words = (
            "heapswap",
            "advise",
            "--skip-profile",
            *_objective(verdict),
            *_options(workload),
            *_measured(workload),
        )
        return (Step(purpose="To try the candidates all the same:", words=words),)
    listed = ranked[:_DEEPER]
    candidates = ("--candidates", *listed) if listed else ()
    purpose = "To look deeper, at these candidates alone:" if listed else "To measure the candidates all the same:"
    words = ("heapswap", "trial", *candidates, *_objective(verdict), *_options(workload), *_measured(workload))
    return (Step(purpose=purpose, words=words),)


def _ship(build: Build, workload: Workload) -> tuple[Step, ...]:
    """A build is adopted: what puts its feature into the project, and what builds it."""
    folder = workload.source[1]
    return (
        Step(
            purpose="To have the feature in the project, where it is not there yet (shown first):",
            words=("heapswap", "deploy", "cargo", folder, build.candidate),
        ),
        Step(purpose=f"To build the program with it, in {folder}:", words=build.command),
    )


def _command(workload: Workload) -> tuple[str, ...]:
    """The command as it is typed: a program that heapswap built is found by its path, a service has a port."""
    words = (workload.program, *workload.argv[1:]) if workload.builds else workload.argv
    return filled_words(words, _places(workload.service)) if workload.service is not None else words


def _places(service: Service) -> dict[str, str]:
    """What stands for a port and a folder that a trial chooses anew for every run."""
    return {"port": str(service.port or A_PORT), "folder": A_FOLDER}


def _what(workload: Workload) -> str:
    return "program" if workload.service is None else "service"


def _where(workload: Workload) -> str:
    """The clause about what was filled in by example; empty where nothing was."""
    if workload.service is None:
        return ""
    named = {name for word in workload.argv for name in places(word)}
    here = [f"on port {A_PORT}"] if "port" in named and not workload.service.port else []
    here += [f"in the folder {A_FOLDER}"] if "folder" in named else []
    return f", here {' and '.join(here)}" if here else ""


def _measured(workload: Workload) -> tuple[str, ...]:
    """What is measured, as `advise` and `trial` take it."""
    if workload.service is not None:
        is_in_a_file = "--workload" in workload.source
        return (*workload.source, *(() if is_in_a_file else ("--", *workload.argv)))
    if not workload.source:
        return ("--", *workload.argv)
    arguments = workload.argv[1:-1] if "--bench" in workload.source else workload.argv[1:]
    return (*workload.source, *(("--", *arguments) if arguments else ()))


def _objective(verdict: Verdict) -> tuple[str, ...]:
    words = () if verdict.objective == "balanced" else ("--objective", verdict.objective)
    row = OBJECTIVES.get(verdict.objective)
    implied = row is not None and row.primary[0] == verdict.primary
    return words if implied else (*words, "--primary", verdict.primary)


def _options(workload: Workload) -> tuple[str, ...]:
    """The options that describe the workload, as `advise` and `trial` take them; a service has them in its source."""
    if workload.service is not None:
        return ()
    pairs = [
        ("--stdin", "" if workload.stdin == "/dev/null" else workload.stdin),
        ("--setup", workload.setup),
        ("--prepare", workload.prepare),
        ("--cleanup", workload.cleanup),
        ("--timeout", "" if workload.timeout is None else f"{workload.timeout:g}s"),
        *(("--success", str(status)) for status in workload.accepted if workload.accepted != (0,)),
        *(("--metric", f"{metric.name}={metric.pattern}") for metric in workload.metrics),
        *(("--more-is-better", metric.name) for metric in workload.metrics if metric.direction is Direction.MORE),
    ]
    return tuple(word for option, value in pairs if value for word in (option, value))
