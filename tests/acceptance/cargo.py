"""Rust projects for real: a crate of ours and a published one get their allocators, build, run, and get rid of them.

What cargo builds is kept where XDG_CACHE_HOME says, if it says so: jemalloc takes minutes to build.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, Popen

from heapswap import elf
from tests.acceptance.corpus import HEAPSWAP
from tests.acceptance.evidence import ROOT, Evidence, NoEvidence, Output
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

MARKS = {"mimalloc": "mi_malloc_aligned", "jemalloc": "_rjem_malloc"}
"""what Rust's global allocator calls, by family"""
FEATURES = {"": "", "mimalloc": "mimalloc", "mimalloc-secure": "mimalloc", "jemalloc": "jemalloc"}
"""the allocator that each feature chooses"""
SPEAKS = {
    "mimalloc": ("MIMALLOC_SHOW_STATS", "1", "heap"),
    "jemalloc": ("_RJEM_MALLOC_CONF", "stats_print:true", "Begin jemalloc statistics"),
}
"""a variable that makes an allocator that serves a process tell so, and a word of what it tells"""
SECURE = "secure level: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project that is deployed to."""

    name: str
    arguments: tuple[str, ...]
    """of the program, for a run of a fraction of a second"""
    fetch: Callable[[Evidence, Path], None]
    """puts its sources into a folder"""


def ours(evidence: Evidence, folder: Path) -> None:
    """The small crate of the tests, with a lock file."""
    shutil.copytree(ROOT / "tests" / "cargo" / "crowd", folder)
    words = ["cargo", "generate-lockfile", "--manifest-path", str(folder / "Cargo.toml")]
    if evidence.command("crowd-lock", words).status != 0:
        raise NoEvidence("cargo makes no lock file for crowd")


def published(evidence: Evidence, folder: Path) -> None:
    """xsv, as cargo downloads it, and rows to count. It is of edition 2015, with several tables of its own."""
    if evidence.command("xsv-info", ["cargo", "info", "xsv@0.13.0"]).status != 0:
        raise NoEvidence("cargo cannot download xsv")
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    shutil.copytree(next(home.glob("registry/src/*/xsv-0.13.0")), folder)
    rows = (f"{at % 9973},word{at * 7919 % 20011},{at / 3:.6f}" for at in range(60_000))
    (folder.parent / "rows.csv").write_text("\n".join(("number,word,third", *rows)) + "\n")


CROWD = Project(name="crowd", arguments=("2", "20"), fetch=ours)
XSV = Project(name="xsv", arguments=("frequency", "rows.csv"), fetch=published)


@cache
def before(evidence_folder: Path, name: str) -> dict[str, bytes]:
    """The files of a project when it was fetched, by path."""
    folder = evidence_folder / name
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def place(evidence: Evidence, project: Project) -> Path:
    """The project's folder, fetched when it is first asked for."""
    folder = evidence.folder / project.name
    if not folder.exists():
        project.fetch(evidence, folder)
    before(evidence.folder, project.name)
    return folder


def heapswap(evidence: Evidence, name: str, *words: str) -> Output:
    """heapswap from the project's surroundings, with one place for what cargo builds."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or str(evidence.folder / "cache")
    return evidence.command(name, ["env", f"XDG_CACHE_HOME={cache_home}", HEAPSWAP, *words], timeout=7200)


def target(evidence: Evidence) -> str:
    """Where `trial --cargo` builds: what it built of the allocators is used again."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or evidence.folder / "cache")
    return str(cache_home / "heapswap" / "cargo" / "target")


def arguments(evidence: Evidence, project: Project) -> list[str]:
    return [str(evidence.folder / word) if word.endswith(".csv") else word for word in project.arguments]


