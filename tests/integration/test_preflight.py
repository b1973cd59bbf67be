"""Preflight held against reality: what it says has no effect has none, and what it lets pass takes effect."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap.allocators.model import Activation
from heapswap.findings import Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import resolve
from tests.inspection.activations import knobs, preload
from tests.inspection.programs import (
    CALLS_MALLCTL,
    DEFINES_MALLCTL,
    MALLOC,
    PRINTS_FRESH_BLOCK,
    build,
    library,
    require,
)

FILLED = "5a"
"""what the first byte of a block is under the test's allocator"""
MUSL = {"compiler": "musl-gcc", "package": "musl-tools"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preflight")


@pytest.fixture(scope="module")
def allocator(folder: Path) -> Path:
    return library(folder, "liballocator.so", MALLOC)


def refused(program: Path | str, activation: Activation) -> set[str]:
    found = preflight(resolve(str(program), os.environ, "/"), activation, {})
    return {finding.code for finding in found if finding.level is Level.ERROR}


def fresh_byte(program: Path, environ: dict[str, str]) -> str:
    """What the program prints; the loader's complaint when it does not start."""
    done = subprocess.run([str(program)], env=environ, capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"exit status {done.returncode}"


@pytest.mark.parametrize("option", ["-pie", "-no-pie", "-static", "-static-pie"])
def test_preloading_into_ways_of_linking(folder: Path, allocator: Path, option: str) -> None:
    program = build(folder, f"program{option}", PRINTS_FRESH_BLOCK, option)
    takes_effect = fresh_byte(program, {"LD_PRELOAD": str(allocator)}) == FILLED
    assert takes_effect == (not refused(program, preload(allocator)))


def test_preloading_into_a_program_with_its_own_malloc(folder: Path, allocator: Path) -> None:
    other = MALLOC.replace("0x5a", "0x3c")
    program = build(folder, "own", other + PRINTS_FRESH_BLOCK)
    assert fresh_byte(program, {"LD_PRELOAD": str(allocator)}) == "3c"
    assert refused(program, preload(allocator)) == {"own-malloc"}


def test_preloading_across_c_libraries(folder: Path, allocator: Path) -> None:
    musl = build(folder, "musl", PRINTS_FRESH_BLOCK, **MUSL)
    theirs = library(folder, "libmusl.so", MALLOC, "-nostdlib", "-fno-builtin", **MUSL)
    assert refused(musl, preload(allocator)) == {"other-libc"}
    assert fresh_byte(musl, {}) != FILLED
    assert refused(musl, preload(theirs)) == set()


@pytest.mark.parametrize(
    ("name", "options", "toolchain"),
    [
        ("dynamic", (), {}),
        ("static", ("-static",), {}),
        ("musl", (), MUSL),
        ("musl-static", ("-static",), MUSL),
    ],
)
def test_settings_of_glibc(folder: Path, name: str, options: tuple[str, ...], toolchain: dict[str, str]) -> None:
    """MALLOC_PERTURB_ fills new blocks with the complement of its value, which shows whether settings are read."""
    program = build(folder, f"settings-{name}", PRINTS_FRESH_BLOCK, *options, **toolchain)
    read = fresh_byte(program, {"MALLOC_PERTURB_": "90"}) == "a5"
    assert read == (not refused(program, knobs(MALLOC_PERTURB_="90")))


def test_sanitizers_refuse_a_preload(folder: Path, allocator: Path) -> None:
    program = build(folder, "asan", PRINTS_FRESH_BLOCK, "-fsanitize=address")
    assert fresh_byte(program, {"LD_PRELOAD": str(allocator)}) == "exit status 1"
    assert refused(program, preload(allocator)) == {"sanitizer"}


def test_private_interfaces(folder: Path, allocator: Path) -> None:
    linked = library(folder, "libjemalloc-own.so.2", MALLOC + DEFINES_MALLCTL)
    program = build(folder, "server", CALLS_MALLCTL, str(linked), f"-Wl,-rpath,{folder}")
    assert refused(program, preload(allocator)) == {"private-api"}
    assert refused(program, preload(linked, "jemalloc")) == set()


def test_redis(allocator: Path) -> None:
    redis = require("redis-server", "redis-server")
    same = sorted(Path("/usr/lib").glob("*-linux-gnu/libjemalloc.so.2"))
    assert same, "libjemalloc.so.2 is missing: apt-get install libjemalloc2"
    assert "private-api" in refused(redis, preload(allocator))
    assert refused(redis, preload(same[0], "jemalloc")) == set()
    assert refused(redis, knobs(MALLOC_ARENA_MAX="1")) == {"knob-without-effect"}


def test_rustc(allocator: Path) -> None:
    require("rustc", "rustc")
    assert "own-malloc" in refused("rustc", preload(allocator))


@pytest.mark.parametrize("program", ["python3", "node", "bash", "git", "perl", "sqlite3", "g++"])
def test_ordinary_programs_pass(allocator: Path, program: str) -> None:
    require(program, {"node": "nodejs"}.get(program, program))
    assert refused(program, preload(allocator)) == set()
    assert refused(program, knobs(MALLOC_ARENA_MAX="1")) == set()


@pytest.mark.parametrize("value", ["malloc", "pymalloc", "mimalloc", "debug"])
def test_pythons_own_allocator(value: str) -> None:
    environ = {**os.environ, "PYTHONMALLOC": value}
    done = subprocess.run([sys.executable, "-c", "pass"], env=environ, capture_output=True, check=False)
    assert (done.returncode != 0) == bool(refused(sys.executable, knobs(PYTHONMALLOC=value)))


def test_nothing_slow_is_imported() -> None:
    """Preflight stands before every `heapswap run`."""
    slow = {"numpy", "scipy", "rich", "msgspec", "subprocess", "elftools"}
    code = "import sys, heapswap.inspection.conflicts; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not slow & set(done.stdout.split())
