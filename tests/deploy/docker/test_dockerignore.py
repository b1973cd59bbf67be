"""What a builder leaves out of its context."""

import pytest

from heapswap.deploy.docker.dockerignore import ignored

NAME = "heapswap/amd64/mimalloc.so"


@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ([], False),
        (["*"], True),
        (["*", "!heapswap"], False),
        (["*", "!heapswap/**"], False),
        (["*", "!src"], True),
        (["**/*.so"], True),
        (["*.so"], False),
        (["**/*.so", "!heapswap/**"], False),
        (["heapswap/*"], True),
        (["/heapswap/"], True),
        (["./heapswap"], True),
        (["heaps?ap/amd6[0-9]"], True),
        (["# heapswap", "", "other/"], False),
        (["!heapswap", "*"], True),
        (["**"], True),
        (["**/amd64"], True),
    ],
)
def test_the_last_match_decides(patterns: list[str], left_out: bool) -> None:
    assert ignored(NAME, patterns) is left_out
