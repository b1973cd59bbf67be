"""The plan for a package: which programs get the choice, and what is refused. Nothing here needs a network."""

import tomllib
from pathlib import Path

import pytest

from heapswap.cargo.project import package_at, projects
from heapswap.deploy.cargo.plan import Settings, feature_of, plan
from heapswap.deploy.model import Plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from tests.cargo.projects import MAIN, declaration, environ, package, tree, written
from tests.deploy.support import after, chosen


def planned(folder: Path, candidate: str = "mimalloc", *programs: str, default: bool = False) -> Plan:
    (project,) = projects(folder, environ())
    return plan(project, chosen(candidate), Tree(), Settings(programs=programs, default=default))


def changed(made: Plan, folder: Path) -> dict[str, str]:
    """What the plan makes of files, by path in the package."""
    return {
        str(Path(action.path).relative_to(folder)): (action.after or b"").decode()
        for action in made.actions
        if action.before != action.after
    }


def codes(made: Plan) -> set[str]:
    return {finding.code for finding in made.findings}


def test_a_program_gets_dependencies_features_and_a_module(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN})
    before = tree(folder)
    made = planned(folder)
    assert tree(folder) == before
    files = changed(made, folder)
    assert files.keys() == {"Cargo.toml", "src/allocator.rs", "src/main.rs", ".cargo/config.toml"}
    assert files["src/main.rs"].startswith("mod allocator;\n")
    assert tomllib.loads(files[".cargo/config.toml"])["env"] == {
        "AARCH64_UNKNOWN_LINUX_GNU_JEMALLOC_SYS_WITH_LG_PAGE": "16",
        "AARCH64_UNKNOWN_LINUX_MUSL_JEMALLOC_SYS_WITH_LG_PAGE": "16",
    }
    assert codes(made) == {"exclusive-features", "no-lock-file"}
    assert made.afterwards[0].words[-2:] == ("--features", "mimalloc")


@pytest.mark.parametrize(
    ("candidate", "name"),
    [
        ("mimalloc", "mimalloc"),
        ("mimalloc+secure", "mimalloc-secure"),
        ("mimalloc-secure", "mimalloc-secure"),
        ("jemalloc", "jemalloc"),
    ],
)
def test_a_candidate_is_a_feature(candidate: str, name: str) -> None:
    assert feature_of(chosen(candidate).candidate).name == name


@pytest.mark.parametrize("candidate", ["snmalloc", "mimalloc@2", "jemalloc:narenas=1", "tcmalloc"])
def test_what_cannot_be_built_in_is_refused(candidate: str) -> None:
    with pytest.raises(Misuse, match="not among what can be built into a Rust program"):
        feature_of(chosen(candidate).candidate)


def test_every_binary_of_a_package_gets_it_or_those_named(tmp_path: Path) -> None:
    folder = package(
        tmp_path / "app",
        {
            "src/main.rs": MAIN,
            "src/lib.rs": "",
            "src/bin/extra.rs": MAIN,
            "src/bin/folder/main.rs": MAIN,
            "tools/odd.rs": MAIN,
            "benches/speed.rs": MAIN,
        },
        manifest='[[bin]]\nname = "odd"\npath = "tools/odd.rs"\n',
    )
    files = changed(planned(folder), folder)
    line = '#[path = "{}"]\nmod allocator;\n'
    assert files["src/bin/extra.rs"].startswith(line.format("../allocator.rs"))
    assert files["src/bin/folder/main.rs"].startswith(line.format("../../allocator.rs"))
    assert files["tools/odd.rs"].startswith(line.format("../src/allocator.rs"))
    assert "src/lib.rs" not in files
    assert "benches/speed.rs" not in files
    only = changed(planned(folder, "mimalloc", "extra", "speed"), folder)
    assert {path for path in only if path.endswith(".rs")} == {
        *("src/allocator.rs", "src/bin/extra.rs", "benches/speed.rs")
    }
    with pytest.raises(CannotGoOn, match="no program 'none'; its programs are: "):
        planned(folder, "mimalloc", "none")


def test_the_module_takes_a_free_name(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": "mod allocator;\n" + MAIN, "src/allocator.rs": "// mine\n"})
    files = changed(planned(folder), folder)
    assert "src/allocator.rs" not in files
    assert files["src/main.rs"].startswith("mod global_allocator;\n\nmod allocator;\n")


@pytest.mark.parametrize("kind", ["", 'crate-type = ["lib", "cdylib"]', 'crate-type = ["rlib"]', "proc-macro = true"])
def test_a_library_does_not_choose(kind: str, tmp_path: Path) -> None:
    folder = package(tmp_path / "lib", {"src/lib.rs": ""}, manifest=f"[lib]\n{kind}\n")
    with pytest.raises(CannotGoOn, match=r"is a library.*must not choose the allocator of the programs that use it"):
        planned(folder)


def test_what_is_only_loaded_is_a_program(tmp_path: Path) -> None:
    folder = package(tmp_path / "wheel", {"src/lib.rs": ""}, manifest='[lib]\ncrate-type = ["cdylib"]\n')
    files = changed(planned(folder), folder)
    assert files["src/lib.rs"] == "mod allocator;\n"
    assert "local_dynamic_tls" in files["Cargo.toml"]


def test_an_allocator_for_every_build_is_refused_with_its_place(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN + declaration()})
    with pytest.raises(CannotGoOn, match=r"app declares std::alloc::System for every build \(src/main.rs:3\)"):
        planned(folder)
    with_library = package(
        tmp_path / "both", {"src/main.rs": "fn main() { both::f() }", "src/lib.rs": declaration() + "pub fn f() {}"}
    )
    with pytest.raises(CannotGoOn, match=r"for every build in its library \(src/lib.rs:2\)"):
        planned(with_library)


