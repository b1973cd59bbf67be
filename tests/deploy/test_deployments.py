"""Apply and revert: byte for byte, in one step a file, and from wherever it was interrupted."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.deploy import files
from heapswap.deploy.deployments import Receipts, apply, revert
from heapswap.deploy.model import Deployment, Plan, State, Target
from heapswap.deploy.tree import Tree, diff, state
from heapswap.errors import CannotGoOn

CONTENT = st.none() | st.binary(max_size=60) | st.text("ab\r\n#é\ufeff", max_size=40).map(str.encode)
CHANGES = st.dictionaries(
    st.sampled_from(["Dockerfile", "a b.txt", "new/folder/x.conf", "ünicode"]), st.tuples(CONTENT, CONTENT), max_size=4
)
Changes = dict[str, tuple[bytes | None, bytes | None]]


class Crash(BaseException):
    """The machine stops here."""


@contextmanager
def project(changes: Changes) -> Iterator[Path]:
    """A folder with the files of the changes as they are before."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        root.mkdir()
        for name, (before, _) in changes.items():
            if before is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(before)
                (root / name).chmod(0o640)
        yield root


def receipts_of(root: Path) -> Receipts:
    folder = root.parent / "state"
    folder.mkdir(exist_ok=True)
    return Receipts(folder=folder)


def plan_of(root: Path, changes: Changes, deployed: Deployment | None = None) -> Plan:
    tree = Tree(deployed)
    actions = tuple(tree.change(root / name, after, "a test") for name, (_, after) in changes.items())
    return Plan(target=Target.DOCKER, place=str(root), candidate="mimalloc", actions=actions + tree.leftovers(actions))


def snapshot(root: Path) -> dict[str, tuple[bytes | None, int]]:
    """Every path below a folder, with content and mode."""
    return {
        str(path.relative_to(root)): (path.read_bytes() if path.is_file() else None, path.lstat().st_mode)
        for path in sorted(root.rglob("*"))
    }


def deployed_in(root: Path) -> Deployment | None:
    return receipts_of(root).load(Target.DOCKER, str(root))


@given(CHANGES)
def test_revert_leaves_the_tree_byte_identical(changes: Changes) -> None:
    with project(changes) as root:
        before = snapshot(root)
        plan = plan_of(root, changes)
        deployed = apply(plan, None, receipts_of(root))
        assert {name: files.content(root / name) for name in changes} == {n: after for n, (_, after) in changes.items()}
        if deployed is None:
            assert all(old == new for old, new in changes.values())
        else:
            revert(deployed, receipts_of(root))
        assert snapshot(root) == before
        assert deployed_in(root) is None


@given(CHANGES)
def test_applying_twice_changes_nothing(changes: Changes) -> None:
    with project(changes) as root:
        apply(plan_of(root, changes), None, receipts_of(root))
        before, first = snapshot(root), deployed_in(root)
        again = plan_of(root, changes, first)
        assert state(again.actions) in (State.APPLIED, State.NOTHING_TO_DO)
        assert all(diff(action) == "" for action in again.actions)
        with mock.patch.object(files, "replace", side_effect=AssertionError):
            apply(again, first, receipts_of(root))
        assert snapshot(root) == before
        assert deployed_in(root) == first


@given(CHANGES, CHANGES)
def test_another_plan_takes_the_place_of_the_first(first: Changes, second: Changes) -> None:
    with project({**second, **first}) as root:
        before = snapshot(root)
        apply(plan_of(root, first), None, receipts_of(root))
        apply(plan_of(root, second, deployed_in(root)), deployed_in(root), receipts_of(root))
        for name, (_, after) in second.items():
            assert files.content(root / name) == after
        for name in first.keys() - second.keys():
            assert files.content(root / name) == first[name][0]
        if deployed := deployed_in(root):
            revert(deployed, receipts_of(root))
        assert snapshot(root) == before


STEPS = (
    (os, "open"),
    (os, "fsync"),
    (os, "fchmod"),
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "mkdir"),
    (Path, "rmdir"),
)
"""calls that change the disk"""


