"""Call sites and folded stacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.profiling import wire
from heapswap.profiling.sites import KEPT, call_sites, folded
from heapswap.profiling.stacks import Doubt, Frame, Stack, Stacks

PROGRAM, LIBRARY = "/usr/bin/program", "/usr/lib/libc.so.6"


def native(function: str, library: str = PROGRAM, line: int = 0) -> Frame:
    return Frame(function=function, file="source.c" if line else "", line=line, library=library, python=False)


def python(function: str, line: int = 1) -> Frame:
    return Frame(function=function, file="/srv/app.py", line=line, library="", python=True)


def stack(*frames: int, size: int = 100, scale: int = 14, rarity: int = 1, whole: bool = True) -> Stack:
    return Stack(size=size, scale=scale, function=0, rarity=rarity, whole=whole, frames=frames)


def stacks(frames: list[Frame], *found: Stack) -> Stacks:
    return Stacks(frames=tuple(frames), doubts=Doubt(0), python=0, lost=0, stacks=found)


def site_of(*frames: Frame) -> tuple[str, str | None]:
    (site,) = call_sites(stacks(list(frames), stack(*range(len(frames)))))
    return site.place.function, site.caller.function if site.caller else None


def test_a_stack_stands_for_the_inverse_of_its_probability() -> None:
    # 512 + 512 units of 2^10: one point falls in with probability 1 - 1/e, and one in eight was copied.
    assert stack(size=512, scale=10, rarity=3).weight == pytest.approx(8 / (1 - 0.36787944))
    assert stack(size=1 << 40, scale=10, rarity=0).weight == 1
    # A large one is drawn by itself: one in four, and one in eight of those was copied.
    assert stack(size=4096, scale=int(wire.LARGE) | 2, rarity=3).weight == 32


@pytest.mark.parametrize(
    "name",
    [
        "malloc", "calloc", "__libc_malloc", "xmalloc", "xrealloc", "g_malloc", "posix_memalign", "strdup",
        "operator new(unsigned long)", "std::vector<int, std::allocator<int> >::push_back(int const&)",
        "void std::__1::vector<int>::resize(int)", "__gnu_cxx::new_allocator<char>::allocate(unsigned long)",
        "alloc::raw_vec::finish_grow", "<alloc::vec::Vec<T> as core::clone::Clone>::clone", "__rust_alloc",
        "PyObject_Malloc", "_PyObject_Malloc", "PyMem_RawMalloc", "_PyMem_RawCalloc", "_PyObject_GC_New",
        "_PyObject_MakeTpCall", "PyType_GenericAlloc",
    ],
)  # fmt: skip
def test_functions_that_allocate_for_others_are_no_call_sites(name: str) -> None:
    assert site_of(native(name), native("load"), native("main")) == ("load", "main")


@pytest.mark.parametrize(
    "name", ["load", "allocate_table", "malloc_stats_of", "standard", "PyByteArray_Resize", "realm"]
)
def test_other_functions_are(name: str) -> None:
    assert site_of(native(name), native("main")) == (name, "main")


def test_c_code_below_python_belongs_to_the_python_function() -> None:
    assert site_of(native("grow"), native("call"), python("load"), native("main")) == ("grow", "load")
    assert site_of(native("malloc"), python("load"), python("main")) == ("load", "main")


def test_a_stack_without_frames_and_one_of_allocators_only() -> None:
    assert site_of(native("malloc")) == ("malloc", None)
    (site,) = call_sites(stacks([], stack()))
    assert (site.place.function, site.caller) == ("", None)


def test_lines_of_one_c_function_are_one_site_and_python_functions_of_one_name_are_not() -> None:
    assert len(call_sites(stacks([native("f", line=1), native("f", line=2)], stack(0), stack(1)))) == 1
    assert len(call_sites(stacks([python("f", 1), python("f", 2)], stack(0), stack(1)))) == 2


def test_ranked_by_bytes() -> None:
    frames = [native("often"), native("much")]
    found = call_sites(stacks(frames, *[stack(0, size=10)] * 5, stack(1, size=10_000)))
    assert [site.place.function for site in found] == ["much", "often"]
    assert found[1].calls == round(5 * stack(0, size=10).weight)
    assert found[0].bytes == round(10_000 * stack(1, size=10_000).weight)
    assert sum(site.share for site in found) == pytest.approx(1)


def test_small_ones_are_left_out() -> None:
    frames = [native(f"f{number}") for number in range(60)]
    assert len(call_sites(stacks(frames, *[stack(number) for number in range(60)]))) == KEPT
    frames = [native("much"), native("hardly")]
    assert len(call_sites(stacks(frames, stack(0, size=1_000_000), stack(1, size=1)))) == 1
    assert call_sites(stacks([native("nothing")], stack(0, size=0))) == ()


def test_folded_outermost_first() -> None:
    frames = [native("malloc;x"), python("load", 7), native("main"), native("")]
    text = folded([("program (4711)", stacks(frames, stack(0, 1, 2, 3, rarity=0, size=1 << 40)))])
    assert text == "program (4711);[unknown];main;load (app.py:7);malloc:x 1099511627776\n"


def test_folded_says_what_was_cut() -> None:
    text = folded([("p", stacks([native("f")], stack(0, size=1 << 40, rarity=0, whole=False)))])
    assert text == "p;[cut];f 1099511627776\n"


names = st.text(min_size=1, max_size=6)
drawn = st.builds(
    Stack,
    size=st.integers(1, 1 << 24),
    scale=st.integers(14, 27),
    function=st.just(0),
    rarity=st.integers(0, 8),
    whole=st.booleans(),
    frames=st.lists(st.integers(0, 3), max_size=5).map(tuple),
)


@given(st.lists(names, min_size=4, max_size=4), st.lists(drawn, max_size=12))
def test_nothing_is_lost_on_the_way(functions: list[str], found: list[Stack]) -> None:
    text = folded([("p", stacks([native(name) for name in functions], *found))])
    lines = text.split("\n")[:-1]
    whole = sum(stack.weight * stack.size for stack in found)
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == pytest.approx(whole, abs=len(lines) + 1)
    assert len({line.rpartition(" ")[0] for line in lines}) == len(lines)
    assert all(line.isprintable() for line in lines)
