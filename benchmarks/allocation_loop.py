"""The bundled allocators against the distribution's own builds of the same allocators, on an allocation loop.

``python benchmarks/allocation_loop.py [--json]``. Each library is preloaded into the same small C program, in turn,
many times over; what counts is the least time of all, because noise only ever adds. mimalloc 3 has no Debian package:
its peer is fetched from the Python package ``cmeel-mimalloc``. The versions are not the same on both sides; they are
printed. Held to: within 1.25 times on the hot pair, within 1.10 times on a batch.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from zipfile import ZipFile

from heapswap.native import bundled

PAIR_LIMIT = 1.25
BATCH_LIMIT = 1.10
ROUNDS = 20
SOURCE = Path(__file__).with_name("allocation_loop.c")
SYSTEM_FOLDERS = [Path("/usr/lib") / f"{os.uname().machine}-linux-gnu", Path("/usr/lib64"), Path("/usr/lib")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Nanoseconds of one malloc with its free."""

    pair: float
    batch: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A bundled library beside its peer; one `Cost` a round."""

    library: str
    peer: str
    ours: tuple[Cost, ...]
    theirs: tuple[Cost, ...]

    @property
    def pair_ratio(self) -> float:
        return min(cost.pair for cost in self.ours) / min(cost.pair for cost in self.theirs)

    @property
    def batch_ratio(self) -> float:
        return min(cost.batch for cost in self.ours) / min(cost.batch for cost in self.theirs)

    @property
    def holds(self) -> bool:
        return self.pair_ratio <= PAIR_LIMIT and self.batch_ratio <= BATCH_LIMIT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    print(as_json(rows) if arguments.json else as_text(rows))
    return 0 if all(row.holds for row in rows) else 1


def measure(folder: Path) -> list[Row]:
    """One round after another, each with every library in turn, so that drift meets all of them alike."""
    program = compiled(folder)
    pairs = {
        built("jemalloc"): installed("libjemalloc.so.2", "libjemalloc2"),
        built("mimalloc_v2"): installed("libmimalloc.so.2", "libmimalloc2.0"),
        built("mimalloc"): fetched("cmeel-mimalloc", "libmimalloc.so", folder),
    }
    costs: dict[Path, list[Cost]] = {library: [] for pair in pairs.items() for library in pair}
    for _ in range(ROUNDS):
        for library, measured in costs.items():
            measured.append(cost(program, library))
    return [
        Row(library=named(ours), peer=named(theirs), ours=tuple(costs[ours]), theirs=tuple(costs[theirs]))
        for ours, theirs in pairs.items()
    ]


def compiled(folder: Path) -> Path:
    program = folder / "allocation_loop"
    # Without the builtins' meaning the compiler may not leave out a pair whose block is not used.
    subprocess.run(["gcc", "-O2", "-fno-builtin", str(SOURCE), "-o", str(program)], check=True)
    return program


def built(name: str) -> Path:
    return bundled(name) or sys.exit(f"the bundled library '{name}' was not built; see `heapswap allocators`")


def installed(name: str, package: str) -> Path:
    paths = [folder / name for folder in SYSTEM_FOLDERS if (folder / name).exists()]
    return paths[0] if paths else sys.exit(f"{name} is not there; `apt-get install {package}`")


def fetched(package: str, name: str, folder: Path) -> Path:
    """The library of a Python package that is only a box for it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        member = max(
            (member for member in archive.infolist() if f"/{name}" in member.filename), key=lambda m: m.file_size
        )
        return Path(archive.extract(member, folder))


def cost(program: Path, library: Path) -> Cost:
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    output = subprocess.run([program], env=environment, capture_output=True, text=True, check=True)
    if output.stderr:
        sys.exit(f"{library} could not be preloaded: {output.stderr.strip()}")
    pair, batch = map(float, output.stdout.split())
    return Cost(pair=pair, batch=batch)


def named(library: Path) -> str:
    """File name and version, as the library itself tells it, or else as its file is called."""
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "MIMALLOC_VERBOSE": "1",
        "MALLOC_CONF": "stats_print:true",
        "_RJEM_MALLOC_CONF": "stats_print:true",
    }
    said = subprocess.run(["/bin/true"], env=environment, capture_output=True, text=True, check=True).stderr
    version = re.search(r'(?:Version: "|v|mimalloc )(\d+\.\d+(?:\.\d+)?)', said)
    name, _, number = library.resolve().name.partition(".so.")
    return f"{name.partition('.')[0]} {version[1] if version else number}"


def as_json(rows: list[Row]) -> str:
    return json.dumps(
        {
            "rows": [
                {
                    "library": row.library,
                    "peer": row.peer,
                    "pair_ratio": round(row.pair_ratio, 3),
                    "batch_ratio": round(row.batch_ratio, 3),
                }
                for row in rows
            ]
        }
    )


def as_text(rows: list[Row]) -> str:
    lines = [f"ns a malloc with its free: least (median) of {ROUNDS} rounds", ""]
    lines += [f"{'':22}{'hot pair':>16}{'batch of 1000':>18}"]
    for row in rows:
        for name, costs in ((row.library, row.ours), (row.peer, row.theirs)):
            lines.append(f"{name:22}{shown([c.pair for c in costs]):>16}{shown([c.batch for c in costs]):>18}")
        held = "held" if row.holds else "MISSED"
        lines.append(f"{'  ratio':22}{row.pair_ratio:>16.2f}{row.batch_ratio:>18.2f}   {held}")
    lines += ["", f"held to: pair {PAIR_LIMIT:.2f}, batch {BATCH_LIMIT:.2f}"]
    return "\n".join(lines)


def shown(values: list[float]) -> str:
    return f"{min(values):.2f} ({median(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
