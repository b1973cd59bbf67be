"""Where libraries are: bundled with heapswap, installed on the system, brought by a plugin, or at a path.

Nothing is ever loaded to be looked at (a second allocator in a running process crashes it): a file is read as ELF, and
its version is found among its bytes. The search is lazy, so that a bundled library is found without looking further.
"""

import mmap
import os
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from heapswap import elf, native
from heapswap.allocators import registry, versions
from heapswap.allocators.model import Allocator, Build, Candidate, Condition, Library, Origin, Soname
from heapswap.errors import CannotGoOn, Misuse
from heapswap.near import near

MARKER = ".heapswap.allocator"
"""section in which a bundled library says what it is: ``family=jemalloc;version=5.3.1;features=stats;lg_page=12``"""

UNKNOWN = "unknown"
"""family of an allocator that nobody claims"""

_CACHE = Path("/etc/ld.so.cache")
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_X86_PAGE_SIZE = 4096


def find(family: Allocator, candidate: Candidate) -> Library:
    """The library that a candidate of this family means here: the first that has its features and is of its version.

    Raises:
        Misuse: no build of the family has such a feature.
        CannotGoOn: there is none here; the message says what is and how to add the one that was asked for.
    """
    known = {feature for build in family.builds for feature in build.features}
    known |= {feature for soname in family.sonames for feature in soname.features}
    for feature in candidate.features:
        if feature not in known:
            raise Misuse(f"{family.name} has no feature '{feature}'; {near(feature, known)}")
    present = []
    for library in libraries(family):
        if library.features == candidate.features and versions.belongs(library.version, candidate.version):
            return library
        present.append(library)
    asked = Candidate(library=family.name, features=candidate.features, version=candidate.version)
    same = [library for library in present if library.features == candidate.features]
    line = next((build.line for build in _builds(family, candidate) if candidate.version), "")
    if same and (not line or any(versions.belongs(library.version, line) for library in same)):
        here = ", ".join(f"{_name(library)} {library.version}".strip() for library in present)
        raise CannotGoOn(f"no {asked} here: there is {here}; take one of these, or give the path of its library")
    raise CannotGoOn(f"no {asked} here; {remedy(family, candidate)}")


def libraries(family: Allocator) -> Iterator[Library]:
    """Every library of a family that is here, in order of preference, each file once."""
    seen: set[str] = set()
    for path, origin, features, configuration in _places(family):
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        # What lies there may be for another machine, or something else under the family's name.
        with suppress(OSError, elf.NotElf):
            library = _library(path, origin, family, features, configuration)
            if library.machine == machine():
                yield library


def at(path: str) -> Library:
    """The library at a path that the user gave; its family is told by its symbols.

    Raises:
        CannotGoOn: no file, no shared library, one that defines no malloc, or one for another machine.
    """
    file = Path(path).absolute()
    if not file.is_file():
        seen = "is no file" if file.exists() else "does not exist"
        raise CannotGoOn(f"{path} {seen}; 'heapswap allocators' lists the libraries that are here")
    try:
        if not elf.exported(file, ("malloc",)):
            raise CannotGoOn(f"{path} defines no malloc, so preloading it changes nothing; give an allocator's library")
        library = read(str(file), Origin.PATH)
    except (OSError, elf.NotElf) as error:
        raise CannotGoOn(f"{path} cannot be preloaded ({error}); give a shared library for this machine") from None
    if library.machine != machine():
        raise CannotGoOn(
            f"{path} is for {library.machine}, and this machine is {machine()}; give a build for {machine()}"
        )
    return library


def read(path: str, origin: Origin) -> Library:
    """Describe a shared library that defines malloc; its family is ``unknown`` when no family claims its symbols.

    Raises:
        OSError, elf.NotElf: the file cannot be read, or is no library.
    """
    marks = _marks(path)
    family = _claimed(path, marks)
    if family is None:
        return _library(path, origin, Allocator(name=UNKNOWN, summary="", upstream=""), (), "")
    if not marks:
        return _library(path, origin, family, _soname_features(family, path), family.configuration)
    selectable = {feature for build in family.builds for feature in build.features}
    features = tuple(sorted(selectable.intersection(marks.get("features", "").split(","))))
    return _library(path, origin, family, features, family.builds[0].configuration)


def preloaded(entry: str, environ: Mapping[str, str]) -> Library | None:
    """The allocator that an entry of LD_PRELOAD brings; None when it brings none, only observes, or cannot be found.

    An entry without a slash is looked for as the dynamic loader does.
    """
    path = resolve(entry, environ)
    if path is None or native.observes(path):
        return None
    try:
        return read(path, Origin.PATH) if elf.exported(path, ("malloc",)) else None
    except (OSError, elf.NotElf):
        return None


