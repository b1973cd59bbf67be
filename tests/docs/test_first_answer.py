"""The Python example of the first page, run as it stands."""

import subprocess
import sys

from tests.docs.pages import examples


def test_the_example_prints_what_it_says() -> None:
    (example,) = examples("first-answer.md", "python")
    done = subprocess.run([sys.executable, "-c", example.text], check=True, capture_output=True, text=True)
    name, *figures = done.stdout.split()
    assert name == "glibc"
    assert len(figures) == 4
    assert all(figure.lstrip("-").isdigit() for figure in figures)
