"""`heapswap check`: is what was declared in force, in every process of a tree? Made for CI and for health checks.

With ``--pid`` it looks at a running tree; with a command it runs that as `heapswap run` would, under the launcher and
the witness, and judges every process that was started; with neither it says whether the declaration could take effect.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from heapswap import artifact
from heapswap.allocators.activation import activate, disabled, environment
from heapswap.allocators.model import Activation, Preloads
from heapswap.allocators.spelling import CURRENT, parse
from heapswap.cli import declaring, features
from heapswap.cli.main import here
from heapswap.cli.output import standard_output
from heapswap.dispositions import environment_at_start, ignored_at_start
from heapswap.errors import CannotGoOn, Misuse
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.drift import Check, Judged, Observed, Outcome, judge, outcome
from heapswap.inspection.program import Program, find, resolve
from heapswap.inspection.tree import descendants, environ_of, observe, out_of_reach
from heapswap.manifest import Declared
from heapswap.report.check import check_text
from heapswap.report.terminal import colour_of, width_of
from heapswap.runtime import mark
from heapswap.scope import SCOPE
from heapswap.trials import arms
from heapswap.trials.executor import LaunchExecutor, Order
from heapswap.trials.model import Force, ProcessSeen, Run, Slot, Stage
from heapswap.trials.model import Outcome as RunOutcome

USAGE = "heapswap check [CANDIDATE | --features NAME,…] [--pid PID | -- PROGRAM ARGUMENTS] [--json]"

EXIT_STATUS = {Outcome.IN_FORCE: 0, Outcome.NOTHING_DECLARED: 0, Outcome.DISABLED: 0, Outcome.DRIFT: 1}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.usage = USAGE
    parser.epilog = "Exit status: 0 in force (or nothing is declared here, or turned off), 1 drift, 2 misuse, 3 cannot."
    parser.add_argument(
        "candidate", metavar="CANDIDATE", nargs="?", help="what has to be in force; without it, what is declared"
    )
    features.configure(parser)
    parser.add_argument("--pid", type=_pid, metavar="PID", help="a running process, and everything below it")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def execute(arguments: argparse.Namespace, command: list[str] | None) -> int:
    """Check and print.

    Raises:
        Misuse: both a process and a command, nothing that is declared, or what cannot be meant.
        CannotGoOn: the process or program is not there, or may not be read.
    """
    if command == []:
        raise Misuse(f"no command behind --; write: {USAGE}")
    if command is not None and arguments.pid is not None:
        raise Misuse(f"one thing to check: a process or a command; write: {USAGE}")
    checked = _check(arguments, command)
    with standard_output("give it a file with room") as stream:
        if arguments.json:
            stream.write(artifact.encode(artifact.readable(checked)).decode() + "\n")
        else:
            width, colour = width_of(stream, os.environ), colour_of(stream, os.environ)
            stream.write(check_text(checked, width=width, colour=colour))
    return EXIT_STATUS[checked.outcome]


def _check(arguments: argparse.Namespace, command: list[str] | None) -> Check:
    users = environment_at_start()
    program = resolve(command[0], users, here(), command[1:]) if command else None
    theirs = environ_of(arguments.pid) if arguments.pid is not None else users
    if disabled(users) or disabled(theirs):
        return Check(outcome=Outcome.DISABLED, declared="", asked="HEAPSWAP_DISABLE")
    declared = _declared(arguments, theirs, program)
    if not declared.spelling:
        findings = (_note("nothing-declared", declared.remark),) if declared.remark else ()
        return Check(outcome=Outcome.NOTHING_DECLARED, declared="", asked=declared.asked, findings=findings)
    candidate = parse(declared.spelling)
    if candidate.library == CURRENT:
        raise Misuse("current is whatever runs, and always in force; name the candidate that has to be")
    blank = Check(outcome=Outcome.DRIFT, declared=str(candidate), asked=declared.asked)
    try:
        activation = activate(candidate)
    except CannotGoOn as error:
        return replace(blank, findings=(_error("library-gone", str(error)),))
    library = activation.library
    if library is not None:
        blank = replace(blank, library=library.path, version=library.version, build_id=library.build_id)
    if program is not None and command is not None:
        return _of_command(blank, activation, program, command, arguments)
    if arguments.pid is not None:
        return _of_process(blank, activation, arguments.pid)
    return replace(blank, outcome=Outcome.IN_FORCE, findings=(_note("not-looked-at", "nothing that runs was checked"),))


def _declared(arguments: argparse.Namespace, theirs: Mapping[str, str], program: Program | None) -> Declared:
    """What is declared: by the command line, by the manifest, or by the running program's own first line."""
    if program is not None:
        return declaring.declared(arguments, theirs, declaring.folders_of(program, here()), USAGE)
    folders = [Path(here())]
    if arguments.pid is not None:
        folders = [*_folders_of(arguments.pid), *folders]
    try:
        return declaring.declared(arguments, theirs, folders, USAGE)
    except Misuse:
        if arguments.pid is None or arguments.candidate is not None or features.are_chosen(arguments):
            raise
        marks = (mark.left_in(environ_of(pid)) for pid, _ in descendants(arguments.pid))
        left = next((found for found in marks if found is not None), None)
        if left is None:
            raise
        return Declared(spelling=left.spelling, asked=left.place)


