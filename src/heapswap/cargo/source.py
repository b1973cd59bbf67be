"""The global allocators that the source of one crate declares, each with the condition under which it is compiled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from heapswap.cargo.conditions import ALWAYS, Condition, both, negated, predicate, separated
from heapswap.cargo.tokens import Group, Kind, Token, Tree, parse

ATTRIBUTE = "global_allocator"
_MODULES_DEEP = 64


class What(StrEnum):
    """What was found."""

    ALLOCATOR = "allocator"
    """a static with ``#[global_allocator]``"""
    REFUSAL = "refusal"
    """a ``compile_error!``: what compiles only where its condition does not hold"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place in the source."""

    what: What
    file: str
    line: int
    condition: Condition
    name: str = ""
    """of the static"""
    type: str = ""
    """of the static, as written: ``mimalloc::MiMalloc``"""
    module: tuple[str, ...] = ()
    """path of the module it stands in"""
    macro: str = ""
    """the macro in whose body it stands, so that only its use declares anything; empty: it stands by itself"""


def found_in(root: Path) -> tuple[Found, ...]:
    """Everything found in the crate whose root file is `root`, in the order of the source."""
    return tuple(_file(_Place(file=root, folder=root.parent)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a walk through a crate is."""

    file: Path
    folder: Path
    """where the files of the modules that are declared here are"""
    condition: Condition = ALWAYS
    module: tuple[str, ...] = ()
    macro: str = ""
    depth: int = _MODULES_DEEP
    """files that may still be entered: a file may include itself"""
    inline: bool = False
    """inside ``mod name { … }``"""

    def under(self, condition: Condition) -> "_Place":
        """The same place, with one more condition."""
        return replace(self, condition=both(self.condition, condition))


def _file(place: _Place) -> Iterator[Found]:
    try:
        trees = parse(place.file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        # A module that only other targets have; where it is missed, the compiler complains.
        return
    yield from _items(trees, place)


def _items(trees: Sequence[Tree], place: _Place) -> Iterator[Found]:
    """What is found among the items of a file, module, block or macro body."""
    at = 0
    while at < len(trees):
        if (inner := _inner_attribute(trees, at)) is not None:
            place = place.under(_condition([inner]))
            at += 3
            continue
        attributes, at = _attributes(trees, at)
        item, after = _item(trees, at)
        here = place.under(_condition(attributes))
        for extra in _declaring(attributes):
            yield _allocator(item, here.under(extra), attributes[0].line)
        yield from _inside(item, here, _paths(attributes))
        at = after


def _inside(item: Sequence[Tree], place: _Place, paths: Sequence[tuple[Condition, str]]) -> Iterator[Found]:
    """What is found in the file or the brackets that an item brings along."""
    name = _module_name(item)
    if name and isinstance(item[-1], Group):
        folder = place.folder / (paths[0][1] if paths else name)
        inside = replace(place, module=(*place.module, name), folder=folder, inline=True)
        yield from _items(item[-1].items, inside)
    elif name and not place.macro and place.depth:
        for extra, file, folder in _module_files(name, place, paths):
            inside = replace(place, file=file, folder=folder, module=(*place.module, name), inline=False)
            yield from _file(replace(inside.under(extra), depth=place.depth - 1))
    elif not name:
        for at, tree in enumerate(item):
            if isinstance(tree, Group):
                invoked = _invoked(item[:at])
                yield from _macro(invoked, tree, place) if invoked else _items(tree.items, place)


def _macro(invoked: str, body: Group, place: _Place) -> Iterator[Found]:
    """What is found in the body of a macro's definition or invocation."""
    match invoked, body.items[:1]:
        case "cfg_if", _:
            for branch, items in _branches(body.items):
                yield from _items(items, place.under(branch))
        case "compile_error", _:
            yield Found(
                what=What.REFUSAL,
                file=str(place.file),
                line=body.line,
                condition=place.condition,
                module=place.module,
                macro=place.macro,
            )
        case "include", (Token(Kind.TEXT, path),) if place.depth and not place.macro:
            yield from _file(replace(place, file=place.file.parent / path, depth=place.depth - 1))
        case _:
            yield from _items(body.items, replace(place, macro=place.macro or f"{invoked}!"))


def _allocator(item: Sequence[Tree], place: _Place, line: int) -> Found:
    name, type_ = _static(item)
    return Found(
        what=What.ALLOCATOR,
        file=str(place.file),
        line=item[0].line if item else line,
        condition=place.condition,
        name=name,
        type=type_,
        module=place.module,
        macro=place.macro,
    )


def _module_files(
    name: str, place: _Place, paths: Sequence[tuple[Condition, str]]
) -> Iterator[tuple[Condition, Path, Path]]:
    """The files that ``mod name;`` may mean: condition, file, and the folder of the modules below it."""
    otherwise = ALWAYS
    for extra, path in paths:
        file = (place.folder if place.inline else place.file.parent) / path
        yield both(otherwise, extra), file, file.parent
        if extra == ALWAYS:
            return
        otherwise = both(otherwise, negated(extra))
    flat = place.folder / f"{name}.rs"
    yield otherwise, flat if flat.is_file() else place.folder / name / "mod.rs", place.folder / name


def _attributes(trees: Sequence[Tree], at: int) -> tuple[list[Group], int]:
    """The outer attributes that stand at `at`, and where they end."""
    attributes: list[Group] = []
    while True:
        match trees[at : at + 2]:
            case [Token(_, "#"), Group("[") as attribute]:
                attributes.append(attribute)
                at += 2
            case _:
                return attributes, at


def _inner_attribute(trees: Sequence[Tree], at: int) -> Group | None:
    match trees[at : at + 3]:
        case [Token(_, "#"), Token(_, "!"), Group("[") as attribute]:
            return attribute
        case _:
            return None


def _item(trees: Sequence[Tree], at: int) -> tuple[Sequence[Tree], int]:
    """The item or statement at `at`, up to its semicolon or its braces, and where the next one begins."""
    end = at
    while end < len(trees):
        match trees[end]:
            case Token(Kind.OTHER, ";"):
                return trees[at:end], end + 1
            case Token(Kind.OTHER, "#") if end > at and isinstance(next(iter(trees[end + 1 : end + 2]), None), Group):
                # The attribute of what follows: of a field, an argument, or an item behind an expression.
                return trees[at:end], end
            case Group("{"):
                return trees[at : end + 1], end + 1
            case _:
                end += 1
    return trees[at:end], end


def _words(attribute: Group) -> str:
    """The path of an attribute: its last word."""
    words = [tree.text for tree in attribute.items if isinstance(tree, Token) and tree.kind is Kind.WORD]
    match attribute.items:
        case [Token(Kind.WORD, word)] | [Token(Kind.WORD, word), Group() | Token(_, "="), *_]:
            return word
        case _:
            return words[-1] if words else ""


def _flattened(attribute: Group) -> Iterator[tuple[Condition, Group]]:
    """The attributes that one stands for: ``cfg_attr(…)`` hands out others under a condition."""
    if _words(attribute) != "cfg_attr":
        yield ALWAYS, attribute
        return
    for tree in attribute.items:
        if isinstance(tree, Group):
            parts = list(separated(tree.items))
            condition = predicate(parts[0]) if parts else ALWAYS
            for part in parts[1:]:
                for extra, inner in _flattened(Group("[", part, attribute.line)):
                    yield both(condition, extra), inner


def _condition(attributes: Sequence[Group]) -> Condition:
    """What all ``cfg(…)`` among the attributes ask for."""
    result = ALWAYS
    for attribute in attributes:
        for when, inner in _flattened(attribute):
            if _words(inner) != "cfg" or len(inner.items) < 2 or not isinstance(inner.items[1], Group):
                continue
            wanted = predicate(inner.items[1].items)
            if when != ALWAYS:
                wanted = negated(both(when, negated(wanted)))
            result = both(result, wanted)
    return result


def _declaring(attributes: Sequence[Group]) -> Iterator[Condition]:
    """For each attribute that makes a static the global allocator: under which condition it does."""
    for attribute in attributes:
        for when, inner in _flattened(attribute):
            if _words(inner) == ATTRIBUTE:
                yield when


def _paths(attributes: Sequence[Group]) -> list[tuple[Condition, str]]:
    """The files that ``path = "…"`` names, each with its condition."""
    return [
        (when, tree.text)
        for attribute in attributes
        for when, inner in _flattened(attribute)
        if _words(inner) == "path"
        for tree in inner.items
        if isinstance(tree, Token) and tree.kind is Kind.TEXT
    ]


def _visible(item: Sequence[Tree]) -> Sequence[Tree]:
    """An item without ``pub`` and ``pub(…)``."""
    match item:
        case [Token(Kind.WORD, "pub"), Group("("), *rest] | [Token(Kind.WORD, "pub"), *rest]:
            return rest
        case _:
            return item


def _static(item: Sequence[Tree]) -> tuple[str, str]:
    """Name and type of a static; empty for anything else."""
    match [tree for tree in _visible(item) if not (isinstance(tree, Token) and tree.text == "mut")]:
        case [Token(Kind.WORD, "static"), Token(Kind.WORD, name), Token(_, ":"), *rest]:
            words = []
            for tree in rest:
                if isinstance(tree, Group) or tree.text == "=":
                    break
                words.append(tree.text)
            return name, "".join(words)
        case _:
            return "", ""


def _module_name(item: Sequence[Tree]) -> str:
    match _visible(item):
        case [Token(Kind.WORD, "mod"), Token(Kind.WORD, name)] | [Token(Kind.WORD, "mod"), Token(Kind.WORD, name), _]:
            return name
        case _:
            return ""


def _invoked(before: Sequence[Tree]) -> str:
    """The macro whose definition or invocation a group with these tokens before it is; empty where it is none."""
    match before[-3:]:
        case [*_, Token(Kind.WORD, name), Token(_, "!")]:
            return name
        case [Token(Kind.WORD, "macro_rules"), Token(_, "!"), Token(Kind.WORD)]:
            return "macro_rules"
        case _:
            return ""


def _branches(trees: Sequence[Tree]) -> Iterator[tuple[Condition, Sequence[Tree]]]:
    """The branches of ``cfg_if! { if #[cfg(…)] { … } else … }`` with their conditions."""
    otherwise, at = ALWAYS, 0
    while at < len(trees):
        match trees[at:]:
            case [Token(_, "if"), Token(_, "#"), Group("[") as attribute, Group("{", items), *_]:
                condition = _condition([attribute])
                yield both(otherwise, condition), items
                otherwise = both(otherwise, negated(condition))
                at += 4
            case [Token(_, "else"), Group("{", items), *_]:
                yield otherwise, items
                at += 2
            case _:
                at += 1
