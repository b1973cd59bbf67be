"""Which allocator a running process really uses, from what the kernel tells about it; nothing is stopped or traced."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap import elf
from heapswap.elf import Elf, NotElf
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from heapswap.inspection.composition import Placed, compose, presence_of
from heapswap.inspection.conflicts import conflicts_with_any
from heapswap.inspection.linkage import preloads, system_preloads
from heapswap.inspection.model import Inspection, Presence, Use
from heapswap.inspection.program import Program, Step
from heapswap.inspection.python import python_of
from heapswap.inspection.wheels import WHEELS

_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """One file of which the process has executable pages."""

    path: str
    """as the process knows it"""
    addresses: str
    """the first such range: ``7f0c1a000000-7f0c1a200000``"""


def inspect_process(pid: int) -> Inspection:
    """Inspect a running process.

    Raises:
        CannotGoOn: there is no such process, it may not be read, or it is a kernel thread.
    """
    folder = Path("/proc", str(pid))
    try:
        words = _zero_separated(folder / "cmdline")
        environ = {
            key: value for key, _, value in (word.partition("=") for word in _zero_separated(folder / "environ"))
        }
        mapped = parse_maps((folder / "maps").read_text(errors="surrogateescape"))
        executable = str((folder / "exe").readlink())
        own_files = _shares_files(folder)
    except (FileNotFoundError, ProcessLookupError):
        if folder.exists():
            raise CannotGoOn(f"process {pid} has no program: it is a kernel thread, or it has ended") from None
        raise CannotGoOn(f"there is no process {pid}; check its number with ps") from None
    except PermissionError:
        raise CannotGoOn(f"process {pid} may not be read; run this as its user or as root") from None
    places = {file.path: _place(folder, file, own_files) for file in mapped}
    places[executable] = f"{folder}/exe" if executable.endswith(_DELETED) or not own_files else executable
    images = {path: image for path, place in places.items() if (image := _read(place)) is not None}
    if executable not in images:
        raise CannotGoOn(f"the program of process {pid} ({executable}) cannot be read; run this as root")
    preloaded = preloads(environ)
    objects = arrange(executable, images, (*preloaded, *system_preloads()), mapped)
    composition = compose(objects)
    known = _by_name(images)
    python = python_of(images[executable], lambda name: images[known[name]].path if name in known else None)
    program = Program(
        argv0=words[0] if words else executable,
        steps=(Step(elf=images[executable], arguments=tuple(words[1:])),),
        python=python,
    )
    return Inspection(
        subject=" ".join(words) or executable,
        pid=pid,
        program=executable.removesuffix(_DELETED),
        machine=program.elf.machine,
        libc=program.elf.libc,
        allocator=composition.allocator,
        uses=composition.uses,
        python=str(python or ""),
        findings=(
            *_not_loaded(preloaded, objects),
            *_bypassing(composition.uses),
            # What is installed or named says less than what is mapped.
            *(found for found in conflicts_with_any(program, environ) if found.code not in _TOLD_BY_MAPS),
        ),
    )


def arrange(
    executable: str, images: Mapping[str, Elf], preloaded: Sequence[str], mapped: Sequence[Mapped]
) -> tuple[Placed, ...]:
    """Mapped objects in the loader's order: the program, preloads, needed libraries breadth first, then the rest."""
    known = _by_name(images)
    seen = {file.path: f"mapped at {file.addresses.partition('-')[0]}" for file in mapped}
    placed: dict[str, Placed] = {}

    def place(path: str | None, presence: Presence, *, in_order: bool = True) -> None:
        if path is not None and path not in placed:
            placed[path] = Placed(
                image=images[path], path=path, presence=presence, in_order=in_order, seen=seen.get(path, "")
            )

    place(executable, Presence.STATIC)
    for entry in preloaded:
        path = known.get(os.path.realpath(entry)) or known.get(Path(entry).name)
        place(path, Presence.PRELOADED)
    waiting = list(placed)
    for path in waiting:
        before = len(placed)
        for name in images[path].needed:
            needed = known.get(name) or known.get(Path(name).name)
            place(needed, presence_of(needed or ""))
        waiting += list(placed)[before:]
    for path in images:
        place(path, presence_of(path), in_order=False)
    return tuple(placed.values())


