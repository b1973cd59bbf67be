"""Knobs: from a name and a value, as a person wrote them, to the environment variables that carry them.

What an allocator would silently ignore is refused here: an unknown name, a name of another version, a value out of
range.
"""

import re
from collections.abc import Iterable

from heapswap.allocators import versions
from heapswap.allocators.model import Allocator, Carrier, Knob, KnobType
from heapswap.errors import Misuse
from heapswap.near import near
from heapswap.values import value

TUNABLES = "GLIBC_TUNABLES"
ALWAYS_KNOWN = ("python",)
"""knobs that every candidate takes, beside those of its family"""

_SIZE = re.compile(r"(\d+)(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_POWERS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@value(kw_only=False)
class Setting:
    """A knob with a value that its allocator accepts."""

    knob: Knob
    value: str


@value(kw_only=False)
class Table:
    """The knobs of one family in one version; an empty version may be any."""

    family: Allocator
    version: str

    def known(self) -> tuple[Knob, ...]:
        """The knobs of this version."""
        return tuple(knob for knob in self.family.knobs if versions.covers(knob, self.version))

    def setting(self, name: str, value: str) -> Setting:
        """The knob called `name` with this value.

        Raises:
            Misuse: unknown here, or a value that would be ignored or rejected; the message lists the near ones.
        """
        rows = [knob for knob in self.family.knobs if knob.name == name]
        for knob in rows:
            if versions.covers(knob, self.version):
                return Setting(knob, checked(knob, value, self.family.booleans))
        owner = f"{self.family.name} {self.version}".strip()
        if rows:
            ranges = ", ".join(_range(knob) for knob in rows)
            raise Misuse(f"{owner} does not know '{name}' ({ranges}); {near(name, self._names())}")
        meant = next((knob.name for knob in self.known() if name in (knob.variable, knob.alias)), "")
        raise Misuse(f"{owner} has no knob '{name}'; {f'write {meant}' if meant else near(name, self._names())}")

    def _names(self) -> tuple[str, ...]:
        return (*(knob.name for knob in self.known()), *ALWAYS_KNOWN)


def checked(knob: Knob, value: str, booleans: tuple[str, str] = ("true", "false")) -> str:
    """A value as the allocator spells it: sizes in bytes, yes and no in the family's words.

    Raises:
        Misuse: a value that the allocator would ignore or reject.
    """
    match knob.type:
        case KnobType.BOOLEAN:
            return _boolean(knob, value, booleans)
        case KnobType.SIZE:
            return _size(knob, value)
        case KnobType.INTEGER | KnobType.REAL:
            return _number(knob, value)
        case KnobType.CHOICE:
            if value not in knob.choices:
                raise Misuse(f"{knob.name}={value}: {near(value, knob.choices)}")
            return value
        case KnobType.TEXT:
            return value


def carried(settings: Iterable[Setting], configuration: str) -> tuple[tuple[str, str], ...]:
    """Environment variables that carry the settings, in the order of the knobs; lists are joined.

    `configuration` is the variable that the library reads its list from (``MALLOC_CONF``).
    """
    values: dict[str, str] = {}
    for setting in settings:
        knob = setting.knob
        if knob.carrier is Carrier.VARIABLE:
            values[knob.variable] = setting.value
            continue
        name = TUNABLES if knob.carrier is Carrier.TUNABLES else configuration
        separator, equals = list_form(name) or _CONF_FORM
        item = f"{knob.variable}{equals}{setting.value}"
        values[name] = f"{values[name]}{separator}{item}" if name in values else item
    return tuple(values.items())


_CONF_FORM = (",", ":")


def list_form(variable: str) -> tuple[str, str] | None:
    """Separator and equals sign of a variable that holds a list of settings; None for one that holds one value."""
    if variable == TUNABLES:
        return ":", "="
    return _CONF_FORM if variable.endswith("MALLOC_CONF") else None


def _boolean(knob: Knob, value: str, booleans: tuple[str, str]) -> str:
    if value.lower() not in _BOOLEANS:
        raise Misuse(f"{knob.name}={value}: write true or false")
    return booleans[0] if _BOOLEANS[value.lower()] else booleans[1]


def _size(knob: Knob, value: str) -> str:
    match = _SIZE.fullmatch(value)
    if match is None:
        raise Misuse(f"{knob.name}={value}: write a size such as 65536, 64KiB or 1MiB")
    size = int(match[1]) << _POWERS[(match[2] or "").upper()]
    _refuse_outside(knob, value, size)
    return str(size)


def _number(knob: Knob, value: str) -> str:
    whole = knob.type is KnobType.INTEGER
    if not re.fullmatch(r"-?\d+" if whole else r"-?\d+(\.\d+)?", value):
        unit = f" ({knob.unit})" if knob.unit else ""
        raise Misuse(f"{knob.name}={value}: write a {'whole ' if whole else ''}number{unit}")
    _refuse_outside(knob, value, float(value))
    return value


def _refuse_outside(knob: Knob, value: str, number: float) -> None:
    if knob.minimum is not None and number < knob.minimum:
        raise Misuse(f"{knob.name}={value}: the smallest value is {knob.minimum:.15g}")
    if knob.maximum is not None and number > knob.maximum:
        raise Misuse(f"{knob.name}={value}: the largest value is {knob.maximum:.15g}")


def _range(knob: Knob) -> str:
    since = f"since {knob.since}" if knob.since else ""
    until = f"until {knob.until}" if knob.until else ""
    return f"{since} {until}".strip()
