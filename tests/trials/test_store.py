"""A trial on disk: its format, and what is left of it when saving or reading goes wrong."""

import dataclasses
import json
import os
import re
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.errors import CannotGoOn, Misuse
from heapswap.trials.model import Force, Outcome, Stage, Trial
from heapswap.trials.store import Keeps, beside, create, default_folder, is_redacted, load, redacted, reopen
from tests.disks import on_small_disk

GOLDEN = Path(__file__).with_name("golden") / "trial-1.json"
"""A file of schema 1 with every field and every kind of run. It is never changed: files like it are in people's hands.
A field that is added later needs a default, and a golden file of its own."""

BUILDS = GOLDEN.with_name("trial-1-builds.json")
"""The same, of a trial of builds."""

SERVICE = GOLDEN.with_name("trial-1-service.json")
"""The same, of a service under load."""

WAITING = GOLDEN.with_name("trial-1-waiting.json")
"""The same, with what its threads waited for a core, and what its runs cost beside themselves."""

SMALL = GOLDEN.with_name("trial-1-small.json")
"""The same, with what Python's small objects take at rest."""


@pytest.fixture
def trial() -> Trial:
    return load(GOLDEN)


# --- the format --------------------------------------------------------------------------------------------------


def test_the_format_is_what_it_was() -> None:
    assert artifact.encode(load(SMALL)) + b"\n" == SMALL.read_bytes()


def of(now: object, then: object) -> object:
    """What is written now, without the fields that were not yet there then."""
    match now, then:
        case dict(), dict():
            return {name: of(value, then[name]) for name, value in now.items() if name in then}
        case list(), list():
            return [of(*pair) for pair in zip(now, then, strict=True)]
        case _:
            return now


@pytest.mark.parametrize("file", [GOLDEN, BUILDS, SERVICE, WAITING])
def test_what_an_older_file_says_is_written_again_as_it_was(file: Path) -> None:
    then = json.loads(file.read_bytes())
    assert json.dumps(of(json.loads(artifact.encode(load(file))), then)) == json.dumps(then)


def test_a_file_from_before_builds_and_services_is_read_with_none(trial: Trial) -> None:
    assert (trial.workload.builds, trial.workload.source, trial.workload.service) == ((), (), None)
    assert {(run.steps, run.pauses) for run in trial.runs} == {((), ())}


def values(value: object) -> Iterator[object]:
    """Every value in a tree of types."""
    yield value
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from values(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from values(item)


@pytest.mark.parametrize("words", [Outcome, Stage, Force])
def test_the_golden_file_has_every_word_of_a_run(trial: Trial, words: type[StrEnum]) -> None:
    assert {value for value in values(trial) if isinstance(value, words)} == set(words)


def test_a_trial_is_one_line_with_its_kind_first(trial: Trial) -> None:
    data = artifact.encode(trial)
    assert data.startswith(b'{"kind":"trial","schema":1,')
    assert b"\n" not in data


def test_what_loads_a_service_is_left_out_as_its_arguments_are() -> None:
    kept = redacted(load(SERVICE)).workload
    assert kept.service is not None
    assert (kept.service.load, kept.service.ready.log, kept.source) == (("redis-benchmark", "…"), "", ())
    assert (kept.service.rest, kept.service.levels) == (5.0, load(SERVICE).workload.service.levels)  # type: ignore[union-attr]


# --- what cannot be read -----------------------------------------------------------------------------------------


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(GOLDEN.read_text()), **fields})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            changed(schema=2),
            "{file} has schema 2, and this heapswap knows trial up to 1; upgrade heapswap to read it",
        ),
        (changed(schema="1"), "{file} has schema 1, and this heapswap knows trial up to 1; upgrade heapswap"),
        (changed(kind="verdict"), "{file} holds verdict, not a trial; give a file of kind trial"),
        (changed(kind=None), "{file} holds no kind, not a trial; give a file of kind trial"),
        ("[1]", "{file} holds no kind, not a trial; give a file of kind trial"),
        ("null", "{file} holds no kind, not a trial; give a file of kind trial"),
        (changed(runs=[{}]), "{file} is damaged: Object missing required field `slot` - at `$.runs[0]`;"),
        (changed(design=None), "{file} is damaged: Expected `object`, got `null` - at `$.design`;"),
        ("", "{file} is not a heapswap file (Input data was truncated); give a file that heapswap saved"),
        (GOLDEN.read_text()[:1000], "{file} is not a heapswap file (Input data was truncated); give a file"),
        ("[" * 100_000, "{file} is not a heapswap file (maximum recursion depth exceeded"),
    ],
)
def test_a_file_that_is_no_trial_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "trial.json"
    file.write_text(text)
    with pytest.raises(CannotGoOn) as caught:
        load(file)
    assert str(caught.value).startswith(message.format(file=file))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_no_trial(tmp_path: Path) -> None:
    file = tmp_path / "trial.json"
    file.write_bytes(GOLDEN.read_bytes().replace(b"lua5.4", b"\xff", 1))
    with pytest.raises(CannotGoOn, match="is not a heapswap file"):
        load(file)


