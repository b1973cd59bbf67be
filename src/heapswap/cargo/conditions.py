"""Conditions of conditional compilation: ``cfg(all(unix, feature = "jemalloc"))`` as a value that can be asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from heapswap.cargo.tokens import Group, Kind, Token, Tree


class Operator(StrEnum):
    """How the parts of a condition are joined."""

    ALL = "all"
    ANY = "any"
    NOT = "not"
    IS = "is"
    """no parts: a name, or a name and its value"""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `ALL` of nothing always holds, `ANY` of nothing never does."""

    operator: Operator
    parts: tuple["Condition", ...] = ()
    name: str = ""
    value: str | None = None

    def __str__(self) -> str:
        if self.operator is Operator.IS:
            return self.name if self.value is None else f'{self.name} = "{self.value}"'
        return f"{self.operator}({', '.join(map(str, self.parts))})"

    @property
    def features(self) -> frozenset[str]:
        """The Cargo features that it asks about."""
        if self.operator is Operator.IS:
            return frozenset((self.value,)) if self.name == "feature" and self.value is not None else frozenset()
        return frozenset(feature for part in self.parts for feature in part.features)


ALWAYS = Condition(Operator.ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a compilation."""

    target: frozenset[tuple[str, str | None]]
    """what ``rustc --print cfg`` says of the target"""
    features: frozenset[str]
    """Cargo features that are on in this crate"""


_OF_THE_TARGET = ("target_", "unix", "windows")
_NEVER_IN_A_PROGRAM = frozenset(("test", "doctest", "doc", "docsrs", "miri", "clippy", "rustdoc", "loom", "fuzzing"))


def holds(condition: Condition, facts: Facts) -> bool | None:
    """Whether a condition holds; None where that depends on what is not known, such as a flag of a build script."""
    match condition.operator:
        case Operator.IS:
            return _is(condition, facts)
        case Operator.NOT:
            inner = holds(condition.parts[0], facts)
            return None if inner is None else not inner
        case Operator.ALL:
            answers = [holds(part, facts) for part in condition.parts]
            return False if False in answers else None if None in answers else True
        case Operator.ANY:
            answers = [holds(part, facts) for part in condition.parts]
            return True if True in answers else None if None in answers else False


def both(first: Condition, second: Condition) -> Condition:
    """The condition that holds where both do."""
    parts = tuple(part for one in (first, second) for part in (one.parts if one.operator is Operator.ALL else (one,)))
    unique = tuple(dict.fromkeys(parts))
    return unique[0] if len(unique) == 1 else Condition(Operator.ALL, unique)


def negated(condition: Condition) -> Condition:
    """The condition that holds where the other does not."""
    return Condition(Operator.NOT, (condition,))


def predicate(trees: Sequence[Tree]) -> Condition:
    """The condition written inside ``cfg(…)``; what is malformed never holds, as it never compiles."""
    match trees:
        case [Token(Kind.WORD, "true"), *_]:
            return ALWAYS
        case [Token(Kind.WORD, "all" | "any" as name), Group("(", items), *_]:
            return Condition(Operator(name), tuple(map(predicate, separated(items))))
        case [Token(Kind.WORD, "not"), Group("(", items), *_] if items:
            return negated(predicate(next(separated(items))))
        case [Token(Kind.WORD, name), Token(_, "="), Token(Kind.TEXT, value), *_]:
            return Condition(Operator.IS, name=name, value=value)
        case [Token(Kind.WORD, name)] if name != "false":
            return Condition(Operator.IS, name=name)
        case _:
            return Condition(Operator.ANY)


def separated(trees: Sequence[Tree]) -> Iterator[tuple[Tree, ...]]:
    """The parts between commas; an empty one, as behind a last comma, is left out."""
    part: list[Tree] = []
    for tree in trees:
        if isinstance(tree, Token) and tree.text == "," and tree.kind is Kind.OTHER:
            if part:
                yield tuple(part)
            part = []
        else:
            part.append(tree)
    if part:
        yield tuple(part)


def _is(condition: Condition, facts: Facts) -> bool | None:
    name, value = condition.name, condition.value
    if name == "feature":
        return value in facts.features
    if name.startswith(_OF_THE_TARGET):
        return (name, value) in facts.target
    return False if name in _NEVER_IN_A_PROGRAM else None
