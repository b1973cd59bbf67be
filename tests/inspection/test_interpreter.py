"""interpreter: Python's own allocator setting, and threads in forking servers."""

from dataclasses import replace

import pytest

from heapswap.allocators.model import Activation
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import preflight
from heapswap.inspection.program import Program, resolve
from heapswap.inspection.python import Python
from tests.inspection.activations import knobs, preload

ENVIRON = {"PATH": "/usr/bin:/bin"}


def interpreter(version: str, *arguments: str, mimalloc: bool = True) -> Program:
    """A program that passes for this version of Python; /bin/true lacks the words of mimalloc."""
    plain = resolve("true", ENVIRON, "/", arguments)
    python = Python(
        version=version.rstrip("t"),
        free_threaded=version.endswith("t"),
        library=__file__.replace("test_interpreter.py", "x") if mimalloc else plain.path,
        told_by="the test",
    )
    return replace(plain, python=python)


@pytest.fixture(autouse=True)
def _with_mimalloc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Python, "offers_mimalloc", lambda self: self.library.endswith("/x"))


def found(program: Program, activation: Activation, **environ: str) -> dict[str, Finding]:
    return {finding.code: finding for finding in preflight(program, activation, {**ENVIRON, **environ})}


@pytest.mark.parametrize(
    ("version", "value", "refused"),
    [
        ("3.11.7", "malloc", False),
        ("3.11.7", "mimalloc", True),
        ("3.12.1", "mimalloc_debug", True),
        ("3.13.0", "mimalloc", False),
        ("3.13.0", "pymalloc", False),
        ("3.13.0t", "malloc", True),
        ("3.13.0t", "pymalloc_debug", True),
        ("3.13.0t", "mimalloc", False),
        ("3.14.0t", "default", False),
        ("", "mimalloc", False),
    ],
)
def test_values_that_abort(version: str, value: str, refused: bool) -> None:
    findings = found(interpreter(version), knobs(PYTHONMALLOC=value))
    assert ("python-allocator" in findings) == refused
    if refused:
        assert findings["python-allocator"].level is Level.ERROR
        assert value in findings["python-allocator"].seen


def test_builds_without_mimalloc() -> None:
    finding = found(interpreter("3.13.0", mimalloc=False), knobs(PYTHONMALLOC="mimalloc"))["python-allocator"]
    assert "without mimalloc" in finding.seen
    assert "accepts malloc, pymalloc)" in finding.remedy


def test_what_is_already_set_is_the_users() -> None:
    finding = found(interpreter("3.11.7"), knobs(), PYTHONMALLOC="mimalloc")["python-allocator"]
    assert finding.level is Level.WARNING
    # The candidate's own value takes its place.
    assert found(interpreter("3.11.7"), knobs(PYTHONMALLOC="malloc"), PYTHONMALLOC="mimalloc") == {}


@pytest.mark.parametrize(
    ("arguments", "ignored"),
    [
        (("-E", "app.py"), True),
        (("-I",), True),
        (("-uI", "app.py"), True),
        (("-s", "-BE"), True),
        (("app.py", "-E"), False),
        (("-m", "app", "-E"), False),
        (("-c", "pass", "-E"), False),
        (("-cE",), False),
        (("-WE",), False),
        (("--help", "-E"), False),
        ((), False),
    ],
)
def test_options_that_ignore_the_environment(arguments: tuple[str, ...], ignored: bool) -> None:
    findings = found(interpreter("3.11.7", *arguments), knobs(PYTHONMALLOC="malloc"))
    assert ("python-ignores-environment" in findings) == ignored


def test_programs_that_are_not_python() -> None:
    assert found(resolve("true", ENVIRON, "/"), knobs(PYTHONMALLOC="malloc"))["not-python"].level is Level.WARNING
    # A shell may well start Python.
    assert found(resolve("sh", ENVIRON, "/", ("-c", "python3 x | cat")), knobs(PYTHONMALLOC="malloc")) == {}


THREAD = preload("/nowhere/lib.so", "jemalloc", MALLOC_CONF="background_thread:true,narenas:2,thp:never")


@pytest.mark.parametrize(
    ("program", "noted"),
    [
        (lambda: interpreter("3.11.7", "app.py"), False),
        (lambda: interpreter("3.12.1", "app.py"), True),
        (lambda: interpreter("3.11.7", "-m", "gunicorn", "app"), True),
        (lambda: interpreter("3.11.7", "/venv/bin/celery"), True),
        (lambda: resolve("true", ENVIRON, "/"), False),
    ],
)
def test_background_threads(program: object, noted: bool) -> None:
    assert callable(program)
    assert ("background-thread" in found(program(), THREAD)) == noted
    assert "background-thread" not in found(program(), preload("/nowhere/lib.so", "jemalloc", MALLOC_CONF="narenas:1"))
