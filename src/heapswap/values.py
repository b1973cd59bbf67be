"""Classes of values: frozen and slotted, as dataclasses makes them, at a tenth of the price.

`dataclasses` writes and compiles the source of six functions for each class, and imports inspect with all that it
needs: together more than a third of what `heapswap run` takes to start. What that command imports is made here
instead. A class made here behaves like one of ``dataclass(frozen=True, slots=True)``; what asks it for its fields
(`dataclasses.replace`, msgspec) gets those of dataclasses itself, made when they are first asked for.
"""

TYPE_CHECKING = False  # not typing's own, whose import costs as much as all of this saves
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_: bool) -> object:
        """For type checkers only."""
        return lambda function: function


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: "Any" = None, *, kw_only: bool = True) -> "Any":
    """Make a class of values from annotated names, their defaults and methods; it has no bases.

    Arguments are given by name, unless `kw_only` is false. A default is a value itself, and made only once.
    """
    return (lambda cls: _made(cls, kw_only)) if cls is None else _made(cls, kw_only)


def _made(cls: "type[T]", kw_only: bool) -> "type[T]":
    names = tuple(cls.__annotations__)
    body = {name: content for name, content in vars(cls).items() if name not in ("__dict__", "__weakref__", *names)}
    body["__annotations__"] = cls.__annotations__
    body["__slots__"] = body["__names__"] = names
    body["__match_args__"] = () if kw_only else names
    body["__defaults__"] = {name: vars(cls)[name] for name in names if name in vars(cls)}
    body["__dataclass_fields__"] = _Fields()
    made: type[T] = type(cls.__name__, (_Value,), body)
    return made


class _Value:
    """What is the same in every class of values."""

    __slots__ = ()
    if TYPE_CHECKING:
        __names__: ClassVar[tuple[str, ...]]
        __defaults__: ClassVar[dict[str, object]]

    def __init__(self, *listed: object, **named: object) -> None:
        names = self.__names__
        by_place = dict(zip(type(self).__match_args__, listed, strict=False))  # type: ignore[attr-defined]
        given = {**self.__defaults__, **by_place, **named}
        if given.keys() != set(names) or len(by_place) < len(listed) or by_place.keys() & named.keys():
            raise TypeError(f"{type(self).__qualname__} takes {', '.join(names)}; given are {', '.join(given)}")
        for name, content in given.items():
            object.__setattr__(self, name, content)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _contents(self) == _contents(other)

    def __hash__(self) -> int:
        return hash(_contents(self))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__names__)})"

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"cannot assign to field '{name}'")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete field '{name}'")

    def __reduce__(self) -> "tuple[Any, ...]":
        return _again, (type(self), dict(zip(self.__names__, _contents(self), strict=True)))


def _contents(one: _Value) -> "tuple[object, ...]":
    return tuple(getattr(one, name) for name in one.__names__)


def _again(cls: "type[T]", named: "dict[str, object]") -> "T":
    return cls(**named)


class _Fields:
    """``__dataclass_fields__`` of a class of values."""

    def __get__(self, _: object, owner: "Any") -> "Any":
        from dataclasses import dataclass  # noqa: PLC0415 - its import is what this module avoids

        body = {**owner.__defaults__, "__annotations__": owner.__annotations__, "__module__": owner.__module__}
        twin: Any = dataclass(kw_only=not owner.__match_args__)(type(owner.__name__, (), body))
        owner.__dataclass_fields__ = twin.__dataclass_fields__
        return twin.__dataclass_fields__
