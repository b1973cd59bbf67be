import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap import native
from heapswap.allocators import locate, registry
from heapswap.allocators.activation import activate, disabled, environment, preload_entries
from heapswap.allocators.model import Activation, Allocator, Candidate, Guard, Library, Origin, Preloads
from heapswap.allocators.spelling import parse
from heapswap.errors import CannotGoOn, Misuse
from tests.strategies import environments

JEMALLOC = Library(
    family="jemalloc",
    path="/usr/lib/libjemalloc.so.2",
    version="5.3.0",
    origin=Origin.SYSTEM,
    build_id="aa",
    machine=locate.machine(),
    libc="glibc",
    configuration="MALLOC_CONF",
)
MIMALLOC = Library(
    family="mimalloc",
    path="/opt/heapswap/mimalloc.so",
    version="3.3.2",
    origin=Origin.BUNDLED,
    build_id="bb",
    machine=locate.machine(),
    libc="glibc",
    configuration="MIMALLOC_",
)
STRANGER = Library(
    family=locate.UNKNOWN, path="/opt/strange.so", version="", origin=Origin.PATH, build_id="cc", machine="x86_64"
)
ENV = {"PYTHONPATH": str(Path(locate.__file__).parents[2])}
LIBRARIES = {library.path: library for library in (JEMALLOC, MIMALLOC, STRANGER)}


def identify(entry: str, _: Mapping[str, str]) -> Library | None:
    return LIBRARIES.get(entry)


def put(
    candidate: str,
    environ: Mapping[str, str],
    *variables: tuple[str, str],
    library: Library | None = None,
    preloads: Preloads = Preloads.MERGE,
) -> dict[str, str]:
    """The environment of an activated candidate."""
    activated = Activation(candidate=parse(candidate), library=library, variables=variables)
    return environment(activated, environ, preloads, asked="the test", identify=identify)


def test_nothing_preloaded_and_nothing_set() -> None:
    assert put("mimalloc", {"HOME": "/"}, library=MIMALLOC) == {"HOME": "/", "LD_PRELOAD": MIMALLOC.path}


def test_every_preload_is_kept_behind_the_allocator() -> None:
    environ = {"LD_PRELOAD": "/a.so libb.so:/c.so"}
    assert put("mimalloc", environ, library=MIMALLOC)["LD_PRELOAD"] == f"{MIMALLOC.path}:/a.so:libb.so:/c.so"


def test_what_observes_stands_in_front_of_the_allocator_and_is_none_itself() -> None:
    probe = str(native.required("probe"))
    environ = {"LD_PRELOAD": f"/a.so:{probe}"}
    assert put("mimalloc", environ, library=MIMALLOC)["LD_PRELOAD"] == f"{probe}:{MIMALLOC.path}:/a.so"
    assert locate.preloaded(probe, {}) is None


def test_asking_twice_changes_nothing() -> None:
    once = put("mimalloc", {"LD_PRELOAD": "/a.so"}, ("MIMALLOC_PURGE_DELAY", "0"), library=MIMALLOC)
    assert put("mimalloc", once, ("MIMALLOC_PURGE_DELAY", "0"), library=MIMALLOC) == once


def test_a_copy_of_the_same_build_is_the_same_allocator() -> None:
    copy = replace(JEMALLOC, path="/elsewhere/libjemalloc.so.2")
    environ = {"LD_PRELOAD": JEMALLOC.path}
    assert put("jemalloc", environ, library=copy) == environ


def test_a_second_allocator_is_refused_and_both_are_named() -> None:
    says = (
        r"global allocator has already been set: jemalloc \(/usr/lib/libjemalloc\.so\.2\) from LD_PRELOAD, "
        r"mimalloc from the test; take one of the two away"
    )
    with pytest.raises(Misuse, match=says):
        put("mimalloc", {"LD_PRELOAD": f"/a.so:{JEMALLOC.path}"}, library=MIMALLOC)


def test_an_allocator_that_nobody_knows_is_one_too() -> None:
    with pytest.raises(Misuse, match=r"already been set: /opt/strange\.so from LD_PRELOAD, mimalloc"):
        put("mimalloc", {"LD_PRELOAD": STRANGER.path}, library=MIMALLOC)


