"""An answer of `heapswap conform` with every outcome and reaction in it."""

from heapswap.allocators.model import Library, Origin
from heapswap.conformance.clauses import CLAUSES, MISUSES, RANDOM
from heapswap.conformance.model import Attempt, ClauseResult, Conformance, Hardening, Outcome, Price, Reaction
from heapswap.environment import Environment

ENVIRONMENT = Environment(
    heapswap="0.1.0",
    python="3.12.4",
    kernel="6.1.0",
    libc="glibc 2.36",
    machine="x86_64",
    processor="a processor",
    cores=2,
    memory=8 << 30,
    page_size=4096,
    transparent_huge_pages="madvise",
    variables=(),
)
BROKEN = {
    "natural-alignment": (Outcome.DEVIATES, "malloc(16) answered 0x7f2a10, which is no multiple of 16"),
    "sized-free": (Outcome.NOT_APPLICABLE, "the library has no free_sized"),
    "fork": (Outcome.HUNG, "no answer within 120 s"),
    "threads": (Outcome.CRASHED, "SIGSEGV in malloc(48), while 4 threads call at once: \x1b[31mheap smashed"),
    RANDOM: (Outcome.DEVIATES, "a = malloc(73)\na = realloc(a, 81)\nline 2, a = realloc(a, 81): byte 72 is 0x00"),
}
REACTIONS = tuple(Reaction)
ANSWER = Conformance(
    candidate="mimalloc+secure",
    library=Library(
        family="mimalloc",
        path="/opt/heapswap/_native/mimalloc_secure.abi3.so",
        version="3.3.2",
        origin=Origin.BUNDLED,
        build_id="c0ffee",
    ),
    system="glibc 2.36",
    clauses=tuple(
        ClauseResult(id=clause.id, outcome=outcome, detail=detail)
        for clause in CLAUSES
        for outcome, detail in [BROKEN.get(clause.id, (Outcome.HELD, "as it should be"))]
    ),
    hardening=tuple(
        Hardening(
            candidate=candidate,
            attempts=tuple(
                Attempt(id=misuse.id, reaction=REACTIONS[(number + shift) % len(REACTIONS)], detail="what was seen")
                for number, misuse in enumerate(MISUSES)
            ),
        )
        for shift, candidate in enumerate(("mimalloc", "mimalloc+secure"))
    ),
    prices=(
        Price(id="pair", unit="ns", plain=4.6, hardened=11, ratio=2.4, low=2.31, high=2.52, pairs=8, confidence=0.9922),
        Price(
            id="python", unit="s", plain=0.14, hardened=0.17, ratio=1.2, low=1.09, high=1.37, pairs=8, confidence=0.9922
        ),
    ),
    environment=ENVIRONMENT,
)
