import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.allocators import glibc, jemalloc, mimalloc
from heapswap.allocators.knobs import Setting, Table, carried, checked, list_form
from heapswap.allocators.model import Carrier, Knob, KnobType
from heapswap.errors import Misuse

OLD, NEW = Table(mimalloc.FAMILY, "2.0.9"), Table(mimalloc.FAMILY, "3.3.2")


def knob(type_: KnobType, minimum: float | None = None, maximum: float | None = None) -> Knob:
    return Knob(
        name="x", variable="X", type=type_, minimum=minimum, maximum=maximum, choices=("auto", "always", "never")
    )


def test_the_same_name_means_what_it_means_in_that_version() -> None:
    assert Table(mimalloc.FAMILY, "2.3.2").setting("purge_delay", "0").knob.default == "10"
    assert NEW.setting("purge_delay", "0").knob.default == "1000"


def test_a_name_of_another_version_is_refused_and_the_near_ones_are_named() -> None:
    with pytest.raises(Misuse, match=r"mimalloc 2\.0\.9 does not know 'purge_delay'.*decommit_delay"):
        OLD.setting("purge_delay", "0")
    with pytest.raises(Misuse, match=r"mimalloc 3\.3\.2 does not know 'decommit_delay'"):
        NEW.setting("decommit_delay", "0")


def test_an_unknown_name_lists_the_near_ones() -> None:
    with pytest.raises(Misuse, match=r"no knob 'purge_dely'; did you mean purge_delay"):
        NEW.setting("purge_dely", "0")


def test_the_allocators_own_spelling_is_recognised() -> None:
    with pytest.raises(Misuse, match="write arena_max"):
        Table(glibc.FAMILY, "2.36").setting("MALLOC_ARENA_MAX", "2")
    with pytest.raises(Misuse, match="write arena_max"):
        Table(glibc.FAMILY, "2.36").setting("glibc.malloc.arena_max", "2")


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("65536", 65536),
        ("64K", 65536),
        ("64KiB", 65536),
        ("64kb", 65536),
        ("1M", 1 << 20),
        ("2GiB", 2 << 30),
        ("7B", 7),
    ],
)
def test_sizes_are_carried_in_bytes(text: str, bytes_: int) -> None:
    assert checked(knob(KnobType.SIZE), text) == str(bytes_)


@given(st.integers(0, 2**60))
def test_a_size_in_bytes_is_carried_as_it_is(size: int) -> None:
    assert checked(knob(KnobType.SIZE), str(size)) == str(size)


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "TRUE"])
def test_yes_is_spelled_as_the_family_spells_it(text: str) -> None:
    assert checked(knob(KnobType.BOOLEAN), text, ("1", "0")) == "1"
    assert checked(knob(KnobType.BOOLEAN), text) == "true"


@pytest.mark.parametrize(
    ("type_", "value", "says"),
    [
        (KnobType.BOOLEAN, "maybe", "write true or false"),
        (KnobType.SIZE, "many", "write a size"),
        (KnobType.SIZE, "-1", "write a size"),
        (KnobType.SIZE, "6", "the smallest value is 10"),
        (KnobType.INTEGER, "2.5", "write a whole number"),
        (KnobType.INTEGER, "9", "the smallest value is 10"),
        (KnobType.INTEGER, "21", "the largest value is 20"),
        (KnobType.REAL, "fast", "write a number"),
        (KnobType.REAL, "20.5", "the largest value is 20"),
        (KnobType.CHOICE, "alway", "did you mean always"),
    ],
)
def test_a_value_that_would_be_ignored_is_refused(type_: KnobType, value: str, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        checked(knob(type_, 10, 20), value)


def test_lists_are_joined_in_the_order_of_the_knobs() -> None:
    table = Table(jemalloc.FAMILY, "5.3.1")
    settings = [table.setting("dirty_decay_ms", "1000"), table.setting("background_thread", "yes")]
    assert carried(settings, "_RJEM_MALLOC_CONF") == (
        ("_RJEM_MALLOC_CONF", "dirty_decay_ms:1000,background_thread:true"),
    )


def test_variables_and_tunables_stand_side_by_side() -> None:
    table = Table(glibc.FAMILY, "2.36")
    settings = [table.setting(*pair) for pair in (("tcache_count", "0"), ("arena_max", "2"), ("mxfast", "0"))]
    assert carried(settings, "") == (
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"),
        ("MALLOC_ARENA_MAX", "2"),
    )


def test_every_list_is_known_by_its_variable() -> None:
    row = Knob(name="x", variable="x", type=KnobType.TEXT, carrier=Carrier.CONFIGURATION)
    for variable in ("MALLOC_CONF", "_RJEM_MALLOC_CONF", "JE_ARROW_MALLOC_CONF"):
        ((name, value),) = carried([Setting(row, "1")], variable)
        assert (name, value) == (variable, "x:1")
        assert list_form(name) == (",", ":")
    assert list_form("GLIBC_TUNABLES") == (":", "=")
    assert list_form("MALLOC_ARENA_MAX") is None
