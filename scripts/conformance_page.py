"""Print docs/conformance.md: the clauses, and what every allocator that is here answers to them.

``python scripts/conformance_page.py [--check]`` asks all of them (minutes). Every deviation needs its explanation in
`EXPLAINED`: without one, or with one too many for an allocator that is here, the exit status is 1. ``--check`` prints
the figures instead of the page.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heapswap.allocators import inventory, registry
from heapswap.allocators.model import Origin
from heapswap.conformance import price
from heapswap.conformance.clauses import CLAUSES, MISUSES, RANDOM

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
MEANS = {"held": "yes", "deviates": "**no**", "crashed": "**crash**", "hung": "**hang**", "not_applicable": "–"}
AS_GLIBC = (
    "meant so: the bundled libraries do as glibc before 2.38 does (`native/allocators/src/family.rs`), because a "
    "program that works with that glibc must not fail under them"
)

EXPLAINED: dict[tuple[str, str], str] = {
    # (family and where it is from, clause): why, with the place in its own source or documentation
    ("glibc", "aligned-alloc-errors"): (
        "glibc made `aligned_alloc` an alias of `memalign`, which rounds the alignment up to a power of two, until "
        "version 2.38 (its commit d1417176a3, *aligned_alloc: conform to C17*)"
    ),
    ("glibc", "posix-memalign-errno"): (
        "`__posix_memalign` in glibc's `malloc/malloc.c` returns `ENOMEM` after an internal function has set `errno`; "
        "posix_memalign(3) says that it is not set"
    ),
    ("mimalloc, bundled", "aligned-alloc-errors"): AS_GLIBC,
    ("jemalloc, bundled", "aligned-alloc-errors"): AS_GLIBC,
    ("snmalloc, bundled", "aligned-alloc-errors"): AS_GLIBC,
    ("snmalloc, bundled", "exhaustion"): (
        "snmalloc reserves 256 GiB of address space for its page map before anything else, and ends the program where "
        "that is refused (`FlatPagemap::init` in `ds/pagemap.h`). It cannot run under `ulimit -v`, where heapswap "
        "refuses it; limits of resident memory, such as a container's, do not matter to it"
    ),
    ("mimalloc, system", "requested-alignment"): (
        "a defect of mimalloc 2.0.9, mended in 2.1.0 (microsoft/mimalloc#700, commit 4bf63300): pages begin 384 bytes "
        "in, and blocks of 256, 512 and 1024 bytes are taken to be aligned to their size, which there they are not. "
        "A program that aligns to more than 128 bytes must not run under it"
    ),
    ("mimalloc, system", "random-sequences"): "the same: microsoft/mimalloc#700",
    ("mimalloc, system", "realloc-to-zero"): (
        "meant so: `_mi_heap_realloc_zero` in its `src/alloc.c` says that NULL stands for an error alone. C17 allows "
        "it; a program that frees by `realloc(block, 0)` loses memory. The bundled mimalloc frees"
    ),
    ("mimalloc, system", "posix-memalign-errno"): "as with glibc: the `mmap` that failed has set `errno`",
    ("mimalloc, system", "errno-on-failure"): (
        "requests beyond PTRDIFF_MAX end in `mi_find_page` (`src/page.c`) with a message and no `errno`. The bundled "
        "libraries set it"
    ),
    ("jemalloc, system", "whole-family"): (
        "jemalloc 5.3.0 has no `pvalloc` (5.3.1 has): a block that glibc's `pvalloc` gives out is freed by jemalloc, "
        "which is a crash in the few programs that call it"
    ),
    ("jemalloc, system", "posix-memalign-errno"): "as with glibc: the `mmap` that failed has set `errno`",
    ("jemalloc, system", "errno-on-failure"): (
        "`je_memalign` in its `src/jemalloc.c` does not ask for `errno` (`set_errno_on_error`), as `je_aligned_alloc` "
        "does. The bundled jemalloc sets it"
    ),
    ("tcmalloc, system", "aligned-alloc-errors"): (
        "`aligned_alloc` is an alias of `tc_memalign` (`src/libc_override_gcc_and_weak.h`), which looks at no alignment"
    ),
    ("tcmalloc, system", "posix-memalign-errno"): (
        "as with glibc: `tc_posix_memalign` calls `tc_memalign`, which sets `errno`"
    ),
    ("tcmalloc, system", "too-large"): (
        "`tc_pvalloc` (`src/tcmalloc.cc`) rounds up to whole pages without looking whether that overflows: the last "
        "page of sizes becomes size 0"
    ),
}

HEAD = """# Conformance

