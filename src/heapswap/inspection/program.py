"""Which ELF program a command really runs: PATH, ``#!`` lines, wrappers (``env``, ``sh -c``), version shims."""

import errno
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from heapswap import elf
from heapswap.elf import Elf, NotElf
from heapswap.errors import CannotGoOn
from heapswap.inspection.files import is_file
from heapswap.inspection.linkage import Loader
from heapswap.inspection.python import Python, python_of
from heapswap.values import value

_DEFAULT_PATH = "/bin:/usr/bin"
"""where execvp(3) looks when PATH is not set"""
_SCRIPT_HEAD = 256
"""bytes of a script that the kernel reads for its ``#!`` line"""
_SCRIPTS_DEEP = 5
"""scripts run by scripts, as many as the kernel follows"""
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"})
_BUILTINS = (
    ". : alias break case cd command continue eval exit export for function if local read readonly return select set "
    "shift source test time times trap type ulimit umask unalias unset until wait while"
)
_SHELL_WORDS = frozenset(_BUILTINS.split())
_PLAIN = re.compile(r"[\w\s'\"/.,:+@%-]*")
"""a shell text without operators, expansions or assignments"""


@value
class Step:
    """One ELF program that is executed, with the words that follow its name."""

    elf: Elf
    arguments: tuple[str, ...]

    @property
    def path(self) -> str:
        """The file, symbolic links kept."""
        return self.elf.path


