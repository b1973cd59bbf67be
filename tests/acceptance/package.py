"""What is shipped: the wheel holds the libraries, the launcher, the command and every licence."""

from tests.acceptance.line import Line
from tests.acceptance.suite import tests

LINES = (
    Line(
        promise="the wheel holds every library, the launcher, the command and the licences, and nothing else",
        measure=tests("wheel", "-m", "acceptance", "tests/test_repository.py"),
    ),
)