def trial(project: Project) -> Callable[[Evidence], Result]:
    """A verdict, every compared run executed the build of its candidate, and the tree was left alone."""

    def line(evidence: Evidence) -> Result:
        folder = place(evidence, project)
        results = evidence.folder / f"{project.name}-results"
        words = ("--budget", "90s", "--seed", "1", "--results", str(results), "--json", "-q")
        output = heapswap(
            evidence,
            f"{project.name}-trial",
            *("trial", "--cargo", str(folder), *words, "--", *arguments(evidence, project)),
        )
        verdict = json.loads(output.stdout)
        runs = json.loads((results / "trial.json").read_text())
        builds = {build["candidate"]: build["program"] for build in runs["workload"]["builds"]}
        wrong = [
            run
            for run in runs["runs"]
            if run["slot"]["candidate"] in builds
            and (run["outcome"], run["processes"][0]["program"]) != ("completed", builds[run["slot"]["candidate"]])
        ]
        untouched = files(folder) == before(evidence.folder, project.name)
        told = f"{verdict['outcome']} {verdict['candidate'] or ''}".strip()
        return Result(
            figure=f"{told}, {len(runs['runs'])} runs, {len(builds)} builds, {len(wrong)} not of their build, "
            f"tree {'untouched' if untouched else 'CHANGED'}",
            held=output.status == 0 and set(builds) == {"mimalloc", "jemalloc"} and not wrong and untouched,
        )

    return line


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def deployed(evidence: Evidence, project: Project) -> Path:
    folder = place(evidence, project)
    done = heapswap(evidence, f"{project.name}-deploy", "deploy", "cargo", str(folder), "--apply")
    if done.status != 0:
        raise NoEvidence(done.stderr.strip())
    return folder


def built(evidence: Evidence, project: Project, feature: str) -> Path:
    """The program with one feature, with its symbols, kept beside the evidence."""
    folder = deployed(evidence, project)
    kept = evidence.folder / f"{project.name}-with-{feature or 'none'}"
    if not kept.exists():
        settings = ("CARGO_PROFILE_RELEASE_STRIP=none", "GIT_OPTIONAL_LOCKS=0")
        words = ["cargo", "build", "--release"]
        features = ["--features", feature] if feature else []
        name = f"{project.name}-build-{feature or 'none'}"
        # From its own folder, as a person does: the settings of cargo that are deployed there are found from there.
        there = ["env", "-C", str(folder), *settings]
        output = evidence.command(name, [*there, *words, "--target-dir", target(evidence), *features])
        if output.status != 0:
            raise NoEvidence(f"{name}: {output.stderr.strip().splitlines()[-1]}")
        shutil.copy2(Path(target(evidence), "release", project.name), kept)
    return kept


def builds(project: Project) -> Callable[[Evidence], Result]:
    """Without a feature no allocator is inside; with each its own, by the symbols that it calls."""

    def line(evidence: Evidence) -> Result:
        found = {}
        for feature in FEATURES:
            symbols = elf.defined(str(built(evidence, project, feature)), MARKS.values())
            found[feature] = " ".join(family for family, symbol in MARKS.items() if symbol in symbols)
        told = ", ".join(f"{feature or 'no feature'}: {family or 'none'}" for feature, family in found.items())
        return Result(figure=told, held=found == FEATURES)

    return line


def two_features(project: Project) -> Callable[[Evidence], Result]:
    """Both at once are one error, which says what to do."""

    def line(evidence: Evidence) -> Result:
        there = ["env", "-C", str(deployed(evidence, project))]
        words = [*there, "cargo", "check", "--release", "--target-dir", target(evidence)]
        output = evidence.command(f"{project.name}-two", [*words, "--features", "mimalloc,jemalloc"])
        errors = [text for text in output.stderr.splitlines() if text.startswith("error")]
        held = output.status != 0 and len(errors) == 2 and "choose one of the features" in errors[0]
        return Result(figure=errors[0] if errors else "no error", held=held)

    return line


def running(project: Project) -> Callable[[Evidence], Result]:
    """A process of each build is served by its allocator: it tells so itself, and the plain build's does not."""

    def line(evidence: Evidence) -> Result:
        told = {}
        for feature, family in FEATURES.items():
            program = built(evidence, project, feature)
            settings = [f"{name}={value}" for name, value, _ in SPEAKS.values()] + ["MIMALLOC_VERBOSE=1"]
            words = ["env", *settings, str(program), *arguments(evidence, project)]
            output = evidence.command(f"{project.name}-run-{feature or 'none'}", words)
            speaking = [name for name, (_, _, word) in SPEAKS.items() if word in output.stderr]
            secure = SECURE + "4" in output.stderr
            told[feature] = (output.status, speaking, secure) == (0, [family] if family else [], "secure" in feature)
        wrong = [feature or "no feature" for feature, right in told.items() if not right]
        figure = f"wrong: {', '.join(wrong)}" if wrong else f"{len(told)} builds, each told by itself; secure level 4"
        return Result(figure=figure, held=not wrong)

    return line


