"""Images: built on none of their layers under the choice, and started under it, beside what was there."""

import json
import os
import sys
from pathlib import Path

import pytest

from heapswap.deploy.deployments import Receipts, apply, revert
from heapswap.deploy.docker.layers import Scope
from heapswap.deploy.docker.plan import Wish, plan
from heapswap.deploy.docker.supply import ARCHITECTURES, Supply
from heapswap.deploy.model import Plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from tests.deploy.docker.container import BuildStops, Image, build
from tests.deploy.support import action_of, after, chosen
from tests.deploy.test_deployments import snapshot
from tests.native.support import library

HERE = ARCHITECTURES[os.uname().machine]
IMAGE, SERVICE = Wish(scope=Scope.IMAGE), Wish(scope=Scope.SERVICE)

SINGLE = 'FROM python:3.12-slim\nRUN pip install shop\nCMD ["env"]\n'
MULTI = """\
# syntax=docker/dockerfile:1
ARG PY=3.12
FROM python:${PY} AS build
RUN make wheel

FROM debian:12-slim AS app
ENV PORT=80 \\
    NAME="the shop"
COPY --from=build /wheel /wheel
RUN apt-get update \\
    # all of it
    && pip install /wheel
USER shop
EXPOSE 80
HEALTHCHECK CMD curl localhost
ENTRYPOINT ["env"]
CMD ["-u", "NOTHING"]
"""
SHELL = "FROM ubuntu:24.04\nCMD echo started && \\\n    exec env\n"
BASH = 'FROM debian:12\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN x | y\nCMD exec env  # "all" of \'it\'\n'
ENTRY = "FROM debian:12\nENTRYPOINT exec env\nCMD ignored\n"
SH_C = 'FROM debian:12\nENTRYPOINT ["sh", "-c", "exec env"]\n'
PRELOADED = "FROM python:3.12\nENV LD_PRELOAD=/opt/apm.so\nRUN pip install shop\nCMD env\n"
INHERITED = 'FROM debian:12 AS base\nENTRYPOINT ["env"]\nCMD ["-u", "X"]\nFROM base\nRUN true\n'
ELSEWHERE = 'FROM node:22\nRUN npm ci\nCMD ["node", "server.js"]\n'
BARE = 'FROM gcr.io/distroless/cc-debian12\nCOPY server /\nCMD ["/server"]\n'
FILES = {
    "bash": BASH,
    "entry": ENTRY,
    "single": SINGLE,
    "multi": MULTI,
    "shell": SHELL,
    "sh -c": SH_C,
    "preloaded": PRELOADED,
    "inherited": INHERITED,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    return project


def written(folder: Path, text: str, spelling: str, wish: Wish | None = None) -> Plan:
    """The plan for a Dockerfile with this text, carried out."""
    (folder / "Dockerfile").write_text(text)
    made = plan(folder, chosen(spelling), Tree(), wish)
    receipts = Receipts(folder=folder.parent / "state")
    receipts.folder.mkdir(exist_ok=True)
    apply(made, None, receipts)
    return made


def built(folder: Path, *, architecture: str = HERE) -> Image:
    return build(folder / "Dockerfile", folder, architecture=architecture)


def users_layers(image: Image) -> list[dict[str, str]]:
    """What ENV had set for each layer; the ones of heapswap's own check included."""
    return [environ for _, environ in image.layers]


@pytest.mark.parametrize("scope", [None, Scope.IMAGE])
@pytest.mark.parametrize("name", FILES)
def test_built_without_it_and_started_under_it(name: str, scope: Scope | None, folder: Path, tmp_path: Path) -> None:
    (folder / "Dockerfile").write_text(FILES[name])
    before = built(folder)
    written(folder, FILES[name], "jemalloc:narenas=2", Wish(scope=scope))
    image = built(folder)
    assert not any("jemalloc" in environ.get("LD_PRELOAD", "") for environ in users_layers(image))
    assert [layer for layer in image.layers if "heapswap" not in layer[0]] == before.layers
    assert image.user == before.user
    apm = tmp_path / "apm.so"
    apm.write_bytes(library("scope").read_bytes())
    image.environ = {key: value.replace("/opt/apm.so", str(apm)) for key, value in image.environ.items()}
    found = image.started(tmp_path)
    assert found["env"] == str(image.root / "jemalloc.so")


def test_the_program_gets_its_words_and_the_settings_of_the_container(folder: Path, tmp_path: Path) -> None:
    script = "import os, sys; print([*sys.argv[2:], os.environ['_RJEM_MALLOC_CONF']], file=open(sys.argv[1], 'w'))"
    words = [sys.executable, "-c", script, f"{tmp_path}/seen", "a b", "$X", "é'\"", ""]
    written(folder, f"FROM python:3.12\nCMD {json.dumps(words, ensure_ascii=False)}\n", "jemalloc:narenas=2")
    image = built(folder)
    assert image.argv() == [f"{image.root}/run", *words]
    image.started(tmp_path, _RJEM_MALLOC_CONF="tcache:true")
    assert (tmp_path / "seen").read_text() == f"{[*words[4:], 'narenas:2,tcache:true']}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('FROM debian:12\nCMD a && \\\n  b $X "c"\n', ["/bin/sh", "-c", 'a &&   b $X "c"']),
        (BASH, ["/bin/bash", "-o", "pipefail", "-c", "exec env  # \"all\" of 'it'"]),
    ],
)
def test_a_command_in_shell_form_is_given_to_the_same_shell(text: str, words: list[str], folder: Path) -> None:
    written(folder, text, "mimalloc")
    image = built(folder)
    assert image.argv() == [f"{image.root}/run", *words]


