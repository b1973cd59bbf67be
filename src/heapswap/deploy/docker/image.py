"""What is known of an image by its name, and of a stage by what it runs: its C library, a shell, a package manager."""

import re
from dataclasses import dataclass
from enum import StrEnum

from heapswap.deploy.docker.dockerfile import Dockerfile, Stage
from heapswap.errors import CannotGoOn


class Kind(StrEnum):
    """What a stage is built on, as far as a swap goes."""

    DEBIAN = "debian"
    """glibc, a shell, apt"""
    OTHER = "other"
    """glibc as far as can be told, a shell"""
    BARE = "bare"
    """glibc, no shell (distroless)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the last layer of a stage's file stands on."""

    image: str
    kind: Kind
    plain: bool
    """the image is known to have no ENTRYPOINT of its own"""


_MUSL = re.compile(r"(^|[/:_.-])(alpine|musl|void-musl)", re.IGNORECASE)
_WINDOWS = re.compile(r"nanoserver|servercore|windows", re.IGNORECASE)
_STATIC = re.compile(r"distroless/static|chainguard/static|(^|/)(static|hello-world)(:|@|$)")
_BARE = re.compile(r"distroless/|cgr\.dev/|chainguard/")
_DEBIAN = ("debian", "ubuntu", "python", "ruby", "perl", "golang", "rust", "gcc", "buildpack-deps", "node", "php")
_DEBIAN_TOO = ("openjdk", "eclipse-temurin", "postgres", "mysql", "mariadb", "redis", "nginx", "httpd", "tomcat")
_PLAIN = ("debian", "ubuntu", "python", "ruby", "perl", "golang", "rust", "gcc", "buildpack-deps")
"""official images without an entry point"""
_NO_PRELOAD = "there the allocator has to be linked into the program when it is built"


def ground(dockerfile: Dockerfile, stage: Stage) -> Ground:
    """What a stage stands on.

    Raises:
        CannotGoOn: nothing can be preloaded there: musl, no C library, Windows.
    """
    chain = dockerfile.chain(stage)
    image = chain[0].base
    runs = " ".join(one.value for each in chain for one in each.instructions if one.keyword == "RUN")
    if _MUSL.search(image) or re.search(r"\bapk\s+(--\S+\s+)*add\b", runs):
        raise CannotGoOn(
            f"{image} is built on musl, and heapswap's libraries are for glibc; use a Debian-based image (-slim), "
            f"or a static program: {_NO_PRELOAD}"
        )
    if image == "scratch" or _STATIC.search(image):
        raise CannotGoOn(
            f"{image} has no C library and no loader, so nothing can be preloaded into what runs there; {_NO_PRELOAD}"
        )
    if image.partition(":")[0].rpartition("/")[2] == "busybox" and "glibc" not in image:
        raise CannotGoOn(f"{image} has no glibc; use busybox:glibc, or a Debian-based image (-slim)")
    if _WINDOWS.search(image):
        raise CannotGoOn(f"{image} is Windows, where nothing is preloaded; {_NO_PRELOAD}")
    name = re.split(r"[:@]", image, maxsplit=1)[0].removeprefix("docker.io/").removeprefix("library/")
    if _BARE.search(image):
        return Ground(image=image, kind=Kind.BARE, plain=False)
    debian = name in (*_DEBIAN, *_DEBIAN_TOO) or re.search(r"\bapt(-get)?\s", runs) is not None
    return Ground(image=image, kind=Kind.DEBIAN if debian else Kind.OTHER, plain=name in _PLAIN)
