"""What a choice adds to one stage of a Dockerfile and to its build context.

    # heapswap: mimalloc
    ARG TARGETARCH                                         the library for the architecture that is built
    COPY heapswap/env heapswap/run heapswap/${TARGETARCH}/mimalloc.so /usr/local/lib/heapswap/
    RUN ["/bin/sh", "-c", …]                               stops the build where the loader refuses the library
    CMD ["/usr/local/lib/heapswap/run", "gunicorn", …]     Scope.SERVICE: what the image starts, in place
    ENV LD_PRELOAD=…                                       Scope.IMAGE: everything in a container

It stands behind the last layer of the stage, so that no layer is built under the choice.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from heapswap.allocators.activation import PRELOAD
from heapswap.deploy import lines
from heapswap.deploy.docker.dockerfile import Dockerfile, Instruction, Stage
from heapswap.deploy.docker.image import Ground, Kind
from heapswap.deploy.docker.supply import Means, architecture, pinned
from heapswap.deploy.env import shell_lines
from heapswap.deploy.library import INSIDE
from heapswap.deploy.model import Action
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn

MARK = "# heapswap: "
_OURS = ("ARG", "USER", "RUN", "COPY", "ENV")
"""instructions that may follow the mark"""
_LAST = ("CMD", "ENTRYPOINT", "HEALTHCHECK", "EXPOSE", "VOLUME", "LABEL", "STOPSIGNAL", "USER", "MAINTAINER", "ONBUILD")
"""instructions that may follow what heapswap writes"""


class Scope(StrEnum):
    """What in a container runs under the choice."""

    SERVICE = "service"
    """the program that the image starts, and what that starts"""
    IMAGE = "image"
    """everything, ``docker exec`` and health checks included"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The stage that is edited, and the file it stands in."""

    path: Path
    root: Path
    """the folder that is built from"""
    data: bytes
    dockerfile: Dockerfile
    stage: Stage
    ground: Ground

    @property
    def text(self) -> str:
        """The file for reading."""
        return lines.text(self.data, self.path)

    @property
    def shell(self) -> tuple[str, ...]:
        """The words in front of a program in shell form."""
        chain = self.dockerfile.chain(self.stage)
        found = [one.exec_form for each in chain for one in each.instructions if one.keyword == "SHELL"]
        return (found[-1] if found else None) or ("/bin/sh", "-c")

    @property
    def folder(self) -> str:
        """heapswap's folder in the build context: one a Dockerfile, since several may be built from one context."""
        # Not pathlib's: a Dockerfile may lie outside of what is built from.
        place = os.path.relpath(self.path.parent, self.root)
        name = re.sub(r"(?i)^dockerfile\.?|\.?dockerfile$", "", self.path.name)
        return "-".join(("heapswap", *re.findall(r"[\w-]+", f"{place}/{name}")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """What is to be in force there, and for what."""

    means: Means
    variables: dict[str, str]
    """merged with what the file sets"""
    own: dict[str, str]
    """the same, without what the file sets"""
    start: Instruction | None
    """the instruction that starts the program; None: in force for the whole image"""

    @property
    def scope(self) -> Scope:
        """For what it is in force."""
        return Scope.IMAGE if self.start is None else Scope.SERVICE


def without_ours(text: str) -> str:
    """The file without the lines that an earlier deployment wrote behind its mark."""
    ours, rows = False, []
    for row in text.split("\n"):
        keyword = ([*row.split(None, 1), ""])[0]
        ours = row.startswith(MARK) or (ours and keyword in _OURS)
        rows += [] if ours else [row]
    return "\n".join(rows)


def edited(site: Site, swap: Swap) -> bytes:
    """The Dockerfile with the swap; as it is where it has it already.

    Raises:
        CannotGoOn: it has another one, and no receipt tells what the file was.
    """
    text, block, start = site.text, _block(site, swap), swap.start
    if "\n".join(block) in text and (start is None or f"{INSIDE}/" in start.value):
        return site.data
    if f"{INSIDE}/" in text:
        line = text[: text.index(f"{INSIDE}/")].count("\n") + 1
        raise CannotGoOn(
            f"{site.path}, line {line}: heapswap was deployed here before, and there is no receipt of it; take its "
            "lines out, or use the project's history"
        )
    behind = _built(site.stage)[-1].end
    edits = [(behind, behind, ["", *block])]
    if start is not None:
        edits.append((start.start, start.end, _wrapped(site, start)))
    data = site.data
    # From the end, so that the lines before keep their numbers.
    for first, end, rows in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        data = lines.spliced(data, first, end, rows)
    return data


def context_files(site: Site, swap: Swap, tree: Tree) -> Iterator[Action]:
    """The files that the build context needs."""
    means, folder = swap.means, site.root / site.folder
    if swap.scope is Scope.SERVICE:
        settings = {**swap.own, PRELOAD: means.preload} if means.preload else swap.own
        env = [f"{MARK}{means.activation.candidate}", *shell_lines(settings)]
        run = ["#!/bin/sh", f'[ "${{HEAPSWAP_DISABLE:-0}}" != 0 ] || . {INSIDE}/env', 'exec "$@"']
        yield tree.change(folder / "env", _joined(env), "the variables, added to those of the container")
        yield tree.change(folder / "run", _joined(run), "starts a program under them", mode=0o755)
    library = means.activation.library
    if means.source and library is not None:
        target = folder / (pinned(site.stage) or architecture(library)) / Path(means.preload).name
        yield tree.change(target, Path(means.source).read_bytes(), f"the library for {architecture(library)}")


def _block(site: Site, swap: Swap) -> list[str]:
    """What is written behind the last layer."""
    means, sources = swap.means, ["env", "run"] if swap.scope is Scope.SERVICE else []
    rows = [f"{MARK}{means.activation.candidate}"]
    if means.source:
        literal = pinned(site.stage)
        variable = "BUILDARCH" if "BUILDPLATFORM" in site.stage.platform else "TARGETARCH"
        rows += [] if literal else [f"ARG {variable}"]
        sources.append(f"{literal or f'${{{variable}}}'}/{Path(means.preload).name}")
    if means.package:
        user = _user(site)
        install = f"apt-get install -y --no-install-recommends {means.package}"
        layer = f"RUN apt-get update && {install} && rm -rf /var/lib/apt/lists/*"
        rows += ["USER root", layer, f"USER {user}"] if user else [layer]
    if sources:
        rows.append(f"COPY {' '.join(f'{site.folder}/{source}' for source in sources)} {INSIDE}/")
    rows += _check(site, means)
    return rows if swap.scope is Scope.SERVICE else rows + _settings(swap)


def _check(site: Site, means: Means) -> list[str]:
    """A layer that does not build where the loader refuses the library, of which it otherwise only warns."""
    if not means.preload or site.ground.kind is Kind.BARE:
        return []
    script = f'said=$({PRELOAD}={means.preload} /bin/sh -c : 2>&1); [ -z "$said" ] || {{ echo "$said" >&2; exit 1; }}'
    return [f"RUN {json.dumps(['/bin/sh', '-c', script])}"]


def _settings(swap: Swap) -> list[str]:
    rows = []
    for name, value in swap.variables.items():
        # The builder merges the loader's list: the image below may have one that this file does not tell of.
        merged = f"{swap.means.preload}${{LD_PRELOAD:+:$LD_PRELOAD}}" if name == PRELOAD else _quoted(value)
        rows.append(f"ENV {name}={merged}")
    return rows


def _quoted(value: str) -> str:
    plain = re.fullmatch(r"[\w./:,=@%+-]*", value, re.ASCII)
    return value if plain else '"' + re.sub(r'(["\\$])', r"\\\1", value) + '"'


def _built(stage: Stage) -> tuple[Instruction, ...]:
    """The instructions up to the last one that makes a layer or sets something for it."""
    last = max(at for at, one in enumerate(stage.instructions) if one.keyword not in _LAST)
    return stage.instructions[: last + 1]


def _user(site: Site) -> str:
    """The user that layers are built as where the block stands; empty: the superuser, as far as can be told."""
    before = [one for each in site.dockerfile.chain(site.stage)[:-1] for one in each.instructions]
    users = [one.value for one in (*before, *_built(site.stage)) if one.keyword == "USER"]
    return "" if not users or users[-1].partition(":")[0] in ("root", "0") else users[-1]


def _wrapped(site: Site, start: Instruction) -> list[str]:
    """The instruction with the start script in front of its program.

    A CMD in shell form is what its shell would be given: the very same process tree. An ENTRYPOINT in shell form stays
    one, because in exec form it would be given the CMD.
    """
    words = start.exec_form
    if words is None and start.keyword == "CMD":
        words = (*site.shell, start.value)
    if words is not None:
        return [f"{start.keyword} {json.dumps([f'{INSIDE}/run', *words], ensure_ascii=False)}"]
    first, *rest = site.text.split("\n")[start.start : start.end]
    head = re.match(r"\s*\w+\s+", first)
    at = head.end() if head else 0
    return [f'{first[:at]}test "${{HEAPSWAP_DISABLE:-0}}" != 0 || . {INSIDE}/env; {first[at:]}', *rest]


def _joined(rows: list[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()
