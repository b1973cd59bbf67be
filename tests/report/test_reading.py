"""Any artifact is read by its kind; what is none is refused in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from heapswap import artifact
from heapswap.errors import CannotGoOn
from heapswap.report.reading import KINDS, answered, parse, read
from heapswap.trials.model import Trial
from heapswap.verdict.diagnosis import kept
from heapswap.verdict.model import Advice, Diagnosis, Verdict
from heapswap.verdict.rules import decide
from tests.report.artifacts import SAVED, saved


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_first_schema_saved_still_loads(kind: str) -> None:
    assert json.loads(SAVED[kind].read_bytes())["schema"] == 1
    assert saved(kind).kind == kind


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is no artifact"),
        (b"[1]", "is no artifact"),
        (b"\xff\xfe", "is no artifact"),
        (b"[" * 100_000, "is no artifact"),
        (b'{"kind": 7}', "is no artifact"),
        (b'{"kind": "receipt"}', "holds receipt, which is no artifact"),
        (b'{"kind": "trial", "schema": 99}', "upgrade heapswap"),
        (b'{"kind": "verdict", "schema": 1}', "is damaged"),
    ],
)
def test_what_is_none_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(CannotGoOn, match=says) as caught:
        parse(data, "some.json")
    assert "\n" not in str(caught.value)


def test_a_folder_stands_for_the_trial_in_it(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match="holds none of"):
        read(tmp_path)
    shutil.copy(SAVED["verdict"], tmp_path / "verdict.json")
    assert isinstance(read(tmp_path), Verdict)
    shutil.copy(SAVED["trial"], tmp_path / "trial.json")
    assert isinstance(read(tmp_path), Trial)


def test_a_verdict_finds_its_own_trial_beside_it_and_no_other(tmp_path: Path) -> None:
    trial, other = saved("trial"), saved("verdict")
    assert isinstance(trial, Trial)
    assert isinstance(other, Verdict)
    shutil.copy(SAVED["trial"], tmp_path / "trial.json")
    verdict = decide(trial, trial.design.objective)
    file = tmp_path / "verdict.json"
    file.write_bytes(artifact.encode(verdict))
    assert answered(verdict, file).trial == trial
    assert answered(other, file).trial is None
    assert answered(trial).verdict == verdict


def test_a_trial_finds_what_its_profile_said_in_the_verdict_beside_it(tmp_path: Path) -> None:
    trial = saved("trial")
    assert isinstance(trial, Trial)
    plain = decide(trial, trial.design.objective)
    verdict = replace(plain, diagnosis=Diagnosis(advice=Advice.SLOW, reason="up to 24 %", primary="cpu"))
    (tmp_path / "verdict.json").write_bytes(artifact.encode(verdict))
    assert answered(trial, tmp_path).verdict == verdict
    assert answered(replace(trial, runs=trial.runs[:-1]), tmp_path).verdict.diagnosis is None
    assert answered(trial).verdict == plain


def test_a_program_that_its_profile_keeps_is_kept_in_the_report_too(tmp_path: Path) -> None:
    trial = saved("trial")
    assert isinstance(trial, Trial)
    one = replace(trial, runs=trial.runs[:1])
    diagnosis = Diagnosis(advice=Advice.NO_BOTTLENECK, reason="6 % at most", primary="cpu", profile="sha256:1")
    verdict = kept(diagnosis, baseline="current", objective="cpu", not_tried=(), findings=())
    (tmp_path / "verdict.json").write_bytes(artifact.encode(verdict))
    assert answered(one, tmp_path).verdict == verdict
    assert answered(trial, tmp_path).verdict.rule != verdict.rule, "it has gone on since"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match="cannot be read: No such file"):
        read(tmp_path / "none.json")
