"""The ready workflow: its command is one that heapswap takes, and its exit status the one it names."""

import argparse
import re
import shlex
from pathlib import Path

from heapswap.cli import trial
from heapswap.cli.against import STOPPED

WORKFLOW = (Path(__file__).parents[2] / "docs" / "heapswap-workflow.yml").read_text()


def test_its_command_is_understood() -> None:
    (command,) = re.findall(r"- run: heapswap (trial .*) -- ", WORKFLOW)
    parser = argparse.ArgumentParser()
    trial.configure(parser)
    found = parser.parse_args(shlex.split(command)[1:])
    assert (found.against, found.fail_if_worse, found.budget) == ("verdict.json", 0.05, 600.0)


def test_its_exit_status_is_the_one_it_names() -> None:
    assert f"Exit status {STOPPED} fails the job" in WORKFLOW
