"""What Hypothesis draws, shared by all tests: candidates and environments."""

from hypothesis import strategies as st

from heapswap.allocators.model import Candidate

_WORDS = st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True)
_NUMBERS = st.integers(min_value=0, max_value=99)
_VERSIONS = st.lists(_NUMBERS, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
_KNOB_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,9}", fullmatch=True)
_PRINTABLE = st.characters(exclude_categories=("C", "Z"), exclude_characters=",")
_KNOB_VALUES = st.text(_PRINTABLE, min_size=1, max_size=8)
_KNOBS = st.dictionaries(_KNOB_NAMES, _KNOB_VALUES, max_size=3).map(lambda knobs: tuple(knobs.items()))
_PATH_PARTS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=":/"), min_size=1, max_size=8)


@st.composite
def named_candidates(draw: st.DrawFn) -> Candidate:
    """A candidate of a family that need not exist."""
    return Candidate(
        library=draw(_WORDS.filter(lambda word: word not in ("system", "current"))),
        features=tuple(sorted(draw(st.sets(_WORDS, max_size=3)))),
        version=draw(st.one_of(st.just(""), _VERSIONS)),
        recipe=draw(st.one_of(st.just(""), _WORDS)),
        knobs=draw(_KNOBS),
    )


@st.composite
def path_candidates(draw: st.DrawFn) -> Candidate:
    """A candidate that is a path; the signs of the spelling are as good in a file name as any other."""
    start = draw(st.sampled_from(("/", "./", "../")))
    return Candidate(library=start + "/".join(draw(st.lists(_PATH_PARTS, min_size=1, max_size=3))), knobs=draw(_KNOBS))


@st.composite
def system_candidates(draw: st.DrawFn) -> Candidate:
    """The C library's own allocator, or what runs today."""
    if draw(st.booleans()):
        return Candidate(library="current")
    return Candidate(library="system", recipe=draw(st.one_of(st.just(""), _WORDS)), knobs=draw(_KNOBS))


def candidates() -> st.SearchStrategy[Candidate]:
    """Every candidate that can be spelled."""
    return st.one_of(named_candidates(), path_candidates(), system_candidates())


def environments() -> st.SearchStrategy[dict[str, str]]:
    """Environments, with those variables that allocators read drawn often."""
    values = st.text(st.characters(exclude_categories=("C", "Z")), max_size=8)
    other = st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{0,7}", fullmatch=True), values, max_size=3)
    numbers = st.integers(1, 9).map(str)
    known = st.fixed_dictionaries(
        {},
        optional={
            "LD_PRELOAD": st.lists(st.sampled_from(("/a.so", "libb.so", "/opt/c.so")), max_size=3).map(":".join),
            "MALLOC_ARENA_MAX": numbers,
            "MALLOC_CONF": numbers.map("narenas:{}".format),
            "MIMALLOC_PURGE_DELAY": numbers,
            "GLIBC_TUNABLES": st.sampled_from(("glibc.rtld.nns=4", "glibc.malloc.tcache_count=0:glibc.rtld.nns=4")),
            "PYTHONMALLOC": st.sampled_from(("malloc", "debug")),
        },
    )
    return st.builds(lambda first, second: {**first, **second}, other, known)