@value
class Program:
    """What a command runs: programs that replace each other, the last of which does the work."""

    argv0: str
    """as given"""
    steps: tuple[Step, ...]
    scripts: tuple[str, ...] = ()
    """scripts and shims on the way"""
    opaque: str = ""
    """why the last step may start something else that cannot be told in advance; empty: it is the program itself"""
    python: Python | None = None
    """the interpreter that the last step is"""

    @property
    def elf(self) -> Elf:
        """The program that does the work."""
        return self.steps[-1].elf

    @property
    def path(self) -> str:
        """Its file."""
        return self.steps[-1].path

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words that follow its name."""
        return self.steps[-1].arguments


def resolve(argv0: str, environ: Mapping[str, str], directory: str | Path, arguments: Sequence[str] = ()) -> Program:
    """Find what ``argv0 arguments…`` runs in `directory`, executing nothing.

    Raises:
        CannotGoOn: it does not exist, may not be executed, or is nothing that the kernel can execute.
    """
    walk = _Walk(environ, Path(directory))
    walk.enter(find(argv0, environ, directory), argv0, tuple(arguments))
    image = walk.steps[-1].elf
    loader = Loader(image, environ)
    return Program(
        argv0=argv0,
        steps=tuple(walk.steps),
        scripts=tuple(walk.scripts),
        opaque=walk.opaque,
        python=python_of(image, loader.needed),
    )


def find(name: str, environ: Mapping[str, str], directory: str | Path) -> Path:
    """The file that execvp(3) would execute for `name`; absolute, symbolic links kept.

    Raises:
        CannotGoOn: there is none, or none that may be executed.
    """
    if not name:
        raise CannotGoOn("the command is empty; give a program after --")
    if "/" in name:
        path = Path(os.path.abspath(Path(directory, name)))  # noqa: PTH100 - resolve() would follow links
        _require_executable(path)
        return path
    forbidden: Path | None = None
    for folder in environ.get("PATH", _DEFAULT_PATH).split(":"):
        path = Path(os.path.abspath(Path(directory, folder, name)))  # noqa: PTH100
        if is_file(path):
            if os.access(path, os.X_OK):
                return path
            forbidden = forbidden or path
    if forbidden is not None:
        raise CannotGoOn(f"{forbidden} may not be executed; check its permissions (chmod +x)")
    raise CannotGoOn(f"the program '{name}' was not found in PATH; check its name, or give its path")


def _require_executable(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise CannotGoOn(f"the program {path} does not exist; check its name") from None
        raise CannotGoOn(f"the program {path} cannot be reached: {error.strerror}; check the permissions") from None
    if path.is_dir():
        raise CannotGoOn(f"{path} is a folder; give a program")
    if not os.access(path, os.X_OK) or not status.st_mode & 0o111:
        raise CannotGoOn(f"{path} may not be executed; check its permissions (chmod +x)")


class _Walk:
    """Follows a command from program to program; collects the way."""

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        self._environ, self._directory = environ, directory
        self.steps: list[Step] = []
        self.scripts: list[str] = []
        self.opaque = ""

    def enter(self, path: Path, name: str, arguments: tuple[str, ...], depth: int = 0) -> None:
        """Execute `path` in thought."""
        try:
            image = elf.read(path)
        except NotElf as error:
            self._enter_script(path, arguments, depth, str(error))
        except OSError as error:
            raise CannotGoOn(
                f"{path} cannot be read: {error.strerror}; heapswap must read a program to judge it"
            ) from None
        else:
            self.steps.append(Step(elf=image, arguments=arguments))
            self._leave(Path(name).name, arguments)

    def _enter_script(self, path: Path, arguments: tuple[str, ...], depth: int, otherwise: str) -> None:
        with path.open("rb") as file:
            head = file.read(_SCRIPT_HEAD)
        if b"\0" in head:
            raise CannotGoOn(f"{otherwise}; give a program for Linux")
        if not head.startswith(b"#!"):
            # execvp(3) hands it to the shell.
            head = b"#!/bin/sh"
        if depth == _SCRIPTS_DEEP:
            raise CannotGoOn(f"{path} is a script for a script for a script; the kernel refuses that many")
        words = head[2:].split(b"\n")[0].decode(errors="surrogateescape").strip(" \t\r").split(None, 1)
        if not words:
            raise CannotGoOn(f"{path} names no interpreter in its #! line; write one")
        interpreter = Path(self._directory, words[0])
        if not is_file(interpreter):
            raise CannotGoOn(
                f"{path} asks for the interpreter {words[0]}, which does not exist; correct its first line"
            )
        _require_executable(interpreter)
        self.scripts.append(str(path))
        self.enter(interpreter, words[0], (*words[1:], str(path), *arguments), depth + 1)

    def _leave(self, name: str, arguments: tuple[str, ...]) -> None:
        """Go on to the program that the last step will execute in its own place, if it is known to do that."""
        if name == "env":
            self._next(name, *_after_env(arguments, self._environ))
        elif name in _WRAPPERS:
            self._next(name, _WRAPPERS[name](arguments), self._environ)
        elif name in _SHELLS:
            self._leave_shell(name, arguments)
        elif Path(self.steps[-1].path).resolve().name == "rustup" and name != "rustup":
            tool = _rustup_target(name, arguments, self._environ)
            if tool is not None:
                self.enter(tool, str(tool), arguments)
            else:
                self.opaque = f"{name} is rustup's, which picks a toolchain; give the path of the real one"

    def _leave_shell(self, name: str, arguments: tuple[str, ...]) -> None:
        text, script = _shell_work(arguments)
        if text is not None:
            words = _simple_command(text)
            if words:
                self._next(name, words, self._environ)
            else:
                self.opaque = f"{name} runs a script ({_shortened(text)}); what it starts cannot be told in advance"
        elif script is not None:
            shim = _pyenv_target(Path(script), self._environ, self._directory)
            if shim is not None:
                self.enter(shim, str(shim), arguments[arguments.index(script) + 1 :])
            else:
                self.opaque = f"{name} runs the script {script}; what it starts cannot be told in advance"

    def _next(self, name: str, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """A wrapper that cannot start its program says so itself; that is its answer, not ours."""
        if not words:
            return
        try:
            path = find(words[0], environ, self._directory)
            self.enter(path, words[0], tuple(words[1:]))
        except CannotGoOn as error:
            self.opaque = f"{name} is to start {words[0]}, but {error}"


def _after_env(arguments: tuple[str, ...], environ: Mapping[str, str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The command that ``env`` starts, and the environment it starts it in."""
    words, values = list(arguments), dict(environ)
    while words:
        word = words[0]
        if word in ("-S", "--split-string") and len(words) > 1:
            words = [*shlex.split(words[1]), *words[2:]]
        elif word.startswith("-S") or word.startswith("--split-string="):
            # In a #! line everything after the interpreter is one argument.
            words = [*shlex.split(word.removeprefix("--split-string=").removeprefix("-S")), *words[1:]]
        elif word in ("-u", "--unset", "-C", "--chdir"):
            words = words[2:]
        elif word in ("-i", "-", "--ignore-environment"):
            values, words = {}, words[1:]
        elif word.startswith("-"):
            words = words[1:]
        elif "=" in word:
            key, _, value = word.partition("=")
            values[key] = value
            words = words[1:]
        else:
            break
    return tuple(words), values


