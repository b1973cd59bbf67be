"""The pure parts of `heapswap run`: what it says, what a dry run prints, and what a scope remembers."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heapswap import native
from heapswap.cli.run import shell_form
from heapswap.dispositions import VARIABLE, ignored_at_start
from heapswap.scope import SCOPE, WAS, scoped

names = st.text("ABC_", max_size=4).map("X_".__add__)
values = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
environments = st.dictionaries(names, values, max_size=5)


@settings(max_examples=50)
@given(users=environments, wanted=environments, word=values)
def test_a_shell_that_evaluates_a_dry_run_has_the_wanted_environment(
    users: dict[str, str], wanted: dict[str, str], word: str
) -> None:
    text = shell_form(["true", word, "\nexit 1"], users, wanted)
    block = subprocess.check_output(["/bin/sh", "-c", f"{text}\nexec /usr/bin/env -0"], env=users)
    entries = dict(entry.split("=", 1) for entry in os.fsdecode(block).split("\0") if entry)
    assert {name: value for name, value in entries.items() if name.startswith("X_")} == wanted


def test_a_dry_run_of_a_scope_names_the_shells_own_process() -> None:
    text = shell_form(["true"], {}, {SCOPE: "4711 LD_PRELOAD A", "A": "1"})
    assert text == "export HEAPSWAP_SCOPE=$$' LD_PRELOAD A'\nexport A=1\n# exec true"


LIBRARY = str(native.required("scope"))


def test_a_scope_remembers_the_users_own_values() -> None:
    users = {"LD_PRELOAD": "/own.so", "GONE": "x", "KNOB": "1", "SAME": "same"}
    candidates = {"LD_PRELOAD": "/mimalloc.so:/own.so", "KNOB": "2", "NEW": "3", "SAME": "same"}
    assert scoped(users, candidates, 7) == {
        "LD_PRELOAD": f"{LIBRARY}:/mimalloc.so:/own.so",
        "KNOB": "2",
        "NEW": "3",
        "SAME": "same",
        "HEAPSWAP_WAS_LD_PRELOAD": "/own.so",
        "HEAPSWAP_WAS_GONE": "x",
        "HEAPSWAP_WAS_KNOB": "1",
        "HEAPSWAP_SCOPE": "7 GONE KNOB LD_PRELOAD NEW",
    }


def test_a_candidate_that_changes_nothing_needs_no_scope() -> None:
    assert scoped({"A": "1"}, {"A": "1"}, 7) == {"A": "1"}


def test_a_scope_inside_a_scope_keeps_what_the_outer_one_remembers() -> None:
    outer = scoped({"LD_PRELOAD": "/own.so"}, {"LD_PRELOAD": "/mimalloc.so:/own.so"}, 7)
    inner = scoped(outer, {**outer, "KNOB": "1"}, 7)
    assert inner == {**outer, "KNOB": "1", "HEAPSWAP_SCOPE": "7 LD_PRELOAD KNOB"}


@given(users=environments, candidates=environments, pid=st.integers(1, 2**22))
def test_what_a_scope_remembers_gives_the_users_environment_back(
    users: dict[str, str], candidates: dict[str, str], pid: int
) -> None:
    result = scoped(users, candidates, pid)
    _, *changed = result.get(SCOPE, "0").split()
    back = {name: value for name, value in result.items() if not name.startswith("HEAPSWAP_") and name not in changed}
    back |= {name: result[WAS + name] for name in changed if WAS + name in result}
    assert back == users


@pytest.mark.parametrize(
    ("text", "signals"), [("13,25", (13, 25)), ("25", (25,)), ("13", (13,)), ("", ()), ("2,13x,-13", ())]
)
def test_only_the_signals_that_python_overwrites_are_read(text: str, signals: tuple[int, ...]) -> None:
    assert ignored_at_start({VARIABLE: text}) == signals
    assert ignored_at_start({}) == ()


HEAVY = {
    "numpy",
    "scipy",
    "rich",
    "dataclasses",
    "inspect",
    "msgspec",
    "subprocess",
    "elftools",
    "packaging",
    "json",
    "typing",
    "shutil",
}


def test_a_run_imports_nothing_that_is_slow_to_import() -> None:
    script = (
        "import os, sys; from heapswap.cli.main import main; "
        "os.execvpe = lambda *_: (print(*sys.modules), sys.exit(0)); "
        "main(['run', 'mimalloc', '--', '/bin/true'])"
    )
    printed = subprocess.check_output([sys.executable, "-E", "-P", "-c", script], text=True)
    assert "heapswap.inspection.conflicts" in printed.split()
    assert HEAVY & set(printed.split()) == set()
