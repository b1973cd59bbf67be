"""Which allocator a program would use if it were started now."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from heapswap import elf
from heapswap.elf import NotElf
from heapswap.findings import Finding, Level
from heapswap.inspection import wheels
from heapswap.inspection.composition import Placed, compose, presence_of
from heapswap.inspection.conflicts import conflicts_with_any
from heapswap.inspection.linkage import Loader, preloads, system_preloads
from heapswap.inspection.model import Inspection, Presence
from heapswap.inspection.program import Program, resolve
from heapswap.inspection.python import package_folders


def inspect_program(name: str, environ: Mapping[str, str], directory: str | Path) -> Inspection:
    """Inspect the program called `name`, or at that path, as it would start in `environ`.

    Raises:
        CannotGoOn: there is no such program, or it cannot be read.
    """
    program = resolve(name, environ, directory)
    composition = compose((*_linked(program, environ), *_packaged(program, environ)))
    return Inspection(
        subject=name,
        pid=None,
        program=program.path,
        machine=program.elf.machine,
        libc=program.elf.libc,
        allocator=composition.allocator,
        uses=composition.uses,
        python=str(program.python or ""),
        findings=(*_not_foreseen(program), *conflicts_with_any(program, environ)),
    )


def _not_foreseen(program: Program) -> Iterator[Finding]:
    if program.opaque:
        yield Finding(
            code="not-foreseen",
            level=Level.NOTE,
            seen=program.opaque,
            remedy="inspect the program that it starts, or that process once it runs",
        )


def _linked(program: Program, environ: Mapping[str, str]) -> Iterator[Placed]:
    if program.elf.libc == "static":
        yield Placed(image=program.elf, path=program.path, presence=Presence.STATIC)
        return
    loader = Loader(program.elf, environ)
    asked = (*preloads(environ), *system_preloads())
    preloaded = {str(path) for name in asked if (path := loader.find(name, program.elf)) is not None}
    for image in loader.order(asked):
        if image.path == program.path:
            presence = Presence.STATIC
        else:
            presence = Presence.PRELOADED if image.path in preloaded else Presence.LINKED
        yield Placed(image=image, path=image.path, presence=presence)


def _packaged(program: Program, environ: Mapping[str, str]) -> Iterator[Placed]:
    if program.python is None:
        return
    for _, path in wheels.installed(package_folders(program.path, program.python, environ)):
        try:
            image = elf.read(path)
        except (NotElf, OSError):
            continue
        yield Placed(image=image, path=str(path), presence=presence_of(str(path)), in_order=False)
