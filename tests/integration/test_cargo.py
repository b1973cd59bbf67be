"""`heapswap trial --cargo` end to end, on a project whose allocators need no package and are built at once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heapswap import artifact
from heapswap.trials.model import Force, Outcome, Trial
from heapswap.trials.store import load
from tests.cargo.projects import environ, package, tree

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
MAIN = """\
use std::alloc::{GlobalAlloc, Layout, System};

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 { unsafe { System.alloc(layout) } }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) { unsafe { System.dealloc(block, layout) } }
}

#[cfg(feature = "counting")]
#[global_allocator]
static GLOBAL: Counting = Counting;

#[cfg(feature = "broken")]
compile_error!("this one does not build");

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    words.extend((0..2000).map(|number| number.to_string()));
    println!("{} {:?}", words.concat().len(), &words[..1]);
}
"""
FEATURES = "[features]\ncounting = []\nbroken = []\nnothing = []\n"
Heapswap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return package(tmp_path / "app", {"src/main.rs": MAIN}, manifest=FEATURES)


@pytest.fixture
def heapswap(tmp_path: Path) -> Heapswap:
    """Run heapswap, which has nothing of cargo's but what it makes itself; it must end with `status`."""
    surroundings = environ(
        XDG_STATE_HOME=str(tmp_path / "state"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        CARGO_HOME=str(tmp_path / "cargo"),
        RUSTUP_HOME=os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
    )

    def run(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [HEAPSWAP, *words],
            cwd=tmp_path,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == status, done.stderr
        return done

    return run


def of(trial: Trial, candidate: str) -> list[Any]:
    return [run for run in trial.runs if run.slot.candidate == candidate]


def test_every_feature_is_a_build_and_what_cannot_be_one_is_not_tried(
    project: Path, heapswap: Heapswap, tmp_path: Path
) -> None:
    before = tree(project)
    words = ("--candidates", "counting", "broken", "nothing", "mimalloc", "system:arena_max=2", "--blocks", "1")
    done = heapswap("trial", "--cargo", "app", *words, "--results", "results", "--json", "--", "hello")
    assert tree(project) == before
    assert done.stderr.startswith("Building app as it is, which is not measured.\n  It took ")
    assert "Building app with counting, which is not measured.\n" in done.stderr
    verdict = json.loads(done.stdout)
    reasons = {row["candidate"]: row["reason"] for row in verdict["not_tried"]}
    assert reasons.keys() == {"broken", "nothing", "mimalloc"}
    assert reasons["broken"].startswith("cargo build: this one does not build")
    assert reasons["nothing"] == "the feature nothing chooses no allocator for app"
    assert "mimalloc" in reasons["mimalloc"]
    assert all("\n" not in reason for reason in reasons.values())
    trial = load(tmp_path / "results" / "trial.json")
    assert {run.outcome for run in trial.runs} == {Outcome.COMPLETED}
    assert trial.workload.argv == ("app", "hello")
    assert trial.workload.source == ("--cargo", str(project), "--bin", "app")
    assert trial.design.simplicity == (4, 1)
    (build,) = trial.workload.builds
    assert build.command == ("cargo", "build", "--release", "--bin", "app", "--features", "counting")
    for run in of(trial, "counting"):
        assert run.processes[0].program == run.processes[0].allocator == build.program
        assert run.processes[0].force is Force.IN_FORCE
    for name in ("current", "system:arena_max=2"):
        assert {run.processes[0].program for run in of(trial, name)} == {trial.workload.program}
    assert (tmp_path / "results/runs/0000/stdout").read_text() == '6895 ["hello"]\n'


def test_a_trial_of_builds_goes_on_with_the_same_builds_only(project: Path, heapswap: Heapswap, tmp_path: Path) -> None:
    words = ("--candidates", "counting", "--blocks", "1", "-q")
    heapswap("trial", "--cargo", str(project), *words, "--results", "results")
    text = heapswap("trial", "--resume", "results", "-q").stdout
    assert "counting" in text
    heapswap("trial", "--resume", "results", "--cargo", "app", status=2)
    build = tmp_path / "results/builds/counting/app"
    build.write_bytes(build.read_bytes() + b"x")
    done = heapswap("trial", "--resume", "results", status=3)
    assert "is gone or was changed; start a new one" in done.stderr


def test_a_benchmark_runs_in_the_copy(project: Path, heapswap: Heapswap, tmp_path: Path) -> None:
    (project / "benches").mkdir()
    source = MAIN + "\n#[allow(dead_code)] fn here() {}\n"
    source = source.replace("fn main() {", 'fn main() { std::fs::write("left-behind", "x").unwrap();')
    (project / "benches" / "speed.rs").write_text(source)
    with (project / "Cargo.toml").open("a") as file:
        file.write('[[bench]]\nname = "speed"\nharness = false\n')
    before = tree(project)
    heapswap(
        *("trial", "--cargo", "app", "--bench", "speed", "--candidates", "counting", "--blocks", "1", "-q"),
        *("--results", "results", "--", "hello"),
    )
    assert tree(project) == before
    trial = load(tmp_path / "results" / "trial.json")
    assert trial.workload.argv == ("speed", "hello", "--bench")
    assert (Path(trial.workload.directory) / "left-behind").exists()


def test_a_default_feature_that_chooses_is_left_out_of_the_baseline(
    project: Path, heapswap: Heapswap, tmp_path: Path
) -> None:
    manifest = project / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[features]\n", '[features]\ndefault = ["nothing", "counting"]\n'))
    words = ("--candidates", "counting", "--blocks", "1", "-q", "--results", "results")
    heapswap("trial", "--cargo", "app", *words)
    workload = load(tmp_path / "results" / "trial.json").workload
    assert workload.builds[0].command[-3:] == ("--no-default-features", "--features", "nothing,counting")
    assert workload.builds[0].digest != artifact.file_digest(Path(workload.program))


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--cargo", "nowhere"), 3, "does not exist; give a folder with a Cargo.toml"),
        (("--cargo", "app", "--bin", "other"), 3, "app has no bin 'other'; it has: app"),
        (("--cargo", "app", "--bench", "other"), 3, "app has no bench 'other'; it has: none"),
        (("--cargo", "app", "--baseline", "counting"), 2, "the baseline is the build without features"),
        (("--bin", "app", "--", "true"), 2, "--bin is about a Rust project; give it with --cargo PATH"),
        (("--cargo", "app", "--candidates", "broken"), 3, "no candidate can be run: broken: cargo build: this one"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    words: tuple[str, ...], status: int, message: str, heapswap: Heapswap, project: Path
) -> None:
    done = heapswap("trial", "-q", *words, "--results", "results", status=status)
    assert done.stderr.startswith("heapswap: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (project.parent / "results").exists()


def test_a_program_that_does_not_build_as_it_is_ends_it(project: Path, heapswap: Heapswap, tmp_path: Path) -> None:
    (project / "src" / "main.rs").write_text("fn main() { nonsense }\n")
    done = heapswap("trial", "-q", "--cargo", "app", "--candidates", "counting", "--results", "results", status=3)
    assert done.stderr.startswith("heapswap: cargo build: ")
    assert "cannot find value `nonsense`" in done.stderr
    assert not (tmp_path / "results").exists()


# --- a service that is built ---------------------------------------------------------------------------------------

SERVES = (
    MAIN.partition("fn main()")[0]
    + """\
fn main() {
    use std::io::{Read, Write};
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    for connection in std::net::TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        std::thread::spawn(move || {
            let mut connection = connection.unwrap();
            let mut byte = vec![0u8; 1];
            while connection.read(&mut byte).unwrap_or(0) == 1 && connection.write_all(&byte).is_ok() {}
        });
    }
}
"""
)


def described(tmp_path: Path, start: str) -> str:
    """A workload file for such a service."""
    load = [sys.executable, str(Path(__file__).with_name("requests.py")), "{port}", "once"]
    file = tmp_path / "workload.toml"
    file.write_text(f'start = "{start}"\nload = {json.dumps(load)}\nwarmup = 0\nrest = 0.1\n')
    return str(file)


@pytest.mark.acceptance
def test_a_service_is_built_with_each_allocator_and_each_build_is_loaded(tmp_path: Path, heapswap: Heapswap) -> None:
    project = package(tmp_path / "app", {"src/main.rs": SERVES}, manifest=FEATURES)
    words = ("--cargo", str(project), "--workload", described(tmp_path, "target/release/app {port}"))
    results = tmp_path / "results"
    candidates = ("--candidates", "counting", "system:arena_max=1")
    heapswap("trial", *words, *candidates, "--blocks", "1", "--results", str(results), "--quiet")
    trial = load(results / "trial.json")
    assert {run.outcome for run in trial.runs} == {Outcome.COMPLETED}
    assert all(run.steps and run.pauses for run in trial.runs)
    (made,) = trial.workload.builds
    for candidate, program in (("current", trial.workload.program), ("counting", made.program)):
        assert {run.processes[0].program for run in of(trial, candidate)} == {program}
        assert of(trial, candidate)
    assert trial.workload.source == ("--cargo", str(project), "--bin", "app", "--workload", words[-1])
    page = heapswap("report", str(results), "--markdown").stdout
    assert f"--cargo {project} --bin app --workload {words[-1]}" in " ".join(page.replace("\\\n", " ").split())


@pytest.mark.parametrize(
    ("start", "more", "message"),
    [
        ("other {port}", (), "the service starts 'other', and what is built is 'app'; let its command begin with app"),
        ("app {port}", ("--bench", "speed"), "--bench measures a benchmark, which ends by itself"),
    ],
)
def test_a_service_that_is_not_what_is_built(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path, project: Path, heapswap: Heapswap, start: str, more: tuple[str, ...], message: str
) -> None:
    done = heapswap("trial", "--cargo", str(project), "--workload", described(tmp_path, start), *more, status=2)
    assert message in " ".join(done.stderr.split())