def inspected(evidence: Evidence) -> Result:
    """`heapswap inspect PID` of a running process."""
    found = []
    for feature in ("mimalloc", "jemalloc"):
        with Popen([built(evidence, CROWD, feature), "2", "100000"], stdout=DEVNULL) as process:
            try:
                time.sleep(0.5)
                inspection = evidence.json(f"inspect-{feature}", [HEAPSWAP, "inspect", str(process.pid), "--json"])[
                    "inspections"
                ][0]
            finally:
                process.kill()
        found.append((inspection["allocator"], inspection["uses"][0]["presence"]))
    return Result(figure=str(found), held=found == [("mimalloc", "static"), ("jemalloc", "static")])


def msvc(evidence: Evidence) -> Result:
    """jemalloc is not in the graph for MSVC, and is in the one for Linux."""
    manifest = str(deployed(evidence, CROWD) / "Cargo.toml")
    graphs = {}
    for platform in ("x86_64-pc-windows-msvc", "x86_64-unknown-linux-gnu"):
        words = ["cargo", "metadata", "--format-version", "1", "--all-features", "--manifest-path", manifest]
        graph = evidence.json(f"graph-{platform}", [*words, "--filter-platform", platform])
        names = {package["id"]: package["name"] for package in graph["packages"]}
        graphs[platform] = {names[node["id"]] for node in graph["resolve"]["nodes"]}
    windows, linux = graphs.values()
    jemalloc = {"tikv-jemallocator", "tikv-jemalloc-sys"}
    return Result(
        figure=f"MSVC: {len(windows)} packages, jemalloc's {len(windows & jemalloc)}; "
        f"Linux: {len(linux)}, jemalloc's {len(linux & jemalloc)}",
        held=not windows & jemalloc and jemalloc <= linux and "mimalloc" in windows,
    )


def twice(evidence: Evidence) -> Result:
    """Applied again, nothing changes."""
    folder = deployed(evidence, CROWD)
    first = files(folder)
    done = heapswap(evidence, "crowd-deploy-again", "deploy", "cargo", str(folder), "--apply")
    same = files(folder) == first
    return Result(figure=done.stdout.splitlines()[0] if same else "files changed", held=done.status == 0 and same)


def reverted(project: Project) -> Callable[[Evidence], Result]:
    """After the builds, the tree is what it was when it was fetched."""

    def line(evidence: Evidence) -> Result:
        folder = deployed(evidence, project)
        grown = len(files(folder))
        done = heapswap(evidence, f"{project.name}-revert", "deploy", "cargo", str(folder), "--revert")
        was = before(evidence.folder, project.name)
        # A lock file that cargo itself wrote where there was none is cargo's.
        there = {path: data for path, data in files(folder).items() if path in was or path != "Cargo.lock"}
        held = done.status == 0 and there == was and grown > len(was)
        return Result(figure=f"{grown} files deployed, {len(there)} left, {len(was)} before", held=held)

    return line


LINES = (
    *(
        line
        for project in (CROWD, XSV)
        for line in (
            Line(promise=f"{project.name}: trial --cargo gives a verdict on builds, in a copy", measure=trial(project)),
            Line(promise=f"{project.name}: builds with no feature and with each", measure=builds(project)),
            Line(promise=f"{project.name}: two features are one clear error", measure=two_features(project)),
            Line(promise=f"{project.name}: a running process is served by what was built in", measure=running(project)),
        )
    ),
    Line(promise="inspect PID names the allocator inside a running Rust program", measure=inspected),
    Line(promise="jemalloc is out of the graph for x86_64-pc-windows-msvc", measure=msvc),
    Line(promise="deploy cargo applied twice changes nothing", measure=twice),
    *(
        Line(promise=f"{project.name}: revert leaves the tree byte-identical", measure=reverted(project))
        for project in (CROWD, XSV)
    ),
    Line(
        promise="workspace, library, existing allocator, dependency with one, editions: each right",
        measure=tests("cargo", "tests/deploy/cargo", "tests/cargo", "tests/integration/test_cargo.py"),
    ),
)
