"""The clauses and the misuses as tables: what each says, and where that is written.

The questions themselves are in ``native/conform``, by the same names. C17 is ISO/IEC 9899:2018, C23 ISO/IEC 9899:2024;
``name(3)`` are the Linux manual pages, ``glibc: …`` is a section of its manual.
"""

from dataclasses import dataclass

RANDOM = "random-sequences"
"""the clause that is asked with programs of our own making, not by name"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One promise of the malloc family."""

    id: str
    says: str
    source: str
    patience: float = 60.0
    """seconds until a child that has not answered counts as hung"""


CLAUSES: tuple[Clause, ...] = (
    Clause(
        id="whole-family",
        says="all members come from one library",
        source="glibc: Replacing malloc",
    ),
    Clause(
        id="natural-alignment",
        says="a block suits every type that fits",
        source="C17 7.22.3 p1",
    ),
    Clause(
        id="requested-alignment",
        says="memalign and its kin align as asked",
        source="C17 7.22.3.1 p2",
    ),
    Clause(
        id="page-alignment",
        says="valloc and pvalloc begin a page",
        source="posix_memalign(3)",
    ),
    Clause(
        id="disjoint-blocks",
        says="live blocks do not overlap",
        source="C17 7.22.3 p1",
    ),
    Clause(
        id="usable-size",
        says="all of the usable size can be written",
        source="malloc_usable_size(3)",
    ),
    Clause(
        id="zero-size",
        says="size 0: NULL or a block, for free",
        source="C17 7.22.3 p1",
    ),
    Clause(
        id="realloc-to-zero",
        says="realloc(block, 0) frees",
        source="realloc(3)",
    ),
    Clause(
        id="calloc-zeroes",
        says="calloc zeroes used memory",
        source="C17 7.22.3.2 p2",
    ),
    Clause(
        id="calloc-overflow",
        says="calloc fails where it overflows",
        source="C17 7.22.3.2, malloc(3)",
    ),
    Clause(
        id="realloc-contents",
        says="realloc keeps the contents",
        source="C17 7.22.3.5 p2",
    ),
    Clause(
        id="realloc-of-null",
        says="realloc(NULL, size) is malloc(size)",
        source="C17 7.22.3.5 p3",
    ),
    Clause(
        id="realloc-failure",
        says="realloc that fails keeps the block",
        source="C17 7.22.3.5 p3",
    ),
    Clause(
        id="reallocarray",
        says="reallocarray fails where it overflows",
        source="reallocarray(3)",
    ),
    Clause(
        id="posix-memalign-errors",
        says="posix_memalign tells its errors",
        source="POSIX.1-2008 TC2",
    ),
    Clause(
        id="posix-memalign-errno",
        says="posix_memalign leaves errno alone",
        source="posix_memalign(3)",
    ),
    Clause(
        id="aligned-alloc-errors",
        says="aligned_alloc refuses a bad alignment",
        source="C17 7.22.3.1 p2",
    ),
    Clause(
        id="aligned-alloc-any-size",
        says="aligned_alloc takes any size",
        source="C17 7.22.3.1 p2",
    ),
    Clause(
        id="too-large",
        says="more than PTRDIFF_MAX bytes fail",
        source="malloc(3)",
    ),
    Clause(
        id="errno-on-failure",
        says="what fails sets errno to ENOMEM",
        source="POSIX.1-2017 malloc",
    ),
    Clause(
        id="errno-kept-by-free",
        says="free leaves errno alone",
        source="POSIX.1-2024 free",
    ),
    Clause(
        id="sized-free",
        says="free_sized, free_aligned_sized free",
        source="C23 7.24.3.4, 7.24.3.5",
    ),
    Clause(
        id="exhaustion",
        says="out of memory: NULL, then as before",
        source="C17 7.22.3 p1",
    ),
    Clause(
        id="threads",
        says="threads may call at once",
        source="C17 7.22.3 p2",
    ),
    Clause(
        id="free-elsewhere",
        says="another thread may free a block",
        source="C17 7.22.3 p2",
    ),
    Clause(
        id="thread-churn",
        says="threads may end and leave blocks",
        source="C17 7.22.3 p1",
    ),
    Clause(
        id="thread-exit",
        says="thread destructors may allocate",
        source="POSIX pthread_key_create",
    ),
    Clause(
        id="fork",
        says="a child of fork may allocate",
        source="as in glibc (arena.c)",
        patience=120.0,
    ),
    Clause(
        id="before-and-after-main",
        says="constructors, exit handlers may, too",
        source="C17 7.22.4.4 p3, as in glibc",
    ),
    Clause(
        id=RANDOM,
        says="random programs agree with the model",
        source="C17 7.22.3",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misuse:
    """One mistake that programs make."""

    id: str
    says: str


MISUSES: tuple[Misuse, ...] = (
    Misuse(id="double-free", says="free a block twice in a row"),
    Misuse(id="double-free-later", says="free it again after another"),
    Misuse(id="free-inside", says="free an address inside a block"),
    Misuse(id="free-of-stack", says="free an address on the stack"),
    Misuse(id="overflow", says="write one byte past the usable size"),
    Misuse(id="use-after-free", says="write through an old pointer"),
    Misuse(id="freelist", says="plant an address in a freed block"),
)
