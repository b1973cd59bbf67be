"""inspect: who chooses the allocator of each program, and what rustc will say, against what rustc does say."""

from pathlib import Path

import pytest

from heapswap.cargo.inspect import inspect_project
from heapswap.cargo.model import ProjectInspection, Standing
from heapswap.errors import CannotGoOn
from heapswap.findings import Finding, Level
from tests.cargo.projects import MAIN, compiler_says, declaration, environ, package, tree, written


def inspected(folder: Path, name: str = "") -> ProjectInspection:
    return inspect_project(folder, environ(), name)


def choices(inspection: ProjectInspection, name: str) -> dict[tuple[str, ...], str]:
    (found,) = [program for program in inspection.programs if program.name == name]
    return {choice.features: choice.allocator for choice in found.choices}


def clashes(inspection: ProjectInspection) -> list[Finding]:
    return [finding for finding in inspection.findings if finding.code == "two-global-allocators"]


def said(finding: Finding) -> str:
    """The text that rustc is said to print, without what is put before and between."""
    return finding.seen.partition("rustc says: ")[2].partition("; then: ")[2] or finding.seen.partition("says: ")[2]


def test_a_program_that_declares_nothing_has_the_systems(tmp_path: Path) -> None:
    inspection = inspected(package(tmp_path / "app", {"src/main.rs": MAIN}))
    assert choices(inspection, "app") == {(): "system"}
    assert (inspection.declarations, inspection.findings) == ((), ())


def test_nothing_is_written_into_the_tree(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN})
    before = tree(folder)
    inspected(folder)
    assert tree(folder) == before


def test_an_outdated_lock_file_stays_as_it_is(tmp_path: Path) -> None:
    package(tmp_path / "dep", {"src/lib.rs": ""})
    lock = 'version = 4\n\n[[package]]\nname = "app"\nversion = "0.0.1"\n'
    folder = package(tmp_path / "app", {"src/main.rs": MAIN, "Cargo.lock": lock})
    with (folder / "Cargo.toml").open("a") as file:
        file.write('[dependencies]\ndep = { path = "../dep" }\n')
    before = tree(folder)
    assert inspected(folder).packages == 2
    assert tree(folder) == before


def test_each_feature_that_changes_the_answer_is_listed(tmp_path: Path) -> None:
    manifest = '[features]\ndefault = ["plain"]\nplain = []\nmine = []\nover = ["mine"]\nother = []\n'
    inspection = inspected(
        package(tmp_path / "app", {"src/main.rs": MAIN + declaration(condition='feature = "mine"')}, manifest=manifest)
    )
    assert choices(inspection, "app") == {(): "system", ("mine",): "system", ("over",): "system"}
    (row,) = inspection.declarations
    assert (row.standing, row.condition, row.crate) == (Standing.FEATURE, 'feature = "mine"', "app (bin)")
    assert row.line == MAIN.count("\n") + 3


def test_what_cannot_be_active_here_is_told_apart(tmp_path: Path) -> None:
    source = (
        MAIN
        + declaration("A", "windows")
        + declaration("B", "some_flag_of_a_build_script")
        + f"macro_rules! m {{ () => {{ {declaration('C')} }} }}"
        + f"/* {declaration('D')} */"
    )
    inspection = inspected(package(tmp_path / "app", {"src/main.rs": source}))
    assert {row.name: row.standing for row in inspection.declarations} == {
        "A": Standing.OTHER_TARGET,
        "B": Standing.CUSTOM,
        "C": Standing.MACRO,
    }
    assert choices(inspection, "app") == {(): "system"}


def test_two_in_one_crate(tmp_path: Path) -> None:
    source = MAIN + declaration("A") + declaration("B")
    folder = package(tmp_path / "app", {"src/main.rs": source})
    (finding,) = clashes(inspected(folder))
    assert finding.level is Level.ERROR
    assert choices(inspected(folder), "app") == {(): ""}
    assert said(finding) == "cannot define multiple global allocators"
    assert f"error: {said(finding)}" in compiler_says(folder)


def test_the_articles_own_snippet(tmp_path: Path) -> None:
    """Two statics of one name behind two features: E0428 comes first."""
    source = MAIN + declaration(condition='feature = "mimalloc"') + declaration(condition='feature = "jemalloc"')
    folder = package(tmp_path / "app", {"src/main.rs": source}, manifest="[features]\nmimalloc = []\njemalloc = []\n")
    (finding,) = clashes(inspected(folder))
    assert finding.level is Level.WARNING
    assert "with the features mimalloc and jemalloc" in finding.seen or "jemalloc and mimalloc" in finding.seen
    assert "E0428, the name `GLOBAL` is defined multiple times; then: cannot define" in finding.seen
    text = compiler_says(folder, "--all-features")
    assert "error[E0428]: the name `GLOBAL` is defined multiple times" in text
    assert "error: cannot define multiple global allocators" in text


def test_features_that_the_source_refuses_are_no_clash(tmp_path: Path) -> None:
    source = (
        MAIN
        + declaration("A", 'feature = "a"')
        + declaration("B", 'feature = "b"')
        + '#[cfg(all(feature = "a", feature = "b"))]\ncompile_error!("one of a and b");\n'
    )
    folder = package(tmp_path / "app", {"src/main.rs": source}, manifest="[features]\na = []\nb = []\n")
    assert clashes(inspected(folder)) == []
    assert "error: one of a and b" in compiler_says(folder, "--all-features")


