"""Tests that take longer than the ordinary ones may, marked `acceptance`."""

from tests.acceptance import documentation
from tests.acceptance.line import Line
from tests.acceptance.suite import tests

PACKAGE = "tests/test_repository.py"
RELEASES = "tests/deploy/test_releases.py"

ELSEWHERE = (PACKAGE, RELEASES, documentation.COMMANDS)
"""have lines of their own"""

LINES = (
    Line(
        promise="the wheel holds every library, the launcher, the command and the licences, and nothing else",
        measure=tests("package", "-m", "acceptance", PACKAGE),
    ),
    Line(
        promise="every other test that is marked as acceptance, such as inspect with polars and pyarrow",
        measure=tests("others", "-m", "acceptance", *(f"--ignore={path}" for path in ELSEWHERE), "tests"),
    ),
)
