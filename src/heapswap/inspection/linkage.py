"""Which objects the dynamic loader puts into a program, and in which order: the order decides whose malloc answers."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from heapswap import elf
from heapswap.elf import Elf, NotElf
from heapswap.values import value

SYSTEM_PRELOADS = Path("/etc/ld.so.preload")
_TRIPLES = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "i386": "i386-linux-gnu"}


def preloads(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The entries of LD_PRELOAD, which blanks or colons separate (ld.so(8))."""
    return tuple(environ.get("LD_PRELOAD", "").replace(":", " ").split())


def system_preloads(file: Path = SYSTEM_PRELOADS) -> tuple[str, ...]:
    """The entries of the machine-wide preload file, comments left out."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ()
    return tuple(" ".join(line.partition("#")[0].replace(":", " ") for line in lines).split())


@value(kw_only=False)
class Loader:
    """Finds libraries as the dynamic loader of one program does."""

    program: Elf
    environ: Mapping[str, str]

    def find(self, name: str, wanted_by: Elf) -> Path | None:
        """The file that `wanted_by` gets for the needed library `name`, or None where the loader would give up."""
        if "/" in name:
            path = Path(name)
            return path if self._fits(path) else None
        return next((path for folder in self._folders(wanted_by) if self._fits(path := folder / name)), None)

    def needed(self, name: str) -> str | None:
        """The file that the program itself gets for the needed library `name`."""
        path = self.find(name, self.program)
        return None if path is None else str(path)

    def order(self, preloaded: Sequence[str]) -> tuple[Elf, ...]:
        """The program, what is preloaded, then needed libraries breadth first; what is not found is left out."""
        seen: dict[str, Elf] = {self.program.path: self.program}
        for name in preloaded:
            self._add(seen, name, self.program)
        waiting = list(seen.values())
        for image in waiting:
            waiting += [added for name in image.needed if (added := self._add(seen, name, image)) is not None]
        return tuple(seen.values())

    def _add(self, seen: dict[str, Elf], name: str, wanted_by: Elf) -> Elf | None:
        if any(name in (known.soname, path) for path, known in seen.items()):
            return None
        path = self.find(name, wanted_by)
        if path is None or str(path) in seen:
            return None
        seen[str(path)] = elf.read(path)
        return seen[str(path)]

    def _folders(self, wanted_by: Elf) -> Iterator[Path]:
        for listed in self.environ.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":"):
            if listed:
                yield Path(listed)
        for image in dict.fromkeys((wanted_by, self.program)):
            origin = str(Path(image.path).resolve().parent)
            for folder in image.runpath:
                yield Path(folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin))
        yield from _configured() if self.program.libc != "musl" else _of_musl(self.program.machine)
        triple = _TRIPLES.get(self.program.machine)
        if triple and self.program.libc != "musl":
            yield from (Path("/lib", triple), Path("/usr/lib", triple))
        if self.program.bits == 64:
            yield from (Path("/lib64"), Path("/usr/lib64"))
        yield from (Path("/lib"), Path("/usr/lib"))

    def _fits(self, path: Path) -> bool:
        """The loader passes over files of another architecture in silence."""
        try:
            image = elf.read(path)
        except (NotElf, OSError):
            return False
        return (image.machine, image.bits) == (self.program.machine, self.program.bits)


@cache
def _configured(file: Path = Path("/etc/ld.so.conf")) -> tuple[Path, ...]:
    """The folders of ld.so.conf and what it includes."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return ()
    folders: list[Path] = []
    for line in lines:
        words = line.partition("#")[0].split()
        if words[:1] == ["include"]:
            for pattern in words[1:]:
                base = Path(file.parent, pattern)
                for included in sorted(base.parent.glob(base.name)):
                    folders.extend(_configured(included))
        else:
            folders.extend(Path(word) for word in words)
    return tuple(folders)


def _of_musl(machine: str) -> tuple[Path, ...]:
    """musl keeps its folders in a file of its own, one a line or separated by colons."""
    try:
        listed = Path(f"/etc/ld-musl-{machine}.path").read_text().replace(":", "\n").split()
    except OSError:
        listed = ["/lib", "/usr/local/lib", "/usr/lib"]
    return tuple(map(Path, listed))
