"""Cargo.lock after the manifest was edited, as cargo itself writes it: made in a copy of which nothing is left."""

import tempfile
from pathlib import Path

from heapswap.cargo import metadata, shadow
from heapswap.cargo.metadata import CargoFailed
from heapswap.cargo.project import Project
from heapswap.deploy import files
from heapswap.deploy.model import Action
from heapswap.deploy.tree import Tree
from heapswap.findings import Finding, Level


def action(project: Project, manifest: Action, tree: Tree) -> Action | Finding:
    """The change of the lock file, or why there is none.

    What is on the disk stays where it fits the edited manifest, so that a plan that is applied stays what it was when
    newer releases appear.
    """
    root = Path(project.metadata.workspace_root)
    path = root / shadow.LOCK
    before = tree.read(path)
    if before is None:
        return Finding(
            code="no-lock-file",
            level=Level.NOTE,
            seen=f"{root} has no Cargo.lock; the crates are pinned, what they are built with is not",
            remedy="commit the Cargo.lock that the next build writes, so that every build has the same allocator",
        )
    present = files.content(path)
    try:
        if present is not None and present != before and _resolved(project, manifest, present, "--locked") is not None:
            return tree.change(path, present, _PURPOSE)
        return tree.change(path, _resolved(project, manifest, before), _PURPOSE)
    except CargoFailed as error:
        return Finding(
            code="lock-file-later",
            level=Level.WARNING,
            seen=f"Cargo.lock is not part of the plan: {error}",
            remedy="the next cargo build adds the new packages to it; until then --locked refuses to build",
        )


_PURPOSE = "the same packages as before, and the new ones"


def _resolved(project: Project, manifest: Action, lock: bytes, *options: str) -> bytes | None:
    """The lock file for the edited manifest, from `lock`; None where that does not fit and may not change."""
    root = Path(project.metadata.workspace_root).resolve()
    with tempfile.TemporaryDirectory(prefix="heapswap-cargo-") as name:
        base = Path(name).resolve()
        shadow.linked(root, base)
        shadow.write(base, Path(manifest.path), manifest.after or b"")
        shadow.write(base, root / shadow.LOCK, lock)
        try:
            metadata.graph(shadow.at(base, Path(manifest.path)), project.environ, options)
        except CargoFailed as error:
            if options:
                return None
            raise CargoFailed(shadow.original(str(error), base)) from None
        return shadow.at(base, root / shadow.LOCK).read_bytes()
