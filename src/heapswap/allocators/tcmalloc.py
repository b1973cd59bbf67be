"""tcmalloc of gperftools; Google's newer allocator of the same name is another project and has no Debian package."""

from heapswap.allocators.marks import symbols
from heapswap.allocators.model import Allocator, Knob, KnobType, Recipe, Soname

FAMILY = Allocator(
    name="tcmalloc",
    summary="per-thread caches over central free lists (gperftools)",
    upstream="https://github.com/gperftools/gperftools",
    symbols=symbols("tcmalloc", "TCMALLOC_"),
    sonames=(
        Soname(stem="libtcmalloc_minimal.so", package="libtcmalloc-minimal4"),
        # The full library carries a profiler and an unwinder that a program under measurement does not want.
        Soname(stem="libtcmalloc.so", features=("full",), package="libgoogle-perftools4"),
    ),
    configuration="TCMALLOC_",
    version=r"gperftools (\d+\.\d+(?:\.\d+)?)",
    booleans=("1", "0"),
    quiet=(("TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD", "0"),),
    knobs=(
        Knob(
            name="release_rate",
            variable="TCMALLOC_RELEASE_RATE",
            type=KnobType.REAL,
            default="1.0",
            effect="how fast unused memory goes back to the system: 0 never, 10 fast",
            minimum=0,
        ),
        Knob(
            name="aggressive_decommit",
            variable="TCMALLOC_AGGRESSIVE_DECOMMIT",
            type=KnobType.BOOLEAN,
            default="0",
            effect="give every free span back at once",
        ),
        Knob(
            name="max_total_thread_cache_bytes",
            variable="TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES",
            type=KnobType.SIZE,
            unit="B",
            default="32MiB",
            effect="room for all thread caches together: more for many threads, less for memory",
            minimum=512 << 10,
            maximum=1 << 30,
        ),
        Knob(
            name="heap_limit_mb",
            variable="TCMALLOC_HEAP_LIMIT_MB",
            type=KnobType.INTEGER,
            unit="MiB",
            default="none",
            effect="limit of the heap; memory is given back before it is passed",
            minimum=0,
        ),
        Knob(
            name="large_alloc_report_threshold",
            variable="TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD",
            type=KnobType.SIZE,
            unit="B",
            default="1GiB (0 here: nothing is written into the program's output)",
            effect="report larger requests on standard error; 0 never",
        ),
        Knob(
            name="transfer_num_obj",
            variable="TCMALLOC_TRANSFER_NUM_OBJ",
            type=KnobType.INTEGER,
            default="32",
            effect="objects moved between a thread cache and the central list at a time",
            minimum=1,
        ),
    ),
    recipes=(
        Recipe(
            name="returning",
            knobs=(("aggressive_decommit", "true"),),
            purpose="gives free spans back at once, for a little more time in the kernel",
        ),
        Recipe(
            name="speed",
            knobs=(("max_total_thread_cache_bytes", "256MiB"), ("release_rate", "0")),
            purpose="large thread caches, and nothing goes back to the system",
        ),
    ),
)
