"""The scope of `run --only`, as Python writes it and reads it back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap import native, scope
from heapswap.scope import outside, scoped

NAMES = st.sampled_from(["LD_PRELOAD", "MIMALLOC_PURGE_DELAY", "MALLOC_CONF", "PATH", "EMPTY"])
ENVIRONMENTS = st.dictionaries(NAMES, st.text("ab:=/ ", max_size=4))


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "required", lambda name: Path(f"/native/{name}.so"))


@given(users=ENVIRONMENTS, candidates=ENVIRONMENTS, pid=st.integers(1, 2**22))
def test_outside_of_a_scope_are_the_users_own_values(
    users: dict[str, str], candidates: dict[str, str], pid: int
) -> None:
    assert outside(scoped(users, candidates, pid), pid) == users


@given(users=ENVIRONMENTS, first=ENVIRONMENTS, second=ENVIRONMENTS)
def test_a_scope_in_a_scope_remembers_the_user(
    users: dict[str, str], first: dict[str, str], second: dict[str, str]
) -> None:
    once = scoped(users, first, 7)
    entries = {name: value for name, value in once.items() if name.startswith("HEAPSWAP_")}
    assert outside(scoped(once, {**second, **entries}, 7), 7) == users


@given(users=ENVIRONMENTS, candidates=ENVIRONMENTS)
def test_the_scope_of_another_process_is_none(users: dict[str, str], candidates: dict[str, str]) -> None:
    inherited = scoped(users, candidates, 7)
    assert outside(inherited, 8) == inherited
    assert outside({**users, scope.SCOPE: ""}, 8) == {**users, scope.SCOPE: ""}