def test_a_trial_takes_the_present_allocator_and_its_settings_away_and_keeps_the_rest() -> None:
    environ = {
        "LD_PRELOAD": f"{JEMALLOC.path}:/a.so",
        "MALLOC_CONF": "narenas:1",
        "MALLOC_ARENA_MAX": "4",
        "mimalloc_purge_delay": "5",
        "_RJEM_MALLOC_CONF": "narenas:1",
        "GLIBC_TUNABLES": "glibc.malloc.arena_max=4:glibc.rtld.nns=4",
        "PYTHONMALLOC": "debug",
        "HOME": "/",
    }
    assert put("mimalloc", environ, library=MIMALLOC, preloads=Preloads.REPLACE) == {
        "LD_PRELOAD": f"{MIMALLOC.path}:/a.so",
        # What another copy of jemalloc inside the program reads is none of the present allocator's settings.
        "_RJEM_MALLOC_CONF": "narenas:1",
        "GLIBC_TUNABLES": "glibc.rtld.nns=4",
        "PYTHONMALLOC": "debug",
        "HOME": "/",
    }


def test_system_takes_allocators_and_pythons_setting_away() -> None:
    environ = {"LD_PRELOAD": JEMALLOC.path, "PYTHONMALLOC": "malloc", "MALLOC_ARENA_MAX": "4"}
    assert put("system", environ, preloads=Preloads.REPLACE) == {}
    kept = put("system", environ, preloads=Preloads.MERGE)
    assert kept == {"PYTHONMALLOC": "malloc", "MALLOC_ARENA_MAX": "4"}


@given(environments(), st.sampled_from(Preloads))
def test_current_changes_nothing(environ: dict[str, str], preloads: Preloads) -> None:
    assert put("current", environ, preloads=preloads) == environ


@given(environments())
def test_a_trial_never_touches_what_concerns_no_allocator(environ: dict[str, str]) -> None:
    result = put("mimalloc", environ, library=MIMALLOC, preloads=Preloads.REPLACE)
    concerned = ("LD_PRELOAD", "GLIBC_TUNABLES", "MALLOC_", "MIMALLOC_")
    for name, value in environ.items():
        assert name.startswith(concerned) or result[name] == value
    assert set(result) <= {*environ, "LD_PRELOAD"}
    assert preload_entries(result) == [MIMALLOC.path, *preload_entries(environ)]


@given(environments())
def test_the_environment_given_is_left_as_it_is(environ: dict[str, str]) -> None:
    before = dict(environ)
    put("mimalloc", environ, library=MIMALLOC, preloads=Preloads.REPLACE)
    assert environ == before