@contextmanager
def dying(after: int) -> Iterator[None]:
    """So many calls that change the disk are made; before the next one the machine stops."""
    left = iter(range(after))

    def guarded(real: Callable[..., object]) -> Callable[..., object]:
        def call(*words: object, **named: object) -> object:
            if next(left, None) is None:
                raise Crash
            return real(*words, **named)

        return call

    with ExitStack() as stack:
        for owner, name in STEPS:
            stack.enter_context(mock.patch.object(owner, name, guarded(getattr(owner, name))))
        yield


CRASHED: Changes = {
    "Dockerfile": (b"FROM x\r\n", b"FROM x\r\nENV A=1\r\n"),
    "new/folder/x.conf": (None, b"created\n"),
    "gone": (b"old", None),
}


@pytest.mark.parametrize("operation", ["apply", "revert", "replace"])
def test_interrupted_anywhere_every_file_is_old_or_new_and_both_ways_lead_on(operation: str) -> None:
    at, finished = 0, False
    other: Changes = {"Dockerfile": (b"FROM x\r\n", b"FROM x\r\nENV B=2\r\n")}
    while not finished:
        for onward in ("apply", "revert"):
            with project(CRASHED) as root:
                before = snapshot(root)
                receipts = receipts_of(root)
                allowed = {name: {old, new} for name, (old, new) in CRASHED.items()}
                goal = CRASHED
                if operation != "apply":
                    apply(plan_of(root, CRASHED), None, receipts)
                if operation == "replace":
                    goal = other
                    allowed["Dockerfile"].add(other["Dockerfile"][1])
                plan, deployed = plan_of(root, goal, deployed_in(root)), deployed_in(root)
                try:
                    with dying(at):
                        if operation == "revert":
                            assert deployed is not None
                            revert(deployed, receipts)
                        else:
                            apply(plan, deployed, receipts)
                    finished = True
                except Crash:
                    finished = False
                for name, contents in allowed.items():
                    assert files.content(root / name) in contents
                if onward == "apply":
                    apply(plan_of(root, goal, deployed_in(root)), deployed_in(root), receipts)
                    assert state(plan_of(root, goal, deployed_in(root)).actions) is State.APPLIED
                if deployed := deployed_in(root):
                    revert(deployed, receipts)
                assert snapshot(root) == before
        at += 1
    assert at > 5


@given(st.integers(0, 30), st.sampled_from([b"# mine\n", b"RUN more\n", b""]))
def test_revert_keeps_what_was_edited_elsewhere_since(line: int, edit: bytes) -> None:
    old = b"".join(b"line %d\n" % number for number in range(30))
    new = old.replace(b"line 15\n", b"line 15\nours\n")
    with project({"f": (old, new)}) as root:
        deployed = apply(plan_of(root, {"f": (old, new)}), None, receipts_of(root))
        assert deployed is not None
        lines = new.splitlines(keepends=True)
        where = line if line <= 15 else line + 1
        (root / "f").write_bytes(b"".join((*lines[:where], edit, *lines[where:])))
        revert(deployed, receipts_of(root))
        kept = old.splitlines(keepends=True)
        assert (root / "f").read_bytes() == b"".join((*kept[:line], edit, *kept[line:]))


def test_lines_that_were_added_to_a_created_file_are_what_is_left_of_it() -> None:
    changes: Changes = {"f": (None, b"ours\n")}
    with project(changes) as root:
        deployed = apply(plan_of(root, changes), None, receipts_of(root))
        assert deployed is not None
        (root / "f").write_bytes(b"ours\nmine\n")
        revert(deployed, receipts_of(root))
        assert (root / "f").read_bytes() == b"mine\n"


def test_revert_refuses_where_the_same_line_was_edited_and_changes_nothing() -> None:
    changes: Changes = {"f": (b"a\n", b"a\nours\n"), "g": (b"a\n", b"b\n")}
    with project(changes) as root:
        deployed = apply(plan_of(root, changes), None, receipts_of(root))
        assert deployed is not None
        (root / "f").write_bytes(b"a\nours, edited\n")
        before = snapshot(root)
        with pytest.raises(CannotGoOn, match=r"f was edited since, near line 2, .*; take"):
            revert(deployed, receipts_of(root))
        assert snapshot(root) == before
        assert deployed_in(root) == deployed


