"""Where executing the same command anew would be wrong, and what to do instead. Each check is a small question."""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from heapswap.runtime import mark
from heapswap.runtime.descriptors import givers_back, spoken_for
from heapswap.runtime.owner import same_file

TASKS = "/proc/self/task"
EXE = "/proc/self/exe"
DIRECTORY = "/proc/self/cwd"


def refusal(spelling: str) -> str:
    """Why this process may not be executed anew, and what to do instead; empty where it may."""
    return next((reason for check in CHECKS for reason in check(spelling)), "")


def _embedded(spelling: str) -> Iterator[str]:
    """A Python inside another program: its command line is that program's, not the interpreter's."""
    host = next((name for name in ("uwsgi", "mod_wsgi") if name in sys.modules), "")
    if host or not sys.orig_argv or not sys.orig_argv[0] or not same_file(sys.executable or "", EXE):
        program = host or os.path.basename(os.path.realpath(EXE))  # noqa: PTH119
        yield f"this Python is embedded in {program}; start that under it: heapswap run {spelling} -- {program}"
    elif getattr(sys, "frozen", False):
        yield f"this is a frozen program, which unpacks itself; start it as: heapswap run {spelling} -- PROGRAM"


def _forked(spelling: str) -> Iterator[str]:
    if mark.was_forked():
        yield (
            "this process was forked from one that runs without it, and executing the command anew would start "
            "that one a second time; declare it in the first process (gunicorn: in gunicorn.conf.py), "
            f"or start that with: heapswap run {spelling} -- COMMAND"
        )


def _child_of_multiprocessing(spelling: str) -> Iterator[str]:
    """Its instructions came through a pipe, which is read by now."""
    process = sys.modules.get("multiprocessing.process")
    if "--multiprocessing-fork" in sys.orig_argv or (process is not None and process.parent_process() is not None):
        yield (
            "this is a multiprocessing worker of a process that runs without it; declare it in the main program, "
            f"or start that with: heapswap run {spelling} -- COMMAND"
        )


def _threads(spelling: str) -> Iterator[str]:
    running = len(os.listdir(TASKS))  # noqa: PTH208 - names only
    if running > 1:
        where = (
            "in a Jupyter kernel, declare it in ipython_kernel_config.py, or in the argv of its kernel.json"
            if "ipykernel" in sys.modules
            else "declare it before anything that starts threads"
        )
        yield (
            f"{running - 1} other thread(s) run already and would be ended; {where}, "
            f"or start with: heapswap run {spelling} -- COMMAND"
        )


def _read_once(spelling: str) -> Iterator[str]:
    """A program that cannot be read a second time: typed, piped, or from a descriptor."""
    first = (getattr(sys, "argv", None) or [""])[0]
    if hasattr(sys, "ps1") or first in ("", "-"):
        yield (
            "the program comes from standard input or is typed in, and cannot be read twice; put it into a file, "
            f"or start with: heapswap run {spelling} -- python"
        )
        return
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if file is not None and _is_pipe(file):
        yield f"the program is read from a pipe ({file}), which cannot be read twice; put it into a file"


def _moved(spelling: str) -> Iterator[str]:
    """A program that was found from a folder that is no longer the current one."""
    main = sys.modules.get("__main__")
    file, module = getattr(main, "__file__", None), getattr(getattr(main, "__spec__", None), "name", "__main__")
    # A folder and an archive are run as a module of that name, too.
    lost = "" if not file else _lost_script(file, module) or (module != "__main__" and _lost_module(file, module))
    if lost:
        yield (
            f"the working directory was changed, and {lost} is not found from here; declare it before that, "
            f"or start with: heapswap run {spelling} -- COMMAND"
        )


def _lost_script(file: str, module: str) -> str:
    """The relative script, folder or archive that was named, if it is not here; else empty."""
    script = (getattr(sys, "argv", None) or [""])[0]
    if script not in sys.orig_argv or os.path.isabs(script):  # noqa: PTH117
        return ""
    # A profiler or debugger is what Python was given, and the script was given to that.
    runners = module != "__main__" or any(same_file(word, file) for word in sys.orig_argv[1:] if word != script)
    # A folder or archive is named by itself, and its program is the file in it.
    is_it = runners or any(same_file(script, named) for named in (file, os.path.dirname(file)))  # noqa: PTH120
    return "" if is_it and os.path.exists(script) else script  # noqa: PTH110


def _lost_module(file: str, module: str) -> str:
    """The module that Python found in the folder it was started in, if that is left and not searched; else empty."""
    folder = [str(parent) for parent in Path(file).parents][module.count(".") :][:1]
    # Python puts the folder in which it is started in front.
    is_searched = sys.flags.safe_path or sys.path[:1] != folder or folder[0] in sys.path[1:]
    return "" if is_searched or same_file(folder[0], DIRECTORY) else f"-m {module.removesuffix('.__main__')}"


def _input_taken(spelling: str) -> Iterator[str]:
    if _was_read(sys.stdin):
        yield (
            "standard input was read already, and what is buffered would be lost; declare it before reading, "
            f"or start with: heapswap run {spelling} -- COMMAND"
        )


def _output_replaced(spelling: str) -> Iterator[str]:
    if "_pytest.capture" in sys.modules and sys.stdout is not sys.__stdout__ and not givers_back:
        yield (
            "pytest captures the output here; declare it in the conftest.py at the root of the tests, with heapswap's "
            "plugin loaded (-p heapswap.runtime.pytest_plugin), "
            f"or start with: heapswap run {spelling} -- python -m pytest"
        )


def _begun(spelling: str) -> Iterator[str]:
    for reason in spoken_for:
        yield f"{reason}, or start with: heapswap run {spelling} -- COMMAND"


CHECKS: tuple[Callable[[str], Iterator[str]], ...] = (
    _embedded,
    _forked,
    _child_of_multiprocessing,
    _threads,
    _read_once,
    _moved,
    _input_taken,
    _output_replaced,
    _begun,
)


def _is_pipe(file: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(file).st_mode)  # noqa: PTH116
    except OSError:
        return False


def _was_read(stream: object) -> bool:
    """Whether a buffered reader has taken something from standard input; nothing is read or blocked by asking."""
    if not isinstance(stream, io.TextIOWrapper):
        return False
    try:
        # Text that was decoded already forbids a change of how to decode; to set what is set changes nothing.
        stream.reconfigure(errors=stream.errors)
        buffer = stream.buffer
        if buffer.seekable():
            return bool(buffer.tell() != os.lseek(buffer.fileno(), 0, os.SEEK_CUR))
        return isinstance(buffer, io.BufferedReader) and _holds_bytes(buffer)
    except io.UnsupportedOperation:
        return True
    except (OSError, ValueError):
        return False


def _holds_bytes(buffer: io.BufferedReader) -> bool:
    """Whether a reader has bytes left over. To ask makes an empty one read, so it is given an empty file meanwhile."""
    number = buffer.fileno()
    kept, inherited = os.dup(number), os.get_inheritable(number)
    empty = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(empty, number, inheritable=inherited)
        return bool(buffer.peek(1))
    finally:
        os.dup2(kept, number, inheritable=inherited)
        os.close(kept)
        os.close(empty)
