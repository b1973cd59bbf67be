"""`heapswap advise --from`: what it saves is what `heapswap report` shows again."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from heapswap.report.schemas import schema
from tests.native.support import ROOT

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
TRACE = ROOT / "tests" / "traces" / "golden" / "version_1.heap"


def ask(*words: str | Path) -> str:
    done = subprocess.run([HEAPSWAP, *map(str, words)], capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


@pytest.mark.acceptance
def test_a_saved_prediction_is_shown_as_it_was_told(tmp_path: Path) -> None:
    results = tmp_path / "results"
    shown = ask("advise", "--quiet", "--from", TRACE, "--results", results)
    assert shown.startswith("Prediction: ")
    assert ask("report", results) == shown
    saved = json.loads((results / "prediction.json").read_bytes())
    jsonschema.Draft202012Validator(schema("prediction")).validate(saved)
    assert json.loads(ask("report", results, "--json")) == saved
    for form in ("--markdown", "--csv", "--html"):
        assert ask("report", results, form)


@pytest.mark.acceptance
def test_a_redacted_prediction_keeps_no_arguments(tmp_path: Path) -> None:
    said = json.loads(ask("advise", "--quiet", "--redact", "--json", "--from", TRACE, "--results", tmp_path / "r"))
    assert said["program"] == []
    assert said == json.loads((tmp_path / "r" / "prediction.json").read_bytes())
