#!/usr/bin/env python3
"""Fuzz the reader of traces with libFuzzer: `make fuzz`, or `scripts/fuzz.py [--seconds 60] [TARGET …]` in .venv.

What is missing of cargo-fuzz and of a nightly toolchain is installed, and said. Seeds are recordings made on the spot;
inputs that led further are kept in native/fuzz/corpus, and the next time goes on from there. Exit status 1 where one
makes the reader crash, hang, take too much memory, or disagree with itself: it is kept in native/fuzz/artifacts.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow

from heapswap import native

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "native" / "fuzz"
TARGETS = ("records", "streams", "columns", "file")
PROGRAMS = (("true",), ("ls", "-l", "/"), ("sh", "-c", "ls | sort; echo"), ("env", "sort", "-R", "/etc/passwd"))
"""what is recorded: a few hundred to some thousand calls, one with children"""
LONGEST = 1 << 16
"""bytes of an input"""
PER_RUN = (f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=1500", "-malloc_limit_mb=600", "-print_final_stats=1")
HEADER = 48
"""bytes of a frame's header, see `native/trace/src/container/mod.rs`"""
SEGMENT = 3
COLUMNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one target did."""

    target: str
    seeds: int
    executions: int
    coverage: int
    """edges of the reader's control flow that inputs went along"""
    status: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a line a target")
    arguments = parser.parse_args()
    prepare()
    ran = []
    with tempfile.TemporaryDirectory(prefix="heapswap-fuzz-") as name:
        seed(Path(name))
        for target in arguments.targets or TARGETS:
            one = run(target, Path(name) / target, arguments.seconds)
            ran.append(one)
            if not arguments.json:
                print(
                    f"fuzz: {target}: {one.executions:,} inputs, {one.coverage:,} edges, from {one.seeds} seeds",
                    flush=True,
                )
    if arguments.json:
        print(json.dumps({"targets": [asdict(one) for one in ran]}))
    return int(any(one.status for one in ran))


def prepare() -> None:
    """Install what is missing."""
    if not says(["cargo", "+nightly", "--version"]):
        tell("installing a nightly toolchain: libFuzzer needs instrumentation that is not stable")
        subprocess.run(
            ["rustup", "toolchain", "install", "nightly", "--profile", "minimal"], check=True, stdout=sys.stderr
        )
    if not says(["cargo", "fuzz", "--version"]):
        tell("installing cargo-fuzz (minutes)")
        subprocess.run(["cargo", "install", "--quiet", "cargo-fuzz"], check=True, stdout=sys.stderr)
    tell("building the targets (minutes the first time)")
    subprocess.run(
        ["cargo", "+nightly", "fuzz", "build", "--fuzz-dir", "fuzz"], check=True, stdout=sys.stderr, cwd=FUZZ.parent
    )


def says(command: list[str]) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def tell(words: str) -> None:
    print(f"fuzz: {words}", file=sys.stderr, flush=True)


def run(target: str, seeds: Path, seconds: int) -> Ran:
    corpus = FUZZ / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    found = FUZZ / "artifacts" / target
    found.mkdir(parents=True, exist_ok=True)
    (program,) = FUZZ.glob(f"target/*/release/{target}")
    options = (f"-max_total_time={seconds}", f"-artifact_prefix={found}/", *PER_RUN)
    command = [str(program), *options, str(corpus), str(seeds)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        tell(f"{target} found something:\n{_told(done.stderr)}")
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    coverage = re.findall(r"\bcov: (\d+)", done.stderr)
    return Ran(
        target=target,
        seeds=len(list(seeds.iterdir())),
        executions=int(executions[-1]) if executions else 0,
        coverage=int(coverage[-1]) if coverage else 0,
        status=done.returncode,
    )


def _told(errors: str) -> str:
    """What a person needs of it: the failure, and where the input is."""
    lines = errors.splitlines()
    heads = [at for at, line in enumerate(lines) if re.search(r"panicked at|ERROR: ", line)]
    kept = {at + more for at in heads for more in range(3)}
    kept |= {at for at, line in enumerate(lines) if "Test unit written to" in line or "SUMMARY: " in line}
    return "\n".join(lines[at] for at in sorted(kept) if at < len(lines))


def seed(folder: Path) -> None:
    """Inputs for every target, from programs recorded here."""
    for target in TARGETS:
        (folder / target).mkdir()
    files = list(recordings(folder))
    for number, file in enumerate(files):
        data = file.read_bytes()
        put(folder / "file", f"{number}", data)
        joined = b""
        for place, (header, content) in enumerate(segments(data)):
            process, stream = struct.unpack_from("<II", header, 8)
            if header[5] == 0:
                put(folder / "records", f"{number}-{place}", content)
                part = content[:0xFFFF]
                joined += struct.pack("<BBH", stream % 8 | process % 4 << 3, place, len(part)) + part
            else:
                put(folder / "columns", f"{number}-{place}", columns(content))
        if joined:
            put(folder / "streams", f"{number}", joined)


def put(folder: Path, name: str, data: bytes) -> None:
    if len(data) <= LONGEST:
        (folder / name).write_bytes(data)


def recordings(folder: Path) -> Iterator[Path]:
    heapswap = str(Path(sys.executable).with_name("heapswap"))
    for number, program in enumerate(PROGRAMS):
        for form in ((), ("--raw",)):
            file = folder / f"{number}{''.join(form)}.heap"
            command = [heapswap, "record", "--quiet", *form, "-o", str(file), "--", *program]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
            yield file
    for threads in ("1", "5"):
        file = folder / f"synthetic-{threads}.heap"
        subprocess.run([native.tracer(), "synthesise", "600", file, threads], check=True)
        packed = file.with_suffix(".packed")
        subprocess.run([native.tracer(), "pack", file, packed], check=True)
        yield from (file, packed)


def segments(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Header and content of each."""
    at = 16
    while at + HEADER <= len(data):
        header = data[at : at + HEADER]
        begin = at + HEADER
        at = begin + int.from_bytes(header[36:40], "little")
        if header[4] == SEGMENT:
            yield header, data[begin:at]


def columns(content: bytes) -> bytes:
    """The columns of a packed segment, decompressed, behind their lengths in two bytes each."""
    lengths = struct.unpack_from(f"<{2 * COLUMNS}I", content)
    at, plain = 8 * COLUMNS, []
    for whole, stored in zip(lengths[::2], lengths[1::2], strict=True):
        plain.append(pyarrow.decompress(content[at : at + stored], whole, codec="zstd", asbytes=True))
        at += stored
    parts = [part[:0xFFFF] for part in plain]
    return struct.pack(f"<{COLUMNS}H", *map(len, parts)) + b"".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