def test_an_entry_point_in_shell_form_stays_one(folder: Path) -> None:
    made = written(folder, ENTRY, "mimalloc")
    assert after(made, folder / "Dockerfile").decode().splitlines()[-2:] == [
        'ENTRYPOINT test "${HEAPSWAP_DISABLE:-0}" != 0 || . /usr/local/lib/heapswap/env; exec env',
        "CMD ignored",
    ]


def test_what_a_container_preloads_already_stays_in_front_of_nobody(folder: Path, tmp_path: Path) -> None:
    """An injector that sets LD_PRELOAD when the container starts is added to, not overwritten."""
    written(folder, SINGLE, "mimalloc")
    image = built(folder)
    image.command = [*image.command[:-1], "sh", "-c", f'echo "$LD_PRELOAD" > {tmp_path}/seen']
    image.started(tmp_path)
    assert (tmp_path / "seen").read_text().strip() == f"{image.root}/mimalloc.so:{library('witness')}"


def test_the_opt_out(folder: Path, tmp_path: Path) -> None:
    written(folder, SINGLE, "mimalloc")
    assert "libc" in built(folder).started(tmp_path, HEAPSWAP_DISABLE="1")["env"]


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
@pytest.mark.parametrize("scope", [None, Scope.IMAGE])
def test_reverted_byte_for_byte_and_planned_twice_the_same(text: str, scope: Scope | None, folder: Path) -> None:
    (folder / "Dockerfile").write_text(text)
    before = snapshot(folder)
    written(folder, text, "mimalloc@2:purge_delay=0", Wish(scope=scope))
    receipts = Receipts(folder=folder.parent / "state")
    again = plan(folder, chosen("mimalloc@2:purge_delay=0"), Tree(), Wish(scope=scope))
    assert all(action.before == action.after for action in again.actions)  # no receipt was asked
    (deployed,) = (receipts.load(again.target, again.place),)
    assert deployed is not None
    revert(deployed, receipts)
    assert snapshot(folder) == before


def test_a_build_for_another_architecture_stops_instead_of_running_without(folder: Path) -> None:
    made = written(folder, SINGLE, "mimalloc")
    other = next(name for name in ARCHITECTURES.values() if name != HERE)
    assert "one-architecture" in [finding.code for finding in made.findings]
    with pytest.raises(BuildStops, match=f"heapswap/{other}/mimalloc.so: not found"):
        built(folder, architecture=other)
    # The command run there adds the other library, and leaves the Dockerfile.
    (folder / "heapswap" / other).mkdir()
    (folder / "heapswap" / other / "mimalloc.so").write_bytes(library("mimalloc").read_bytes())
    assert built(folder, architecture=other).argv()


def test_a_library_that_does_not_load_stops_the_build(folder: Path) -> None:
    written(folder, SINGLE, "mimalloc")
    (folder / "heapswap" / HERE / "mimalloc.so").write_bytes(b"\x7fELF\0not really")
    with pytest.raises(BuildStops, match="cannot be preloaded"):
        built(folder)


