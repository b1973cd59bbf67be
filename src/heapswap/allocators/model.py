"""The words of this room: family, knob, guard, library, candidate, activation."""

from enum import StrEnum

from heapswap.values import value


class KnobType(StrEnum):
    """What a knob's value is."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    SIZE = "size"
    REAL = "real"
    CHOICE = "choice"
    TEXT = "text"


class Carrier(StrEnum):
    """What takes a knob's value into the process."""

    VARIABLE = "variable"
    """an environment variable of its own: ``MALLOC_ARENA_MAX=2``"""
    CONFIGURATION = "configuration"
    """a key in the variable that this build reads: ``MALLOC_CONF=narenas:2,tcache:false``"""
    TUNABLES = "tunables"
    """a key in the C library's list: ``GLIBC_TUNABLES=glibc.malloc.tcache_count=0``"""


@value
class Knob:
    """One setting of an allocator, as it is for a range of versions."""

    name: str
    """spelling in a candidate: ``arena_max``, ``dirty_decay_ms``, ``purge_delay``"""
    variable: str
    """how the allocator spells it: an environment variable, or a key inside the family's configuration variable"""
    type: KnobType
    unit: str = ""
    default: str = ""
    effect: str = ""
    since: str = ""
    """first version that knows it; empty: always"""
    until: str = ""
    """first version that no longer knows it; empty: still known"""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    carrier: Carrier = Carrier.VARIABLE
    alias: str = ""
    """the tunable that is the same setting, and that wins where both are set"""


class Condition(StrEnum):
    """What a guard looks at."""

    MARKER = "marker"
    """a PEP 508 marker must hold"""
    PAGE_SIZE = "page-size"
    """the kernel's pages must not be larger than those the library was built for"""
    ADDRESS_SPACE = "address-space"
    """the process must be allowed so many bytes of addresses (``ulimit -v``)"""


@value
class Guard:
    """A platform condition under which a family must not be used, with the accident that taught it."""

    condition: Condition = Condition.MARKER
    marker: str = ""
    least: int = 0
    """bytes of address space"""
    reason: str


@value
class Recipe:
    """A named, tuned form of a family: ``jemalloc/returning``."""

    name: str
    knobs: tuple[tuple[str, str], ...]
    purpose: str
    since: str = ""
    """first version it is meant for; empty: always"""
    until: str = ""
    """first version it is no longer meant for; empty: still"""


@value
class Build:
    """One library of a family that comes with heapswap."""

    name: str
    """file name without its ending, as `heapswap.native.bundled` knows it"""
    features: tuple[str, ...] = ()
    line: str = ""
    """first number of its version: tells two builds of a family apart without opening them"""
    configuration: str = ""
    """the environment variable or prefix it reads"""
    needs: str = ""
    """what building it takes"""


@value
class Soname:
    """A file name under which a system installs a family."""

    stem: str
    """the name up to and including ``.so``"""
    features: tuple[str, ...] = ()
    package: str = ""
    """Debian package that provides it; empty: there is none"""


@value
class Allocator:
    """A family: how it is recognised, found, configured and tuned. One data file each."""

    name: str
    summary: str
    upstream: str
    symbols: tuple[str, ...] = ()
    """a library that exports one of these beside malloc is of this family"""
    sonames: tuple[Soname, ...] = ()
    """what to look for on the system, in order of preference"""
    builds: tuple[Build, ...] = ()
    """bundled libraries, in order of preference"""
    configuration: str = ""
    """the variable or prefix that a build of the distribution reads"""
    version: str = ""
    """regular expression with one group that finds the version among the bytes of a library"""
    booleans: tuple[str, str] = ("true", "false")
    """how this family spells yes and no"""
    quiet: tuple[tuple[str, str], ...] = ()
    """variables that keep it from writing into the program's output; the user's own value wins"""
    knobs: tuple[Knob, ...] = ()
    """a knob whose default or range changed has one row a range of versions"""
    recipes: tuple[Recipe, ...] = ()
    guards: tuple[Guard, ...] = ()
    paths: tuple[str, ...] = ()
    """libraries that a plugin brings along"""


class Origin(StrEnum):
    """Where a library comes from."""

    BUNDLED = "bundled"
    SYSTEM = "system"
    PATH = "path"
    PLUGIN = "plugin"


@value
class Library:
    """One loadable build of an allocator."""

    family: str
    """``mimalloc``, ``jemalloc``, …; ``unknown`` for a path whose symbols no family claims"""
    path: str
    version: str
    """as read from the library; empty when it cannot be told"""
    origin: Origin
    features: tuple[str, ...] = ()
    """build features, such as ``secure``"""
    build_id: str = ""
    machine: str = ""
    """``x86_64``, ``aarch64``"""
    libc: str = ""
    """``glibc`` or ``musl``"""
    page_size: int = 0
    """largest kernel page size in bytes that this build supports; 0 when not limited or not known"""
    configuration: str = ""
    """the environment variable or prefix this build reads: ``_RJEM_MALLOC_CONF``, ``MALLOC_CONF``, ``MIMALLOC_``"""


@value
class Candidate:
    """One choice that can be run: a library (or none), knob values, and Python's own allocator.

    ``library`` is a family name, a path with a slash, ``system`` (the C library's own, other allocators and their
    knobs stripped) or ``current`` (exactly what runs today).
    Spelled ``LIB[+feature][@version][/recipe][:knob=value,…]``.
    """

    library: str
    features: tuple[str, ...] = ()
    version: str = ""
    recipe: str = ""
    knobs: tuple[tuple[str, str], ...] = ()
    """name and value, as written, in order; ``python`` among them is Python's own allocator"""

    def __str__(self) -> str:
        from heapswap.allocators.spelling import spell  # noqa: PLC0415 - spelling parses into this type

        return spell(self)


class Preloads(StrEnum):
    """What happens to the allocator that the environment already asks for."""

    MERGE = "merge"
    """`run`: keep every preload; a second allocator is an error"""
    REPLACE = "replace"
    """`trial`: the candidate takes the place of the present allocator and its knobs; other preloads stay"""


@value
class Activation:
    """A candidate resolved on this machine: what must be preloaded and set for it to be in force."""

    candidate: Candidate
    library: Library | None
    """None: nothing is preloaded; the allocator is the C library's (or, for ``current``, whatever is there)"""
    variables: tuple[tuple[str, str], ...]
    """environment variables that carry the knobs, ready to merge"""
