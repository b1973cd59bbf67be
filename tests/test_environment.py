"""What a measurement was made under: which differences keep runs from being compared."""

from dataclasses import replace

import pytest

from heapswap.environment import Environment, changed, present

HERE = present({"MALLOC_ARENA_MAX": "2", "HOME": "/home", "HEAPSWAP_IGNORED_SIGNALS": "13"})


def test_only_what_concerns_allocators_is_kept_of_the_variables() -> None:
    assert HERE.variables == (("HEAPSWAP_IGNORED_SIGNALS", "13"), ("MALLOC_ARENA_MAX", "2"))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (HERE, ""),
        (replace(HERE, kernel="another", heapswap="another"), ""),
        (present({"MALLOC_ARENA_MAX": "2"}), ""),
        (present({}), "MALLOC_ARENA_MAX was '2' and is not set"),
        (present({"MALLOC_ARENA_MAX": "4"}), "MALLOC_ARENA_MAX was '2' and is '4'"),
        (present({"MALLOC_ARENA_MAX": "2", "LD_PRELOAD": "/x.so"}), "LD_PRELOAD was not set and is '/x.so'"),
        (replace(HERE, cores=HERE.cores + 1), f"cores was {HERE.cores} and is {HERE.cores + 1}"),
        (replace(HERE, processor="another"), f"processor was {HERE.processor} and is another"),
    ],
)
def test_a_change_that_runs_cannot_be_compared_across(now: Environment, told: str) -> None:
    assert changed(HERE, now) == told