def readable_processes() -> Iterator[int]:
    """The processes whose memory map this user may read, this one left out; kernel threads have none."""
    for entry in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 - names only
        if entry != os.getpid() and _readable(entry):
            yield entry


def parse_maps(text: str) -> tuple[Mapped, ...]:
    """The files with executable pages in the text of ``/proc/PID/maps``, in order of address, each once."""
    found: dict[str, Mapped] = {}
    for line in text.splitlines():
        # start-end permissions offset device inode path; the path may hold blanks.
        fields = line.split(None, 5)
        if len(fields) == 6 and "x" in fields[1] and fields[5].startswith("/"):
            found.setdefault(fields[5], Mapped(path=fields[5], addresses=fields[0]))
    return tuple(found.values())


_TOLD_BY_MAPS = frozenset({"wheel-allocator", "preload-ignored"})


def _readable(pid: int) -> bool:
    try:
        Path("/proc", str(pid), "exe").readlink()
        return bool(Path("/proc", str(pid), "maps").read_bytes())
    except OSError:
        return False


def _zero_separated(file: Path) -> list[str]:
    return [os.fsdecode(word) for word in file.read_bytes().split(b"\0") if word]


def _shares_files(folder: Path) -> bool:
    """Whether a path means the same file to that process as to this one; in a container it does not."""
    try:
        return (folder / "ns" / "mnt").readlink() == Path("/proc/self/ns/mnt").readlink() and Path(
            folder, "root"
        ).samefile("/")
    except OSError:
        return False


def _place(folder: Path, file: Mapped, own_files: bool) -> str:
    """Where this process can read what that process has mapped."""
    if file.path.endswith(_DELETED):
        return f"{folder}/map_files/{file.addresses}"
    return file.path if own_files else f"{folder}/root{file.path}"


def _read(path: str) -> Elf | None:
    try:
        return elf.read(path)
    except (NotElf, OSError):
        return None


def _by_name(images: Mapping[str, Elf]) -> Mapping[str, str]:
    """Paths by every name under which an object may be asked for."""
    return {
        name: path
        for path, image in images.items()
        for name in (path, path.removesuffix(_DELETED), Path(path.removesuffix(_DELETED)).name, image.soname)
        if name
    }


def _not_loaded(preloaded: Sequence[str], objects: Sequence[Placed]) -> Iterator[Finding]:
    loaded = [one for one in objects if one.presence is Presence.PRELOADED]
    paths = [(one.path.removesuffix(_DELETED), one.image.soname) for one in loaded]
    names = {name for path, soname in paths for name in (path, Path(path).name, soname)}
    for entry in preloaded:
        if not names & {entry, os.path.realpath(entry), Path(entry).name}:
            yield Finding(
                code="preload-not-loaded",
                level=Level.WARNING,
                seen=f"its LD_PRELOAD names {entry}, which is not mapped: the loader ignored it",
                remedy="correct the path or the architecture of that library, and start the process again",
            )


def _bypassing(uses: Sequence[Use]) -> Iterator[Finding]:
    for use in uses:
        if use.presence is Presence.WHEEL:
            yield Finding(
                code="wheel-allocator",
                level=Level.NOTE,
                seen=f"{Path(use.path).name} brings its own {use.family}: what it allocates there bypasses malloc",
                remedy=_knob(use),
            )


def _knob(use: Use) -> str:
    knobs = [wheel.knob for wheel in WHEELS if wheel.knob and Path(use.path).match(wheel.objects)]
    return f"its own knob: {knobs[0]}" if knobs else "no swap reaches it"
