"""The targets of `heapswap deploy`: what each is deployed to, its own options, and its plan."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from heapswap.cargo.project import package_at, projects
from heapswap.deploy import env, rustc
from heapswap.deploy.cargo import plan as cargo
from heapswap.deploy.docker import plan as docker
from heapswap.deploy.docker.layers import Scope
from heapswap.deploy.docker.supply import Supply
from heapswap.deploy.model import Choice, Plan, Target
from heapswap.deploy.python import plan as python
from heapswap.deploy.systemd import plan as systemd
from heapswap.deploy.tree import Tree
from heapswap.dispositions import environment_at_start
from heapswap.errors import Misuse

PLACES = {
    Target.PYTHON: ("PATH", "a project's folder, or a script"),
    Target.CARGO: ("FOLDER", "a Rust package, or a workspace with --package"),
    Target.DOCKER: ("PATH", "a Dockerfile, or the folder of one"),
    Target.SYSTEMD: ("UNIT", "a service of systemd's system manager"),
    Target.ENV: ("FILE", "a file of variables, or - for standard output"),
    Target.RUSTC: ("FOLDER", "the root of the Rust compiler's source tree"),
}
"""each target's place, and what it is"""

PLACING = frozenset(("root", "package"))
"""arguments that say where, beside the place itself"""

CHOOSING = frozenset(("candidate", "verdict"))
"""arguments that say what; a receipt holds it"""


def place_of(target: Target, arguments: argparse.Namespace) -> str:
    """What the deployment is kept under: a real path, and of a workspace the package's."""
    place: str = arguments.place
    if target is Target.CARGO:
        return str(package_at(Path(place), arguments.package, environment_at_start()).folder.resolve())
    if target is Target.DOCKER:
        return str(docker.file_of(Path(place)))
    if target is Target.SYSTEMD:
        return str(systemd.folder(place, Path(arguments.root or os.sep).resolve()))
    return place if target is Target.ENV and place == env.PRINTED else os.path.realpath(place)


def planned(arguments: argparse.Namespace, place: str, chosen: Choice, tree: Tree) -> Plan:
    """The plan of a target, from its own options."""
    match Target(arguments.target):
        case Target.PYTHON:
            return python.plan(Path(place), chosen, tree, tuple(map(Path, arguments.entry or ())))
        case Target.CARGO:
            settings = cargo.Settings(programs=tuple(arguments.bin), default=arguments.default)
            (project,) = projects(Path(place), environment_at_start())
            return cargo.plan(project, chosen, tree, settings)
        case Target.DOCKER:
            wish = docker.Wish(
                context=Path(arguments.context) if arguments.context else None,
                stage=arguments.stage,
                scope=Scope(arguments.scope) if arguments.scope else None,
                supply=Supply(arguments.library) if arguments.library else None,
            )
            return docker.plan(Path(place), chosen, tree, wish)
        case Target.SYSTEMD:
            return systemd.plan(arguments.place, chosen, tree, Path(arguments.root or os.sep).resolve())
        case Target.ENV:
            form = env.Form(arguments.form) if arguments.form else None
            return env.plan(place, chosen, tree, form)
        case Target.RUSTC:
            return rustc.plan(Path(place), chosen, tree)
        case target:
            raise Misuse(f"no target '{target}'; choose from {', '.join(PLACES)}")


def _python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--entry", metavar="FILE", action="append", help="an entry point (default: found; may be repeated)"
    )


def _cargo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--package", metavar="NAME", default="", help="which package of a workspace")
    parser.add_argument(
        "--bin",
        metavar="NAME",
        action="append",
        default=[],
        help="a program that is given the choice (default: every one of the package; may be repeated)",
    )
    parser.add_argument(
        "--default", action="store_true", help="the candidate's feature becomes a default feature of the package"
    )


def _docker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--context", metavar="FOLDER", help="what is built from (default: the Dockerfile's folder)")
    parser.add_argument("--stage", metavar="NAME", default="", help="name or number of the stage (default: the last)")
    parser.add_argument(
        "--scope",
        choices=tuple(Scope),
        help="the service alone, or everything in a container (default: the service where that can be done)",
    )
    parser.add_argument(
        "--library",
        choices=tuple(Supply),
        help="copied from this installation, or a Debian package (default: the very library that was tried)",
    )


def _systemd(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", metavar="FOLDER", default="", help="the root of the system that is changed (default: /)"
    )


def _env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--form", choices=tuple(env.Form), help="who reads the file (default: told by name and content)"
    )


OPTIONS: dict[Target, Callable[[argparse.ArgumentParser], None]] = {
    Target.PYTHON: _python,
    Target.CARGO: _cargo,
    Target.DOCKER: _docker,
    Target.SYSTEMD: _systemd,
    Target.ENV: _env,
}
"""what adds the options of a target that has any of its own"""
