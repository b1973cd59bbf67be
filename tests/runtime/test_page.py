"""The page on allocators as objects: its examples do what it says."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/contract.md"


def test_the_examples_of_the_page() -> None:
    # A doctest reads to the next prompt or blank line; the fence is no part of it.
    examples = doctest.DocTestParser().get_doctest(PAGE.read_text(), {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert tried > 30
    assert failed == 0, "".join(report)