def test_a_dependency_that_has_one_beside_ones_own(tmp_path: Path) -> None:
    package(tmp_path / "greedy-dep", {"src/lib.rs": declaration() + "pub fn f() {}\n"})
    folder = package(
        tmp_path / "app",
        {"src/main.rs": "fn main() { greedy_dep::f() }\n" + declaration()},
        manifest='[dependencies]\ngreedy-dep = { path = "../greedy-dep" }\n',
    )
    inspection = inspected(folder)
    (finding,) = clashes(inspection)
    expected = "the `#[global_allocator]` in this crate conflicts with global allocator in: greedy_dep"
    assert said(finding) == expected
    assert f"error: {expected}" in compiler_says(folder, verb="build")
    assert "allocator-in-a-library" in {row.code for row in inspection.findings}


def test_two_dependencies_that_have_one(tmp_path: Path) -> None:
    for name in ("first", "second"):
        package(tmp_path / name, {"src/lib.rs": declaration() + "pub fn f() {}\n"})
    folder = package(
        tmp_path / "app",
        {"src/main.rs": "fn main() { first::f(); second::f() }\n"},
        manifest='[dependencies]\nfirst = { path = "../first" }\nsecond = { path = "../second" }\n',
    )
    (finding,) = clashes(inspected(folder))
    either = [
        f"the `#[global_allocator]` in {one} conflicts with global allocator in: {other}"
        for one, other in (("first", "second"), ("second", "first"))
    ]
    assert said(finding) in either
    assert any(f"error: {text}" in compiler_says(folder, verb="build") for text in either)


def test_a_feature_of_the_program_that_makes_a_dependency_choose(tmp_path: Path) -> None:
    package(
        tmp_path / "dep",
        {"src/lib.rs": declaration(condition='feature = "choose"')},
        manifest="[features]\nchoose = []\n",
    )
    folder = package(
        tmp_path / "app",
        {"src/main.rs": MAIN},
        manifest='[features]\nfast = ["dep/choose"]\n[dependencies]\ndep = { path = "../dep" }\n',
    )
    inspection = inspected(folder)
    (found,) = inspection.programs
    assert [(choice.features, bool(choice.declared)) for choice in found.choices] == [((), False), (("fast",), True)]


def test_build_scripts_and_macros_of_the_compiler_do_not_count(tmp_path: Path) -> None:
    package(tmp_path / "tool", {"src/lib.rs": declaration()})
    package(tmp_path / "derive", {"src/lib.rs": declaration()}, manifest="[lib]\nproc-macro = true\n")
    folder = package(
        tmp_path / "app",
        {"src/main.rs": MAIN, "build.rs": MAIN, "benches/speed.rs": MAIN},
        manifest='[build-dependencies]\ntool = { path = "../tool" }\n[dependencies]\nderive = { path = "../derive" }\n'
        '[dev-dependencies]\ntest-tool = { path = "../test-tool" }\n',
    )
    package(tmp_path / "test-tool", {"src/lib.rs": declaration()})
    inspection = inspected(folder)
    assert choices(inspection, "app") == {(): "system"}
    (bench,) = [program for program in inspection.programs if program.kind == "bench"]
    assert bench.choices[0].declared.endswith("test-tool/src/lib.rs:2")


def test_a_workspace_is_all_its_members_or_the_one_named(tmp_path: Path) -> None:
    written(tmp_path, {"Cargo.toml": '[workspace]\nresolver = "2"\nmembers = ["one", "two"]\n'})
    package(tmp_path / "one", {"src/main.rs": MAIN + declaration()})
    package(tmp_path / "two", {"src/main.rs": MAIN, "src/bin/extra.rs": MAIN})
    inspection = inspected(tmp_path)
    assert {(program.package, program.name) for program in inspection.programs} == {
        ("one", "one"),
        ("two", "two"),
        ("two", "extra"),
    }
    assert {program.name for program in inspected(tmp_path, "one").programs} == {"one"}
    assert {program.name for program in inspected(tmp_path / "two").programs} == {"two", "extra"}
    with pytest.raises(CannotGoOn, match="no package 'three'; its packages are: one, two"):
        inspected(tmp_path, "three")


def test_a_library_that_chooses_is_told(tmp_path: Path) -> None:
    inspection = inspected(package(tmp_path / "lib", {"src/lib.rs": declaration(), "src/main.rs": MAIN}))
    (finding,) = inspection.findings
    assert finding.code == "allocator-in-a-library"
    assert "move the declaration into the programs" in finding.remedy


def test_what_cargo_refuses_is_one_line(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN}, manifest="[features\n")
    with pytest.raises(CannotGoOn) as caught:
        inspected(folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(CannotGoOn, match="does not exist; give a folder with a"):
        inspected(tmp_path / "nowhere" / "Cargo.toml")
    with pytest.raises(CannotGoOn, match="was not found in PATH; install Rust"):
        inspect_project(package(tmp_path / "b", {"src/main.rs": MAIN}), {"PATH": str(tmp_path)})
