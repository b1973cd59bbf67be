"""The call stacks of sampled allocations, as `native/symbolise` names them."""

import math
import subprocess
from enum import IntFlag
from pathlib import Path

import msgspec

from heapswap import native
from heapswap.errors import CannotGoOn
from heapswap.profiling import wire

LONGEST = 120.0
"""seconds that naming may take: it reads the debugging information of everything that was loaded"""


class Frame(msgspec.Struct, frozen=True):
    """One function of a stack."""

    function: str
    """empty where it has no name"""
    file: str
    """of the source; empty where it is not known"""
    line: int
    """of the call; of a Python function its first; 0 where it is not known"""
    library: str
    """path of the program or library; empty for a Python function"""
    python: bool


class Stack(msgspec.Struct, frozen=True):
    """The stack of one allocation."""

    size: int
    """bytes requested"""
    scale: int
    """of the probability with which it was drawn, as in `estimate.probability`"""
    function: int
    """of the family, as `wire.Function`"""
    rarity: int
    """and of those drawn the stack was copied with probability 1 / 2^rarity"""
    whole: bool
    """followed to the first function of its thread"""
    frames: tuple[int, ...]
    """places in `Stacks.frames`, innermost first"""

    @property
    def weight(self) -> float:
        """Allocations that this one stands for: the inverse of its probability."""
        if self.scale & wire.LARGE:
            return float(2.0 ** (self.rarity + (self.scale & ~wire.LARGE)))
        return float(2.0**self.rarity / -math.expm1(-(self.size + wire.CALL) / 2.0**self.scale))


class Doubt(IntFlag):
    """Why stacks are absent, or lack something."""

    NO_LOOK_UP = 1
    """the loader does not tell which object an address is in"""
    NO_COPY = 2
    """the kernel refuses to copy a process's memory for itself"""
    UNKNOWN_PYTHON = 4
    """a Python whose frames are not known"""


class Stacks(msgspec.Struct, frozen=True):
    """All stacks of one process."""

    frames: tuple[Frame, ...]
    doubts: Doubt
    python: int
    """``Py_Version``; 1 before 3.11, 0 without Python"""
    lost: int
    """stacks for which there was no room"""
    stacks: tuple[Stack, ...]


class _Process(msgspec.Struct):
    name: str
    flags: int
    python: int
    lost: int
    stacks: tuple[Stack, ...]


class _Answer(msgspec.Struct):
    frames: tuple[Frame, ...]
    processes: tuple[_Process, ...]


def read(folder: Path) -> dict[str, Stacks]:
    """The stacks of every process that wrote some into the folder, by the name of its file.

    Raises:
        CannotGoOn: they could not be named.
    """
    command = [str(native.symboliser()), str(folder)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        raise CannotGoOn(f"the functions of its stacks were not named within {LONGEST:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise CannotGoOn(f"its stacks could not be read: {''.join(said) or f'status {done.returncode}'}")
    return decode(done.stdout)


def decode(data: bytes) -> dict[str, Stacks]:
    """What `heapswap-symbolise` printed."""
    answer = msgspec.json.decode(data, type=_Answer)
    return {
        process.name: Stacks(
            frames=answer.frames,
            doubts=Doubt(process.flags),
            python=process.python,
            lost=process.lost,
            stacks=process.stacks,
        )
        for process in answer.processes
    }
