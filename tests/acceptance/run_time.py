"""What `heapswap.stats` says and `heapswap.release` gives back after real work, and what a scrape costs a service."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from heapswap import native
from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

SYSTEM = Path(f"/usr/lib/{os.uname().machine}-linux-gnu")
TUNED = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0"
MB = 1e6

ARMS: dict[str, dict[str, str]] = {
    "glibc": {},
    "glibc, 2 arenas": {"MALLOC_ARENA_MAX": "2"},
    "jemalloc": {"LD_PRELOAD": str(native.bundled("jemalloc"))},
    "jemalloc of Debian": {"LD_PRELOAD": str(SYSTEM / "libjemalloc.so.2")},
    "jemalloc of Debian, tuned": {"LD_PRELOAD": str(SYSTEM / "libjemalloc.so.2"), "MALLOC_CONF": TUNED},
    "tcmalloc of Debian": {"LD_PRELOAD": str(SYSTEM / "libtcmalloc_minimal.so.4")},
    "mimalloc": {"LD_PRELOAD": str(native.bundled("mimalloc"))},
    "mimalloc@2": {"LD_PRELOAD": str(native.bundled("mimalloc_v2"))},
    "mimalloc+secure": {"LD_PRELOAD": str(native.bundled("mimalloc_secure"))},
    "mimalloc 2.0.9 of Debian": {"LD_PRELOAD": str(SYSTEM / "libmimalloc.so.2")},
    "snmalloc": {"LD_PRELOAD": str(native.bundled("snmalloc"))},
}

LEAST = 42 * MB
"""What the one arm that returns memory by itself rests at is 34 MB in the corpus, and 38 with heapswap loaded."""


def seen(evidence: Evidence, arm: str) -> Any:
    words = [f"{key}={value}" for key, value in ARMS[arm].items()]
    program = "tests/acceptance/release_after_work.py"
    return evidence.json(arm.replace(" ", "-"), ["/usr/bin/env", *words, sys.executable, program], timeout=300)


def ends_at(arms: tuple[str, ...], limit: float) -> Callable[[Evidence], Result]:
    """The resident set after `release` is at most `limit` in every one of `arms`."""

    def line(evidence: Evidence) -> Result:
        figures, held = [], True
        for arm in arms:
            found = seen(evidence, arm)
            idle, after = (found[moment]["process"]["resident"] for moment in ("idle", "after"))
            figures.append(f"{arm}: {idle / MB:.0f} -> {after / MB:.0f} MB")
            held = held and after <= limit
        return Result(figure="; ".join(figures), held=held)

    return line


def gives_nothing(evidence: Evidence) -> Result:
    """Where there is nothing to call, release says so and moves nothing."""
    found = seen(evidence, "snmalloc")
    released, lazily = found["released"], found["after"]["process"]["lazily_freed"]
    return Result(
        figure=f"moved {released['moved'] / MB:.1f} MB; {lazily / MB:.0f} MB are lazily freed already",
        held=released["how"] == "" and abs(released["moved"]) < MB,
    )


def old_mimalloc(evidence: Evidence) -> Result:
    """mimalloc 2.0 purges after a delay, and only while it allocates: it may give back nothing, and never takes."""
    found = seen(evidence, "mimalloc 2.0.9 of Debian")
    moved = found["released"]["moved"]
    return Result(figure=f"moved {moved / MB:.0f} MB of what waits", held=moved > -MB)


def free_is_what_moves(evidence: Evidence) -> Result:
    """What `free` said beforehand is what release moved."""
    shares = {}
    for arm in ("glibc", "jemalloc", "jemalloc of Debian", "tcmalloc of Debian"):
        found = seen(evidence, arm)
        shares[arm] = found["released"]["moved"] / found["idle"]["free"]
    return Result(
        figure="; ".join(f"{arm}: {share:.2f}" for arm, share in shares.items()),
        held=all(0.9 <= share <= 1.05 for share in shares.values()),
    )


def figures_agree(evidence: Evidence) -> Result:
    """Allocated ≤ active ≤ resident at both moments of every arm, and the kernel's count lies where it must."""
    checked, wrong = 0, []
    for arm in ARMS:
        for moment in ("idle", "after"):
            taken = seen(evidence, arm)[moment]
            given = [taken[name] for name in ("allocated", "active", "resident") if taken[name] is not None]
            anonymous = taken["process"]["anonymous"]
            fits = given == sorted(given)
            if taken["allocated"] is not None:
                # Everything allocated was touched here; Python's arenas and stacks are beside the heap.
                fits = fits and taken["allocated"] <= anonymous
            if taken["resident"] is not None:
                beside = taken["python"]["mapped"] + 8 * MB
                fits = fits and anonymous - beside <= taken["resident"] <= 1.4 * anonymous + 4 * MB
            checked += 1
            if not fits:
                wrong.append(f"{arm}, {moment}")
    return Result(
        figure=f"{checked - len(wrong)} of {checked} moments" + "".join(f"; not {w}" for w in wrong), held=not wrong
    )


def scrapes(evidence: Evidence) -> Result:
    """p99 of a service with a scrape each second over p99 without; the machine's noise is in the interval."""
    rows = evidence.json("stats_cost", [sys.executable, "benchmarks/stats_cost.py", "--json"])["services"]
    figures = []
    for row in rows:
        low, high = row["interval"]
        figures.append(f"{row['allocator']}, {row['heap']}: {median(row['ratios']):.2f} ({low:.2f}..{high:.2f})")
    return Result(
        figure="; ".join(figures),
        held=all(row["interval"][0] <= 1.1 for row in rows if row["heap"] == "compact"),
    )


LINES = (
    Line(
        promise="after lxml_documents, release() brings glibc from its idle 132 MB to what only decay reaches (42 MB)",
        measure=ends_at(("glibc", "glibc, 2 arenas"), LEAST),
    ),
    Line(
        promise="… and jemalloc, tuned to return memory or not",
        measure=ends_at(("jemalloc", "jemalloc of Debian", "jemalloc of Debian, tuned"), LEAST),
    ),
    Line(promise="… and mimalloc 2.3", measure=ends_at(("mimalloc@2",), LEAST)),
    Line(
        promise="… tcmalloc, mimalloc 3 and secure to within a third of it: their own data stay",
        measure=ends_at(("tcmalloc of Debian", "mimalloc", "mimalloc+secure"), 56 * MB),
    ),
    Line(promise="… Debian's old mimalloc: what its delay lets go", measure=old_mimalloc),
    Line(promise="… snmalloc has nothing to call, and release() says so", measure=gives_nothing),
    Line(promise="what `free` says is what release() moves (0.9 to 1.05 of it)", measure=free_is_what_moves),
    Line(promise="allocated <= active <= resident, and the kernel agrees", measure=figures_agree),
    Line(
        promise="a scrape each second: no rise of a service's p99 beyond 10 % is shown (95 % interval)", measure=scrapes
    ),
    Line(
        promise="a known number of live bytes is counted under every allocator, beside threads and forks too",
        measure=tests("statistics", "tests/runtime/stats"),
    ),
    Line(
        promise="a FastAPI service, several workers and a Celery pool are on their metrics pages",
        measure=tests("examples", "tests/integration/test_examples.py"),
    ),
    Line(
        promise="every example of the pages on the article and on statistics runs as it stands",
        measure=tests("pages", "-m", "acceptance or not acceptance", "tests/docs"),
    ),
)
