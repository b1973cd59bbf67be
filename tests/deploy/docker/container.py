"""A builder and a runtime for images, as far as ENV, COPY, RUN and CMD go; independent of heapswap's own parser.

The instructions are read by `dockerfile_parse`. A RUN of heapswap's is really run, any other is noted with its
environment. What a container would start is really started, on this machine, with the files of the image under a
folder: paths below /usr/local/lib/heapswap are those of that folder.
"""

import json
import os
import re
import shlex
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

from tests.deploy.support import owners

INSIDE = "/usr/local/lib/heapswap"


class BuildStops(Exception):
    """The builder refuses, with what it says."""


@dataclass(kw_only=True)
class Image:
    """What a build leaves."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    closed: bool = False
    """the entry point is in shell form, and takes no command"""
    shell: list[str] = field(default_factory=lambda: ["/bin/sh", "-c"])
    user: str = "root"
    layers: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """each RUN, with what ENV had set for it"""

    def here(self, text: str) -> str:
        """A text with the paths of the image as they are on this machine."""
        return text.replace(INSIDE, str(self.root))

    def argv(self) -> list[str]:
        """What a container starts."""
        return [self.here(word) for word in (*self.entrypoint, *(() if self.closed else self.command))]

    def started(self, folder: Path, **variables: str) -> dict[str, str]:
        """Start it with the witness: whose malloc answers, by executable."""
        environ = {"PATH": os.environ["PATH"], **self.environ, **variables}
        return owners(self.argv(), {name: self.here(value) for name, value in environ.items()}, folder / "journal")


def build(dockerfile: Path, context: Path, *, architecture: str = "amd64") -> Image:
    """Build the last stage, with the stages it is built from."""
    with tempfile.TemporaryDirectory() as folder:
        parser = DockerfileParser(folder)
        parser.content = dockerfile.read_text()
        structure = parser.structure
    stages: dict[str, Image] = {}
    image = _from(None, context)
    arguments: dict[str, str] = {}
    for instruction in structure:
        value = instruction["value"]
        match instruction["instruction"]:
            case "FROM":
                words = [word for word in value.split() if not word.startswith("--")]
                arguments = {}
                image = _from(stages.get(words[0]), context)
                if len(words) == 3:
                    stages[words[2]] = image
            case "ARG":
                name, _, default = value.partition("=")
                arguments[name] = architecture if name == "TARGETARCH" else default
            case "ENV":
                image.environ |= _assigned(value, image.environ)
            case "COPY" if "--from" not in value:
                _copy(value, {**arguments, **image.environ}, context, image)
            case "RUN":
                _run(value, image)
            case "USER":
                image.user = value
            case "ENTRYPOINT":
                image.entrypoint, image.command = _words(value, image.shell), []
                image.closed = not value.startswith("[")
            case "CMD":
                image.command = _words(value, image.shell)
            case "SHELL":
                image.shell = _words(value, [])
    return image


def _from(base: Image | None, context: Path) -> Image:
    """An image's files lie beside the context, in what the test has for itself."""
    image = Image(root=Path(tempfile.mkdtemp(prefix="image-", dir=context.parent)))
    if base is not None:
        image.environ, image.layers = dict(base.environ), list(base.layers)
        image.entrypoint, image.command, image.user = base.entrypoint, base.command, base.user
        image.closed, image.shell = base.closed, base.shell
    return image


def _assigned(value: str, environ: dict[str, str]) -> dict[str, str]:
    """Expanded by a real shell, which knows the forms that ENV knows."""
    found = {}
    for word in re.findall(r'\w+=(?:"[^"]*"|\S)*', value):
        name, _, text = word.partition("=")
        clean = {key: value for key, value in environ.items() if key != "LD_PRELOAD"}
        script = f"LD_PRELOAD={shlex.quote(environ.get('LD_PRELOAD', ''))}; printf %s {text}"
        done = subprocess.run(["/bin/sh", "-c", script], env=clean, capture_output=True, text=True, check=True)
        found[name] = done.stdout
    return found


def _copy(value: str, environ: dict[str, str], context: Path, image: Image) -> None:
    for name, text in environ.items():
        value = value.replace(f"${{{name}}}", text)
    *sources, target = value.split()
    if not target.startswith(INSIDE):
        return
    for source in sources:
        file = context / source
        if not file.is_file():
            raise BuildStops(f"{source}: not found")
        data = file.read_bytes()
        copied = image.root / file.name
        copied.write_bytes(data if b"\0" in data else image.here(data.decode()).encode())
        copied.chmod(file.stat().st_mode)


def _run(value: str, image: Image) -> None:
    if INSIDE in value:
        done = subprocess.run([image.here(word) for word in json.loads(value)], capture_output=True, check=False)
        if done.returncode:
            raise BuildStops(done.stderr.decode())
    image.layers.append((value, dict(image.environ)))


def _words(value: str, shell: list[str]) -> list[str]:
    try:
        return list(json.loads(value))
    except ValueError:
        return [*shell, value]