def test_a_link_stays_a_link_and_the_file_behind_it_changes() -> None:
    with project({"real": (b"a", b"b")}) as root:
        (root / "link").symlink_to("real")
        deployed = apply(plan_of(root, {"link": (b"a", b"b")}), None, receipts_of(root))
        assert (root / "link").is_symlink()
        assert (root / "real").read_bytes() == b"b"
        assert deployed is not None
        revert(deployed, receipts_of(root))
        assert (root / "real").read_bytes() == b"a"


def _read_only(path: Path) -> None:
    path.write_bytes(b"a")
    path.chmod(0o444)


def _of_two_names(path: Path) -> None:
    path.write_bytes(b"a")
    path.with_name("other").hardlink_to(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_read_only, "is read-only; chmod"),
        (_of_two_names, "has 2 names"),
        (Path.mkdir, "is not a regular file"),
        (lambda path: path.symlink_to("nowhere/at/all/../../../f"), "is a symbolic link to nothing"),
        (os.mkfifo, "is not a regular file"),
    ],
    ids=["read-only", "hard-link", "folder", "loop", "fifo"],
)
def test_what_cannot_be_changed_is_refused_in_one_line(make: Callable[[Path], object], message: str) -> None:
    changes: Changes = {"first": (b"x", b"y")}
    with project(changes) as root:
        make(root / "f")
        with pytest.raises(CannotGoOn, match=message) as refused:
            apply(plan_of(root, {**changes, "f": (None, b"new")}), None, receipts_of(root))
        assert "\n" not in str(refused.value)
        assert (root / "first").read_bytes() == b"x"
        assert deployed_in(root) is None


def test_a_full_disk_takes_back_what_was_written() -> None:
    changes: Changes = {"first": (b"x", b"y"), "second": (b"x", b"y")}
    with project(changes) as root:
        before = snapshot(root)
        real = files.replace

        def full(path: Path, data: bytes, mode: int) -> None:
            if path.name == "second":
                raise CannotGoOn(f"{path} cannot be written: No space left on device; it holds what it held before")
            real(path, data, mode)

        with mock.patch.object(files, "replace", full), pytest.raises(CannotGoOn, match="No space left"):
            apply(plan_of(root, changes), None, receipts_of(root))
        assert snapshot(root) == before
        assert deployed_in(root) is None


def test_a_file_that_changed_after_the_plan_was_made_is_left_alone() -> None:
    with project({"f": (b"a", b"b")}) as root:
        plan = plan_of(root, {"f": (b"a", b"b")})
        (root / "f").write_bytes(b"meanwhile")
        with pytest.raises(CannotGoOn, match="changed a moment ago"):
            apply(plan, None, receipts_of(root))
        assert (root / "f").read_bytes() == b"meanwhile"


def test_a_receipt_of_a_newer_heapswap_is_refused() -> None:
    with project({"f": (b"a", b"b")}) as root:
        deployed = apply(plan_of(root, {"f": (b"a", b"b")}), None, receipts_of(root))
        assert deployed is not None
        receipts_of(root).save(replace(deployed, schema=2))
        with pytest.raises(CannotGoOn, match="has schema 2"):
            deployed_in(root)


def test_one_heapswap_at_a_time(tmp_path: Path) -> None:
    receipts = Receipts(folder=tmp_path)
    with receipts.held(), pytest.raises(CannotGoOn, match="another heapswap"), receipts.held():
        pass


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotGoOn, match="cannot be used: Not a directory"),
        Receipts(folder=tmp_path / "file/x").held(),
    ):
        pass


def test_an_attribute_that_may_not_be_set_keeps_none_of_the_others_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, bytes] = {}

    def put(_: int, name: str, value: bytes) -> None:
        if name == "security.selinux":
            raise PermissionError
        kept[name] = value

    monkeypatch.setattr(os, "listxattr", lambda _: ["security.selinux", "system.posix_acl_access"])
    monkeypatch.setattr(os, "getxattr", lambda _, name: name.encode())
    monkeypatch.setattr(os, "setxattr", put)
    (tmp_path / "file").write_bytes(b"old")
    files.replace(tmp_path / "file", b"new", 0o644)
    assert kept == {"system.posix_acl_access": b"system.posix_acl_access"}
