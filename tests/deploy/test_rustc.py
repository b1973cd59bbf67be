"""The compiler's own configuration: the key its tree knows, in the file its bootstrap reads, comments kept."""

import tomllib
from pathlib import Path

import pytest

from heapswap.deploy.rustc import known, plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from tests.deploy.support import after, chosen
from tests.deploy.trees import DOTTED, DOTTED_KEYS, EXAMPLE, LATER, MIDDLE, NEW, NEWEST, OLD, tree

JEMALLOC = chosen("jemalloc")
CONFIGURATION = b"""\
# my settings
change-id = 137081  # seen

[build]
extended = true     # all the tools

[rust]
channel = "nightly"
"""


@pytest.mark.parametrize(
    ("age", "file", "expected"),
    [
        (OLD, "config.toml", {"rust": {"jemalloc": True}}),
        (MIDDLE, "bootstrap.toml", {"rust": {"jemalloc": True}}),
        (LATER, "bootstrap.toml", {"rust": {"jemalloc": True}}),
        (NEW, "bootstrap.toml", {"rust": {"override-allocator": "jemalloc"}}),
        (NEWEST, "bootstrap.toml", {"build": {"allocator": "jemalloc"}}),
    ],
)
def test_the_key_and_the_file_are_those_of_the_tree(
    age: str, file: str, expected: dict[str, object], tmp_path: Path
) -> None:
    made = after(plan(tree(tmp_path, age), JEMALLOC, Tree()), tmp_path / file)
    assert tomllib.loads(made.decode()) == expected


def test_the_old_file_name_is_kept_where_a_newer_tree_still_reads_it(tmp_path: Path) -> None:
    (tree(tmp_path, NEW) / "config.toml").write_bytes(CONFIGURATION)
    made = after(plan(tmp_path, JEMALLOC, Tree()), tmp_path / "config.toml")
    assert made == CONFIGURATION + b'override-allocator = "jemalloc"\n'


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_comments_order_and_newlines_stay(ending: bytes, tmp_path: Path) -> None:
    before = CONFIGURATION.replace(b"\n", ending)
    (tree(tmp_path, MIDDLE) / "bootstrap.toml").write_bytes(before)
    made = after(plan(tmp_path, JEMALLOC, Tree()), tmp_path / "bootstrap.toml")
    assert made == before + b"jemalloc = true" + ending


@pytest.mark.parametrize(
    ("written", "made"),
    [
        (b"rust.channel = 'dev'\n", b"rust.channel = 'dev'\nrust.jemalloc = true\n"),
        (b"[rust]\njemalloc = false # why\n", b"[rust]\njemalloc = true # why\n"),
        (b"[rust]\njemalloc = true\n", b"[rust]\njemalloc = true\n"),
        (b"rust = { channel = 'dev' }\n", b"rust = { channel = 'dev' , jemalloc = true}\n"),
        (b"[build]\nextended = true\n", b"[build]\nextended = true\n\n[rust]\njemalloc = true\n"),
    ],
)
def test_every_way_to_write_the_section(written: bytes, made: bytes, tmp_path: Path) -> None:
    (tree(tmp_path, MIDDLE) / "bootstrap.toml").write_bytes(written)
    result = after(plan(tmp_path, JEMALLOC, Tree()), tmp_path / "bootstrap.toml")
    assert tomllib.loads(result.decode()) == tomllib.loads(made.decode())
    assert len(result.split(b"\n")) == len(made.split(b"\n"))


def test_the_deprecated_name_gives_way_to_the_new_one(tmp_path: Path) -> None:
    (tree(tmp_path, NEW) / "bootstrap.toml").write_bytes(b"[rust]\njemalloc = true\n")
    made = after(plan(tmp_path, JEMALLOC, Tree()), tmp_path / "bootstrap.toml")
    assert tomllib.loads(made.decode()) == {"rust": {"override-allocator": "jemalloc"}}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"[build]\nrust.jemalloc = true\n", r"rejects 'rust.jemalloc' in \[build\] .*right place is \[rust\] jem"),
        (b"[build]\njemalloc = true\n", r"rejects 'jemalloc' in \[build\] .*right place is \[rust\] jemalloc = true"),
        (b"jemalloc = true\n", r"rejects 'jemalloc' in the top level .*\[rust\] jemalloc = true"),
        (b"[llvm]\noverride-allocator = 'jemalloc'\n", r"rejects 'override-allocator' in \[llvm\]"),
        (b"[rust\n", "is not TOML"),
        (b"rust = 1\n", "'rust' is no table"),
        ("[rust]\n# é\n".encode("latin-1"), "is not TOML"),
    ],
)
def test_what_bootstrap_would_reject_is_refused_with_the_right_key(written: bytes, says: str, tmp_path: Path) -> None:
    (tree(tmp_path, MIDDLE) / "bootstrap.toml").write_bytes(written)
    with pytest.raises(CannotGoOn, match=says) as refused:
        plan(tmp_path, JEMALLOC, Tree())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("there", ["jemalloc = true", "override-allocator = 'jemalloc'", "jemalloc = false"])
