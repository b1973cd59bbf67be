"""Any saved artifact, by its kind; a results folder stands for the best that is in it."""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from heapswap import artifact
from heapswap.conformance import model as conformance
from heapswap.conformance.model import Conformance
from heapswap.errors import CannotGoOn
from heapswap.profiling import store as profiles
from heapswap.profiling.model import Profile
from heapswap.trials import store as trials
from heapswap.trials.model import Trial
from heapswap.verdict import prediction as predictions
from heapswap.verdict.model import Verdict
from heapswap.verdict.prediction import Prediction
from heapswap.verdict.rules import decide

Artifact = Trial | Verdict | Profile | Conformance | Prediction

VERDICT_SCHEMA = 1
KINDS: dict[str, tuple[type[Artifact], int]] = {
    "trial": (Trial, trials.SCHEMA),
    "verdict": (Verdict, VERDICT_SCHEMA),
    "profile": (Profile, profiles.SCHEMA),
    "conformance": (Conformance, conformance.SCHEMA),
    predictions.KIND: (Prediction, predictions.SCHEMA),
}
"""kind → its type and the newest schema that this heapswap knows"""

PREDICTION = "prediction.json"
_TRIAL = "trial.json"
_VERDICT = "verdict.json"
IN_A_FOLDER = (PREDICTION, _TRIAL, "profile.json", _VERDICT)
"""what is looked for in a results folder: what the trial beside it was for, then the richest"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A verdict with the trial that it rests on, where that is at hand."""

    verdict: Verdict
    trial: Trial | None = None


def read(place: Path) -> Artifact:
    """What a file, or a results folder, holds.

    Raises:
        CannotGoOn: nothing there, unreadable, no artifact of heapswap, damaged, or from a newer heapswap.
    """
    file = _file(place)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CannotGoOn(f"{place} cannot be read: {error.strerror}; give a file that heapswap saved") from None
    return parse(data, str(file))


def parse(data: bytes, source: str) -> Artifact:
    """An artifact from its bytes.

    Raises:
        CannotGoOn: no artifact of heapswap, damaged, or from a newer heapswap.
    """
    kind = _kind(data)
    if kind not in KINDS:
        held = f"holds {kind}, which is" if kind else "is"
        raise CannotGoOn(f"{source} {held} no artifact of heapswap; give a {', a '.join(KINDS)} that it saved")
    type_, schema = KINDS[kind]
    return artifact.decode(data, kind, schema, type_, source)


def answered(found: Trial | Verdict, place: Path | None = None) -> Answered:
    """What the rules say of a trial; or a verdict, with its trial where that lies beside it.

    What the first run's profile said is in the verdict that lies beside a trial.
    """
    if isinstance(found, Trial):
        return Answered(verdict=_of_trial(found, _verdict_beside(place) if place is not None else None), trial=found)
    return Answered(verdict=found, trial=trial_beside(found, place) if place is not None else None)


def _of_trial(trial: Trial, saved: Verdict | None) -> Verdict:
    if saved is None or saved.diagnosis is None:
        return decide(trial, trial.design.objective)
    if saved.evidence == artifact.digest(trial):
        return replace(decide(trial, trial.design.objective), diagnosis=saved.diagnosis)
    # One that rests on the profile of the only run is more than the rules can say of that run.
    is_its_own = saved.evidence == saved.diagnosis.profile and saved.runs == len(trial.runs) == 1
    return saved if is_its_own else decide(trial, trial.design.objective)


def _verdict_beside(place: Path) -> Verdict | None:
    try:
        found = read((place if place.is_dir() else place.parent) / _VERDICT)
    except CannotGoOn:
        return None
    return found if isinstance(found, Verdict) else None


def trial_beside(found: Verdict | Prediction, place: Path) -> Trial | None:
    """The trial in the folder of an answer, if it is the one that the answer rests on."""
    try:
        trial = trials.load((place if place.is_dir() else place.parent) / _TRIAL)
    except CannotGoOn:
        return None
    return trial if artifact.digest(trial) == found.evidence else None


def _file(place: Path) -> Path:
    if not place.is_dir():
        return place
    found = next((place / name for name in IN_A_FOLDER if (place / name).is_file()), None)
    if found is None:
        raise CannotGoOn(f"{place} holds none of {', '.join(IN_A_FOLDER)}; give a file that heapswap saved")
    return found


def _kind(data: bytes) -> str:
    try:
        head = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    kind = head.get("kind") if isinstance(head, dict) else None
    return kind if isinstance(kind, str) else ""
