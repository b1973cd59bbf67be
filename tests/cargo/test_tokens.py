"""tokens: what stands in comments, strings and characters is no code."""

from hypothesis import given
from hypothesis import strategies as st

from heapswap.cargo.tokens import Group, Kind, Token, Tree, parse


def words(source: str) -> list[str]:
    return [token.text for token in parse(source) if isinstance(token, Token)]


def test_comments_nest_and_are_gone() -> None:
    assert words("a /* b /* c */ d */ e // f\ng /// h\n//! i") == ["a", "e", "g"]


def test_a_comment_that_does_not_end_takes_the_rest() -> None:
    assert words("a /* b */ c /* d") == ["a", "c"]


def test_strings_of_every_kind_are_one_token() -> None:
    source = r'''x("a\"b"); b"c"; r"d\"; r#"e"f"#; br##"g"#h"##; c"i"'''
    texts = [t.text for t in flat(parse(source)) if t.kind is Kind.TEXT]
    assert texts == [r"a\"b", "c", "d\\", 'e"f', 'g"#h', "i"]


def test_characters_are_not_strings_and_lifetimes_are_not_characters() -> None:
    assert words(r"""'"' 'a' '\'' b'"' '\u{1F600}' <'a> &'static str 'outer: loop""") == [
        *["'\"'", "'a'", r"'\''", "b'\"'", r"'\u{1F600}'"],
        *["<", "'a", ">", "&", "'static", "str", "'outer", ":", "loop"],
    ]


def test_brackets_are_trees_with_lines() -> None:
    (group,) = parse("\n{ a ( b\n) }")
    assert isinstance(group, Group)
    assert (group.bracket, group.line) == ("{", 2)
    assert [getattr(item, "line", 0) for item in group.items] == [2, 2]


def test_a_raw_identifier_is_its_word_and_a_shebang_is_nothing() -> None:
    assert words("#!/usr/bin/env run-cargo-script\nr#static") == ["static"]
    assert [type(tree) for tree in parse("#![no_std]")] == [Token, Token, Group]


def test_lines_count_on_after_strings_and_comments() -> None:
    assert [token.line for token in parse('"a\nb" c /* \n */ d') if isinstance(token, Token)] == [1, 2, 3]


@given(st.text(alphabet="ab\"'r#/*{}()[]\\\n !"))
def test_any_text_is_read_to_its_end(source: str) -> None:
    assert all(isinstance(tree, Token | Group) for tree in parse(source))


@given(st.lists(st.sampled_from(["a", '"{"', "'{'", "/* { */", "{ b }", 'r#"}"#'])))
def test_brackets_in_literals_and_comments_nest_nothing(pieces: list[str]) -> None:
    groups = [tree for tree in parse(" ".join(pieces)) if isinstance(tree, Group)]
    assert len(groups) == pieces.count("{ b }")


def flat(trees: tuple[Tree, ...]) -> list[Token]:
    return [token for tree in trees for token in ([tree] if isinstance(tree, Token) else flat(tree.items))]
