"""One question, asked in a child process of its own under the allocator that is examined."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heapswap import native
from heapswap.allocators.activation import environment
from heapswap.allocators.model import Activation, Preloads
from heapswap.conformance.model import Outcome
from heapswap.errors import CannotGoOn

C_LIBRARY = "-"
"""how the child is told to expect the C library's own malloc"""

Ask = Callable[..., "Ended"]
"""`ask`, or a double of it"""

LONGEST = 400
"""characters of what a library says before it dies, that are told"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An allocator in force: what a child is started with, and whose malloc must answer in it."""

    program: str
    expected: str
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended."""

    word: str
    """``held``, ``deviates``, ``absent``, ``ignored``, ``corrupts``, ``crashed``; empty where it said nothing"""
    detail: str
    said: str
    """what the library wrote on standard error, as one line"""
    killer: str
    """name of the signal that ended it; empty where none did"""
    is_hung: bool
    patience: float
    """seconds that it was waited for, at most"""

    @property
    def outcome(self) -> Outcome:
        """What it says about a clause. A crash counts also after an answer: exit handlers ran then."""
        if self.is_hung:
            return Outcome.HUNG
        return Outcome.CRASHED if self.killer else _OUTCOMES.get(self.word, Outcome.CRASHED)

    @property
    def seen(self) -> str:
        """The answer, or how it died: in which call, and the library's last words."""
        if self.is_hung:
            return f"no answer within {self.patience:.0f} s"
        if self.word and self.word != "crashed":
            told = f"{self.killer}, after the answer '{self.detail}'" if self.killer else self.detail
        else:
            told = self.detail or self.killer or "it ended without an answer"
        died = self.killer or not self.word
        return f"{told}: {self.said}" if died and self.said else told


_OUTCOMES = {"held": Outcome.HELD, "deviates": Outcome.DEVIATES, "absent": Outcome.NOT_APPLICABLE}


def subject(activation: Activation, environ: Mapping[str, str]) -> Subject:
    """The activation in place of whatever allocator the environment asks for."""
    return Subject(
        program=str(native.conformer()),
        expected=activation.library.path if activation.library else C_LIBRARY,
        environ=environment(activation, environ, Preloads.REPLACE),
    )


def ask(under: Subject, *question: str, patience: float, text: str = "") -> Ended:
    """Ask and wait for the answer, `patience` seconds at most; `text` is the child's standard input.

    Raises:
        CannotGoOn: the child cannot be started, or another malloc answers in it.
    """
    try:
        child = subprocess.Popen(
            [under.program, under.expected, *question],
            env=under.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CannotGoOn(f"{under.program} cannot be started: {error.strerror}; install heapswap again") from None
    with child:
        try:
            answer, complaint = child.communicate(text, timeout=patience)
            is_hung = False
        except subprocess.TimeoutExpired:
            _kill(child)
            answer, complaint = child.communicate()
            is_hung = True
        except BaseException:
            _kill(child)
            raise
    said = " ".join(complaint.split())[-LONGEST:]
    word, detail = _answer(answer)
    if word == "refused":
        raise CannotGoOn(f"{detail}{f' ({said})' if said else ''}; give a library that can be preloaded")
    killer = signal.Signals(-child.returncode).name if child.returncode < 0 and not is_hung else ""
    return Ended(word=word, detail=detail, said=said, killer=killer, is_hung=is_hung, patience=patience)


def _answer(output: str) -> tuple[str, str]:
    """Word and detail of the last line that has both."""
    for line in reversed(output.splitlines()):
        word, tab, detail = line.partition("\t")
        if tab:
            return word, detail
    return "", ""


def _kill(child: "subprocess.Popen[str]") -> None:
    """The child and the children of its forks, which may hang too."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        child.kill()
