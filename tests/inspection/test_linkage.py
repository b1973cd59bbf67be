"""linkage: the order in which the loader finds and places libraries."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap import elf
from heapswap.inspection.linkage import Loader, preloads, system_preloads
from tests.inspection.programs import build, library


@given(st.lists(st.text("abc/.-_", min_size=1), max_size=5), st.sampled_from([":", " ", "  ", ":: "]))
def test_preloads_are_separated_by_blanks_and_colons(names: list[str], separator: str) -> None:
    assert preloads({"LD_PRELOAD": separator.join(names)}) == tuple(names)


def test_without_preloads() -> None:
    assert preloads({}) == ()


def test_machine_wide_preloads(tmp_path: Path) -> None:
    file = tmp_path / "ld.so.preload"
    file.write_text("/a.so /b.so # not /c.so\n/d.so:/e.so\n")
    assert system_preloads(file) == ("/a.so", "/b.so", "/d.so", "/e.so")
    assert system_preloads(tmp_path / "none") == ()


def real(command: list[str], environ: dict[str, str]) -> list[str]:
    """The order that the loader itself reports."""
    done = subprocess.run(
        command, env={**environ, "LD_TRACE_LOADED_OBJECTS": "1"}, capture_output=True, text=True, check=True
    )
    words = (line.split() for line in done.stdout.splitlines())
    listed = [row[2] if "=>" in row else row[0] for row in words if row and not row[0].startswith("linux-vdso")]
    return [os.path.realpath(path) for path in listed]


def mine(program: str, environ: dict[str, str]) -> list[str]:
    order = Loader(elf.read(program), environ).order(preloads(environ))
    return [os.path.realpath(image.path) for image in order[1:]]


@pytest.mark.parametrize("program", ["/bin/bash", "/usr/bin/gcc", "/bin/ls"])
def test_the_loaders_own_order(program: str) -> None:
    assert mine(program, {}) == real([program], {})


def test_runpath_library_path_and_preload(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    deep = library(one, "libdeep.so", "int deep(void) { return 1; }\n")
    first = library(one, "libfirst.so", "int deep(void);\nint first(void) { return deep(); }\n", str(deep))
    for source in (deep, first):
        (two / source.name).write_bytes(source.read_bytes())
    extra = library(tmp_path, "libextra.so", "int extra;\n")
    origin = ("-L" + str(one), "-lfirst", "-ldeep", "-Wl,-rpath,$ORIGIN/one", "-Wl,--enable-new-dtags")
    program = str(build(tmp_path, "program", "int first(void);\nint main(void) { return first(); }\n", *origin))
    for environ in (
        {},
        {"LD_LIBRARY_PATH": str(two)},
        {"LD_PRELOAD": str(extra)},
        {"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}", "LD_PRELOAD": "libextra.so"},
    ):
        assert mine(program, environ) == real([program], environ)


def test_libraries_of_another_architecture_are_passed_over(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.mkdir()
    wrong.mkdir()
    made = library(right, "libx.so", "int x;\n")
    foreign = bytearray(made.read_bytes())
    foreign[18:20] = (21).to_bytes(2, "little")
    (wrong / "libx.so").write_bytes(bytes(foreign))
    loader = Loader(elf.read("/bin/true"), {"LD_LIBRARY_PATH": f"{wrong}:{right}"})
    assert loader.needed("libx.so") == str(made)
    assert loader.needed(str(wrong / "libx.so")) is None
    assert loader.needed("libsurely-not-there.so") is None
