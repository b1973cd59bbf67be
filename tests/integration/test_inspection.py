"""inspect on real programs, running and not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from heapswap.inspection.inspect import inspect_program
from heapswap.inspection.model import Presence
from heapswap.inspection.process import inspect_process, readable_processes
from tests.inspection.programs import MALLOC, build, library, require

WAITS = """
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    char *block = malloc(100000);
    puts(block ? "ready" : "");
    fflush(stdout);
    return getchar() == EOF;
}
"""
MUSL = {"compiler": "musl-gcc", "package": "musl-tools"}
PYTHON_WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"
RUST_LIKE = '__attribute__((visibility("hidden"))) int _rjem_mallctl(void) { return 0; }\n'


@contextmanager
def running(command: Sequence[str | Path], environ: Mapping[str, str]) -> Iterator[int]:
    """The process id of a program that has printed a line and waits for the end of its input."""
    process = subprocess.Popen(
        [str(word) for word in command], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process.pid
    finally:
        process.communicate("", timeout=60)


def distribution(name: str, package: str) -> str:
    found = sorted(Path("/usr/lib").glob(f"*-linux-gnu/{name}"))
    assert found, f"{name} is missing: apt-get install {package}"
    return str(found[0])


def test_python_with_the_distributions_jemalloc() -> None:
    jemalloc = distribution("libjemalloc.so.2", "libjemalloc2")
    for entry in (jemalloc, "libjemalloc.so.2"):
        with running([sys.executable, "-c", PYTHON_WAITS], {"LD_PRELOAD": entry}) as pid:
            inspection = inspect_process(pid)
        assert inspection.allocator == "jemalloc"
        assert inspection.uses[0].presence is Presence.PRELOADED
        assert inspection.uses[0].version.startswith("5.")
        assert inspection.python == ".".join(map(str, sys.version_info[:3])) + ("t" if "t" in sys.abiflags else "")


def test_a_preload_that_did_not_happen() -> None:
    with running([sys.executable, "-c", PYTHON_WAITS], {"LD_PRELOAD": "/not/there.so"}) as pid:
        inspection = inspect_process(pid)
    assert inspection.allocator == "glibc"
    assert [finding.code for finding in inspection.findings if finding.level == "warning"] == ["preload-not-loaded"]


def test_mapped_is_not_used(tmp_path: Path) -> None:
    """The executable's own malloc comes before a preload, though that is mapped."""
    own = build(tmp_path, "own", MALLOC + WAITS)
    jemalloc = distribution("libjemalloc.so.2", "libjemalloc2")
    with running([own], {"LD_PRELOAD": jemalloc}) as pid:
        inspection = inspect_process(pid)
    assert inspection.allocator == "unknown"
    assert [use.presence for use in inspection.uses] == [Presence.STATIC, Presence.PRELOADED]
    assert "own-malloc" in [finding.code for finding in inspection.findings]


def test_linked(tmp_path: Path) -> None:
    tcmalloc = distribution("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4")
    program = build(tmp_path, "linked", WAITS, "-Wl,--no-as-needed", tcmalloc)
    with running([program], {}) as pid:
        inspection = inspect_process(pid)
    for one in (inspection, inspect_program(str(program), {}, tmp_path)):
        assert one.allocator == "tcmalloc"
        assert one.uses[0].presence is Presence.LINKED


@pytest.mark.parametrize(
    ("options", "toolchain", "libc", "allocator"),
    [
        (("-static",), {}, "static", "glibc"),
        ((), MUSL, "musl", "musl"),
        (("-static",), MUSL, "static", ""),
    ],
)
def test_other_c_libraries(
    tmp_path: Path, options: tuple[str, ...], toolchain: dict[str, str], libc: str, allocator: str
) -> None:
    program = build(tmp_path, "program", WAITS, *options, **toolchain)
    with running([program], {}) as pid:
        inspection = inspect_process(pid)
    assert (inspection.libc, inspection.allocator) == (libc, allocator)


def test_an_allocator_inside_a_python_package(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages" / "_polars_runtime_32"
    packages.mkdir(parents=True)
    path = library(packages, "_polars_runtime.abi3.so", RUST_LIKE)
    code = f"import ctypes; ctypes.CDLL({str(path)!r}); {PYTHON_WAITS}"
    with running([sys.executable, "-c", code], {}) as pid:
        inspection = inspect_process(pid)
    assert inspection.allocator == "glibc"
    wheel = next(use for use in inspection.uses if use.presence is Presence.WHEEL)
    assert (wheel.family, wheel.path) == ("jemalloc", str(path))
    noted = next(finding for finding in inspection.findings if finding.code == "wheel-allocator")
    assert "_RJEM_MALLOC_CONF" in noted.remedy


def test_a_program_whose_file_was_replaced(tmp_path: Path) -> None:
    program = build(tmp_path, "program", WAITS)
    with running([program], {}) as pid:
        program.unlink()
        inspection = inspect_process(pid)
    assert (inspection.program, inspection.allocator) == (str(program), "glibc")


def test_redis_is_linked_with_jemalloc() -> None:
    inspection = inspect_program(require("redis-server", "redis-server"), {}, "/")
    assert inspection.allocator == "jemalloc"
    assert inspection.uses[0].presence is Presence.LINKED
    assert "private-api" in [finding.code for finding in inspection.findings]


def test_rustc_brings_its_own_malloc() -> None:
    require("rustc", "rustc")
    inspection = inspect_program("rustc", os.environ, "/")
    assert inspection.allocator == "jemalloc"
    assert inspection.uses[0].presence is Presence.STATIC
    assert "own-malloc" in [finding.code for finding in inspection.findings]


def test_node_uses_the_c_library() -> None:
    inspection = inspect_program(require("node", "nodejs"), {}, "/")
    assert inspection.allocator == "glibc"
    assert "own-malloc" not in [finding.code for finding in inspection.findings]


def test_every_process(tmp_path: Path) -> None:
    program = build(tmp_path, "program", WAITS)
    with running([program], {}) as one, running([program], {}) as two:
        assert {one, two} <= set(readable_processes())
        done = subprocess.run(
            [sys.executable, "-m", "heapswap", "inspect", "--all", "--json"], capture_output=True, text=True, check=True
        )
    inspected = {row["pid"]: row for row in json.loads(done.stdout)["inspections"]}
    assert {inspected[one]["allocator"], inspected[two]["allocator"]} == {"glibc"}
    assert os.getpid() in inspected


@pytest.mark.acceptance
def test_polars_and_pyarrow_in_a_running_python(tmp_path: Path) -> None:
    """The packages themselves, as they are on the index."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True)
    python = tmp_path / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "polars", "pyarrow"], check=True)
    with running([python, "-c", f"import polars, pyarrow; {PYTHON_WAITS}"], {}) as pid:
        inspection = inspect_process(pid)
    bundled = {(Path(use.path).name.partition(".")[0], use.family) for use in inspection.uses[1:]}
    assert inspection.allocator == "glibc"
    assert {("_polars_runtime", "jemalloc"), ("libarrow", "mimalloc")} <= bundled
    installed = inspect_program(str(python), {}, tmp_path)
    assert {"polars", "pyarrow"} <= {f.seen.split()[0] for f in installed.findings if f.code == "wheel-allocator"}