def test_a_dependency_with_one_is_refused_with_its_name(tmp_path: Path) -> None:
    package(tmp_path / "greedy", {"src/lib.rs": declaration()})
    folder = package(
        tmp_path / "app", {"src/main.rs": MAIN}, manifest='[dependencies]\ngreedy = { path = "../greedy" }\n'
    )
    with pytest.raises(CannotGoOn, match=r"the dependency greedy 0.1.0 declares .*default-features = false"):
        planned(folder)


def test_a_feature_that_chooses_already_stays_and_the_other_is_added(tmp_path: Path) -> None:
    source = MAIN + '#[cfg(feature = "mimalloc")]\n' + declaration("MINE")
    folder = package(tmp_path / "app", {"src/main.rs": source}, manifest="[features]\nmimalloc = []\n")
    made = planned(folder, "jemalloc")
    files = changed(made, folder)
    features = tomllib.loads(files["Cargo.toml"])["features"]
    assert features == {"mimalloc": [], "jemalloc": ["dep:tikv-jemallocator"]}
    assert "mimalloc::MiMalloc" not in files["src/allocator.rs"]
    assert 'all(any(feature = "jemalloc"), feature = "mimalloc")' in files["src/allocator.rs"]
    assert "declared-before" in codes(made)


def test_where_both_features_choose_already_nothing_is_changed(tmp_path: Path) -> None:
    source = MAIN + declaration("A", 'feature = "mimalloc"') + declaration("B", 'feature = "jemalloc"')
    folder = package(tmp_path / "app", {"src/main.rs": source}, manifest="[features]\nmimalloc = []\njemalloc = []\n")
    assert changed(planned(folder), folder) == {}


def test_a_choice_for_another_platform_stays(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN + declaration("A", 'target_env = "musl"')})
    files = changed(planned(folder), folder)
    assert 'not(target_env = "musl")' in files["src/allocator.rs"]


def test_the_default_feature_changes_only_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN})
    assert "default" not in tomllib.loads(changed(planned(folder), folder)["Cargo.toml"])["features"]
    made = planned(folder, "mimalloc+secure", default=True)
    assert tomllib.loads(changed(made, folder)["Cargo.toml"])["features"]["default"] == ["mimalloc-secure"]
    assert "--features" not in made.afterwards[0].words


def test_the_promised_compiler_is_respected(tmp_path: Path) -> None:
    def promising(version: str) -> Path:
        folder = package(tmp_path / version, {"src/main.rs": MAIN}, name="app")
        manifest = folder / "Cargo.toml"
        manifest.write_text(manifest.read_text().replace("[package]\n", f'[package]\nrust-version = "{version}"\n'))
        return folder

    with pytest.raises(CannotGoOn, match=r"promises to build with Rust 1\.56, and features with dep: need 1.60"):
        planned(promising("1.56"))
    assert "old-rust" in codes(planned(promising("1.63")))
    assert "old-rust" not in codes(planned(promising("1.70")))


def test_settings_of_cargo_that_are_there_stay(tmp_path: Path) -> None:
    folder = package(tmp_path / "app", {"src/main.rs": MAIN, ".cargo/config.toml": '[env]\nMINE = "1" # yes\n'})
    made = after(planned(folder), folder / ".cargo/config.toml").decode()
    assert made.startswith('[env]\nMINE = "1" # yes\nAARCH64')


def test_of_a_workspace_one_package_is_meant(tmp_path: Path) -> None:
    written(tmp_path, {"Cargo.toml": '[workspace]\nresolver = "2"\nmembers = ["one", "two", "lib"]\n'})
    package(tmp_path / "one", {"src/main.rs": MAIN})
    package(tmp_path / "lib", {"src/lib.rs": ""})
    package(tmp_path / "two", {"src/main.rs": MAIN})
    with pytest.raises(CannotGoOn, match="is a workspace; say which package with --package: one, two"):
        package_at(tmp_path, "", environ())
    assert package_at(tmp_path, "two", environ()).name == "two"
    assert package_at(tmp_path / "one" / "Cargo.toml", "", environ()).name == "one"
    files = changed(planned(tmp_path / "one"), tmp_path)
    assert files.keys() == {"one/Cargo.toml", "one/src/allocator.rs", "one/src/main.rs", ".cargo/config.toml"}


def test_of_a_workspace_with_one_program_that_is_meant(tmp_path: Path) -> None:
    written(tmp_path, {"Cargo.toml": '[workspace]\nresolver = "2"\nmembers = ["one", "lib"]\n'})
    package(tmp_path / "one", {"src/main.rs": MAIN})
    package(tmp_path / "lib", {"src/lib.rs": ""})
    assert package_at(tmp_path, "", environ()).name == "one"
