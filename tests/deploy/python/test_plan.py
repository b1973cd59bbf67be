"""Python projects: found entry points, a manifest that the program reads, and the program really under it."""

import os
import sys
import tomllib
from pathlib import Path

import pytest

from heapswap import manifest
from heapswap.deploy.deployments import Receipts, apply, revert
from heapswap.deploy.model import Plan
from heapswap.deploy.python.plan import plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from tests.deploy.support import action_of, after, chosen, owners
from tests.deploy.test_deployments import snapshot
from tests.native.support import library

PYPROJECT = """\
[project]
name = "shop"  # ours
version = "1"
dependencies = ["fastapi"]

[project.scripts]
shop = "shop.cli:main"
"""
PROGRAM = "def main() -> None:\n    print('works')\n\n\nif __name__ == '__main__':\n    main()\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project of the usual layout."""
    root = tmp_path / "shop"
    package = root / "src" / "shop"
    package.mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(PROGRAM)
    (package / "__main__.py").write_text("from shop.cli import main\n\nmain()\n")
    return root


def changed(plan: Plan) -> list[str]:
    return [Path(action.path).name for action in plan.actions if action.before != action.after]


def in_force(argv: list[str], tmp_path: Path, **variables: str) -> str:
    """Whose malloc answers in the last Python that the command becomes."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
    return owners([sys.executable, *argv], environ, tmp_path / "journal")[Path(sys.executable).resolve().name]


@pytest.mark.parametrize(
    ("spelling", "built"), [("mimalloc+secure", "mimalloc_secure"), ("jemalloc/returning:narenas=2", "jemalloc")]
)
def test_a_deployed_project_runs_under_it_and_reverts(spelling: str, built: str, shop: Path, tmp_path: Path) -> None:
    before, receipts = snapshot(shop), Receipts(folder=tmp_path)
    deployed = apply(plan(shop, chosen(spelling), Tree()), None, receipts)
    package = {"PYTHONPATH": str(shop / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert in_force(["-m", "shop"], tmp_path, **package) == str(library(built))
    assert in_force([str(shop / "src/shop/cli.py")], tmp_path, **package) == str(library(built))
    assert deployed is not None
    revert(deployed, receipts)
    assert snapshot(shop) == before


def test_the_manifest_and_the_dependency_in_the_formatting_of_the_file(shop: Path) -> None:
    made = after(plan(shop, chosen("mimalloc:purge_delay=0"), Tree()), shop / "pyproject.toml").decode()
    assert made.startswith(PYPROJECT.replace('["fastapi"]', '["fastapi", "heapswap>=0.1.0"]'))
    assert tomllib.loads(made)["tool"]["heapswap"] == {
        "default-features": ["mimalloc"],
        "features": {
            "mimalloc": {"allocator": "mimalloc", "knobs": {"purge_delay": 0}, "marker": "sys_platform == 'linux'"}
        },
    }


@pytest.mark.parametrize(
    "spelling",
    [
        "mimalloc",
        "mimalloc+secure@3",
        "mimalloc@2",
        "jemalloc/returning",
        "jemalloc:background_thread=true,dirty_decay_ms=-1",
        "system:arena_max=2",
        "system:mmap_threshold=64KiB",
        "mimalloc:python=malloc",
    ],
)
def test_every_spelling_is_read_back_as_it_was_meant(spelling: str, shop: Path) -> None:
    made = after(plan(shop, chosen(spelling), Tree()), shop / "pyproject.toml").decode()
    read = manifest.parse(made, "pyproject.toml", ("tool", "heapswap"))
    assert read is not None
    assert [read.feature(name).spelling for name in read.default] == [str(chosen(spelling).candidate)]


def test_other_features_of_a_manifest_stay_and_guards_are_kept(shop: Path) -> None:
    (shop / "pyproject.toml").write_text(
        PYPROJECT + "\n[tool.heapswap]\ndefault-features = ['jemalloc'] # today\n[tool.heapswap.features]\n"
        "jemalloc = { allocator = 'jemalloc' } # kept\n"
        "mimalloc = { allocator = 'mimalloc@2', secure = true, marker = \"python_version > '3'\" }\n"
    )
    made = after(plan(shop, chosen("mimalloc"), Tree()), shop / "pyproject.toml").decode()
    assert tomllib.loads(made)["tool"]["heapswap"] == {
        "default-features": ["mimalloc"],
        "features": {
            "jemalloc": {"allocator": "jemalloc"},
            "mimalloc": {"allocator": "mimalloc", "marker": "python_version > '3'"},
        },
    }
    assert "# kept" in made


def test_a_manifest_of_its_own_is_edited_where_there_is_one(shop: Path) -> None:
    (shop / "heapswap.toml").write_text("# mine\n")
    made = plan(shop, chosen("mimalloc"), Tree())
    assert after(made, shop / "heapswap.toml").startswith(b"# mine\n")
    assert b"heapswap]" not in after(made, shop / "pyproject.toml")


def test_a_script_alone_gets_a_manifest_beside_it(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("print('works')\n")
    receipts = Receipts(folder=tmp_path / "state")
    receipts.folder.mkdir()
    made = plan(tmp_path / "job.py", chosen("mimalloc"), Tree())
    assert changed(made) == ["heapswap.toml", "job.py"]
    assert [finding.code for finding in made.findings] == ["not-a-dependency"]
    apply(made, None, receipts)
    assert in_force([str(tmp_path / "job.py")], tmp_path) == str(library("mimalloc"))


def test_entry_points_of_a_django_project_with_requirements(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("#!/usr/bin/env python\nimport sys\n")
    (tmp_path / "gunicorn.conf.py").write_text("workers = 2\n")
    (tmp_path / "requirements.txt").write_bytes(b"django==5.0\r\n")
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    (tmp_path / ".venv" / "__main__.py").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__main__.py").touch()
    made = plan(tmp_path, chosen("mimalloc"), Tree())
    assert changed(made) == ["heapswap.toml", "requirements.txt", "manage.py", "gunicorn.conf.py"]
    assert after(made, tmp_path / "requirements.txt") == b"django==5.0\r\nheapswap>=0.1.0\r\n"
    assert made.findings == ()


def test_poetry(shop: Path) -> None:
    (shop / "pyproject.toml").write_text(
        "[tool.poetry]\nname = 'shop'\n[tool.poetry.dependencies]\npython = '^3.11'\n"
        "[tool.poetry.scripts]\nshop = { reference = 'shop.cli:main', type = 'console' }\n"
    )
    (shop / "poetry.lock").touch()
    made = plan(shop, chosen("mimalloc"), Tree())
    assert changed(made) == ["pyproject.toml", "cli.py", "__main__.py"]
    read = tomllib.loads(after(made, shop / "pyproject.toml").decode())
    assert read["tool"]["poetry"]["dependencies"] == {"python": "^3.11", "heapswap": ">=0.1.0"}
    assert made.afterwards[0].words == ("poetry", "lock")


def test_dependencies_that_another_file_decides_are_told(shop: Path) -> None:
    text = PYPROJECT.replace('dependencies = ["fastapi"]', 'dynamic = ["dependencies"]')
    (shop / "pyproject.toml").write_text(text)
    assert "not-a-dependency" in [finding.code for finding in plan(shop, chosen("mimalloc"), Tree()).findings]


def test_a_deployed_copy_without_receipt_is_as_it_has_to_be(shop: Path, tmp_path: Path) -> None:
    apply(plan(shop, chosen("jemalloc/returning"), Tree()), None, Receipts(folder=tmp_path))
    assert changed(plan(shop, chosen("jemalloc/returning"), Tree())) == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("pyproject.toml", b"[project\n", "is not TOML"),
        ("pyproject.toml", b"[project]\nname='x'\n# \xff\n", "is not TOML"),
        ("pyproject.toml", PYPROJECT.replace("shop.cli", "shop.gone").encode(), "'shop.gone' of a script is not below"),
        ("pyproject.toml", PYPROJECT.replace("shop.cli", "shop").encode(), "a library must not choose"),
        ("src/shop/cli.py", b"def f(:\n", "line 1 is no Python"),
        ("src/shop/cli.py", b"import heapswap\nheapswap.global_allocator('jemalloc')\n", "already been set"),
        ("pyproject.toml", (PYPROJECT + "[tool]\nheapswap = 1\n").encode(), "'heapswap' is no table"),
    ],
)
def test_what_cannot_be_deployed_is_one_line_and_nothing_is_planned(
    name: str, content: bytes, says: str, shop: Path
) -> None:
    (shop / name).write_bytes(content)
    with pytest.raises(CannotGoOn, match=says) as refused:
        plan(shop, chosen("mimalloc"), Tree())
    assert "\n" not in str(refused.value)


def test_a_manifest_that_cannot_be_meant_is_refused(shop: Path) -> None:
    (shop / "pyproject.toml").write_text(PYPROJECT + "[tool.heapswap]\nfeature = ['x']\n")
    with pytest.raises(Misuse, match="unknown key 'feature'"):
        plan(shop, chosen("mimalloc"), Tree())


def test_no_entry_point_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text("x = 1\n")
    with pytest.raises(CannotGoOn, match=r"no entry point .* --entry FILE"):
        plan(tmp_path, chosen("mimalloc"), Tree())
    made = plan(tmp_path, chosen("mimalloc"), Tree(), (tmp_path / "lib.py",))
    assert action_of(made, tmp_path / "lib.py").purpose.endswith("(given)")
    with pytest.raises(CannotGoOn, match="does not exist"):
        plan(tmp_path / "gone", chosen("mimalloc"), Tree())
