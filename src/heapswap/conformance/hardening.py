"""Makes every mistake of the table under an allocator and tells how it reacts: evidence, not a verdict."""

from collections.abc import Iterator
from dataclasses import replace

from heapswap.allocators import locate, registry
from heapswap.allocators.model import Candidate, Library
from heapswap.conformance.child import Ask, Ended, Subject, ask
from heapswap.conformance.clauses import MISUSES
from heapswap.conformance.model import Attempt, Reaction

FEATURE = "secure"
"""the build feature that a hardened library has"""
PATIENCE = 20.0
_ON_PURPOSE = ("SIGABRT", "SIGTRAP", "SIGILL")
"""signals with which a program ends itself"""
_WORDS = {"ignored": Reaction.IGNORED, "corrupts": Reaction.CORRUPTS, "absent": Reaction.NOT_APPLICABLE}


def attempts(under: Subject, *, ask: Ask = ask) -> Iterator[Attempt]:
    """The reaction to each mistake, in order.

    Raises:
        CannotGoOn: another malloc answers than the one that is examined.
    """
    for misuse in MISUSES:
        yield attempt(misuse.id, ask(under, "misuse", misuse.id, patience=PATIENCE))


def attempt(id_: str, ended: Ended) -> Attempt:
    """What the end of a child says about one mistake."""
    if ended.is_hung:
        return Attempt(id=id_, reaction=Reaction.HUNG, detail=ended.seen)
    if not ended.killer and ended.word in _WORDS:
        return Attempt(id=id_, reaction=_WORDS[ended.word], detail=ended.detail)
    # A library that ends the program by itself has noticed, whatever the way.
    noticed = ended.killer in _ON_PURPOSE or not ended.killer
    return Attempt(id=id_, reaction=Reaction.DETECTED if noticed else Reaction.CRASHED, detail=ended.seen)


def counterpart(candidate: Candidate, library: Library | None) -> Candidate | None:
    """The plain build of a hardened candidate, or the hardened one of a plain; None where the family has no two."""
    if library is None or library.family == locate.UNKNOWN or candidate.library.startswith(("/", ".")):
        return None
    family = registry.family(library.family)
    if not any(FEATURE in build.features for build in family.builds):
        return None
    is_hardened = FEATURE in candidate.features
    features = tuple(feature for feature in candidate.features if feature != FEATURE)
    return replace(candidate, features=features if is_hardened else (*features, FEATURE))
