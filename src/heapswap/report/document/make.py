"""From an artifact to its document."""

from pathlib import Path

from heapswap.conformance.model import Conformance
from heapswap.errors import Misuse
from heapswap.profiling.model import Profile
from heapswap.report.document.conformance import conformance_document
from heapswap.report.document.model import Document
from heapswap.report.document.prediction import prediction_document
from heapswap.report.document.profile import profile_document
from heapswap.report.document.verdict import verdict_document
from heapswap.report.folded import Stacks
from heapswap.report.reading import Artifact, answered, trial_beside
from heapswap.verdict.prediction import Prediction


def document(found: Artifact, place: Path | None = None, stacks: Stacks | None = None) -> Document:
    """What there is to say about an artifact.

    Args:
        place: where it was read from, which may hold more about it.
        stacks: of a profile, its folded call stacks.

    Raises:
        Misuse: stacks of something else than a profile.
    """
    if stacks is not None and not isinstance(found, Profile):
        raise Misuse(f"folded stacks belong to a profile, and this is a {found.kind}; leave out --folded")
    match found:
        case Profile():
            return profile_document(found, stacks)
        case Conformance():
            return conformance_document(found)
        case Prediction():
            return prediction_document(found, trial_beside(found, place) if place is not None else None)
        case _:
            return verdict_document(answered(found, place))
