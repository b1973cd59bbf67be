"""``python -m tests.docs [--quick] PAGE…``: run every command of a page, and write what it printed under it.

Only where the page shows output under it already; a new command asks for it by a line of ``…``. With ``--quick`` what
takes minutes is left out, and its output stays. The checkout's folder is written as a name that is the same everywhere.
"""

import shutil
import sys
from pathlib import Path

from tests.docs.console import PROMPT, Pace, commands, environment, ran, text_of, written
from tests.docs.pages import DOCS, ROOT
from tests.docs.standins import stand_in

HOME = "/opt/heapswap"
"""what this checkout is called on the pages"""


def renewed(page: str, paces: tuple[Pace, ...]) -> str:
    """The page with the output of today, of commands of these paces.

    Raises:
        SystemExit: a command did not end as the page says.
    """
    folder = Path("/tmp") / Path(page).stem
    if folder.exists():
        raise SystemExit(f"{folder} exists; remove it: commands are run in a new folder")
    folder.mkdir()
    text = text_of(page)
    written(text, folder)
    chosen = [one for one in commands(text) if one.pace in paces]
    with stand_in(page, folder) as names:
        done = ran([one.named(names) for one in chosen], folder, environment(folder))
    at = 0
    for old, new in zip(chosen, done, strict=False):
        if new.status != old.status:
            raise SystemExit(f"{new.command.text}: status {new.status}\n{folder.with_name('stderr').read_text()}")
        if old.output:
            line = f"{PROMPT}{old.text}\n"
            at = text.index(line + old.output, at) + len(line)
            said = new.output.replace(str(ROOT), HOME)
            text = text[:at] + said + text[at + len(old.output) :]
    shutil.rmtree(folder)
    return text


if __name__ == "__main__":
    quick, *names = sys.argv[1:] if sys.argv[1:2] == ["--quick"] else ("", *sys.argv[1:])
    for name in names:
        paces = (Pace.ALWAYS,) if quick else (Pace.ALWAYS, Pace.MINUTES)
        (DOCS / name).write_text(renewed(name, paces))
