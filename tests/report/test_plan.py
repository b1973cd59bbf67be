"""The face of a plan at two widths, and of what a look at a deployment says."""

import json
from pathlib import Path

import pytest

from heapswap.deploy.model import Action, Afterwards, Holds, Plan, Proof, State, Target, Verification
from heapswap.findings import Finding, Level
from heapswap.report.plan import Commands, plan_json, plan_text, verification_text
from heapswap.report.terminal import Colour
from tests.report.golden_files import matches_golden

BEFORE = b'FROM python:3.12-slim\nRUN pip install shop\nCMD ["gunicorn", "shop:app"]\n'
AFTER = b"""\
FROM python:3.12-slim
RUN pip install shop

# heapswap: mimalloc
ARG TARGETARCH
COPY heapswap/env heapswap/run heapswap/${TARGETARCH}/mimalloc.so /usr/local/lib/heapswap/
CMD ["/usr/local/lib/heapswap/run", "gunicorn", "shop:app"]
"""
PLAN = Plan(
    target=Target.DOCKER,
    place="/srv/shop/Dockerfile",
    candidate="mimalloc",
    # Relative, so that the page is the same in every folder.
    actions=(
        Action(path="Dockerfile", before=BEFORE, after=AFTER, purpose="the last stage, for the program it starts"),
        Action(path="heapswap/run", before=None, after=b'#!/bin/sh\nexec "$@"', mode=0o755, purpose="starts it"),
        Action(path="heapswap/amd64/mimalloc.so", before=None, after=b"\x7fELF\0" * 9, purpose="the library"),
        Action(path="gone", before=b"bell \x07 and \xff\r\n", after=None, purpose="taken back: no longer needed"),
    ),
    findings=(
        Finding(
            code="one-architecture",
            level=Level.NOTE,
            seen="the context gets the library for amd64; a build for arm64 stops at COPY, it never runs without",
            remedy="run the same command on arm64 too, it adds that one, or use --library apt",
        ),
    ),
    afterwards=(Afterwards(purpose="Build the image:", words=("docker", "build", "/srv/shop")),),
)
DEPLOY = ("heapswap", "deploy", "docker", "/srv/shop")
COMMANDS = Commands(apply=(*DEPLOY, "mimalloc", "--apply"), verify=(*DEPLOY, "--verify"), revert=(*DEPLOY, "--revert"))


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Dockerfile").write_bytes(BEFORE)
    Path("gone").write_bytes(b"bell \x07 and \xff\r\n")


def carry_out() -> None:
    for action in PLAN.actions:
        path = Path(action.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if action.after is None:
            path.unlink()
        else:
            path.write_bytes(action.after)


@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_that_is_not_applied(width: int) -> None:
    matches_golden(f"plan-{width}.txt", plan_text(PLAN, COMMANDS, applied=False, width=width))


@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_that_was_applied(width: int) -> None:
    carry_out()
    matches_golden(f"plan-applied-{width}.txt", plan_text(PLAN, COMMANDS, applied=True, width=width))


def test_a_plan_that_is_applied_in_part() -> None:
    Path("Dockerfile").write_bytes(AFTER)
    shown = plan_text(PLAN, COMMANDS, applied=False, width=200)
    assert shown.startswith("mimalloc to /srv/shop/Dockerfile (docker) is deployed in part.")
    assert "--- Dockerfile" not in shown
    assert "+++ heapswap/run" in shown


def test_no_control_character_reaches_the_terminal_and_colour_only_where_asked() -> None:
    plain = plan_text(PLAN, COMMANDS, applied=False, width=80)
    assert "\x07" not in plain
    assert "\x1b" not in plain
    assert "\x1b[32m" in plan_text(PLAN, COMMANDS, applied=False, width=80, colour=Colour.ALWAYS)


def test_as_json() -> None:
    read = json.loads(plan_json(PLAN, State.PENDING))
    assert {key: read[key] for key in ("kind", "schema", "target", "place", "candidate", "state")} == {
        "kind": "plan",
        "schema": 1,
        "target": "docker",
        "place": "/srv/shop/Dockerfile",
        "candidate": "mimalloc",
        "state": "pending",
    }
    assert [action["change"] for action in read["actions"]] == ["replace", "create", "create", "remove"]
    assert read["actions"][1]["mode"] == "0755"
    assert read["actions"][3]["after"] is None
    assert read["findings"][0]["code"] == "one-architecture"
    assert read["afterwards"] == [{"purpose": "Build the image:", "words": ["docker", "build", "/srv/shop"]}]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("holds", list(Holds))
def test_a_verification(holds: Holds, width: int) -> None:
    verified = Verification(
        target=Target.SYSTEMD,
        place="/etc/systemd/system/shop.service.d",
        candidate="jemalloc/returning",
        proofs=(
            Proof(code="files", holds=Holds.YES, seen="2 file(s) are as deployed"),
            Proof(
                code="process",
                holds=holds,
                seen="process 4711 is served by glibc (/usr/lib/x86_64-linux-gnu/libc.so.6)",
                remedy="" if holds is Holds.YES else "it should be jemalloc: start it anew",
            ),
        ),
    )
    matches_golden(f"verification-{holds}-{width}.txt", verification_text(verified, width=width))
