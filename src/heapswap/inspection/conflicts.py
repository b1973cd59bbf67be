"""Preflight: what would keep a candidate from taking effect, or break the program, known before anything runs."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from heapswap import elf
from heapswap.allocators import locate
from heapswap.allocators.marks import PRIVATE
from heapswap.allocators.model import Activation, Candidate, Library, Origin
from heapswap.elf import NotElf
from heapswap.findings import Finding, Level
from heapswap.inspection import interpreter, surroundings, wheels
from heapswap.inspection.case import Case
from heapswap.inspection.privileges import privileges
from heapswap.inspection.program import Program

_SANITIZERS = ("__asan_init", "__tsan_init", "__msan_init", "__lsan_init", "__hwasan_init")
_C_LIBRARIES = ("glibc", "musl")
_SHARED_FAMILY = tuple(name for names in PRIVATE.values() for name in names)


def preflight(program: Program, activation: Activation, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Every conflict between `program` and a candidate, gravest first.

    An ERROR means that the candidate cannot take effect or would break the program. `environ` is the environment of
    the caller, before the candidate's own settings.
    """
    case = Case(program=program, activation=activation, environ=environ)
    found = dict.fromkeys(chain.from_iterable(check(case) for check in CHECKS))
    return tuple(sorted(found, key=lambda finding: _GRAVITY[finding.level]))


