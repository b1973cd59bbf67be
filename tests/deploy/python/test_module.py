"""The declaration goes where Python lets it be the first statement, and nothing else moves."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.deploy.python.module import declaring
from heapswap.errors import CannotGoOn

FILE = Path("app.py")
FUTURE = b'"""Doc\nof two lines."""\nfrom __future__ import annotations\nfrom __future__ import (\n    division,\n)\n'
ADDED = b"import heapswap\n\nheapswap.global_allocator()\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"import os\n", ADDED + b"\nimport os\n"),
        (b'"""Doc."""\n\nimport os\n', b'"""Doc."""\n\n' + ADDED + b"\nimport os\n"),
        (b"#!/usr/bin/env python\n# note\nimport os\n", b"#!/usr/bin/env python\n# note\n" + ADDED + b"\nimport os\n"),
        (FUTURE + b"x = 1\n", FUTURE + b"\n" + ADDED + b"x = 1\n"),
        (b"@decorated\ndef f(): ...\n", ADDED + b"\n@decorated\ndef f(): ...\n"),
        (b"import os\r\n", ADDED.replace(b"\n", b"\r\n") + b"\r\nimport os\r\n"),
        (b"\xef\xbb\xbf# mark\nx = 1\n", b"\xef\xbb\xbf# mark\n" + ADDED + b"\nx = 1\n"),
        (b"\xef\xbb\xbfx = 1\n", b"\xef\xbb\xbf" + ADDED + b"\nx = 1\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", b"# -*- coding: latin-1 -*-\n" + ADDED + b"\nx = '\xe9'\n"),
        (b"# no statement", b"# no statement\n" + ADDED),
        (b"", ADDED),
        (b'"""Doc."""', b'"""Doc."""\n\n' + ADDED),
        (b"x = 1; y = 2\n", ADDED + b"\nx = 1; y = 2\n"),
    ],
)
def test_where_it_goes(before: bytes, after: bytes) -> None:
    assert declaring(before, FILE, "mimalloc") == after
    assert declaring(after, FILE, "mimalloc") == after


HEADS = st.sampled_from([b"", b"#!/bin/python\n", b"# -*- coding: utf-8 -*-\n", b'"""Doc."""\n', b'"""A\nB"""\n\n'])
FUTURES = st.sampled_from([b"", b"from __future__ import annotations\n", b"from __future__ import (annotations,)\n\n"])
BODIES = st.lists(
    st.sampled_from(
        [b"import os\n", b"\n", b"# note\n", b"def f():\n    return 1\n", b"@d\nclass C: pass\n", b"x = '''\n'''\n"]
    )
).map(b"".join)


@given(HEADS, FUTURES, BODIES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_every_byte_stays_and_the_declaration_comes_first(
    head: bytes, future: bytes, body: bytes, ending: bytes, whole: bool
) -> None:
    data = (head + future + body).replace(b"\n", ending)
    data = data if whole else data.removesuffix(ending)
    result = declaring(data, FILE, "mimalloc")
    at = next(at for at in range(len(data) + 1) if not result.startswith(data[: at + 1]) or at == len(data))
    assert result.endswith(data[at:].lstrip())
    names = [ast.unparse(statement) for statement in ast.parse(result).body]
    first = names.index("import heapswap")
    assert names[first + 1] == "heapswap.global_allocator()"
    assert all("__future__" in name or name.startswith(("'", '"')) for name in names[:first])
    assert declaring(result, FILE, "mimalloc") == result


@pytest.mark.parametrize(
    "there",
    [
        b"import heapswap\nheapswap.global_allocator()\n",
        b"from heapswap import global_allocator\nglobal_allocator('mimalloc')\n",
        b"import heapswap\nif True:\n    heapswap.global_allocator('mimalloc')\n",
    ],
)
def test_what_declares_already_stays(there: bytes) -> None:
    assert declaring(there, FILE, "mimalloc") == there


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            b"import heapswap\nheapswap.global_allocator('jemalloc')\n",
            r"already been set: .*'jemalloc'.* line 2, and mim",
        ),
        (b"def f(:\n", r"^app.py, line 1 is no Python of this version"),
        (b"print 'two'\n", "is no Python of this version"),
        (b"x = '\xe9'\n", "is no Python of this version"),
        (b"# coding: utf-16\nx = 1\n", "app.py"),
        (b"# coding: nonsense\nx = 1\n", "is no Python of this version"),
        (b"x = 1\0\n", "app.py"),
        (b'"""Doc."""; import os\n', "line 1: two statements on one line"),
        (b"from __future__ import division; import os\n", "line 1: two statements on one line"),
    ],
)
def test_what_cannot_be_edited_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(CannotGoOn, match=says) as refused:
        declaring(data, FILE, "mimalloc")
    assert "\n" not in str(refused.value)
