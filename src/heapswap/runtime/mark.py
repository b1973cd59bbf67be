"""What a re-execution leaves in the environment: who did it, for what, and what proves that it took effect.

The process that carries it finds its own identity there and does not re-execute again. Its children find whose
library must answer, and need not look anything up.
"""

import os

from heapswap.values import value

TYPE_CHECKING = False  # not typing's own, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "HEAPSWAP_DECLARED"
"""private; one field a line"""

STAT = "/proc/self/stat"
FORKED_WITHOUT_EXEC = 0x40
"""PF_FORKNOEXEC in the kernel's flags of a process"""


@value
class Mark:
    """One declaration that was put in force."""

    process: str
    """`identity` of the process that executed anew"""
    request: str
    """as it was written"""
    spelling: str
    """canonical"""
    place: str
    """file and line of the declaration"""
    library: str
    """path of what must answer malloc; empty: the C library"""
    name: str
    """the process's name in ps(1) before: the kernel takes a new one at exec"""
    settings: tuple[str, ...] = ()
    """``NAME=VALUE``: the variables that carry the knobs"""

    def encoded(self) -> str:
        """As the variable holds it."""
        fields = (self.process, self.request, self.spelling, self.place, self.library, self.name, *self.settings)
        return "\n".join(field.replace("\n", " ") for field in fields)


def left_in(environ: "Mapping[str, str]") -> Mark | None:
    """The mark in an environment, or None."""
    fields = environ.get(VARIABLE, "").split("\n")
    if len(fields) < 6:
        return None
    process, request, spelling, place, library, name, *settings = fields
    return Mark(
        process=process,
        request=request,
        spelling=spelling,
        place=place,
        library=library,
        name=name,
        settings=tuple(settings),
    )


def identity() -> str:
    """This process, distinct from every other that was or will be: pid and time of creation, which exec keeps."""
    return f"{os.getpid()} {_stat()[19]}"


def was_forked() -> bool:
    """Whether this process was forked and has not executed a program since."""
    return bool(int(_stat()[6]) & FORKED_WITHOUT_EXEC)


def _stat() -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; the second, a name, may hold blanks and parentheses."""
    with open(STAT, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
        return file.read().rpartition(b")")[2].decode().split()