def _folders_of(pid: int) -> Iterator[Path]:
    """Where the manifest of a running program may be: the folder of its script, then its working directory."""
    folder = Path("/proc", str(pid))
    with suppress(OSError):
        directory = (folder / "cwd").readlink()
        for word in (folder / "cmdline").read_bytes().split(b"\0")[:2]:
            path = directory / os.fsdecode(word)
            if word and path.is_file():
                yield path.parent
        yield directory


def _of_process(blank: Check, activation: Activation, root: int) -> Check:
    """The tree below a running process. What a process that was started with --only has started is not judged.

    Raises:
        CannotGoOn: nothing in it has a program: it has ended, or is the kernel's own.
    """
    observed: list[Observed] = []
    apart: set[int] = set()
    for pid, parent in descendants(root):
        if pid == os.getpid():
            continue
        if parent in apart:
            apart.add(pid)
            continue
        if SCOPE in environ_of(pid):
            apart.add(pid)
        if (found := observe(pid, parent, activation)) is not None:
            observed.append(found)
    if not observed:
        raise CannotGoOn(f"process {root} runs no program, or ended just now; give the number of one that runs")
    findings: tuple[Finding, ...] = ()
    if apart:
        findings = (_note("scoped", "a process was started with --only: what it starts is not meant to have it"),)
    return _answer(blank, judge(blank.declared, observed), findings)


def _of_command(
    blank: Check, activation: Activation, program: Program, command: list[str], arguments: argparse.Namespace
) -> Check:
    """Run the command as `heapswap run` would, without standard input, and judge every process that was seen."""
    users = environment_at_start()
    wanted = environment(activation, declaring.with_features(arguments, users), Preloads.MERGE, asked=blank.asked)
    findings = preflight(program, activation, users)
    if any(finding.level is Level.ERROR for finding in findings):
        return replace(blank, findings=findings)
    with tempfile.TemporaryDirectory(prefix="heapswap-check-") as folder, LaunchExecutor() as executor:
        run = executor.execute(
            Order(
                slot=Slot(stage=Stage.WARM_UP, block=0, position=0, candidate=blank.declared),
                program=str(find(command[0], users, here())),
                argv=tuple(command),
                environ=wanted,
                directory=here(),
                stdin=os.devnull,
                timeout=None,
                accepted=(0,),
                metrics=(),
                folder=Path(folder),
                expected=arms.LIBC if activation.library is None else os.path.realpath(activation.library.path),
                ignored_signals=ignored_at_start(os.environ),
            )
        )
    judged = judge(blank.declared, [_observed(process) for process in run.processes])
    return _answer(blank, judged, (*_ending(run), *(one for one in findings if one.code == "wheel-allocator")))


def _observed(process: ProcessSeen) -> Observed:
    return Observed(
        pid=process.pid,
        parent=process.parent,
        program=process.program,
        owner=process.allocator,
        served=process.force is Force.IN_FORCE,
        unreachable="" if process.force is Force.IN_FORCE else out_of_reach(process.program, process.program),
    )


def _ending(run: Run) -> Iterator[Finding]:
    """A program that did not end well may not have started all that it would have."""
    if run.outcome in (RunOutcome.COMPLETED, RunOutcome.NOT_IN_FORCE):
        return
    how = f"was ended by signal {run.signal}" if run.signal is not None else f"ended with status {run.exit_status}"
    last = (run.log.strip().splitlines() or ["it said nothing on standard error"])[-1]
    yield _error("did-not-complete", f"the program {how} ({last}); run it by itself until it works")


def _answer(blank: Check, judged: tuple[Judged, ...], findings: tuple[Finding, ...]) -> Check:
    failed = any(finding.level is Level.ERROR for finding in findings)
    return replace(blank, outcome=Outcome.DRIFT if failed else outcome(judged), processes=judged, findings=findings)


def _error(code: str, line: str) -> Finding:
    seen, _, remedy = line.partition("; ")
    return Finding(code=code, level=Level.ERROR, seen=seen, remedy=remedy)


def _note(code: str, seen: str) -> Finding:
    return Finding(code=code, level=Level.NOTE, seen=seen, remedy=_NEXT.get(code, ""))


_NEXT = {
    "not-looked-at": "give --pid PID, or the command behind --",
    "nothing-declared": "nothing is to be done, unless the guard should cover this platform",
}


def _pid(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) > 0):
        raise argparse.ArgumentTypeError(f"'{word}' is no process; give its number, as ps shows it")
    return int(word)
