"""Why rustc refuses a program with two global allocators, in the words that it will use."""

from collections.abc import Sequence

from heapswap.cargo.built import Declared
from heapswap.cargo.metadata import Target
from heapswap.findings import Finding, Level


def clash(target: Target, features: Sequence[str], active: Sequence[Declared]) -> Finding:
    """What happens when `target` is built with these features, in which at least two declarations are active."""
    first, second = _worst(active)
    places = f"{first.found.file}:{first.found.line} and {second.found.file}:{second.found.line}"
    how = f"with {_named(features)}" if features else "as it is"
    return Finding(
        code="two-global-allocators",
        level=Level.WARNING if features else Level.ERROR,
        seen=f"{target.name} cannot be built {how}: two global allocators ({places}); "
        f"rustc says: {message(first, second, target)}",
        remedy=_remedy(features, first, second),
    )


def message(first: Declared, second: Declared, target: Target) -> str:
    """The error text of rustc 1.95 for two active declarations, the one of the program's own crate first."""
    if first.crate.target == second.crate.target:
        text = "cannot define multiple global allocators"
        if (first.found.module, first.found.name) == (second.found.module, second.found.name):
            return f"E0428, the name `{first.found.name}` is defined multiple times; then: {text}"
        return text
    mine = "this crate" if first.crate.target == target else _linked(first)
    return f"the `#[global_allocator]` in {mine} conflicts with global allocator in: {_linked(second)}"


def _worst(active: Sequence[Declared]) -> tuple[Declared, Declared]:
    """Two that exclude each other: of one crate if possible, for that is what rustc sees first."""
    for at, first in enumerate(active):
        for second in active[at + 1 :]:
            if first.crate.target == second.crate.target:
                return first, second
    return active[0], active[1]


def _remedy(features: Sequence[str], first: Declared, second: Declared) -> str:
    if first.crate.target == second.crate.target:
        if features:
            return (
                "say so with a compile_error! under the same features, or let one of the two give way with "
                "not(feature = …) in its cfg; such features cannot be used with --all-features"
            )
        return "take one of the two away, or put each behind a feature of its own"
    theirs = second.crate.package
    through = "a feature of its own" if theirs.source is None else "default-features = false, if it has such a feature"
    return f"only one crate may choose: take yours out, or keep {theirs.name} from choosing, by {through}"


def _linked(row: Declared) -> str:
    """A library's crate, as rustc names it."""
    return row.crate.target.name.replace("-", "_")


def _named(features: Sequence[str]) -> str:
    return f"the feature{'s' if len(features) > 1 else ''} {' and '.join(features)}"
