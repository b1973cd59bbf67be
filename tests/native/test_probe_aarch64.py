"""The probe for aarch64, cross-built and run by an emulator: that says it works there, not how fast it is."""

import os
import subprocess
from pathlib import Path

import pytest

from heapswap.profiling import wire
from tests.native.support import ROOT, program
from tests.native.test_probe import HERE, totals

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]
TARGET = "aarch64-unknown-linux-gnu"
# Not among them: exec and vfork, because an emulated program executes another one only with the kernel's help; _Fork
# and clone, because the emulator empties no page in the child.
WAYS = ("exit", "_exit", "fork", "short-threads", "destructors", "huge")
SYSROOT = Path("/usr/aarch64-linux-gnu")


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    asked = ["rustc", "--print", "target-libdir", "--target", TARGET]
    installed = subprocess.run(asked, capture_output=True, text=True, check=False)
    if installed.returncode or not Path(installed.stdout.strip()).is_dir():
        pytest.fail(f"rustc cannot build for {TARGET}: `rustup target add {TARGET}`")
    folder = tmp_path_factory.mktemp("target")
    cargo = ["cargo", "build", "--release", "--locked", "--package", "heapswap-probe", "--target", TARGET]
    linker = f'target.{TARGET}.linker="aarch64-linux-gnu-gcc"'
    manifest = str(ROOT / "native" / "Cargo.toml")
    command = [*cargo, "--manifest-path", manifest, "--target-dir", str(folder), "--config", linker]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return folder / TARGET / "release" / "libprobe.so"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    compiler = [program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"), "-O1", "-fno-builtin", "-pthread", "-w"]
    for name in ("requests", "threads", "ends"):
        subprocess.run([*compiler, str(HERE / f"{name}.c"), "-o", str(folder / name)], check=True)
    return folder


def emulated(probe: Path, folder: Path, *command: str) -> tuple[subprocess.CompletedProcess[str], list[wire.Raw]]:
    """A run under the emulator, and what the probe wrote."""
    settings = ["-E", f"LD_PRELOAD={probe}", "-E", f"HEAPSWAP_PROBE={folder}"]
    emulator = [program("qemu-aarch64", "qemu-user"), "-L", str(SYSROOT), *settings]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        [*emulator, *command], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return done, list(wire.read_all(folder))


def test_the_same_is_counted_as_here(probe: Path, programs: Path, tmp_path: Path) -> None:
    done, files = emulated(probe, tmp_path, str(programs / "requests"))
    assert (done.returncode, done.stderr) == (0, "")
    seen = totals(files)
    # The compiler of either architecture calls what is written.
    assert (seen.allocations, seen.frees, seen.requested) == (581, 580, 63_710_191)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_end_is_as_without(way: str, probe: Path, programs: Path, tmp_path: Path) -> None:
    statuses = {"exit": 3, "_exit": 4}
    done, files = emulated(probe, tmp_path, str(programs / "ends"), way, "30")
    assert (done.returncode, done.stderr) == (statuses.get(way, 0), "")
    assert len(files) == (6 if way == "fork" else 1)
    assert not sum(file.header.threads_refused for file in files)


def test_threads_have_slots_of_their_own(probe: Path, programs: Path, tmp_path: Path) -> None:
    done, (file,) = emulated(probe, tmp_path, str(programs / "threads"), "3", "2000")
    assert done.returncode == 0
    assert (file.header.threads, file.header.slots) == (4, 4)
    assert len(file.samples) > 20
