"""The allocators behind the types that Rust programs declare: one table."""

TYPES = {
    "MiMalloc": "mimalloc",
    "Jemalloc": "jemalloc",
    "SnMalloc": "snmalloc",
    "TCMalloc": "tcmalloc",
    "TcMalloc": "tcmalloc",
    "RpMalloc": "rpmalloc",
    "System": "system",
}
"""by the last word of the type's path"""


def family_of(type_: str) -> str:
    """The family of a type as it is written; empty where it is not known."""
    return TYPES.get(type_.partition("<")[0].rpartition("::")[2], "")
