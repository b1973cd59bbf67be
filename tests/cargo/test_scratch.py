"""The copy of a workspace in which builds are made."""

from pathlib import Path

from heapswap.cargo.scratch import scratch


def test_a_cache_inside_the_workspace_is_not_copied_into_itself(tmp_path: Path) -> None:
    workspace = tmp_path / "home"
    (workspace / "src").mkdir(parents=True)
    (workspace / "src" / "main.rs").write_text("fn main() {}\n")
    (workspace / "target").mkdir()
    link = tmp_path / "link"
    link.symlink_to(workspace)
    for root in (workspace, link):
        with scratch(root, root / "target", {"XDG_CACHE_HOME": str(workspace / ".cache")}) as copy:
            assert copy.at(root / "src" / "main.rs").read_text() == "fn main() {}\n"
            assert not copy.at(root / "target").exists()
            assert not (copy.at(root / ".cache") / "heapswap" / "cargo").exists()
