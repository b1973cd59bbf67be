"""``python -m tests.docs PAGE…``: run every command of a page, and write what it printed under it.

Only where a page shows output under a command, or an empty line below it asks for some: ``…`` alone. Folders of this
machine are written as those that the pages name.
"""

import shutil
import sys
from pathlib import Path

from tests.docs.console import PROMPT, Pace, commands, environment, ran, text_of, written
from tests.docs.pages import DOCS, ROOT
from tests.docs.standins import stand_in

HOME = "/opt/heapswap"
"""what this checkout is called on the pages"""


def renewed(page: str) -> str:
    """The page with the output of today.

    Raises:
        SystemExit: a command did not end as the page says.
    """
    folder = Path("/tmp") / Path(page).stem
    if folder.exists():
        raise SystemExit(f"{folder} exists; remove it: commands are run in a new folder")
    folder.mkdir()
    text = text_of(page)
    written(text, folder)
    chosen = [one for one in commands(text) if one.pace is not Pace.NEVER]
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
    for name in sys.argv[1:]:
        (DOCS / name).write_text(renewed(name))
