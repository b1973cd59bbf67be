"""Every knob and every recipe, given to the real library, which is asked what it understood."""

import re
import subprocess
from collections.abc import Mapping

import pytest

from heapswap.allocators import locate, registry
from heapswap.allocators.activation import activate, environment
from heapswap.allocators.knobs import Table
from heapswap.allocators.model import Candidate, Carrier, Knob, KnobType, Library, Origin, Preloads
from heapswap.allocators.versions import covers

EXAMPLES = {
    KnobType.BOOLEAN: "true",
    KnobType.INTEGER: "3",
    KnobType.SIZE: "1048576",
    KnobType.REAL: "2.5",
}


def libraries(family: str) -> list[Library]:
    return list(locate.libraries(registry.family(family)))


def name_of(library: Library) -> str:
    return f"{'-'.join((library.origin, library.version, *library.features))}"


def candidate(library: Library, recipe: str = "", knobs: tuple[tuple[str, str], ...] = ()) -> Candidate:
    """A candidate that selects exactly this library."""
    return Candidate(
        library=library.family, features=library.features, version=library.version, recipe=recipe, knobs=knobs
    )


def example(knob: Knob) -> str:
    """A value that is allowed and is not the default."""
    if knob.choices:
        return next(choice for choice in knob.choices if choice != knob.default)
    value = EXAMPLES[knob.type]
    if knob.type is KnobType.BOOLEAN:
        return "false" if knob.default in ("true", "1") else "true"
    if knob.maximum is not None and float(value) > knob.maximum:
        return str(int(knob.maximum))
    return value


