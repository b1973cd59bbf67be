"""The words of this room: declaration, choice, program, and what an inspection of a project says."""

from dataclasses import dataclass
from enum import StrEnum

from heapswap.findings import Finding

SYSTEM = "system"
"""the allocator of a program that declares none: std's `System`, the C library's own malloc on Linux"""


class Standing(StrEnum):
    """What is to be thought of a declaration when nothing is said about features."""

    ACTIVE = "active"
    FEATURE = "feature"
    """compiled only with Cargo features that are not on"""
    OTHER_TARGET = "other-target"
    """its condition does not hold on this platform"""
    CUSTOM = "custom"
    """its condition asks for what only a build can tell, such as a flag of a build script"""
    MACRO = "macro"
    """in the body of a macro: it declares something where the macro is used"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One ``#[global_allocator]`` in the source of a crate that programs of the project are linked from."""

    package: str
    version: str
    crate: str
    """name of the crate's target, and its kind: ``app (bin)``"""
    file: str
    line: int
    name: str
    """of the static"""
    type: str
    """as written: ``mimalloc::MiMalloc``"""
    family: str
    """the allocator that the type is known to be; empty where it is not known"""
    condition: str
    """as in ``cfg(…)``; empty where there is none"""
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What serves a program when it is built with these features beside the default ones."""

    features: tuple[str, ...]
    allocator: str
    """``system``, a family, or the declared type where it is not known; empty where no build comes out"""
    declared: str = ""
    """``file:line`` of the declaration; empty for the system's"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One final artifact of a package, and how its allocator is chosen."""

    package: str
    name: str
    kind: str
    """``bin``, ``cdylib``, ``staticlib``, ``example``, ``bench``"""
    choices: tuple[Choice, ...]
    """without a feature first, then each feature that changes the answer"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectInspection:
    """What ``heapswap inspect PATH/Cargo.toml`` finds."""

    kind: str = "cargo-inspection"
    schema: int = 1
    manifest: str
    target: str
    """the platform that is judged: ``x86_64-unknown-linux-gnu``"""
    packages: int
    """packages in the graph, sources read"""
    programs: tuple[Program, ...]
    declarations: tuple[Declaration, ...]
    findings: tuple[Finding, ...] = ()
