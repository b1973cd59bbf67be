"""What an ELF file says about itself: headers, dynamic section, build-id, and whether it has certain symbols.

Only what the questions need is read, straight from the mapped file: a name is looked up through the file's own hash
table, or found in the string table first and in the symbol table second, so that a binary of 100 MB takes milliseconds.
"""

from heapswap.elf.description import Elf, Kind, read
from heapswap.elf.questions import defined, exported, imported, mentions, search, section, strings
from heapswap.elf.records import NotElf

__all__ = (
    "Elf",
    "Kind",
    "NotElf",
    "defined",
    "exported",
    "imported",
    "mentions",
    "read",
    "search",
    "section",
    "strings",
)