def test_fields_of_a_later_heapswap_with_the_same_schema_are_passed_over(tmp_path: Path, trial: Trial) -> None:
    file = tmp_path / "trial.json"
    file.write_text(changed(colour="blue"))
    assert load(file) == trial


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match=f"^{tmp_path}/none.json cannot be read: No such file or directory$"):
        load(tmp_path / "none.json")
    hint = "holds no trial to continue; give the folder or file that an earlier trial printed"
    for place in (tmp_path / "none.json", tmp_path):
        with pytest.raises(CannotGoOn, match=f"^{place} {hint}$"):
            reopen(place)


# --- folders -----------------------------------------------------------------------------------------------------


def test_a_new_folder_is_for_this_user_only(tmp_path: Path) -> None:
    results = create(tmp_path / "a" / "b")
    assert (results.folder, results.trial) == (tmp_path / "a" / "b", tmp_path / "a" / "b" / "trial.json")
    assert results.folder.stat().st_mode & 0o777 == 0o700
    assert results.run_folder(7) == tmp_path / "a" / "b" / "runs" / "0007"
    assert results.run_folder(7).stat().st_mode & 0o777 == 0o700


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Trial) -> None:
    """A trial holds the path of the input that it kept, and may be continued from another folder."""
    monkeypatch.chdir(tmp_path)
    results = create(Path("here"), Path("trial.json"))
    assert (results.folder, results.trial) == (tmp_path / "here", tmp_path / "trial.json")
    results.save(trial)
    assert reopen(Path("trial.json")).trial == tmp_path / "trial.json"


def test_what_exists_is_left_alone(tmp_path: Path, trial: Trial) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(Misuse) as caught:
        create(there)
    assert str(caught.value) == f"{there} exists; give another with --results"
    (there / "trial.json").write_text("mine")
    with pytest.raises(Misuse) as caught:
        create(there)
    assert str(caught.value) == (
        f"{there} exists; give another with --results, or continue the trial in it with --resume {there}"
    )
    file = tmp_path / "trial.json"
    file.write_text("mine")
    with pytest.raises(Misuse) as caught:
        create(tmp_path / "new", file)
    assert str(caught.value) == f"{file} exists; give another file, or continue it with --resume {file}"
    assert file.read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_a_user_without_a_home_is_told_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(CannotGoOn, match=r"^this user has no home folder to keep results in; set XDG_STATE_HOME"):
        default_folder("true", {})
    assert default_folder("true", {"XDG_STATE_HOME": "/state"}).parent == Path("/state/heapswap")


def test_a_trial_in_a_file_of_its_own_is_found_by_the_folder_beside_it(tmp_path: Path, trial: Trial) -> None:
    results = create(beside(tmp_path / "t.json"), tmp_path / "t.json")
    results.save(trial)
    assert reopen(results.folder) == results


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotGoOn, match=r"/file/x cannot be made: Not a directory; give another with --results$"):
        create(tmp_path / "file" / "x")
    results = create(tmp_path / "results")
    (results.folder / "runs").touch()
    with pytest.raises(CannotGoOn, match=r"/runs/0001 cannot be made: .*; what was saved before is unchanged$"):
        results.run_folder(1)


def test_a_trial_is_opened_again_by_its_folder_or_its_file(tmp_path: Path, trial: Trial) -> None:
    results = create(tmp_path / "results")
    results.save(trial)
    assert reopen(results.folder) == results
    assert reopen(results.trial) == results
    assert reopen(results.folder).load() == trial


def test_a_trial_file_alone_gets_a_new_folder_for_what_is_still_run(tmp_path: Path, trial: Trial) -> None:
    create(tmp_path / "results", tmp_path / "sent.json").save(trial)
    results = reopen(tmp_path / "sent.json")
    assert (results.folder, results.trial) == (tmp_path / "sent.json.runs", tmp_path / "sent.json")
    assert results.folder.is_dir()
    assert results.load() == trial


