"""From a candidate to the environment that puts it in force.

`activate` asks this machine which library is meant and how its knobs are carried. `environment` turns an activation
and an environment into the environment of the program.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from heapswap import native
from heapswap.allocators import knobs, locate, registry, spelling, versions
from heapswap.allocators import python as python_allocator
from heapswap.allocators.model import (
    Activation,
    Allocator,
    Candidate,
    Carrier,
    Condition,
    Library,
    Preloads,
    Recipe,
)
from heapswap.errors import ALREADY_SET, CannotGoOn, Misuse
from heapswap.near import near

PRELOAD = "LD_PRELOAD"

Identify = Callable[[str, Mapping[str, str]], Library | None]
"""From an entry of LD_PRELOAD and the environment to the allocator it brings, if any: `locate.preloaded`."""


def disabled(environ: Mapping[str, str]) -> bool:
    """Whether the user opted out with ``HEAPSWAP_DISABLE=1``: the program then runs exactly as it would without us."""
    return environ.get("HEAPSWAP_DISABLE", "") not in ("", "0")


def activate(candidate: Candidate) -> Activation:
    """Resolve a candidate on this machine; whether it suits a program is told by `inspection.conflicts`.

    Raises:
        Misuse: unknown family, feature, recipe or knob, a knob that this version lacks, or a value that it refuses.
        CannotGoOn: the library is missing, or this machine cannot use it.
    """
    if candidate.library == spelling.CURRENT:
        return Activation(candidate=candidate, library=None, variables=())
    family, library, version = _resolve(candidate)
    if library is not None:
        _refuse_unusable(library, family)
    return settled(candidate, family, library, version)


def settled(candidate: Candidate, family: Allocator, library: Library | None, version: str) -> Activation:
    """The activation of a candidate by this very library, which need not be on this machine.

    Raises:
        Misuse: unknown recipe or knob, a knob that this version lacks, or a value that it refuses.
    """
    table = knobs.Table(family, version)
    recipe = _recipe(candidate, table)
    # A knob beside a recipe changes the recipe.
    named = {**dict(recipe.knobs if recipe else ()), **_own_knobs(candidate)}
    settings = [table.setting(name, value) for name, value in named.items()]
    variables = knobs.carried(settings, library.configuration if library else "")
    return Activation(candidate=candidate, library=library, variables=(*variables, *_python(candidate)))


def environment(
    activation: Activation,
    environ: Mapping[str, str],
    preloads: Preloads,
    *,
    asked: str = "the command line",
    identify: Identify = locate.preloaded,
) -> dict[str, str]:
    """The environment in which the activation is in force; `environ` is left as it is.

    ``MERGE`` keeps every preload and every setting that is there. ``REPLACE`` first takes away the allocators that are
    preloaded, and the settings of those, of the C library and of the candidate's library; settings that only other
    programs read stay. ``system`` takes preloaded allocators away in either case, and ``current`` changes nothing.

    Args:
        asked: where the candidate was asked for, as an error names it.
        identify: tells the allocator that an entry of LD_PRELOAD brings.

    Raises:
        Misuse: another allocator is preloaded, or a knob is set to something else (``MERGE`` only).
    """
    result = dict(environ)
    candidate, library = activation.candidate, activation.library
    if candidate.library == spelling.CURRENT:
        return result
    entries = preload_entries(environ)
    allocators = {entry: found for entry in entries if (found := identify(entry, environ))}
    if preloads is Preloads.REPLACE or candidate.library == spelling.SYSTEM:
        kept = [entry for entry in entries if entry not in allocators]
    else:
        _refuse_second(allocators, activation, asked)
        kept = entries
    if preloads is Preloads.REPLACE:
        _strip_settings(result, (*allocators.values(), *((library,) if library else ())))
        if candidate.library == spelling.SYSTEM or python_allocator.KNOB.name in dict(candidate.knobs):
            result.pop(python_allocator.KNOB.variable, None)
    if library is not None and not any(entry in allocators for entry in kept):
        # What observes an allocator stands in front of it.
        observers = [entry for entry in kept if native.observes(entry)]
        kept = [*observers, library.path, *(entry for entry in kept if entry not in observers)]
    if kept != entries:
        result[PRELOAD] = ":".join(kept)
    if not kept:
        result.pop(PRELOAD, None)
    for name, value in activation.variables:
        result[name] = _merged(name, value, result, asked)
    for name, value in _quiet(library):
        result.setdefault(name, value)
    return result


def preload_entries(environ: Mapping[str, str]) -> list[str]:
    """What LD_PRELOAD lists; the dynamic loader separates by colons and spaces."""
    return environ.get(PRELOAD, "").replace(":", " ").split()


def _resolve(candidate: Candidate) -> tuple[Allocator, Library | None, str]:
    """Family, library and version behind a candidate."""
    if candidate.library == spelling.SYSTEM:
        name, version = registry.c_library()
        return registry.family(name), None, version
    if spelling.is_path(candidate.library):
        library = locate.at(candidate.library)
        if library.family == locate.UNKNOWN:
            return Allocator(name=library.path, summary="", upstream=""), library, ""
        return registry.family(library.family), library, library.version
    family = registry.family(candidate.library)
    if family.name in registry.C_LIBRARIES:
        raise Misuse(f"{family.name} is the C library's own allocator; write system")
    library = locate.find(family, candidate)
    return family, library, library.version


def _refuse_unusable(library: Library, family: Allocator) -> None:
    """Refuse what the dynamic loader could not load here, and what would abort at start, whatever the program.

    Raises:
        CannotGoOn: a path that cannot be listed, a kernel with larger pages, a broken guard.
    """
    path = library.path
    if re.search(r"[\s:]", path):
        raise CannotGoOn(
            f"'{path}' holds a blank or a colon, which separate entries of {PRELOAD}; give a path without them, such "
            "as a symbolic link"
        )
    reasons = {guard.condition: guard.reason for guard in family.guards if guard.condition is not Condition.MARKER}
    kernel = os.sysconf("SC_PAGE_SIZE")
    if 0 < library.page_size < kernel:
        reason = reasons.get(Condition.PAGE_SIZE, "its segments cannot be mapped there")
        raise CannotGoOn(
            f"{path} works with pages up to {library.page_size >> 10} KiB, and this kernel has {kernel >> 10} KiB "
            f"({reason}); give a build for {kernel >> 10} KiB pages (jemalloc: --with-lg-page="
            f"{kernel.bit_length() - 1}), or use system"
        )
    for guard in family.guards:
        if guard.condition is Condition.ADDRESS_SPACE and 0 <= (allowed := _address_space()) < guard.least:
            raise CannotGoOn(
                f"{family.name} needs {guard.least >> 30} GiB of address space, and this process may have "
                f"{allowed >> 20} MiB ({guard.reason}); raise ulimit -v, or use another allocator"
            )
        if guard.condition is Condition.MARKER and not _holds(guard.marker):
            raise CannotGoOn(f"{family.name} is not for this platform ({guard.reason}); use system")


def _address_space() -> int:
    """Bytes of addresses that a process may have here; negative where there is no limit."""
    from resource import RLIMIT_AS, getrlimit  # noqa: PLC0415 - few families ask

    return getrlimit(RLIMIT_AS)[0]


def _holds(marker: str) -> bool:
    from packaging.markers import Marker  # noqa: PLC0415 - slow to import, and few families have a marker

    return Marker(marker).evaluate()


def _recipe(candidate: Candidate, table: knobs.Table) -> Recipe | None:
    if not candidate.recipe:
        return None
    named = [recipe for recipe in table.family.recipes if recipe.name == candidate.recipe]
    if not named:
        known = near(candidate.recipe, (recipe.name for recipe in table.family.recipes))
        raise Misuse(f"{candidate.library} has no recipe '{candidate.recipe}'; {known}")
    for recipe in named:
        if versions.covers(recipe, table.version):
            return recipe
    raise Misuse(
        f"{candidate.library}/{candidate.recipe} is not for {table.family.name} {table.version}; set knobs by name"
    )


def _own_knobs(candidate: Candidate) -> dict[str, str]:
    return {name: value for name, value in candidate.knobs if name != python_allocator.KNOB.name}


def _python(candidate: Candidate) -> Iterator[tuple[str, str]]:
    value = dict(candidate.knobs).get(python_allocator.KNOB.name)
    if value is not None:
        knobs.checked(python_allocator.KNOB, value)
        yield python_allocator.KNOB.variable, value


def _refuse_second(allocators: Mapping[str, Library], activation: Activation, asked: str) -> None:
    """One process, one allocator. The same one twice is fine: asking again changes nothing."""
    for entry, found in allocators.items():
        if activation.library is not None and not _same(found, activation.library):
            title = entry if found.family == locate.UNKNOWN else f"{found.family} ({entry})"
            raise Misuse(
                f"{ALREADY_SET}: {title} from {PRELOAD}, {activation.candidate} from {asked}; take one of the two away"
            )


def _same(first: Library, second: Library) -> bool:
    """Whether two descriptions are of one file, or of copies of one build."""
    if first.build_id and first.build_id == second.build_id:
        return True
    return Path(first.path).resolve() == Path(second.path).resolve()


def _merged(name: str, value: str, environ: Mapping[str, str], asked: str) -> str:
    """A setting beside what is there already: other keys stay, the same value is fine, another one is an error."""
    there, form = environ.get(name, ""), knobs.list_form(name)
    if form is None:
        tunable = _tunables(environ).get(_tunable(name), "")
        for present, where in ((there, "the environment"), (tunable, knobs.TUNABLES)):
            _refuse_conflict(name, (present, where), (value, asked))
        return value
    separator, equals = form
    items = [item for item in there.split(separator) if item]
    listed = dict(item.split(equals, 1) for item in items if equals in item)
    for item in value.split(separator):
        key, _, new = item.partition(equals)
        _refuse_conflict(key, (listed.get(key, ""), name), (new, asked))
        if key not in listed:
            items.append(item)
    return separator.join(items)


def _refuse_conflict(key: str, present: tuple[str, str], new: tuple[str, str]) -> None:
    """Refuse two values, each given with where it comes from; an empty one is not set."""
    if present[0] and present[0] != new[0]:
        raise Misuse(f"{key} is {present[0]} from {present[1]} and {new[0]} from {new[1]}; take one of the two away")


def _tunables(environ: Mapping[str, str]) -> dict[str, str]:
    items = environ.get(knobs.TUNABLES, "").split(":")
    return dict(item.split("=", 1) for item in items if "=" in item)


def _tunable(variable: str) -> str:
    """The tunable that is the same setting as a variable of the C library, and that wins over it; empty for others."""
    return next((knob.alias for knob in _c_library().knobs if knob.variable == variable), "")


def _c_library() -> Allocator:
    return registry.family(registry.c_library()[0])


def _strip_settings(environ: dict[str, str], libraries: Iterable[Library]) -> None:
    """Take away what configures these libraries and the C library's own allocator; other programs' settings stay."""
    variables = {knob.variable for knob in _c_library().knobs if knob.carrier is Carrier.VARIABLE}
    configurations = {library.configuration for library in libraries if library.configuration}
    prefixes = tuple(name for name in configurations if name.endswith("_"))
    for name in list(environ):
        # mimalloc reads its variables in any case.
        if name in variables or name in configurations or name.upper().startswith(prefixes):
            del environ[name]
    if knobs.TUNABLES in environ:
        items = environ[knobs.TUNABLES].split(":")
        environ[knobs.TUNABLES] = ":".join(item for item in items if not item.startswith("glibc.malloc."))
        if not environ[knobs.TUNABLES]:
            del environ[knobs.TUNABLES]


def _quiet(library: Library | None) -> tuple[tuple[str, str], ...]:
    return () if library is None or library.family == locate.UNKNOWN else registry.family(library.family).quiet