def conflicts_with_any(program: Program, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """The conflicts that any other allocator would meet, were its library preloaded and made for this program."""
    fitting = Library(
        family="", path="", version="", origin=Origin.PATH, machine=program.elf.machine, libc=program.elf.libc
    )
    return preflight(
        program, Activation(candidate=Candidate(library="current"), library=fitting, variables=()), environ
    )


def _static(case: Case) -> Iterator[Finding]:
    image = case.program.elf
    if image.libc != "static":
        return
    if case.library is not None:
        yield Finding(
            code="static-binary",
            level=Level.ERROR,
            seen=f"{case.name} is statically linked: no loader runs, so nothing can be preloaded",
            remedy=_instead_of_preload(case),
        )
    elif case.knobs_of_libc and not elf.mentions(image.path, b"glibc.malloc."):
        yield _without_effect(case, f"{case.name} is statically linked, and not with glibc")


def _instead_of_preload(case: Case) -> str:
    if _is_go(case):
        return "it is a Go program: GOGC and GOMEMLIMIT steer its memory"
    if elf.mentions(case.program.path, b"glibc.malloc."):
        return "link the allocator when building it; glibc's own knobs (system:arena_max=…) do reach it"
    return "link the allocator when building it, in Rust with #[global_allocator]"


def _set_uid(case: Case) -> Iterator[Finding]:
    if not case.changes_something:
        return
    for step in case.program.steps:
        gained = privileges(step.path)
        if gained:
            yield Finding(
                code="set-uid",
                level=Level.ERROR,
                seen=f"{Path(step.path).name} {gained}: the loader then ignores LD_PRELOAD and allocator settings",
                remedy="put the candidate behind it (sudo env LD_PRELOAD=…), or run the program as that user",
            )


def _other_architecture(case: Case) -> Iterator[Finding]:
    image, candidate = case.program.elf, case.library_image
    if case.library is None or image.libc == "static":
        return
    machine = candidate.machine if candidate else case.library.machine
    bits = candidate.bits if candidate else image.bits
    if machine and (machine, bits) != (image.machine, image.bits):
        yield Finding(
            code="other-architecture",
            level=Level.ERROR,
            seen=f"{case.name} is {image.machine}, {image.bits}-bit; {case.library.path} is {machine}, {bits}-bit",
            remedy=f"give a library built for {image.machine}; the loader would ignore this one in silence",
        )


def _other_libc(case: Case) -> Iterator[Finding]:
    ours = case.program.elf.libc
    if ours not in _C_LIBRARIES:
        return
    if case.library is not None:
        theirs = case.library.libc or (case.library_image.libc if case.library_image else "")
        if theirs in _C_LIBRARIES and theirs != ours:
            yield Finding(
                code="other-libc",
                level=Level.ERROR,
                seen=f"{case.name} runs on {ours} ({case.program.elf.interpreter}), the library on {theirs}",
                remedy=f"give a library built for {ours}; this one would stop the program at its start",
            )
    elif case.knobs_of_libc and ours == "musl":
        yield _without_effect(case, f"{case.name} runs on musl, whose allocator has no settings")


def _own_malloc(case: Case) -> Iterator[Finding]:
    answering = next((one for one in case.own if one.answers_malloc), None)
    if case.changes_something and answering is not None and case.program.elf.libc != "static":
        named = f" ({answering.family})" if answering.family != locate.UNKNOWN else ""
        setting = f"set its own knobs through {answering.variable}" if answering.variable else "keep what it has"
        yield Finding(
            code="own-malloc",
            level=Level.ERROR,
            seen=f"{case.name} defines malloc itself{named}, ahead of everything that can be preloaded",
            remedy=f"{setting}, or build it with another allocator",
        )


def _own_allocator(case: Case) -> Iterator[Finding]:
    """Told by private symbols; a program built in Rust calls its global allocator by them."""
    if not case.changes_something or case.program.elf.libc == "static":
        return
    for one in case.own:
        if not one.answers_malloc:
            setting = f"set its knobs through {one.variable}" if one.variable else "keep it"
            yield Finding(
                code="own-allocator",
                level=Level.WARNING,
                seen=f"{case.name} carries {one.family} inside ({one.evidence}); what it holds there bypasses malloc",
                remedy=f"{setting}, or build it without; a swap reaches the C libraries it uses only",
            )


def _private_api(case: Case) -> Iterator[Finding]:
    if case.library is None:
        return
    users = [case.program.elf]
    if any(_looks_like_allocator(image.path) for image in case.linked):
        users.extend(image for image in case.linked if not _looks_like_allocator(image.path))
    exported = elf.exported(case.library_image.path, _SHARED_FAMILY) if case.library_image else frozenset[str]()
    for image in users:
        missing = sorted(elf.imported(image.path, _SHARED_FAMILY) - exported)
        if missing:
            family = next(family for family, names in PRIVATE.items() if missing[0] in names)
            yield Finding(
                code="private-api",
                level=Level.ERROR,
                seen=f"{Path(image.path).name} is built on {family}: it calls {_some(missing)}, "
                "which fails on the blocks of another malloc",
                remedy=_same_family(case, family),
            )


def _same_family(case: Case, family: str) -> str:
    present = next((image.path for image in case.linked if family in Path(image.path).name), "")
    if case.library is not None and case.library.family == family:
        return (
            f"this build of {family} does not offer these functions; try one that does: {present or f'a lib{family}'}"
        )
    variable = {"jemalloc": " through MALLOC_CONF", "mimalloc": " through MIMALLOC_…"}.get(family, "")
    return f"keep {family} and try its knobs{variable}, or build the program without it"


def _linked_allocator(case: Case) -> Iterator[Finding]:
    """A linked allocator that also defines C++'s operators keeps those: the bundled libraries define malloc only."""
    if case.library is None:
        return
    operators = ("_Znwm",)
    if case.library_image and elf.exported(case.library_image.path, operators):
        return
    for image in case.linked:
        if _looks_like_allocator(image.path) and elf.exported(image.path, operators):
            yield Finding(
                code="linked-allocator",
                level=Level.NOTE,
                seen=f"{case.name} is linked with {Path(image.path).name}, which keeps serving C++'s operator new",
                remedy="C code is served by the candidate; to compare it whole, link the program without that library",
            )


def _sanitizer(case: Case) -> Iterator[Finding]:
    if not case.changes_something:
        return
    path = case.program.path
    seen = sorted(elf.imported(path, _SANITIZERS) | elf.exported(path, _SANITIZERS))
    if seen:
        yield Finding(
            code="sanitizer",
            level=Level.ERROR,
            seen=f"{case.name} is a sanitizer build ({seen[0]}): its runtime replaces malloc and must come first",
            remedy="measure a build without -fsanitize",
        )


def _go(case: Case) -> Iterator[Finding]:
    if case.changes_something and case.program.elf.libc != "static" and _is_go(case):
        yield Finding(
            code="go-heap",
            level=Level.WARNING,
            seen=f"{case.name} is a Go program: its heap is Go's own, and malloc serves its C parts only",
            remedy="GOGC and GOMEMLIMIT steer Go's heap",
        )


def _knob_unanswered(case: Case) -> Iterator[Finding]:
    """The knobs of the C library's allocator, in a program that gets malloc from elsewhere."""
    if not case.knobs_of_libc or case.provider is None:
        return
    image, answering = case.provider
    if image.path != case.program.path and answering.family not in _C_LIBRARIES:
        yield _without_effect(case, f"{case.name} is linked with {Path(image.path).name}, which answers malloc")


CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    _static,
    _set_uid,
    _other_architecture,
    _other_libc,
    _own_malloc,
    _own_allocator,
    _private_api,
    _linked_allocator,
    _sanitizer,
    _go,
    _knob_unanswered,
    *interpreter.CHECKS,
    *wheels.CHECKS,
    *surroundings.CHECKS,
)
"""Every check yields what it finds; the order is that of equal gravity."""

_GRAVITY = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}


def _without_effect(case: Case, seen: str) -> Finding:
    return Finding(
        code="knob-without-effect",
        level=Level.ERROR,
        seen=f"{seen}: {', '.join(case.knobs_of_libc)} would have no effect",
        remedy="try a candidate that brings a library"
        if case.program.elf.libc != "static"
        else _instead_of_preload(case),
    )


def _is_go(case: Case) -> bool:
    try:
        return elf.section(case.program.path, ".go.buildinfo") is not None
    except (NotElf, OSError):
        return False


def _looks_like_allocator(path: str) -> bool:
    name = Path(path).name
    return any(family in name for family in (*PRIVATE, "snmalloc"))


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