def run_under(chosen: Candidate, extra: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A short program under a candidate, with more settings beside those of the candidate."""
    activation = activate(chosen)
    environ = environment(activation, {"PATH": "/usr/bin:/bin"}, Preloads.REPLACE)
    for name, value in extra.items():
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    return subprocess.run(["/bin/true"], env=environ, capture_output=True, text=True, check=False)


def recipes(library: Library) -> list[str]:
    family = registry.family(library.family)
    return [recipe.name for recipe in family.recipes if covers(recipe, library.version)]


MIMALLOCS = libraries("mimalloc")
JEMALLOCS = libraries("jemalloc")
each_mimalloc = pytest.mark.parametrize("library", MIMALLOCS, ids=name_of)
each_jemalloc = pytest.mark.parametrize("library", JEMALLOCS, ids=name_of)


def test_both_kinds_of_library_are_asked() -> None:
    for found in (MIMALLOCS, JEMALLOCS):
        assert {Origin.BUNDLED, Origin.SYSTEM} <= {library.origin for library in found}


def mimalloc_options(chosen: Candidate) -> dict[str, str]:
    """The options in effect, as mimalloc itself lists them."""
    seen = run_under(chosen, {"MIMALLOC_VERBOSE": "1"})
    assert seen.returncode == 0
    assert "invalid value" not in seen.stderr
    return dict(re.findall(r"option '(\w+)': (-?\d+)", seen.stderr))


@each_mimalloc
def test_mimalloc_has_every_knob_of_its_version(library: Library) -> None:
    knobs = Table(registry.family("mimalloc"), library.version).known()
    chosen = candidate(library, knobs=tuple((knob.name, example(knob)) for knob in knobs))
    options = mimalloc_options(chosen)
    variables = dict(activate(chosen).variables)
    for knob in knobs:
        given = int(variables[knob.variable])
        expected = given >> 10 if knob.type is KnobType.SIZE else given
        assert options[knob.variable.removeprefix("MIMALLOC_").lower()] == str(expected), knob.name


@each_mimalloc
def test_mimalloc_has_the_defaults_of_the_table(library: Library) -> None:
    options = mimalloc_options(candidate(library))
    for knob in Table(registry.family("mimalloc"), library.version).known():
        if knob.type is not KnobType.SIZE:
            assert options[knob.variable.removeprefix("MIMALLOC_").lower()] == knob.default, knob.name


@each_mimalloc
def test_mimalloc_takes_every_recipe(library: Library) -> None:
    for recipe in recipes(library):
        chosen = candidate(library, recipe)
        options = mimalloc_options(chosen)
        for variable, value in activate(chosen).variables:
            assert options[variable.removeprefix("MIMALLOC_").lower()] == value


def jemalloc_settings(library: Library, chosen: Candidate) -> set[str]:
    """What jemalloc says that it set; it aborts at a key or value it does not know."""
    seen = run_under(chosen, {library.configuration: "abort_conf:true,confirm_conf:true"})
    assert seen.returncode == 0, seen.stderr
    return set(re.findall(r"Set conf value: (\S+)", seen.stderr))


def jemalloc_options(library: Library, chosen: Candidate) -> dict[str, str]:
    """The options in effect, as jemalloc itself prints them."""
    seen = run_under(chosen, {library.configuration: "abort_conf:true,stats_print:true"})
    assert seen.returncode == 0, seen.stderr
    assert "Invalid" not in seen.stderr
    return {name: value.strip('"') for name, value in re.findall(r"opt\.(\w+): (\S+)", seen.stderr)}


@each_jemalloc
def test_jemalloc_has_every_knob_of_its_version(library: Library) -> None:
    knobs = Table(registry.family("jemalloc"), library.version).known()
    for knob in knobs:
        settings = jemalloc_settings(library, candidate(library, knobs=((knob.name, example(knob)),)))
        assert f"{knob.variable}:{example(knob)}" in settings


@each_jemalloc
def test_jemalloc_has_the_defaults_of_the_table(library: Library) -> None:
    options = jemalloc_options(library, candidate(library))
    compared = 0
    for knob in Table(registry.family("jemalloc"), library.version).known():
        # A size is a number there, and the number of arenas follows the machine.
        if knob.name in options and knob.type is not KnobType.SIZE and knob.name != "narenas":
            assert options[knob.name] == knob.default, knob.name
            compared += 1
    assert compared >= 8


@each_jemalloc
def test_jemalloc_takes_every_recipe(library: Library) -> None:
    for recipe in recipes(library):
        chosen = candidate(library, recipe)
        options = jemalloc_options(library, chosen)
        ((_, listed),) = activate(chosen).variables
        for item in listed.split(","):
            name, _, value = item.partition(":")
            assert options[name] == value


@each_jemalloc
def test_jemalloc_knobs_reach_it_through_no_other_variable(library: Library) -> None:
    other = next(name for name in ("MALLOC_CONF", "_RJEM_MALLOC_CONF") if name != library.configuration)
    seen = run_under(candidate(library), {other: "stats_print:true"})
    assert seen.stderr == ""


def test_tcmalloc_knows_every_variable_of_the_table() -> None:
    (library, *_) = libraries("tcmalloc")
    with open(library.path, "rb") as file:  # noqa: PTH123
        content = file.read()
    for knob in registry.family("tcmalloc").knobs:
        assert knob.variable.encode() + b"\0" in content, knob.name


@pytest.mark.parametrize("recipe", ["returning", "speed"])
def test_tcmalloc_runs_under_every_recipe(recipe: str) -> None:
    seen = run_under(Candidate(library="tcmalloc", recipe=recipe), {})
    assert (seen.returncode, seen.stderr) == (0, "")


def listed_tunables() -> dict[str, str]:
    """The tunables of this C library, as its loader lists them."""
    loader = next(path for name, path in locate._cached() if name.startswith("ld-linux"))
    listed = subprocess.run([loader, "--list-tunables"], capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^(glibc\.malloc\.\w+): (\S+)", listed, re.MULTILINE))


def test_glibc_lists_every_tunable_of_the_table_and_no_other() -> None:
    _, version = registry.c_library()
    known = Table(registry.family("glibc"), version).known()
    names = {knob.variable if knob.carrier is Carrier.TUNABLES else knob.alias for knob in known}
    # `check` is for debugging only and needs another library.
    assert names == set(listed_tunables()) - {"glibc.malloc.check"}


@pytest.mark.parametrize("knob", registry.family("glibc").knobs, ids=lambda knob: f"{knob.name}{knob.since}")
def test_glibc_takes_every_knob(knob: Knob) -> None:
    """The loader prints the value in force, whichever way it came in."""
    _, version = registry.c_library()
    if knob not in Table(registry.family("glibc"), version).known():
        assert knob.since or knob.until
        return
    chosen = Candidate(library="system", knobs=((knob.name, example(knob)),))
    environ = environment(activate(chosen), {}, Preloads.REPLACE)
    loader = next(path for name, path in locate._cached() if name.startswith("ld-linux"))
    listed = subprocess.run([loader, "--list-tunables"], capture_output=True, text=True, check=True, env=environ).stdout
    tunable = knob.variable if knob.carrier is Carrier.TUNABLES else knob.alias
    (value,) = re.findall(rf"^{re.escape(tunable)}: (\w+)", listed, re.MULTILINE)
    assert int(value, 0) == int(example(knob))