def test_a_default_folder_is_in_the_users_state(tmp_path: Path) -> None:
    folder = default_folder("/opt/my tools/program:1", {"XDG_STATE_HOME": str(tmp_path)})
    assert folder.parent == tmp_path / "heapswap"
    assert re.fullmatch(rf"[0-9]{{8}}-[0-9]{{6}}-program_1-{os.getpid()}", folder.name)
    assert default_folder("x", {}).parent == Path.home() / ".local" / "state" / "heapswap"


@pytest.mark.parametrize("error", [Misuse("a budget too small"), CannotGoOn("input that does not fit the disk")])
def test_a_request_that_is_refused_leaves_no_folder(tmp_path: Path, error: Exception) -> None:
    results = create(tmp_path / "results")
    results.run_folder(0)
    with pytest.raises(type(error)), results.discarded_on_error():
        raise error
    assert not results.folder.exists()


def test_what_is_measured_survives_a_bug(tmp_path: Path) -> None:
    results = create(tmp_path / "results")
    with pytest.raises(RuntimeError), results.discarded_on_error():
        raise RuntimeError("a bug")
    assert results.folder.exists()


# --- redacted ----------------------------------------------------------------------------------------------------


def test_a_redacted_trial_has_no_arguments_and_no_logs(tmp_path: Path, trial: Trial) -> None:
    results = create(tmp_path / "results", keeps=Keeps.NUMBERS)
    results.save(trial)
    (results.run_folder(0) / "stderr").write_text("churn")
    (results.folder / "stdin").write_text("churn")
    results.tidy()
    saved = results.load()
    assert saved == redacted(trial) == results.kept(trial)
    assert [path.name for path in results.folder.iterdir()] == ["trial.json"]
    for private in ("churn", "café", "make", "cache", "input", "not enough memory", "Segmentation"):
        assert private not in results.trial.read_text()
    assert saved.workload.argv == ("lua5.4", "…")
    assert [run.measurements for run in saved.runs] == [run.measurements for run in trial.runs]
    assert (is_redacted(saved), is_redacted(trial)) == (True, False)


def test_everything_is_kept_unless_asked_otherwise(tmp_path: Path, trial: Trial) -> None:
    results = create(tmp_path / "results")
    (results.run_folder(0) / "stderr").write_text("churn")
    results.save(trial)
    results.tidy()
    assert results.load() == trial
    assert (results.folder / "runs" / "0000" / "stderr").read_text() == "churn"


# --- what goes wrong while saving --------------------------------------------------------------------------------

ON_A_SMALL_DISK = """
    import json, sys
    from dataclasses import replace
    from pathlib import Path
    from heapswap.errors import CannotGoOn
    from heapswap.trials.store import create, load

    trial = load(Path(sys.argv[1]))
    results = create(Path(sys.argv[2]) / "results")
    saved = 0
    try:
        for saved in range(1000):
            results.save(replace(trial, runs=trial.runs * (saved + 1)))
    except CannotGoOn as error:
        left = sorted(path.name for path in results.folder.iterdir())
        print(json.dumps([saved, len(results.load().runs) / len(trial.runs), left, str(error)]))
"""


def test_a_full_disk_leaves_what_was_saved_before(tmp_path: Path) -> None:
    """Where no file system can be mounted, the limit on a file's size in the next test stands in for it."""
    disk = tmp_path / "disk"
    words = [*on_small_disk(disk), sys.executable, "-c", textwrap.dedent(ON_A_SMALL_DISK), str(GOLDEN), str(disk)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    saved, readable, left, message = json.loads(done.stdout)
    assert saved == readable > 1
    assert left == ["trial.json"]
    file = disk / "results" / "trial.json"
    assert message == f"{file} cannot be saved: No space left on device; what was saved before is unchanged"


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 64 KiB: the kernel's own error, without a privilege."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_write_that_fails_leaves_what_was_saved_before(tmp_path: Path, trial: Trial) -> None:
    results = create(tmp_path / "results")
    results.save(trial)
    with pytest.raises(CannotGoOn) as caught:
        results.save(replace(trial, runs=trial.runs * 20))
    assert str(caught.value) == (f"{results.trial} cannot be saved: File too large; what was saved before is unchanged")
    assert results.load() == trial
    assert [path.name for path in results.folder.iterdir()] == ["trial.json"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(5, "Input/output error")])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, trial: Trial, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    results = create(tmp_path / "results")
    results.save(trial)

    def interrupt(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(step, interrupt)
        with pytest.raises(CannotGoOn if isinstance(error, OSError) else KeyboardInterrupt):
            results.save(replace(trial, runs=()))
    assert results.load() == trial
    assert [path.name for path in results.folder.iterdir()] == ["trial.json"]
    results.save(replace(trial, runs=()))
    assert results.load().runs == ()