def test_names_of_an_earlier_time_do_not_stand_beside_the_newest(there: str, tmp_path: Path) -> None:
    """Bootstrap stops where both are set, and at one that was removed."""
    (tree(tmp_path, NEWEST) / "bootstrap.toml").write_text(f"rust.{there}\nrust.channel = 'dev'\n")
    made = after(plan(tmp_path, JEMALLOC, Tree()), tmp_path / "bootstrap.toml")
    assert tomllib.loads(made.decode()) == {"rust": {"channel": "dev"}, "build": {"allocator": "jemalloc"}}


def test_a_target_that_asks_for_the_system_allocator_is_told(tmp_path: Path) -> None:
    (tree(tmp_path, NEWEST) / "bootstrap.toml").write_text('[target.x86_64-unknown-linux-gnu]\nallocator = "system"\n')
    (finding,) = plan(tmp_path, JEMALLOC, Tree()).findings
    assert (finding.code, 'allocator = "system"' in finding.seen) == ("target-overrides", True)


def test_the_right_key_of_a_new_tree_is_the_new_one(tmp_path: Path) -> None:
    (tree(tmp_path, NEW) / "bootstrap.toml").write_bytes(b"[build]\nrust.jemalloc = true\n")
    with pytest.raises(CannotGoOn, match=r'right place is \[rust\] override-allocator = "jemalloc"$'):
        plan(tmp_path, JEMALLOC, Tree())


def test_what_would_keep_it_from_taking_effect_is_told(tmp_path: Path) -> None:
    (tree(tmp_path, MIDDLE) / "bootstrap.toml").write_text(
        "[rust]\ndownload-rustc = 'if-unchanged'\nspeed = 'ludicrous'\n"
        "[target.x86_64-unknown-linux-gnu]\njemalloc = false\n"
    )
    codes = [finding.code for finding in plan(tmp_path, JEMALLOC, Tree()).findings]
    assert codes == ["compiler-downloaded", "target-overrides", "unknown-option"]


@pytest.mark.parametrize("spelling", ["mimalloc", "jemalloc:narenas=2", "jemalloc/returning", "system:arena_max=2"])
def test_only_jemalloc_is_known_there(spelling: str, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="knows jemalloc"):
        plan(tree(tmp_path, MIDDLE), chosen(spelling), Tree())


def test_what_is_no_such_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn, match="is not the Rust compiler's source tree"):
        plan(tmp_path, JEMALLOC, Tree())
    with pytest.raises(CannotGoOn, match="is not a folder"):
        plan(tmp_path / "nowhere", JEMALLOC, Tree())
    (tmp_path / "config.example.toml").write_text("[rust]\n#channel = 'dev'\n")
    with pytest.raises(CannotGoOn, match=r"knows none of build\.allocator"):
        plan(tmp_path, JEMALLOC, Tree())


def test_options_of_an_example() -> None:
    options = known(EXAMPLE.format(allocator="#jemalloc = false", target="#jemalloc = false"))
    assert options[""] == {"profile", "change-id"}
    assert options["rust"] == {"optimize", "download-rustc", "channel", "jemalloc"}
    assert options["target"] == {"cc", "jemalloc"}


def test_options_of_an_example_that_names_sections_before_a_dot() -> None:
    option, target = DOTTED_KEYS[NEW]
    options = known(DOTTED.format(allocator=option, target=target))
    assert options[""] == {"profile", "change-id"}
    assert options["llvm"] == {"optimize"}
    assert options["rust"] == {"channel", "download-rustc", "override-allocator"}
    assert options["target"] == {"cc", "override-allocator"}


def test_a_key_that_only_the_list_of_changes_tells_of(tmp_path: Path) -> None:
    (tree(tmp_path, NEW) / "bootstrap.example.toml").write_text("[build]\njobs = 0\n")
    (tmp_path / "bootstrap.toml").write_text("[target.x86_64-unknown-linux-gnu]\njemalloc = false\n")
    made = plan(tmp_path, JEMALLOC, Tree())
    assert b'override-allocator = "jemalloc"' in after(made, tmp_path / "bootstrap.toml")
    assert made.findings == ()
