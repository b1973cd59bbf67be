"""Commands are pasted, so a shell is asked what they mean."""

import subprocess

from hypothesis import example, given, settings
from rich.cells import cell_len

from heapswap.report.shellwords import command_lines, quote
from tests.report import strategies

_SHOW = "show() { printf '%s\\0' \"$@\"; }\n"


def _words(text: str) -> list[bytes]:
    shell = subprocess.run(
        ["/bin/bash", "--norc"],
        input=_SHOW.encode() + text.encode(errors="surrogateescape"),
        capture_output=True,
        check=True,
    )
    return shell.stdout.split(b"\0")[:-1]


@settings(max_examples=60)
@given(strategies.commands, strategies.widths)
@example(["python3", "-c", "import os\nprint('it''s')\t# \x1b[31m $HOME `id` \\ ! \""], 40)
@example(["a" * 300, "'" * 100, "é\udcff\u200b" * 40, ""], 40)
@example(["it's $HOME", "it's plain", "--flag", "value", "-"], 40)
def test_a_shell_reads_the_same_words(command: list[str], width: int) -> None:
    lines = command_lines(["show", *command], width)
    assert [line for line in lines if cell_len(line) > width] == []
    assert all(line.isprintable() for line in lines)
    assert _words("\n".join(lines) + "\n") == [word.encode(errors="surrogateescape") for word in command]


def test_an_option_stays_beside_its_value() -> None:
    assert command_lines(["lua", "script.lua", "--rounds", "40"], 30) == [
        "    lua script.lua \\",
        "      --rounds 40",
    ]


def test_a_long_word_is_cut_after_a_blank() -> None:
    assert command_lines(["sh", "-c", "one two three; four five six seven"], 30) == [
        "    sh -c \\",
        "      'one two three; four '\\",
        "'five six seven'",
    ]


def test_standard_input_is_a_redirection() -> None:
    assert command_lines(["sort"], 80, stdin="/srv/a file") == ["    sort < '/srv/a file'"]


def test_quotes_are_the_plainest_that_work() -> None:
    assert [quote(word) for word in ("plain", "two words", "it's", "it's $5", "a\nb", "")] == [
        "plain",
        "'two words'",
        '"it\'s"',
        "'it'\\''s $5'",
        "$'a\\nb'",
        "''",
    ]
