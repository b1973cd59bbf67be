"""System: on this platform for real, on others with their C library played by this one's."""

import ctypes
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heapswap
from heapswap import Layout, System, native
from heapswap.runtime import system


class Played:
    """A C library of another platform: looks functions up by name, as a CDLL does."""

    def __init__(self, **functions: Callable[..., int | None]) -> None:
        self.called: list[str] = []
        self._functions = functions

    def __getitem__(self, name: str) -> SimpleNamespace:
        class Function(SimpleNamespace):
            def __call__(_, *arguments: int) -> int | None:
                self.called.append(name)
                return self._functions[name](*arguments)

        assert name in self._functions, f"{name} is not there on this platform"
        return Function()


def windows() -> Played:
    """The aligned family of the C runtime, each block with what Windows keeps before it."""
    blocks: dict[int, tuple[ctypes.Array[ctypes.c_char], int, int]] = {}

    def malloc(size: int, align: int) -> int | None:
        assert size > 0
        if size > 2**40:
            return None
        memory = ctypes.create_string_buffer(size + align)
        pointer = -(-ctypes.addressof(memory) // align) * align
        ctypes.memset(pointer, 0xCD, size)
        blocks[pointer] = (memory, size, align)
        return pointer

    def resize(pointer: int, size: int, align: int) -> int | None:
        _, old, before = blocks[pointer]
        assert align == before, "_aligned_realloc: changing the alignment is an error"
        moved = malloc(size, align)
        if moved:
            ctypes.memmove(moved, pointer, min(old, size))
            free(pointer)
        return moved

    def free(pointer: int) -> None:
        del blocks[pointer]

    played = Played(_aligned_malloc=malloc, _aligned_realloc=resize, _aligned_free=free)
    played.blocks = blocks  # type: ignore[attr-defined]
    return played


@pytest.fixture
def fresh() -> Iterator[None]:
    system._family.cache_clear()
    yield
    system._family.cache_clear()


def exercise(program: list[tuple[int, int, int]]) -> None:
    """Blocks of that size and alignment, each resized once."""
    ours = System()
    for size, align, new_size in program:
        layout = Layout(size, align)
        for pointer in (ours.alloc(layout), ours.alloc_zeroed(layout)):
            assert pointer
            assert pointer % align == 0
        assert ctypes.string_at(pointer, size) == bytes(size)
        content = bytes(number % 256 for number in range(size))
        ctypes.memmove(pointer, content, size)
        moved = ours.realloc(pointer, layout, new_size)
        assert moved % align == 0
        kept = min(size, new_size)
        assert ctypes.string_at(moved, kept) == content[:kept]
        ours.dealloc(moved, Layout(new_size, align))


programs = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(0, 13).map(lambda bit: 1 << bit), st.integers(0, 3000)), max_size=10
)


@given(program=programs)
def test_here(program: list[tuple[int, int, int]]) -> None:
    exercise(program)


@pytest.mark.usefixtures("fresh")
def test_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Played:
        assert name == "ucrtbase"
        return played

    played = windows()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", load)
    exercise([(0, 1, 0), (1, 16, 100), (100, 4096, 10), (3000, 64, 3000)])
    assert set(played.called) == {"_aligned_malloc", "_aligned_realloc", "_aligned_free"}
    # Four rounds left their first block; every other one went back to the family it came from.
    assert len(played.blocks) == 4  # type: ignore[attr-defined]
    assert System().alloc(Layout(2**50, 8)) == 0
    assert System().alloc_zeroed(Layout(2**50, 8)) == 0


@pytest.mark.usefixtures("fresh")
def test_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its C library has the POSIX family and no more: nothing of glibc's own may be asked for."""
    c = ctypes.CDLL(None)
    allowed = {"malloc", "calloc", "realloc", "free", "posix_memalign"}

    class Macos:
        def __getitem__(self, name: str) -> object:
            assert name in allowed
            return c[name]

    def load(name: None) -> Macos:
        assert name is None
        return Macos()

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(native, "bundled", lambda _: None)
    exercise([(0, 1, 0), (1, 16, 100), (100, 4096, 10), (3000, 64, 3000)])
    with heapswap.buffer(100, align=64, zeroed=True) as view:
        assert bytes(view) == bytes(100)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 15])
def test_small_blocks_are_aligned_as_asked(size: int) -> None:
    """Some allocators align 8 bytes to 8 only; System does not rely on malloc there."""
    for _ in range(50):
        assert System().alloc(Layout(size, 16)) % 16 == 0