def _after(with_value: str = "", positional: int = 0) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """How to find the command behind a wrapper's own options and `positional` words."""
    options = frozenset(with_value.split())

    def command(arguments: tuple[str, ...]) -> tuple[str, ...]:
        at = 0
        while at < len(arguments) and arguments[at].startswith("-") and arguments[at] != "--":
            at += 2 if arguments[at] in options else 1
        at += 1 if arguments[at : at + 1] == ("--",) else 0
        return arguments[at + positional :]

    return command


_WRAPPERS: Mapping[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    "chrt": _after("-T -P -D", positional=1),
    "ionice": _after("-c --class -n --classdata"),
    "nice": _after("-n --adjustment"),
    "nohup": _after(),
    "numactl": _after("-i -p -m -N -C -l"),
    "setsid": _after(),
    "stdbuf": _after("-i -o -e"),
    "taskset": _after(positional=1),
    "time": _after("-f --format -o --output"),
    "timeout": _after("-s --signal -k --kill-after", positional=1),
}
"""programs that execute another in their own place or as their only child"""


def _shell_work(arguments: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The text given with ``-c``, or else the script file."""
    for index, word in enumerate(arguments):
        if word == "--" or not word.startswith(("-", "+")):
            return None, word if word != "--" else next(iter(arguments[index + 1 :]), None)
        if not word.startswith("--") and "c" in word:
            return next(iter(arguments[index + 1 :]), ""), None
    return None, None


def _simple_command(text: str) -> list[str]:
    """The words of a shell text that is one plain command; empty for anything else."""
    if not _PLAIN.fullmatch(text) or "\n" in text.strip():
        return []
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    if words[:1] == ["exec"]:
        words = words[1:]
    return [] if not words or words[0] in _SHELL_WORDS else words


def _pyenv_target(script: Path, environ: Mapping[str, str], directory: Path) -> Path | None:
    """The program behind one of pyenv's shims, chosen as ``pyenv exec`` does."""
    try:
        text = Path(directory, script).read_bytes()[:4096].decode(errors="replace")
    except OSError:
        return None
    root = re.search(r'^export PYENV_ROOT="([^"]+)"', text, re.MULTILINE)
    if root is None or "pyenv" not in text or 'exec "$program"' not in text:
        return None
    versions = Path(root[1]) / "versions"
    for version in _pyenv_versions(Path(root[1]), environ, directory):
        path = versions / version / "bin" / script.name
        if is_file(path) and os.access(path, os.X_OK):
            return path
    return None


def _pyenv_versions(root: Path, environ: Mapping[str, str], directory: Path) -> Iterator[str]:
    if environ.get("PYENV_VERSION"):
        yield from environ["PYENV_VERSION"].split(":")
        return
    chosen = (folder / ".python-version" for folder in (directory, *directory.resolve().parents))
    for file in (*chosen, root / "version"):
        try:
            lines = file.read_text().split()
        except OSError:
            continue
        yield from lines
        return


def _rustup_target(name: str, arguments: tuple[str, ...], environ: Mapping[str, str]) -> Path | None:
    """The program behind one of rustup's proxies: of the toolchain asked for, or the default one."""
    home = Path(environ.get("RUSTUP_HOME") or Path(environ.get("HOME", "/"), ".rustup"))
    toolchain = environ.get("RUSTUP_TOOLCHAIN", "")
    if arguments[:1] and arguments[0].startswith("+"):
        toolchain = arguments[0][1:]
    if not toolchain:
        with suppress(OSError):
            found = re.search(r'^default_toolchain = "([^"]+)"', (home / "settings.toml").read_text(), re.MULTILINE)
            toolchain = found[1] if found else ""
    matching = sorted((home / "toolchains").glob(f"{toolchain}*/bin/{name}")) if toolchain else []
    return matching[0] if matching else None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:37]}…"
