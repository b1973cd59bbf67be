"""wheels and python: packages that bring their own allocator, found where the interpreter would look."""

from dataclasses import replace
from pathlib import Path

import pytest

from heapswap.allocators import registry
from heapswap.findings import Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, resolve
from heapswap.inspection.python import Python, package_folders
from heapswap.inspection.wheels import WHEELS, Wheel, bundled, installed
from tests.inspection.activations import knobs, preload
from tests.inspection.programs import library

PYTHON = Python(version="3.11.7", free_threaded=False, library="/bin/true", told_by="the test")
RUST = '__attribute__((visibility("hidden"))) int _rjem_mallctl(void) { return 0; }\n'


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment whose interpreter only passes for Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/bin/true")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return tmp_path


def packages(environment: Path) -> Path:
    return environment / "lib" / "python3.11" / "site-packages"


def program(environment: Path) -> Program:
    return replace(resolve(str(environment / "bin" / "python"), {}, "/"), python=PYTHON)


def test_folders_of_a_virtual_environment(environment: Path) -> None:
    path = str(environment / "bin" / "python")
    assert package_folders(path, PYTHON, {}) == (packages(environment),)
    extra = environment / "extra"
    extra.mkdir()
    assert package_folders(path, PYTHON, {"PYTHONPATH": f"{extra}:/nowhere"}) == (extra, packages(environment))


def test_folders_of_an_installation(tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "python3.13t" / "site-packages"
    folder.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    interpreter = tmp_path / "bin" / "python3.13t"
    interpreter.write_bytes(b"")
    python = replace(PYTHON, version="3.13.0", free_threaded=True)
    assert folder in package_folders(str(interpreter), python, {})


def test_a_package_with_an_allocator(environment: Path) -> None:
    folder = packages(environment) / "_polars_runtime_32"
    folder.mkdir()
    path = library(folder, "_polars_runtime.abi3.so", RUST)
    assert [(wheel.name, found) for wheel, found in installed([packages(environment)])] == [("polars", path)]
    assert [one.family for one in bundled(path)] == ["jemalloc"]
    findings = preflight(program(environment), preload("/nowhere/lib.so"), {})
    noted = [finding for finding in findings if finding.code == "wheel-allocator"]
    assert [finding.level for finding in noted] == [Level.NOTE]
    assert "polars" in noted[0].seen
    assert "_RJEM_MALLOC_CONF" in noted[0].remedy
    # Settings of the C library do not compete with it.
    without = preflight(program(environment), knobs(MALLOC_ARENA_MAX="1"), {})
    assert "wheel-allocator" not in [finding.code for finding in without]


def test_a_package_built_without_its_allocator(environment: Path) -> None:
    folder = packages(environment) / "tokenizers"
    folder.mkdir()
    library(folder, "tokenizers.abi3.so", "int nothing;\n")
    codes = [finding.code for finding in preflight(program(environment), preload("/nowhere/lib.so"), {})]
    assert "wheel-allocator" not in codes


def test_programs_that_are_not_python_have_no_packages(environment: Path) -> None:
    folder = packages(environment) / "_polars_runtime_32"
    folder.mkdir()
    library(folder, "_polars_runtime.abi3.so", RUST)
    plain = resolve(str(environment / "bin" / "python"), {}, "/")
    assert "wheel-allocator" not in [f.code for f in preflight(plain, preload("/nowhere/lib.so"), {})]


def test_damaged_libraries_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"\x7fELF\2\1")
    assert bundled(tmp_path / "x.so") == ()


@pytest.mark.parametrize("wheel", WHEELS, ids=[wheel.objects for wheel in WHEELS])
def test_the_table_names_families_that_exist(wheel: Wheel) -> None:
    assert registry.own(wheel.family) is not None
    assert not wheel.objects.startswith("/")