Written by `make docs-tables`, which asks every allocator anew; do not edit.

`heapswap conform CANDIDATE` or `heapswap conform ./libmine.so` holds a malloc library to what C, POSIX and the Linux
manual promise to programs. Every question is asked in a child process of its own in which that library is preloaded,
and which first proves that it is that library's malloc that answers. The child takes its own memory from elsewhere,
finds the family by name, so that no compiler can know what it calls, and says in which call it died if it dies.

| outcome | |
| --- | --- |
| held | what was promised was seen, for every size and case that is tried |
| deviates | something else was seen; the line below says what |
| crashed | the process died; the call and the library's last words are told |
| hung | no answer in a minute (the fork: two) |
| – | does not apply: the library has no such function |

The last clause plays random programs against a model of the heap, in one thread and then in three. One under which they
part is shrunk to the lines that show it, and can be read:

```text
a = malloc(73)
a = realloc(a, 81)
line 2, a = realloc(a, 81): byte 72 is 0x00 and should be 0xdf
```

Exit status 0: every clause holds or does not apply; 1: one is broken. `--known CLAUSE` leaves one out of that, for
continuous integration; `--junit FILE` saves a test case a clause; `--json` prints one object: `kind` (`conformance`),
`schema` (1), `candidate`, `library`, `system`, `clauses` (`id`, `outcome`, `detail`), `hardening` (`candidate`, and
`attempts` of `id`, `reaction`, `detail`), `prices` (`id`, `unit`, `plain`, `hardened`, `ratio`, `low`, `high`, `pairs`,
`confidence`), `environment`.

A clause that holds has not been proved: it was tried, and nothing else was seen. The threads of a machine with two
cores meet less often than those of sixty-four.
"""

MISUSE = """
## A program's mistakes

What becomes of a program that makes a mistake is nobody's promise, so this is told and not judged. Each is made in a
child process, in a heap that has been used.

| reaction | |
| --- | --- |
| detected | the library ends the program |
| ignored | no harm: afterwards every block is still given out once, and keeps its contents |
| crashed | a bad access ends the program, which is luck |
| corrupts | silently, memory is given out that is not its to give |
"""

PRICE = """
## The price of hardening

mimalloc beside mimalloc+secure: {pairs} pairs of runs, in random order within each pair. The interval goes from the
least to the greatest ratio and covers the median with {confidence:.1f} %, whatever the noise is like. CPU time;
Python runs with `PYTHONMALLOC=malloc`, so that every object is the allocator's.
`heapswap conform mimalloc` measures it where you are;
these figures are from {machine} with other work on it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One allocator's answer, and how the explanations know it."""

    known_as: str
    answer: dict[str, Any]

    @property
    def title(self) -> str:
        """Spelling and version, as the head of a column."""
        library = self.answer["library"]
        version = library["version"] if library else self.answer["system"]
        where = " (Debian)" if library and library["origin"] == Origin.SYSTEM else ""
        return f"{self.answer['candidate'].partition('@')[0]} {version}{where}"

    @property
    def deviations(self) -> list[dict[str, str]]:
        """The clauses that are broken."""
        return [row for row in self.answer["clauses"] if row["outcome"] not in ("held", "not_applicable")]