def resolve(entry: str, environ: Mapping[str, str]) -> str | None:
    """The file that the dynamic loader takes for an entry of LD_PRELOAD, or None."""
    if "/" in entry:
        return entry if Path(entry).is_file() else None
    folders = [folder or "." for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    names = [f"{folder}/{entry}" for folder in folders]
    names += [path for name, path in _cached() if name == entry]
    names += [f"{folder}/{entry}" for folder in _folders()]
    for name in names:
        with suppress(OSError, elf.NotElf):
            if elf.read(name).machine == machine():
                return name
    return None


def machine() -> str:
    """This machine as ELF files name it: ``x86_64``, ``aarch64``."""
    return os.uname().machine


def remedy(family: Allocator, candidate: Candidate) -> str:
    """The one thing to do that adds the library a candidate means: ``run 'apt-get install libjemalloc2'``."""
    package = next((soname.package for soname in family.sonames if soname.features == candidate.features), "")
    builds = _builds(family, candidate)
    if package and not (builds and candidate.version):
        return f"run 'apt-get install {package}'"
    for build in builds:
        return f"it was not built: with {build.needs} present run 'pip install --force-reinstall heapswap'"
    return f"build it ({family.upstream}) and give its path"


def _builds(family: Allocator, candidate: Candidate) -> tuple[Build, ...]:
    """The bundled builds that a candidate may mean."""
    version = candidate.version
    return tuple(
        build
        for build in family.builds
        if build.features == candidate.features and (not version or versions.belongs(version, build.line))
    )


def _places(family: Allocator) -> Iterator[tuple[str, Origin, tuple[str, ...], str]]:
    for build in family.builds:
        path = native.bundled(build.name)
        if path is not None:
            yield str(path), Origin.BUNDLED, build.features, build.configuration
    for provided in family.paths:
        yield provided, Origin.PLUGIN, (), family.configuration
    for soname in family.sonames:
        for found in _installed(soname):
            yield found, Origin.SYSTEM, soname.features, family.configuration


def _installed(soname: Soname) -> Iterator[str]:
    """Files of this name, ``.so.N`` included: what the loader knows first, then the usual folders, then conda's."""
    for name, path in _cached():
        if _matches(name, soname):
            yield path
    for folder in _folders():
        try:
            paths = sorted(Path(folder).glob(f"{soname.stem}*"))
        except OSError:
            continue
        yield from (str(path) for path in paths if _matches(path.name, soname))


def _matches(name: str, soname: Soname) -> bool:
    return name == soname.stem or name.startswith(soname.stem + ".")


def _folders() -> tuple[str, ...]:
    triplet = f"{machine()}-linux-gnu"
    conda = os.environ.get("CONDA_PREFIX", "")
    folders = (
        f"/lib/{triplet}",
        f"/usr/lib/{triplet}",
        "/lib64",
        "/usr/lib64",
        "/lib",
        "/usr/lib",
        "/usr/local/lib",
        *((f"{conda}/lib",) if conda else ()),
    )
    return tuple(folders)


@cache
def _cached() -> tuple[tuple[str, str], ...]:
    """Names and paths in the dynamic loader's cache; empty where there is none (musl) or it is of an older form.

    The new form is a header (magic, number of entries, size of the strings, 20 unused bytes), entries of 24 bytes
    (flags, name, path, OS version, hardware), and the strings; offsets count from the start of the header.
    """
    try:
        data = _CACHE.read_bytes()
    except OSError:
        return ()
    start = data.find(_CACHE_MAGIC)
    if start < 0:
        return ()
    data = data[start:]
    found = []
    try:
        (count,) = struct.unpack_from("=I", data, len(_CACHE_MAGIC))
        for _, name, path, _, _ in struct.iter_unpack("=iIIIQ", data[48 : 48 + 24 * count]):
            found.append((_text(data, name), _text(data, path)))
    except (struct.error, ValueError):
        return ()
    return tuple(found)


def _text(data: bytes, offset: int) -> str:
    return os.fsdecode(data[offset : data.index(b"\0", offset)])


def _library(path: str, origin: Origin, family: Allocator, features: tuple[str, ...], configuration: str) -> Library:
    header, marks = elf.read(path), _marks(path)
    return Library(
        family=family.name,
        path=path,
        version=_version(family, path, marks),
        origin=origin,
        features=features,
        build_id=header.build_id,
        machine=header.machine,
        libc=header.libc,
        page_size=_page(family, header, marks),
        configuration=configuration,
    )


def _marks(path: str) -> dict[str, str]:
    """What a bundled library says of itself."""
    content = elf.section(path, MARKER)
    if content is None:
        return {}
    text = content.rstrip(b"\0").decode(errors="replace")
    return dict(pair.split("=", 1) for pair in text.split(";") if "=" in pair)


def _claimed(path: str, marks: Mapping[str, str]) -> Allocator | None:
    if marks.get("family"):
        return registry.own(marks["family"])
    for family in registry.families():
        if family.symbols and elf.exported(path, family.symbols):
            return family
    return None


def _soname_features(family: Allocator, path: str) -> tuple[str, ...]:
    name = Path(path).name
    return next((soname.features for soname in family.sonames if _matches(name, soname)), ())


def _version(family: Allocator, path: str, marks: Mapping[str, str]) -> str:
    if marks.get("version"):
        return marks["version"]
    if family.version and (match := _search(path, family.version)):
        return match
    # mimalloc and others carry their version in the name of the real file: libmimalloc.so.2.0.
    _, dot, number = Path(path).resolve().name.partition(".so.")
    return number if dot and versions.parts(number) else ""


def _search(path: str, pattern: str) -> str:
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        match = re.search(pattern.encode(), content)
        return match[1].decode() if match else ""


def _page(family: Allocator, header: elf.Elf, marks: Mapping[str, str]) -> int:
    """Largest kernel page that this build works with: allocator and segments; 0 where nothing limits it."""
    limits = []
    if header.machine != "x86_64":
        limits.append(header.alignment)
    elif any(guard.condition is Condition.PAGE_SIZE for guard in family.guards):
        limits.append(_X86_PAGE_SIZE)
    if marks.get("lg_page", "").isdigit():
        limits.append(1 << int(marks["lg_page"]))
    return min(limits, default=0)


def _name(library: Library) -> str:
    return library.family + "".join(f"+{feature}" for feature in library.features)
