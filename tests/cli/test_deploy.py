"""The verb as it is typed: shown first, applied, taken back; every refusal one line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.cli.main import main
from heapswap.deploy.deployments import Receipts
from heapswap.deploy.model import Deployment, Target
from heapswap.errors import CannotGoOn
from heapswap.verdict.model import Decision
from tests.deploy.systemd.test_plan import service
from tests.deploy.test_choice import VERDICT
from tests.deploy.test_deployments import snapshot
from tests.deploy.trees import MIDDLE, tree

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type `heapswap deploy` in a project's folder: exit status and what it says."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["deploy", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def _python(folder: Path) -> tuple[str, ...]:
    (folder / "job.py").write_text("print(1)\n")
    return ("python", "job.py")


def _env(folder: Path) -> tuple[str, ...]:
    (folder / "x.env").write_bytes(b"A=1\r\nB=2")
    return ("env", "x.env")


def _docker(folder: Path) -> tuple[str, ...]:
    (folder / "Dockerfile").write_text("FROM debian:12\nCMD env\n")
    return ("docker", ".")


def _systemd(folder: Path) -> tuple[str, ...]:
    service(folder / "root")
    return ("systemd", "shop")


def _rustc(folder: Path) -> tuple[str, ...]:
    tree(folder, MIDDLE)
    return ("rustc", ".")


OPTIONS = {"systemd": ("--root", "root")}
TARGETS = {"python": _python, "env": _env, "docker": _docker, "systemd": _systemd, "rustc": _rustc}


@pytest.mark.parametrize("target", TARGETS)
def test_shown_applied_again_changed_and_reverted(target: str, run: Run, tmp_path: Path) -> None:
    folder, options = tmp_path / "project", OPTIONS.get(target, ())
    words = TARGETS[target](folder)
    first, second = ("jemalloc", "jemalloc") if target == "rustc" else ("mimalloc@2", "jemalloc:narenas=2")
    before = snapshot(folder)
    status, shown, said = run(*words, first, *options)
    assert (status, said, snapshot(folder)) == (0, "", before)
    assert "Nothing is changed yet" in " ".join(shown.split())
    assert run(*words, first, "--dry-run", *options)[1] == shown
    assert run(*words, first, "--apply", *options)[0] == 0
    applied = snapshot(folder)
    assert applied != before
    assert run(*words, first, "--apply", *options)[0] == 0
    assert "no file would change" in " ".join(run(*words, first, *options)[1].split())
    assert snapshot(folder) == applied
    assert run(*words, second, "--apply", *options)[0] == 0
    assert target == "rustc" or snapshot(folder) != applied
    status, shown, said = run(*words, "--revert", *options)
    assert (status, said, snapshot(folder)) == (0, "", before)
    assert "as it was without" in shown
    status, shown, said = run(*words, "--revert", *options)
    assert (status, shown) == (3, "")
    assert said.startswith("heapswap: nothing is deployed to ")
    assert said.count("\n") == 1


def test_the_commands_that_it_prints_work_as_they_are_printed(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    words = (*_systemd(folder), "mimalloc", "--root", "root")
    before = snapshot(folder)
    for changed in (True, False):
        _, shown, _ = run(*words)
        typed = shown.rsplit("heapswap deploy ", 1)[1].replace("\\\n", "").split()
        assert run(*typed)[0] == 0
        assert (snapshot(folder) != before) is changed


def test_what_was_deployed_with_options_is_verified_as_it_prints(run: Run, tmp_path: Path) -> None:
    words = _docker(tmp_path / "project")
    _, shown, _ = run(*words, "mimalloc", "--scope", "image", "--context", "..", "--apply")
    (typed,) = (line.split()[2:] for line in shown.splitlines() if line.endswith("--verify"))
    status, shown, _ = run(*typed)
    assert (status, "2 file(s) are as deployed" in shown) == (0, True)
    (tmp_path / "project" / "Dockerfile").write_text("FROM debian:12\nCMD env\n")
    assert run(*typed)[0] == 1


def test_the_candidate_may_stand_behind_the_options(run: Run, tmp_path: Path) -> None:
    words = _docker(tmp_path / "project")
    first = run(*words, "mimalloc", "--scope", "image")
    assert first[0] == 0
    assert run(*words, "--scope", "image", "mimalloc") == first
    assert run(*words, "--scope", "image", "mimalloc", "jemalloc")[0] == 2


def test_as_json(run: Run, tmp_path: Path) -> None:
    words = _env(tmp_path / "project")
    status, shown, said = run(*words, "mimalloc", "--json")
    plan = json.loads(shown)
    assert (status, said) == (0, "")
    assert (plan["kind"], plan["schema"], plan["target"], plan["candidate"]) == ("plan", 1, "env", "mimalloc")
    assert plan["state"] == "pending"
    (action,) = plan["actions"]
    assert action["path"] == str(tmp_path / "project" / "x.env")
    assert action["change"] == "replace"
    assert "+LD_PRELOAD=" in action["diff"]
    run(*words, "mimalloc", "--apply")
    assert json.loads(run(*words, "mimalloc", "--json")[1])["state"] == "applied"


def test_from_a_verdict(run: Run, tmp_path: Path) -> None:
    words = _env(tmp_path / "project")
    file = tmp_path / "results" / "verdict.json"
    file.parent.mkdir()
    file.write_bytes(artifact.encode(VERDICT))
    for source in (file, file.parent):
        status, shown, _ = run(*words, "--from", str(source), "--json")
        assert (status, json.loads(shown)["candidate"], json.loads(shown)["evidence"]) == (0, "mimalloc@2", "sha256:0")
    file.write_bytes(artifact.encode(replace(VERDICT, outcome=Decision.KEEP, candidate=None)))
    status, shown, said = run(*words, "--from", str(file), "--apply")
    assert (status, shown, said.count("\n")) == (3, "", 1)
    assert "says keep, and nothing is deployed on that" in said


def test_printed_to_be_evaluated_by_a_shell(run: Run) -> None:
    status, shown, said = run("env", "-", "system:arena_max=2")
    assert (status, shown, said) == (0, "MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX-2}; export MALLOC_ARENA_MAX\n", "")


def test_a_receipt_can_be_dropped_where_lines_were_edited_by_hand(run: Run, tmp_path: Path) -> None:
    words, file = _env(tmp_path / "project"), tmp_path / "project" / "x.env"
    run(*words, "mimalloc", "--apply")
    file.write_bytes(file.read_bytes().replace(b"LD_PRELOAD=", b"LD_PRELOAD=/opt/mine.so:"))
    edited = file.read_bytes()
    status, _, said = run(*words, "--revert")
    assert (status, said.count("\n"), file.read_bytes()) == (3, 1, edited)
    assert "was edited since, near line 3" in said
    assert run(*words, "--forget")[0] == 0
    assert run(*words, "--forget")[0] == 3
    assert file.read_bytes() == edited


def test_a_damaged_receipt_is_told_and_can_be_dropped(run: Run, tmp_path: Path) -> None:
    words = _env(tmp_path / "project")
    run(*words, "mimalloc", "--apply")
    (receipt,) = (tmp_path / "state").rglob("*.json")
    receipt.write_bytes(receipt.read_bytes()[:40])
    before = snapshot(tmp_path / "project")
    for step in (("jemalloc", "--apply"), ("--revert",), ("--verify",), ("jemalloc", "--dry-run")):
        status, _, said = run(*words, *step)
        assert (status, said.count("\n"), "and use --forget" in said) == (3, 1, True)
    assert run(*words, "--forget")[0] == 0
    assert not receipt.exists()
    assert snapshot(tmp_path / "project") == before


@pytest.mark.parametrize("step", [("mimalloc", "--apply"), ("--revert",)])
def test_another_heapswap_waits_before_the_receipt_is_read(
    step: tuple[str, ...], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, load, seen = _env(tmp_path / "project"), Receipts.load, []

    def watched(receipts: Receipts, target: Target, place: str) -> Deployment | None:
        with pytest.raises(CannotGoOn, match="another heapswap deploys") as refused, receipts.held():
            pass
        seen.append(refused)
        return load(receipts, target, place)

    run(*words, "mimalloc", "--apply")
    monkeypatch.setattr(Receipts, "load", watched)
    assert (run(*words, *step)[0], len(seen)) == (0, 1)


def test_a_manifest_that_was_broken_since_can_be_taken_back_to(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    manifest = folder / "Cargo.toml"
    manifest.write_text('[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n')
    before = snapshot(folder)
    assert run("cargo", ".", "--apply")[0] == 0
    manifest.write_text(f"no manifest\n{manifest.read_text()}")
    assert run("cargo", ".", "--verify")[0] == 3
    assert run("cargo", ".", "--revert")[0] == 0
    manifest.write_text(manifest.read_text().removeprefix("no manifest\n"))
    assert snapshot(folder) == before


def test_what_systemd_has_read_is_told_of_when_it_is_taken_back(run: Run, tmp_path: Path) -> None:
    words = _systemd(tmp_path / "project")
    run(*words, "mimalloc", "--root", "root", "--apply")
    assert "systemctl daemon-reload" in run(*words, "--root", "root", "--revert")[1]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("env", "x"), 2, "nothing to deploy; name a candidate, or give the verdict"),
        (("env", "x", "mimalloc", "--from", "v.json"), 2, "both mimalloc and --from v.json choose"),
        (("env", "x", "--from", "gone.json"), 3, "gone.json cannot be read: No such file"),
        (("env", "x", "nonsense"), 2, "'nonsense' is no allocator"),
        (("env", "x", "current"), 2, "current changes nothing"),
        (("env", "x", "mimalloc", "--", "true"), 2, "takes no command"),
        (("env", "x", "mimalloc", "--apply", "--revert"), 2, "not allowed with argument"),
        (("env", "x", "mimalloc", "--stage", "y"), 2, "unrecognized arguments: --stage y"),
        (("heroku", "x"), 2, "invalid choice: 'heroku'"),
        ((), 2, "the following arguments are required: TARGET"),
        (("docker", "gone/Dockerfile", "mimalloc"), 3, "gone/Dockerfile does not exist; give a Dockerfile"),
        (("env", ".", "mimalloc"), 3, "is not a regular file"),
        (("rustc", ".", "mimalloc"), 2, "the compiler's build knows jemalloc"),
    ],
)
def test_what_cannot_be_meant_is_one_line(words: tuple[str, ...], status: int, says: str, run: Run) -> None:
    before = sorted(Path.cwd().iterdir())
    found, shown, said = run(*words)
    assert (found, shown, said.count("\n")) == (status, "", 1)
    assert says in said
    assert sorted(Path.cwd().iterdir()) == before


@pytest.mark.parametrize(
    "words",
    [
        ("docker", "{}"),
        ("python", "{}"),
        ("cargo", "{}"),
        ("rustc", "{}", "jemalloc"),
        ("systemd", "shop", "mimalloc", "--root", "{}"),
        ("env", "{}", "mimalloc"),
        ("env", "x.env", "--from", "{}"),
    ],
)
def test_what_may_not_be_looked_at_is_one_line(words: tuple[str, ...], run: Run) -> None:
    # A name that is too long fails for the superuser too, where a closed folder would not.
    status, shown, said = run(*(word.format("x" * 300) for word in words), *(("mimalloc",) if len(words) == 2 else ()))
    assert (status, shown, said.count("\n"), "File name too long" in said) == (3, "", 1, True)


@pytest.mark.parametrize("data", [b"\xff\xfeA\x00=\x001\x00", b"A=1\0\n"])
def test_a_file_that_is_no_text_is_one_line(data: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "project" / "x.env").write_bytes(data)
    status, shown, said = run("env", "x.env", "mimalloc", "--apply")
    assert (status, shown, said.count("\n")) == (3, "", 1)
    assert (tmp_path / "project" / "x.env").read_bytes() == data
