"""From an artifact to its document."""

from pathlib import Path

from heapswap.conformance.model import Conformance
from heapswap.profiling.model import Profile
from heapswap.report.document.conformance import conformance_document
from heapswap.report.document.model import Document
from heapswap.report.document.profile import profile_document
from heapswap.report.document.verdict import verdict_document
from heapswap.report.reading import Artifact, answered


def document(found: Artifact, place: Path | None = None) -> Document:
    """What there is to say about an artifact; `place`, where it was read from, may hold more about it."""
    match found:
        case Profile():
            return profile_document(found)
        case Conformance():
            return conformance_document(found)
        case _:
            return verdict_document(answered(found, place))