@pytest.mark.parametrize("pinned", ["linux/arm64", "linux/amd64"])
def test_a_stage_that_is_pinned_to_an_architecture(pinned: str, folder: Path) -> None:
    text = f"FROM --platform={pinned} debian:12\nCMD env\n"
    if pinned.endswith(HERE):
        made = written(folder, text, "mimalloc")
        assert f"heapswap/{HERE}/mimalloc.so".encode() in after(made, folder / "Dockerfile")
        assert b"TARGETARCH" not in after(made, folder / "Dockerfile")
    else:
        with pytest.raises(CannotGoOn, match=r"the stage is for \w+, and the libraries"):
            written(folder, text, "mimalloc")


def test_a_stage_that_runs_where_it_is_built(folder: Path) -> None:
    text = after(
        written(folder, "FROM --platform=$BUILDPLATFORM debian:12\nCMD env\n", "mimalloc"), folder / "Dockerfile"
    )
    assert b"ARG BUILDARCH\n" in text
    assert b"heapswap/${BUILDARCH}/mimalloc.so" in text


def test_a_debian_package_is_found_by_its_name_on_every_architecture(folder: Path) -> None:
    made = written(folder, MULTI, "jemalloc:narenas=2", Wish(scope=Scope.IMAGE, supply=Supply.APT))
    text = after(made, folder / "Dockerfile").decode()
    assert "apt-get install -y --no-install-recommends libjemalloc2 &&" in text
    assert "ENV LD_PRELOAD=libjemalloc.so.2${LD_PRELOAD:+:$LD_PRELOAD}\n" in text
    assert "ENV MALLOC_CONF=narenas:2\n" in text  # the variable of Debian's build, not of the bundled one
    assert text.index("libjemalloc2") < text.index("USER shop")
    assert "another-build" in [finding.code for finding in made.findings]
    assert not (folder / "heapswap").exists()


def test_installed_as_the_superuser_where_layers_are_built_as_another(folder: Path) -> None:
    text = "FROM debian:12\nUSER app\nRUN make\nCMD env\n"
    made = written(folder, text, "jemalloc", Wish(supply=Supply.APT))
    rows = after(made, folder / "Dockerfile").decode().splitlines()
    at = next(number for number, row in enumerate(rows) if "libjemalloc2" in row)
    assert (rows[at - 1], rows[at + 1]) == ("USER root", "USER app")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("FROM python:3.12-alpine\n", "python:3.12-alpine is built on musl"),
        ("FROM alpine\n", "built on musl"),
        ("FROM company/base\nRUN apk add --no-cache git\n", "built on musl"),
        ("ARG V=3.20\nFROM alpine:${V} AS x\nFROM x\n", "alpine:3.20 is built on musl"),
        ("FROM golang:1.23 AS build\nFROM scratch\nCOPY --from=build /x /x\n", "scratch has no C library"),
        ("FROM gcr.io/distroless/static-debian12\n", "has no C library"),
        ("FROM busybox:1\n", "busybox:1 has no glibc"),
        ("FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\n", "is Windows"),
        ("RUN make\n", "has no FROM"),
        ("", "has no FROM"),
        ("FROM debian\nRUN <<EOF\nmake\n", "the here-document EOF does not end"),
    ],
)
def test_where_nothing_can_be_preloaded_it_is_refused_with_the_reason(text: str, says: str, folder: Path) -> None:
    with pytest.raises(CannotGoOn, match=says) as refused:
        written(folder, text, "mimalloc")
    assert "\n" not in str(refused.value)
    assert [path.name for path in folder.iterdir()] == ["Dockerfile"]


def test_distroless_gets_the_library_and_env_and_no_shell(folder: Path) -> None:
    made = written(folder, BARE, "mimalloc")
    text = after(made, folder / "Dockerfile").decode()
    assert "RUN" not in text
    assert text.endswith(
        "ARG TARGETARCH\nCOPY heapswap/${TARGETARCH}/mimalloc.so /usr/local/lib/heapswap/\n"
        'ENV LD_PRELOAD=/usr/local/lib/heapswap/mimalloc.so${LD_PRELOAD:+:$LD_PRELOAD}\nCMD ["/server"]\n'
    )
    with pytest.raises(Misuse, match="no shell; use --scope image"):
        plan(folder, chosen("mimalloc"), Tree(), SERVICE)