def test_keys_are_merged_into_a_list_that_is_there() -> None:
    environ = {"GLIBC_TUNABLES": "glibc.rtld.nns=4"}
    result = put("system", environ, ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"))
    assert result["GLIBC_TUNABLES"] == "glibc.rtld.nns=4:glibc.malloc.tcache_count=0"
    environ = {"MALLOC_CONF": "narenas:2,tcache:false"}
    result = put("jemalloc", environ, ("MALLOC_CONF", "tcache:false,dirty_decay_ms:0"), library=JEMALLOC)
    assert result["MALLOC_CONF"] == "narenas:2,tcache:false,dirty_decay_ms:0"


@pytest.mark.parametrize(
    ("environ", "variable", "says"),
    [
        ({"MALLOC_ARENA_MAX": "4"}, ("MALLOC_ARENA_MAX", "2"), "MALLOC_ARENA_MAX is 4 from the environment and 2"),
        (
            {"MALLOC_CONF": "narenas:4"},
            ("MALLOC_CONF", "narenas:2"),
            "narenas is 4 from MALLOC_CONF and 2 from the test",
        ),
        (
            {"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"},
            ("MALLOC_ARENA_MAX", "2"),
            "MALLOC_ARENA_MAX is 4 from GLIBC_TUNABLES and 2 from the test",
        ),
        ({"PYTHONMALLOC": "debug"}, ("PYTHONMALLOC", "malloc"), "PYTHONMALLOC is debug"),
    ],
)
def test_two_values_for_one_knob_are_an_error(environ: dict[str, str], variable: tuple[str, str], says: str) -> None:
    with pytest.raises(Misuse, match=says):
        put("system", environ, variable)


def test_the_same_value_is_no_conflict() -> None:
    environ = {"MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}
    assert put("system", environ, ("MALLOC_ARENA_MAX", "2")) == environ


def test_tcmalloc_is_kept_from_writing_into_the_programs_output() -> None:
    tcmalloc = replace(JEMALLOC, family="tcmalloc", path="/t.so", configuration="TCMALLOC_")
    name = "TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD"
    assert put("tcmalloc", {}, library=tcmalloc)[name] == "0"
    assert put("tcmalloc", {name: "9"}, library=tcmalloc)[name] == "9"


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_opt_out(value: str, expected: bool) -> None:
    assert disabled({"HEAPSWAP_DISABLE": value}) is expected
    assert not disabled({})


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has the libraries above, on glibc 2.36."""
    found = {"jemalloc": JEMALLOC, "mimalloc": MIMALLOC}
    monkeypatch.setattr(locate, "find", lambda family, _: found[family.name])
    monkeypatch.setattr(registry, "c_library", lambda: ("glibc", "2.36"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("system", ()),
        ("current", ()),
        ("mimalloc", ()),
        ("system:arena_max=2", (("MALLOC_ARENA_MAX", "2"),)),
        ("system:tcache_count=0", (("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"),)),
        ("jemalloc:dirty_decay_ms=0", (("MALLOC_CONF", "dirty_decay_ms:0"),)),
        ("mimalloc/returning", (("MIMALLOC_PURGE_DELAY", "0"),)),
        ("mimalloc/returning:purge_delay=9", (("MIMALLOC_PURGE_DELAY", "9"),)),
        (
            "mimalloc:python=malloc,allow_thp=0",
            (("MIMALLOC_ALLOW_THP", "0"), ("PYTHONMALLOC", "malloc")),
        ),
    ],
)
def test_knobs_become_variables(text: str, variables: tuple[tuple[str, str], ...]) -> None:
    assert activate(parse(text)).variables == variables


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mimaloc", "'mimaloc' is no allocator; did you mean mimalloc"),
        ("glibc", "write system"),
        ("mimalloc/returnin", "no recipe 'returnin'; did you mean returning"),
        ("mimalloc:decommit_delay=0", "does not know 'decommit_delay'"),
        ("system:arena_mux=1", "did you mean arena_max"),
        ("mimalloc:python=mallok", "did you mean malloc"),
    ],
)
def test_what_does_not_exist_is_misuse(text: str, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        activate(parse(text))


@pytest.mark.usefixtures("here")
def test_the_allocator_of_python_is_a_variable() -> None:
    assert activate(parse("system:python=malloc")).variables == (("PYTHONMALLOC", "malloc"),)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("library", "says"),
    [
        (replace(MIMALLOC, path="/my venv/mimalloc.so"), "holds a blank or a colon"),
        (replace(MIMALLOC, path="/a:b/mimalloc.so"), "holds a blank or a colon"),
        (replace(JEMALLOC, page_size=1024), r"works with pages up to 1 KiB.*fixed when it is built.*--with-lg-page=12"),
        (replace(MIMALLOC, page_size=1024), "its segments cannot be mapped"),
    ],
)
def test_a_library_that_cannot_work_here_is_refused(
    library: Library, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "find", lambda *_: library)
    with pytest.raises(CannotGoOn, match=says) as error:
        activate(Candidate(library=library.family))
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("here")
def test_a_broken_guard_gives_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = Allocator(
        name="mimalloc", summary="", upstream="", guards=(Guard(marker="sys_platform == 'plan9'", reason="it is so"),)
    )
    monkeypatch.setattr(registry, "family", lambda _: guarded)
    with pytest.raises(CannotGoOn, match=r"mimalloc is not for this platform \(it is so\); use system"):
        activate(Candidate(library="mimalloc"))


def test_musl_has_no_knobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "c_library", lambda: ("musl", ""))
    with pytest.raises(Misuse, match="musl has no knob 'arena_max'"):
        activate(parse("system:arena_max=2"))


def test_what_run_imports_is_light() -> None:
    heavy = {"subprocess", "rich", "numpy", "scipy", "msgspec", "packaging", "difflib", "importlib.metadata"}
    code = "import sys, heapswap.allocators.activation, heapswap.allocators.mimalloc; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=ENV)
    assert "heapswap.allocators.activation" in modules.stdout.split()
    assert not heavy & set(modules.stdout.split())


def test_snmalloc_is_refused_where_its_page_map_could_not_be_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4 << 30, resource.RLIM_INFINITY))
    with pytest.raises(CannotGoOn, match=r"snmalloc needs 256 GiB of address space.* may have 4096 MiB.*ulimit -v"):
        activate(parse("snmalloc"))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert activate(parse("snmalloc")).library
