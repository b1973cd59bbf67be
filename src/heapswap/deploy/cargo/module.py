"""The source that a deployment adds: one module with guarded statics, and the line that puts it into each program."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heapswap.cargo.tokens import preamble
from heapswap.deploy import lines
from heapswap.deploy.cargo.supplies import Crate, others, selecting

NAMES = ("allocator", "global_allocator", "heap_allocator")
"""what the module may be called: the first that is free"""
_DOCUMENTATION = """\
//! The global allocator of this program, chosen by a Cargo feature: {features}.
//!
//! Without one of them, and on platforms that an allocator is not for, it is the system's.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A declaration that was there before, and that only some builds see."""

    condition: str
    """as in ``cfg(…)``"""
    place: str
    """``src/main.rs:12``"""


def source(crates: Sequence[Crate], rivals: Sequence[Rival], edition: str) -> str:
    """The module, with a static for each of these crates."""
    names = " or ".join(f"`{selecting(crate).name}`" for crate in crates)
    parts = [_DOCUMENTATION.format(features=names)]
    if len(crates) > 1:
        features = [selecting(crate).name for crate in crates]
        both = ", ".join(f'feature = "{name}"' for name in features)
        parts.append(
            _refusal(f"all({both})", f"a program has one allocator: choose one of the features {_and(features)}")
        )
    for rival in rivals:
        asked = ", ".join(f'feature = "{selecting(crate).name}"' for crate in crates)
        parts.append(
            _refusal(
                f"all(any({asked}), {rival.condition})",
                f"a program has one allocator, and {rival.place} declares one in this build too",
            )
        )
    parts += [_static(crate, rivals, edition, alone=len(crates) == 1) for crate in crates]
    return "\n".join(parts)


def with_module(data: bytes, module: Path, root: Path, name: str) -> bytes:
    """The root file of a crate with ``mod name;`` behind its inner attributes and documentation."""
    if data.startswith(lines.BOM):
        return lines.BOM + with_module(data.removeprefix(lines.BOM), module, root, name)
    text = data.decode("utf-8", "surrogateescape")
    end = preamble(text)
    at = text.count("\n", 0, end) + 1 if end else 0
    declared = (*([""] if end else []), *_path(module, root, name), f"mod {name};", *([] if _blank(data, at) else [""]))
    return lines.spliced(data, at, at, declared)


def _path(module: Path, root: Path, name: str) -> tuple[str, ...]:
    """The attribute that a module needs which is not where the compiler would look for it."""
    if module == root.parent / f"{name}.rs":
        return ()
    return (f'#[path = "{os.path.relpath(module, root.parent)}"]',)


def _blank(data: bytes, at: int) -> bool:
    """Whether line number `at` is empty, or beyond the end."""
    rows = data.split(b"\n")
    return at >= len(rows) or not rows[at].strip()


def _refusal(condition: str, message: str) -> str:
    return f'#[cfg({condition})]\ncompile_error!("{message}");\n'


def _static(crate: Crate, rivals: Sequence[Rival], edition: str, *, alone: bool) -> str:
    """The static, under a condition that leaves an error to the refusals, and to them alone."""
    parts = [f'feature = "{selecting(crate).name}"']
    if not alone:
        parts += [f'not(feature = "{other.name}")' for other in others(crate)]
    parts += [f"not({rival.condition})" for rival in rivals]
    if crate.platforms:
        parts.append(crate.platforms)
    condition = parts[0] if len(parts) == 1 else f"all({', '.join(parts)})"
    guard = f"#[cfg({condition})]\n"
    extern = f"{guard}extern crate {crate.static.partition('::')[0]};\n" if edition == "2015" else ""
    return f"{extern}{guard}#[global_allocator]\nstatic GLOBAL: {crate.static} = {crate.static};\n"


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