def test_a_start_that_is_not_known_is_left_alone(folder: Path) -> None:
    """In front of this CMD stands an entry point of the image, which looks at the first word."""
    made = written(folder, ELSEWHERE, "mimalloc")
    text = after(made, folder / "Dockerfile").decode()
    assert 'CMD ["node", "server.js"]\n' in text
    assert "ENV LD_PRELOAD=" in text
    assert "whole-image" in [finding.code for finding in made.findings]


def test_a_named_stage_and_what_builds_upon_it(folder: Path) -> None:
    text = "FROM debian:12 AS app\nCMD env\nFROM app AS test\nRUN make test\n"
    made = written(folder, text, "mimalloc", Wish(stage="app", scope=Scope.IMAGE))
    assert "built-upon" in [finding.code for finding in made.findings]
    assert after(made, folder / "Dockerfile").index(b"ENV LD_PRELOAD") < after(made, folder / "Dockerfile").index(
        b"AS test"
    )
    with pytest.raises(Misuse, match="has no stage 'ap'; did you mean app"):
        plan(folder, chosen("mimalloc"), Tree(), Wish(stage="ap"))
    (folder / "Dockerfile").write_text(SINGLE)
    with pytest.raises(Misuse, match="has no stage 'app'; it knows 0"):
        plan(folder, chosen("mimalloc"), Tree(), Wish(stage="app"))


def test_another_allocator_in_the_image_is_refused_naming_both(folder: Path) -> None:
    text = "FROM debian:12\nENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\nCMD env\n"
    with pytest.raises(Misuse, match=r"already been set: jemalloc .*, mimalloc from a test"):
        written(folder, text, "mimalloc")
    with pytest.raises(Misuse, match="already been set"):
        written(folder, text.replace("/usr/lib/x86_64-linux-gnu/", ""), "mimalloc")


def test_a_foreign_deployment_is_not_edited_blindly(folder: Path) -> None:
    written(folder, SINGLE, "mimalloc")
    with pytest.raises(CannotGoOn, match="line 6: heapswap was deployed here before"):
        plan(folder, chosen("jemalloc"), Tree())


def test_knobs_alone_need_no_library(folder: Path, tmp_path: Path) -> None:
    made = written(folder, SINGLE, "system:arena_max=2")
    assert sorted(Path(action.path).name for action in made.actions) == ["Dockerfile", "env", "run"]
    image = built(folder)
    image.command = [*image.command[:-1], "sh", "-c", f'echo "$MALLOC_ARENA_MAX" > {tmp_path}/seen']
    image.started(tmp_path)
    assert (tmp_path / "seen").read_text() == "2\n"


def test_ignored_files_are_let_through(folder: Path) -> None:
    (folder / ".dockerignore").write_bytes(b"*\r\n!src")
    made = written(folder, SINGLE, "mimalloc")
    assert after(made, folder / ".dockerignore") == b"*\r\n!src\r\n!heapswap\r\n!heapswap/**\r\n"


def test_the_context_may_be_another_folder(folder: Path) -> None:
    (folder / "docker").mkdir()
    (folder / "docker" / "Dockerfile").write_text(SINGLE)
    made = plan(folder / "docker" / "Dockerfile", chosen("mimalloc"), Tree(), Wish(context=folder))
    assert action_of(made, folder / "heapswap-docker" / "run").mode == 0o755
    assert made.afterwards[0].words == ("docker", "build", "-f", str(folder / "docker/Dockerfile"), str(folder))


def test_no_two_dockerfiles_of_one_context_share_a_file(folder: Path) -> None:
    names = ("Dockerfile", "Dockerfile.worker", "shop/Dockerfile", "mail/Dockerfile", "mail/worker.Dockerfile")
    context, made = folder / "context", []
    for name in (*names, "../outside/Dockerfile"):
        file = context / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SINGLE)
        plans = plan(file, chosen("mimalloc"), Tree(), Wish(context=context))
        made += [action.path for action in plans.actions]
        assert all(path.startswith(f"{context / 'heapswap'}") for path in made[-3:])
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_newlines_and_a_missing_last_one_stay(ending: str, folder: Path) -> None:
    text = SINGLE.replace("\n", ending).removesuffix(ending)
    (folder / "Dockerfile").write_bytes(text.encode())
    made = after(plan(folder, chosen("mimalloc"), Tree()), folder / "Dockerfile")
    assert made.endswith(b'CMD ["/usr/local/lib/heapswap/run", "env"]')
    assert made.count(b"\n") == made.count(ending.encode())
