"""The files of a project as they are without what heapswap deployed there earlier: what every plan starts from.

So a plan is the same whether an earlier one is applied, half applied or not at all; applying it twice changes nothing,
and a plan for another candidate takes the place of the first.
"""

import difflib
import os
from pathlib import Path

from heapswap.deploy import files, merge
from heapswap.deploy.model import Action, Deployment, State
from heapswap.errors import CannotGoOn


class Tree:
    """Read files and make the actions that change them. Nothing is written here.

    Args:
        deployed: the receipt of the plan that was applied before, if any.
    """

    def __init__(self, deployed: Deployment | None = None) -> None:
        self._earlier = {action.path: action for action in deployed.actions} if deployed else {}

    def read(self, path: Path) -> bytes | None:
        """A file's content without the earlier deployment; None where it does not exist.

        Raises:
            CannotGoOn: it cannot be read, or the earlier deployment was edited by hand in the same lines.
        """
        real = Path(os.path.realpath(path))
        earlier = self._earlier.get(str(real))
        return undone(earlier) if earlier else files.content(real)

    def required(self, path: Path, what: str) -> bytes:
        """As `read`, for a file that has to be there.

        Raises:
            CannotGoOn: there is none, or it cannot be read. `what` says what to give: ``a Dockerfile``.
        """
        data = self.read(path)
        if data is None:
            raise CannotGoOn(f"{path} does not exist; give {what}")
        return data

    def change(self, path: Path, after: bytes | None, purpose: str, *, mode: int = 0o644) -> Action:
        """The action that gives a file this content, creating or removing it where needed.

        Raises:
            CannotGoOn: the file cannot be read, or its name cannot be kept.
        """
        real = os.path.realpath(path)
        try:
            real.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(real).decode("utf-8", "replace")
            raise CannotGoOn(f"'{shown}' is no UTF-8, and a receipt cannot hold it; use a path that is") from None
        earlier = self._earlier.get(real)
        kept = earlier.mode if earlier else files.mode(Path(real))
        return Action(
            path=real, before=self.read(path), after=after, mode=mode if kept is None else kept, purpose=purpose
        )

    def leftovers(self, planned: tuple[Action, ...]) -> tuple[Action, ...]:
        """Actions that take back what the earlier deployment did to files that the new plan leaves alone."""
        paths = {action.path for action in planned}
        return tuple(
            Action(path=path, before=user, after=user, mode=earlier.mode, purpose="taken back: no longer needed")
            for path, earlier in self._earlier.items()
            if path not in paths
            for user in (undone(earlier),)
        )


def undone(action: Action) -> bytes | None:
    """The content of an action's file without the action; what was edited elsewhere in it since is kept.

    Raises:
        CannotGoOn: the file was edited in the same lines.
    """
    present = files.content(Path(action.path))
    if present == action.after:
        return action.before
    if present is None or present == action.before:
        return present
    result = merge.merged(action.after or b"", action.before or b"", present)
    if isinstance(result, merge.Conflict):
        raise CannotGoOn(
            f"{action.path} was edited since, near line {result.line}, where heapswap had written; "
            "take heapswap's lines out by hand, and use --forget"
        )
    # Of a file that heapswap made, lines that somebody added are all that is left.
    return None if action.before is None and not result else result


def state(actions: tuple[Action, ...]) -> State:
    """How far the actions are on the disk."""
    changing = [action for action in actions if action.before != action.after]
    applied = [files.content(Path(action.path)) == action.after for action in actions]
    if all(applied):
        return State.APPLIED if changing else State.NOTHING_TO_DO
    done = [files.content(Path(action.path)) == action.after for action in changing]
    return State.PARTLY if any(done) else State.PENDING


def diff(action: Action) -> str:
    """From the file as it is now to the file as deployed, as a unified diff of UTF-8 text; empty: no change.

    A binary file is one line, with its size.
    """
    present = files.content(Path(action.path))
    if present == action.after:
        return ""
    if any(b"\0" in side for side in (present, action.after) if side):
        size = f"{len(action.after)} bytes" if action.after is not None else "removed"
        return f"Binary file {action.path}: {size}\n"
    old, new = (_shown(side or b"") for side in (present, action.after))
    names = (
        action.path if present is not None else os.devnull,
        action.path if action.after is not None else os.devnull,
    )
    lines = difflib.unified_diff(old, new, *names, n=3)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _shown(data: bytes) -> list[str]:
    """Lines as text; bytes that are no UTF-8 are replaced, for the eye only."""
    return [line.decode("utf-8", "replace") for line in merge.lines(data)]
