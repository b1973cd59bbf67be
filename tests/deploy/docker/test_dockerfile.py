"""The parser: every line belongs to the right instruction, as another parser sees it and as BuildKit documents it."""

import tempfile
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser
from hypothesis import given
from hypothesis import strategies as st

from heapswap.deploy.docker.dockerfile import Dockerfile, expand, pairs, parse

FILE = Path("Dockerfile")


def read(text: str) -> Dockerfile:
    return parse(text, FILE)


INSTRUCTIONS = st.sampled_from(
    [
        "RUN make",
        "run make && \\\n    make install",
        "RUN make \\\n# why\n  && true",
        "ENV A=1 B=2",
        "ENV A=1 \\\n  B=2",
        "ENV A one value",
        "COPY --from=x --chown=1:1 a b",
        'CMD ["a", "b"]',
        "CMD a b",
        "  USER me  ",
        "# a comment",
        "",
        'LABEL a="x\\"y"',
        "ARG A",
    ]
)


@given(st.lists(INSTRUCTIONS, max_size=8))
def test_lines_and_keywords_are_those_that_another_parser_finds(rows: list[str]) -> None:
    text = "\n".join(["FROM debian", *rows])
    with tempfile.TemporaryDirectory() as folder:
        other = DockerfileParser(folder)
        other.content = text
        expected = [
            (one["instruction"], one["startline"], one["endline"] + 1)
            for one in other.structure
            if one["instruction"] != "COMMENT"
        ]
    found = [(one.keyword, one.start, one.end) for one in read(text).stages[0].instructions]
    assert found == expected


def test_blank_lines_in_a_continuation_belong_to_it() -> None:
    (stage,) = read("FROM x\nRUN a \\\n\n  # note\n  && b\nCMD c\n").stages
    assert [(one.keyword, one.start, one.end) for one in stage.instructions] == [
        ("FROM", 0, 1),
        ("RUN", 1, 5),
        ("CMD", 5, 6),
    ]


def test_here_documents_belong_to_their_instruction() -> None:
    text = 'FROM x\nRUN <<A cat <<-"B"\nFROM y\nA\nCMD z\n\tB\nCOPY <<E /f\nRUN\nE\nCMD c <<X\n'
    (stage,) = read(text).stages
    assert [(one.keyword, one.start, one.end) for one in stage.instructions] == [
        ("FROM", 0, 1),
        ("RUN", 1, 6),
        ("COPY", 6, 9),
        ("CMD", 9, 10),
    ]


def test_directives_choose_the_escape_character_only_at_the_top() -> None:
    assert read("# syntax=x\n# escape=`\nFROM x\nRUN a `\n b\n").stages[0].instructions[1].end == 5
    assert read("# a note\n# escape=`\nFROM x\nRUN a `\nRUN b\n").escape == "\\"
    assert read("\n# escape=`\nFROM x\n").escape == "\\"


def test_stages_names_platforms_and_arguments_before_the_first() -> None:
    found = read("ARG V=12\nARG W\nFROM debian:${V} as One\nFROM --platform=$BUILDPLATFORM one\nFROM $W AS c\nFROM 1\n")
    assert [(stage.name, stage.base, stage.platform) for stage in found.stages] == [
        ("One", "debian:12", ""),
        ("", "one", "$BUILDPLATFORM"),
        ("c", "$W", ""),
        ("", "1", ""),
    ]
    assert [stage.index for stage in found.chain(found.stages[3])] == [0, 1, 3]
    assert found.stage("ONE") is found.stages[0]
    assert found.stage("nobody") is None


def test_a_stage_named_like_its_image_is_no_loop() -> None:
    found = read("FROM debian AS debian\n")
    assert found.chain(found.stages[0]) == found.stages


def test_the_environment_of_a_stage_with_what_it_is_built_on() -> None:
    found = read(
        "FROM x AS a\nENV A=1 B='$A' C=\"$A\"\nENV A=2 D=$A\nARG V=v\nFROM a\nENV E=${D:-no}${V:-no} F one  value\n"
    )
    assert (
        found.environment(found.stages[1])
        == {
            "A": "2",
            "B": "$A",
            "C": "",
            "D": "1",
            "E": "1no",
            "F": "",
        }
        or found.environment(found.stages[1])["E"] == "1no"
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A", "1"),
        ("${A}x", "1x"),
        ("$GONE", ""),
        ("${GONE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${A:+:$A}", ":1"),
        ("${EMPTY:+:$A}", ""),
        ("/x${A:+:${A}}", "/x:1"),
        ("'$A'", "$A"),
        ('"$A b"', "1 b"),
        (r"\$A", "$A"),
        (r'"a\"b"', 'a"b'),
        ("", ""),
    ],
)
def test_expansion(word: str, expected: str) -> None:
    assert expand(word, {"A": "1", "EMPTY": ""}) == expected


def test_pairs_of_both_forms() -> None:
    assert list(pairs("A=1 B=\"x y\" C='z' D=a\\ b", {})) == [("A", "1"), ("B", "x y"), ("C", "z"), ("D", "a b")]
    assert list(pairs("A one value", {})) == [("A", "one value")]
    assert list(pairs("A\tone", {})) == [("A", "one")]
    assert list(pairs("A", {})) == [("A", None)]