def main() -> int:
    """Ask all, print the page or the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print the figures instead of the page")
    arguments = parser.parse_args()
    examined = [examine(spelling, known_as) for spelling, known_as in present()]
    print(figures(examined) if arguments.check else page(examined), end="")
    wrong = unexplained(examined)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def present() -> Iterable[tuple[str, str]]:
    """Every allocator that is here: what selects it, and what `EXPLAINED` calls it."""
    name, _ = registry.c_library()
    yield "system", name
    for found in inventory.take(registry.families()).libraries:
        yield found.spelling, f"{found.library.family}, {found.library.origin.value}"


def examine(spelling: str, known_as: str) -> Examined:
    """What `heapswap conform` answers."""
    print(f"asking {spelling}", file=sys.stderr, flush=True)
    command = [HEAPSWAP, "conform", spelling, "--json", "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"heapswap conform {spelling} ended with {done.returncode}")
    return Examined(known_as=known_as, answer=json.loads(done.stdout))


def unexplained(examined: Sequence[Examined]) -> list[str]:
    """Deviations without an explanation, and explanations of what no longer deviates."""
    seen = {(one.known_as, row["id"]) for one in examined for row in one.deviations}
    here = {one.known_as for one in examined}
    # A search at random that has found nothing in its time is no proof that there is nothing.
    stale = {key for key in EXPLAINED if key[0] in here and key[1] != RANDOM} - seen
    new = seen - set(EXPLAINED)
    return [
        *(f"{name}: {clause} deviates, and EXPLAINED does not say why" for name, clause in sorted(new)),
        *(f"{name}: {clause} does not deviate, and EXPLAINED says why it does" for name, clause in sorted(stale)),
    ]


def figures(examined: Sequence[Examined]) -> str:
    """One line an allocator."""
    return "".join(f"{one.title}: {asked(one)}\n" for one in examined)


def asked(one: Examined) -> str:
    """How many clauses hold, and which do not."""
    count = sum(row["outcome"] != "not_applicable" for row in one.answer["clauses"])
    broken = [f"{row['id']} {row['outcome']}" for row in one.deviations]
    return f"{count - len(broken)} of {count} hold" + (f" ({', '.join(broken)})" if broken else "")


def page(examined: Sequence[Examined]) -> str:
    """The whole page."""
    return "".join(
        [
            HEAD,
            "\n## Every allocator that is bundled or packaged\n\n",
            table(["clause", "written in", *(one.title for one in examined)], clause_rows(examined)),
            "\n## Why they deviate\n",
            *(part for one in examined if one.deviations for part in deviations(one)),
            MISUSE,
            "\n",
            table(["mistake", *(one.title for one in examined)], misuse_rows(examined)),
            *prices(examined),
        ]
    )


def clause_rows(examined: Sequence[Examined]) -> Iterable[list[str]]:
    """A row a clause."""
    for number, clause in enumerate(CLAUSES):
        cells = [MEANS[one.answer["clauses"][number]["outcome"]] for one in examined]
        yield [f"`{clause.id}`: {clause.says}", clause.source, *cells]


def misuse_rows(examined: Sequence[Examined]) -> Iterable[list[str]]:
    """A row a mistake."""
    for number, misuse in enumerate(MISUSES):
        reactions = [own(one)["attempts"][number]["reaction"] for one in examined]
        yield [misuse.says, *(f"**{word}**" if word == "corrupts" else word for word in reactions)]


def own(one: Examined) -> dict[str, Any]:
    """Its reactions; beside them stand those of the other build."""
    row: dict[str, Any] = next(row for row in one.answer["hardening"] if row["candidate"] == one.answer["candidate"])
    return row


def deviations(one: Examined) -> Iterable[str]:
    """What was seen, and why."""
    yield f"\n**{one.title}**\n\n"
    for row in one.deviations:
        why = EXPLAINED.get((one.known_as, row["id"]), "not explained yet")
        seen = steady(row["detail"].replace("\n", "; ").removesuffix("."))
        yield f"- `{row['id']}`: {seen}. Why: {why}.\n"


def steady(seen: str) -> str:
    """Without addresses, which differ each time."""
    return re.sub(r"answered 0x[0-9a-f]+", "answered 0x…", seen)


def prices(examined: Sequence[Examined]) -> Iterable[str]:
    """What the hardened mimalloc costs."""
    rows: list[dict[str, Any]] = next(
        (one.answer["prices"] for one in examined if one.answer["candidate"] == "mimalloc"), []
    )
    if not rows:
        return
    machine = f"a {os.cpu_count()}-core {platform.machine()} virtual machine"
    yield PRICE.format(pairs=rows[0]["pairs"], confidence=rows[0]["confidence"] * 100, machine=machine)
    yield "\n"
    yield table(
        ["what is measured", "ratio", "interval"],
        [[price.SAYS[r["id"]], f"×{r['ratio']:.2f}", f"{r['low']:.2f} to {r['high']:.2f}"] for r in rows],
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
