"""What GitHub Actions reads: nothing that was measured can end a command or begin one."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from heapswap.report.github import MOST, Grade, add_to_summary, annotation, is_there

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(words, words)
def test_an_annotation_is_one_line_that_reads_back(title: str, message: str) -> None:
    line = annotation(Grade.ERROR, title, message)
    assert "\n" not in line
    assert "\r" not in line
    head, _, data = line.removeprefix("::error title=").partition("::")
    assert head.replace("%2C", ",").replace("%3A", ":") == _once(title)
    assert data == _once(message)
    assert "," not in head


def _once(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def test_a_summary_is_appended_and_never_too_long(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    environ = {"GITHUB_STEP_SUMMARY": str(file)}
    add_to_summary("# one\n", environ)
    assert file.read_text() == "before\n# one\n\n"
    add_to_summary("line \u00e9\n" * MOST, environ)
    assert MOST - 100 < file.stat().st_size < MOST + 200
    assert file.read_text().endswith("\n\nThe rest did not fit here.\n\n")
    add_to_summary("nowhere", {})


def test_only_a_step_of_actions_is_told() -> None:
    assert is_there({"GITHUB_ACTIONS": "true"})
    assert not is_there({"GITHUB_ACTIONS": "false"})
    assert not is_there({})
