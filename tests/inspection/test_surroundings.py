"""surroundings: what the machine and the environment have to say."""

import os
from pathlib import Path

import pytest

from heapswap.allocators.model import Activation
from heapswap.findings import Finding, Level
from heapswap.inspection import cgroup, surroundings
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import resolve
from heapswap.inspection.surroundings import emulator
from tests.inspection.activations import knobs, preload
from tests.inspection.programs import MALLOC, library

ARENAS = knobs(MALLOC_ARENA_MAX="2")
JEMALLOC = preload("/nowhere/lib.so", "jemalloc")


def found(activation: Activation, command: str = "true", **environ: str) -> dict[str, Finding]:
    users = {"PATH": "/usr/bin:/bin", **environ}
    words = command.split()
    program = resolve(words[0], users, "/", words[1:])
    return {finding.code: finding for finding in preflight(program, activation, users)}


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without quota, huge pages or machine-wide preloads; the file that says so for huge pages."""
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: None)
    monkeypatch.setattr(surroundings, "system_preloads", lambda: ())
    setting = tmp_path / "enabled"
    setting.write_text("always [madvise] never\n")
    monkeypatch.setattr(surroundings, "HUGE_PAGES", setting)
    return setting


def test_an_ordinary_machine_says_nothing() -> None:
    assert found(ARENAS) == {}
    assert found(JEMALLOC) == {}


def test_preloads_that_the_loader_ignores(tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("no library")
    right = library(tmp_path, "libx.so", "int x;\n")
    content = bytearray(right.read_bytes())
    content[18:20] = (21).to_bytes(2, "little")
    foreign = tmp_path / "foreign.so"
    foreign.write_bytes(bytes(content))
    for entry, reason in (
        ("/not/there.so", "does not exist"),
        ("libnot-there.so", "in no library folder"),
        (str(text), "is not a library"),
        (str(foreign), "ppc64"),
    ):
        finding = found(ARENAS, LD_PRELOAD=entry)["preload-ignored"]
        assert finding.level is Level.WARNING
        assert entry in finding.seen
        assert reason in finding.seen
    assert found(ARENAS, LD_PRELOAD=str(right)) == {}
    # What the loader replaces cannot be looked up from here.
    assert found(ARENAS, LD_PRELOAD="/opt/$LIB/libx.so") == {}


def test_machine_wide_preloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    allocator = library(tmp_path, "liballocator.so", MALLOC)
    harmless = library(tmp_path, "libharmless.so", "int x;\n")
    monkeypatch.setattr(surroundings, "system_preloads", lambda: (str(harmless), "/not/there.so"))
    assert found(ARENAS) == {}
    monkeypatch.setattr(surroundings, "system_preloads", lambda: (str(allocator),))
    assert found(ARENAS)["machine-wide-preload"].level is Level.WARNING


def test_injectors(tmp_path: Path) -> None:
    agent = library(tmp_path, "liboneagentproc.so", "int x;\n")
    assert "Dynatrace" in found(ARENAS, LD_PRELOAD=str(agent))["preload-injector"].seen


@pytest.mark.parametrize("command", ["true memray run", "true -m scalene app.py"])
def test_profilers(command: str) -> None:
    assert found(JEMALLOC, command)["memory-profiler"].level is Level.WARNING
    assert "memory-profiler" not in found(knobs(), command)


@pytest.mark.parametrize(
    ("program", "machine", "vendor", "expected"),
    [
        ("x86_64", "x86_64", "GenuineIntel", ""),
        ("i386", "x86_64", "AuthenticAMD", ""),
        ("arm", "aarch64", "", ""),
        ("x86_64", "aarch64", "", "an emulator on aarch64"),
        ("x86_64", "x86_64", "VirtualApple", "Rosetta"),
    ],
)
def test_emulation(program: str, machine: str, vendor: str, expected: str) -> None:
    assert emulator(program, machine, vendor) == expected


def test_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: 1.5)
    noted = found(JEMALLOC)["cpu-quota"]
    assert noted.level is Level.NOTE
    assert "jemalloc:narenas=2" in noted.remedy
    assert "system:arena_max=2" in found(knobs(MALLOC_TRIM_THRESHOLD_="65536"))["cpu-quota"].remedy
    assert "cpu-quota" not in found(ARENAS)
    assert "cpu-quota" not in found(preload("/nowhere/lib.so", "jemalloc", MALLOC_CONF="narenas:2"))
    assert "cpu-quota" not in found(preload("/nowhere/lib.so", "mimalloc"))
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: 64.0)
    assert "cpu-quota" not in found(JEMALLOC)


def test_huge_pages(quiet_machine: Path) -> None:
    quiet_machine.write_text("[always] madvise never\n")
    assert found(JEMALLOC)["huge-pages"].level is Level.NOTE
    assert found(preload("/nowhere/lib.so", "jemalloc", MALLOC_CONF="thp:never")) == {}
    assert found(ARENAS) == {}
    quiet_machine.unlink()
    assert found(JEMALLOC) == {}
