"""Carry a plan out, and take it back. The receipt is saved before the first file is touched.

    plan ──▶ receipt saved ──▶ folders made ──▶ files replaced, one by one        apply
    receipt ──▶ files as they were, with later edits kept ──▶ folders removed ──▶ receipt removed     revert

An interruption between any two steps is harmless: each file is whole, and both `apply` and `revert` go on from there.
Receipts are kept in the user's state folder and not in the project, so that no build picks them up.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from heapswap import artifact
from heapswap.deploy import files
from heapswap.deploy.model import Action, Deployment, Plan, Target
from heapswap.deploy.tree import undone
from heapswap.errors import CannotGoOn

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """The receipts of one user: one file a target and place."""

    folder: Path

    def file(self, target: Target, place: str) -> Path:
        """Where the receipt of a deployment is, or would be."""
        name = re.sub(r"[^\w.-]+", "_", Path(place).name, flags=re.ASCII)[:40]
        return self.folder / f"{target}-{name}-{sha256(os.fsencode(place)).hexdigest()[:16]}.json"

    def load(self, target: Target, place: str) -> Deployment | None:
        """The receipt of what is deployed there; None where nothing is.

        Raises:
            CannotGoOn: it cannot be read, is damaged, or was written by a newer heapswap.
        """
        file = self.file(target, place)
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CannotGoOn(f"{file} cannot be read: {error.strerror}; set XDG_STATE_HOME") from None
        try:
            return artifact.decode(data, "deployment", SCHEMA, Deployment, f"the receipt {file}")
        except CannotGoOn as error:
            raise CannotGoOn(f"{error}, or take heapswap's lines out by hand, and use --forget") from None

    def save(self, deployment: Deployment) -> None:
        """Keep a receipt in the place of an earlier one.

        Raises:
            CannotGoOn: it cannot be saved; then nothing may be changed either.
        """
        artifact.write(self.file(deployment.target, deployment.place), artifact.encode(deployment))

    def forget(self, target: Target, place: str) -> None:
        """Remove a receipt: there is nothing to revert any more."""
        files.remove(self.file(target, place))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other heapswap processes of this user from changing files at the same time.

        Raises:
            CannotGoOn: the folder cannot be made, or another process is at work.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.folder / ".lock").open("w")
        except OSError as error:
            raise CannotGoOn(f"{self.folder} cannot be used: {error.strerror}; set XDG_STATE_HOME") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotGoOn("another heapswap deploys at this moment; try again when it is done") from None
            yield


def apply(plan: Plan, deployed: Deployment | None, receipts: Receipts) -> Deployment | None:
    """Make every file of a plan as planned. An earlier deployment, of which the plan must know, is taken back first.

    Returns the receipt; None where neither heapswap nor the plan changes anything.

    Raises:
        CannotGoOn: a file cannot be changed. Everything that can be known is known before the first change.
    """
    changing = tuple(action for action in plan.actions if action.before != action.after)
    pending = [action for action in changing if files.content(Path(action.path)) != action.after]
    for action in pending:
        files.refuse_unwritable(Path(action.path))
    if deployed is not None and deployed.actions != changing:
        revert(deployed, receipts)
    if not changing:
        return None
    _refuse_changed(changing)
    kept = deployed.folders if deployed is not None and deployed.actions == changing else ()
    deployment = Deployment(
        target=plan.target,
        place=plan.place,
        candidate=plan.candidate,
        evidence=plan.evidence,
        actions=changing,
        folders=tuple(dict.fromkeys((*kept, *_missing_folders(changing)))),
    )
    receipts.save(deployment)
    try:
        for folder in deployment.folders:
            _make(Path(folder))
        for action in changing:
            _put(Path(action.path), action.after, action.mode)
    except CannotGoOn:
        # The disk is full, or worse: what was written already goes back, and the first reason is the one to tell.
        with contextlib.suppress(CannotGoOn):
            revert(deployment, receipts)
        raise
    return deployment


def revert(deployment: Deployment, receipts: Receipts) -> tuple[str, ...]:
    """Give every file the content it has without the deployment; returns the paths that changed.

    Raises:
        CannotGoOn: a file was edited in the same lines, or cannot be changed; then nothing is.
    """
    restored = [(action, undone(action)) for action in deployment.actions]
    pending = [(action, user) for action, user in restored if files.content(Path(action.path)) != user]
    for action, _ in pending:
        files.refuse_unwritable(Path(action.path))
    for action, user in restored:
        _put(Path(action.path), user, action.mode)
    for folder in reversed(deployment.folders):
        # What somebody else put there keeps it.
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    receipts.forget(deployment.target, deployment.place)
    return tuple(action.path for action, _ in pending)


def _refuse_changed(actions: tuple[Action, ...]) -> None:
    for action in actions:
        if files.content(Path(action.path)) not in (action.before, action.after):
            raise CannotGoOn(f"{action.path} was changed a moment ago; look at the plan again")


def _missing_folders(actions: tuple[Action, ...]) -> Iterator[str]:
    for action in actions:
        if action.after is not None:
            yield from (str(parent) for parent in reversed(Path(action.path).parents) if not parent.exists())


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise CannotGoOn(f"{folder} cannot be made: {error.strerror}; run again when it can") from None


def _put(path: Path, data: bytes | None, mode: int) -> None:
    files.tidy(path)
    if files.content(path) == data:
        return
    if data is None:
        files.remove(path)
    else:
        files.replace(path, data, mode)
