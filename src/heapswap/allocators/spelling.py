"""How a candidate is spelled: ``LIB[+feature][@version][/recipe][:knob=value,…]``.

A library is a name or a path. A path begins with ``/``, ``./`` or ``../``, reaches up to the first colon, and takes
no feature, version or recipe: it already is one build. The canonical form has its features sorted and keeps the knobs
in the order they were written.
"""

import re

from heapswap.allocators.model import Candidate
from heapswap.errors import Misuse

CURRENT = "current"
SYSTEM = "system"

_PATH = re.compile(r"/|\.\.?/")
_NAME = re.compile(
    r"(?P<library>[a-z][a-z0-9_-]*)"
    r"(?P<features>(?:\+[a-z0-9_-]+)*)"
    r"(?:@(?P<version>[0-9]+(?:\.[0-9]+)*))?"
    r"(?:/(?P<recipe>[a-z][a-z0-9_-]*))?"
)
_KNOB = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)=(?P<value>[^\s,]+)")
_FORM = "write LIB[+feature][@version][/recipe][:knob=value,…], such as mimalloc@2 or jemalloc:dirty_decay_ms=1000"


def parse(text: str) -> Candidate:
    """The candidate that `text` spells. Only the form is judged: whether it exists here is `activate`'s answer.

    Raises:
        Misuse: not of the form, a knob set twice, or a path that the dynamic loader cannot preload.
    """
    if text.startswith("~"):
        raise Misuse(f"'{text}' is not a candidate; write the whole path, the shell did not expand '~' here")
    library, colon, settings = text.partition(":")
    if colon and not settings:
        raise Misuse(f"'{text}' ends in a colon; write knobs after it, such as system:arena_max=2")
    knobs = _knobs(text, settings) if colon else ()
    if is_path(library):
        _refuse_unloadable(text, library)
        return Candidate(library=library, knobs=knobs)
    match = _NAME.fullmatch(library)
    if match is None:
        hint = "; a path begins with /, ./ or ../" if "/" in library else ""
        raise Misuse(f"'{text}' is not a candidate{hint}; {_FORM}")
    features = match["features"].split("+")[1:]
    candidate = Candidate(
        library=match["library"],
        features=tuple(sorted(set(features))),
        version=match["version"] or "",
        recipe=match["recipe"] or "",
        knobs=knobs,
    )
    if candidate.library == CURRENT and candidate != Candidate(library=CURRENT):
        raise Misuse(f"'{text}': current is exactly what runs today and takes nothing more; change system instead")
    if candidate.library == SYSTEM and (candidate.features or candidate.version):
        raise Misuse(f"'{text}': system is the C library that is here; it takes knobs, no feature and no version")
    return candidate


def spell(candidate: Candidate) -> str:
    """The canonical spelling; `parse` reads it back to an equal candidate."""
    features = "".join(f"+{feature}" for feature in sorted(set(candidate.features)))
    version = f"@{candidate.version}" if candidate.version else ""
    recipe = f"/{candidate.recipe}" if candidate.recipe else ""
    knobs = ",".join(f"{name}={value}" for name, value in candidate.knobs)
    return candidate.library + features + version + recipe + (f":{knobs}" if knobs else "")


def is_setting(text: str) -> bool:
    """Whether a text is ``knob=value``, which no candidate is."""
    return _KNOB.fullmatch(text) is not None


def is_path(library: str) -> bool:
    """Whether a candidate's library is a path, not the name of a family."""
    return _PATH.match(library) is not None


def _knobs(text: str, settings: str) -> tuple[tuple[str, str], ...]:
    knobs: dict[str, str] = {}
    for setting in settings.split(","):
        match = _KNOB.fullmatch(setting)
        if match is None:
            if "/" in settings and "=" not in settings:
                raise Misuse(f"'{text}': a path with a colon cannot be preloaded; copy or link the library elsewhere")
            raise Misuse(f"'{text}': '{setting}' is not knob=value; separate knobs by commas, without spaces")
        if match["name"] in knobs:
            raise Misuse(f"'{text}' sets {match['name']} twice; set it once")
        knobs[match["name"]] = match["value"]
    return tuple(knobs.items())


def _refuse_unloadable(text: str, path: str) -> None:
    if any(character.isspace() or not character.isprintable() for character in path):
        raise Misuse(f"'{text}': a path with a space cannot be preloaded; copy or link the library elsewhere")
    if path.endswith("/"):
        raise Misuse(f"'{text}' is a folder; give the library's file")
