"""A choice put where it runs: reverted byte for byte, in force, and refused where it could not be."""

from tests.acceptance.line import Line
from tests.acceptance.suite import tests

FILES, VERB = "tests/deploy/test_deployments.py", "tests/cli/test_deploy.py"
PYTHON, DOCKER, SYSTEMD = "tests/deploy/python", "tests/deploy/docker", "tests/deploy/systemd"
ENV, RUSTC = "tests/deploy/test_env.py", "tests/deploy/test_rustc.py"

LINES = (
    Line(
        promise="deploy: revert leaves the tree byte-identical; edits made elsewhere since are kept",
        measure=tests(
            "revert", FILES, "tests/deploy/test_merge.py", "-k", "revert or another_plan or kept or conflict"
        ),
    ),
    Line(
        promise="deploy: interrupted anywhere, each file is old or new, and apply and revert lead on",
        measure=tests("interrupted", FILES, "-k", "interrupted or full_disk"),
    ),
    Line(
        promise="deploy: a dry run changes nothing, applying twice changes nothing, every refusal is one line",
        measure=tests("twice", VERB, FILES, "-k", "shown_applied or twice or one_line or refused"),
    ),
    Line(
        promise="deploy env: sourced by sh, bash and dash, or read literally, it is in force beside other preloads",
        measure=tests("env", ENV),
    ),
    Line(
        promise="deploy python: example projects run under the allocator, with formatting, encoding and newlines kept",
        measure=tests("python", PYTHON),
    ),
    Line(
        promise="deploy docker: single, multi-stage, distroless, preloaded: built without it, started under it",
        measure=tests("docker", DOCKER, "-k", "not refused"),
    ),
    Line(
        promise="deploy docker: amd64, arm64: the right library or a build that stops; Alpine, scratch: refused",
        measure=tests("docker-platforms", DOCKER, "-k", "architecture or refused or pinned or package or load"),
    ),
    Line(
        promise="deploy systemd: its own manager gives the service the variables; systemd-analyze verify is silent",
        measure=tests("systemd", SYSTEMD),
    ),
    Line(
        promise="deploy --verify: files, tried programs and running processes, each seen in force and not in force",
        measure=tests("verify", "tests/deploy/test_verification.py"),
    ),
    Line(
        promise="deploy rustc: small trees of five ages, all three keys; what bootstrap would reject is refused",
        measure=tests("rustc", RUSTC),
    ),
    Line(
        promise="deploy rustc: real trees, 1.63, 1.85, 1.96, all before the newer keys: bootstrap declares the key",
        measure=tests("rustc-real", "-m", "acceptance", "tests/deploy/test_releases.py"),
    ),
)
