"""Every command on every page, run in the order of the page, in a fresh folder."""

from pathlib import Path

import pytest

from tests.docs.console import Command, Pace, commands, environment, ran, text_of, written
from tests.docs.pages import DOCS
from tests.docs.standins import stand_in

ELSEWHERE = {"article.md": "tests/docs/test_article.py runs each example by itself, and asks more of it"}
"""pages whose commands another test runs"""
PAGES = sorted(
    page.name
    for page in DOCS.glob("*.md")
    if page.name not in ELSEWHERE and any(one.pace is not Pace.NEVER for one in commands(page.read_text()))
)


def with_pace(pace: Pace) -> list[str]:
    """Pages that have such a command."""
    return [page for page in PAGES if any(one.pace is pace for one in commands(text_of(page)))]


def succeed(page: str, paces: tuple[Pace, ...], folder: Path) -> None:
    """Every command of these paces ends with the status that the page gives it."""
    place = folder / "project"
    place.mkdir()
    text = text_of(page)
    written(text, place)
    chosen = [one for one in commands(text) if one.pace in paces]
    with stand_in(page, place) as names:
        done = ran([one.named(names) for one in chosen], place, environment(place))
    errors = place.with_name("stderr").read_text()
    assert [(one.command.text, one.status) for one in done] == [
        (one.named(names).text, one.status) for one in chosen
    ], errors + "".join(one.output for one in done)


@pytest.mark.parametrize("page", with_pace(Pace.ALWAYS))
def test_the_quick_commands_of_a_page(page: str, tmp_path: Path) -> None:
    succeed(page, (Pace.ALWAYS,), tmp_path)


@pytest.mark.acceptance
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", with_pace(Pace.MINUTES))
def test_all_commands_of_a_page(page: str, tmp_path: Path) -> None:
    succeed(page, (Pace.ALWAYS, Pace.MINUTES), tmp_path)


def test_a_command_that_is_not_run_says_why() -> None:
    unrun = [one for page in DOCS.glob("*.md") for one in commands(page.read_text()) if one.pace is Pace.NEVER]
    assert all(len(one.reason) > 20 for one in unrun)


# ---- the driver itself ---------------------------------------------------------------------------------------------

TEXT = """
```sh
# hello.sh
echo hello "$1"
```

```console
$ sh hello.sh \\
  world
hello world
$ false || echo recovered   # a comment
```

<!-- exit 3 -->
```console
$ true
$ exec_me=1; sh -c 'exit 3'
```

<!-- not run: nobody has this at hand -->
```console
$ sudo reboot
```
"""


def test_what_stands_on_a_page() -> None:
    assert [(one.text, one.output, one.pace, one.status) for one in commands(TEXT)] == [
        ("sh hello.sh \\\n  world", "hello world\n", Pace.ALWAYS, 0),
        ("false || echo recovered   # a comment", "", Pace.ALWAYS, 0),
        ("true", "", Pace.ALWAYS, 0),
        ("exec_me=1; sh -c 'exit 3'", "", Pace.ALWAYS, 3),
        ("sudo reboot", "", Pace.NEVER, 0),
    ]
    with pytest.raises(ValueError, match="says nothing known"):
        list(commands("<!-- sometimes -->\n```console\n$ true\n```\n"))


def test_what_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    written(TEXT, folder)
    chosen = [one for one in commands(TEXT) if one.pace is Pace.ALWAYS]
    done = ran([*chosen, Command(text="sleep 1000 &", output="", pace=Pace.ALWAYS)], folder, environment(folder))
    assert [one.status for one in done] == [0, 0, 0, 3, 0]
    assert [one.output for one in done] == ["hello world\n", "recovered\n", "", "", ""]


def test_a_failure_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (done,) = ran([Command(text="echo no >&2; false", output="", pace=Pace.ALWAYS)], folder, environment(folder))
    assert (done.status, folder.with_name("stderr").read_text()) == (1, "no\n")
