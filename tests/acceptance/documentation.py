"""The documentation: every command on it does what its page says, and the site builds without a warning."""

from tests.acceptance.evidence import Evidence
from tests.acceptance.line import Line, Result
from tests.acceptance.suite import tests

COMMANDS = "tests/docs/test_commands.py"


def builds(evidence: Evidence) -> Result:
    """``make docs``, which is strict: a link or heading that is not there ends it."""
    output = evidence.command("site", ["make", "docs"])
    return Result(figure=f"exit status {output.status}", held=output.status == 0)


LINES = (
    Line(promise="make docs builds the site, strictly", measure=builds),
    Line(
        promise="every command of the tutorial succeeds, in order, in a fresh folder, its minutes of runs included",
        measure=tests("tutorial", "-m", "acceptance", "-k", "tutorial", COMMANDS),
    ),
    Line(
        promise="so does every command of every other page",
        measure=tests("commands", "-m", "acceptance", "-k", "not tutorial", COMMANDS),
    ),
)
