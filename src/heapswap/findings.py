"""Findings: doubts and conflicts as values. Every room returns them; only report prints them."""

from enum import StrEnum

from heapswap.values import value


class Level(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    """worth knowing"""
    WARNING = "warning"
    """what is asked may not do what is expected"""
    ERROR = "error"
    """what is asked cannot take effect, or would break the program"""


@value
class Finding:
    """One doubt or conflict, with its remedy."""

    code: str
    """stable kebab-case name, such as ``static-binary``"""
    level: Level
    seen: str
    """what was seen, one line"""
    remedy: str
    """what to do about it, one line"""
