"""`heapswap.global_allocator` in real programs: in force, executed once, nothing else changed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import zipapp
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heapswap import native

PYTHON = sys.executable
HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
LIBRARY = os.path.realpath(native.required("mimalloc"))

REPORT = """
import json, os, sys
from pathlib import Path
from tests.integration.owner import malloc_owner

def report(**more):
    with open(os.environ["STARTS"]) as file:
        starts = len(file.readlines())
    return json.dumps({
        "owner": malloc_owner(), "mapped": "mimalloc" in Path("/proc/self/maps").read_text(), "starts": starts,
        "arguments": sys.argv[1:], "directory": os.getcwd(), "pid": os.getpid(), **more,
    })
"""
"""what the programs tell of themselves; the owner is asked of dladdr(3), as heapswap does not"""

ENTRY = """
import os
with open(os.environ["STARTS"], "a") as file:
    print(os.getpid(), file=file)
import heapswap
heapswap.global_allocator("mimalloc")
"""
"""The first lines of a program; each execution leaves a line."""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "telling.py").write_text(REPORT)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "STARTS": str(tmp_path / "starts"),
    }


def program(body: str = "") -> str:
    return ENTRY + "from telling import report\n" + (textwrap.dedent(body) or "print(report())\n")


def told(
    command: Sequence[str], environ: dict[str, str], *, status: int = 0, stdin: str = "", cwd: Path | None = None
) -> dict[str, Any]:
    """What a program tells, once it has ended with this status and nothing on standard error."""
    done = subprocess.run(
        command, env=environ, input=stdin, capture_output=True, text=True, check=False, cwd=cwd, timeout=120
    )
    assert done.stderr == ""
    assert done.returncode == status
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def is_in_force_once(answer: dict[str, Any]) -> bool:
    """Executed once more, in the same process, under mimalloc."""
    return (os.path.realpath(answer["owner"]), answer["mapped"], answer["starts"]) == (LIBRARY, True, 2)


@pytest.fixture
def forms(tmp_path: Path) -> dict[str, list[str]]:
    """The same program in every form that Python can be started in."""
    folder = tmp_path / "forms"
    package = folder / "package"
    package.mkdir(parents=True)
    (folder / "script.py").write_text(program())
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(program())
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "__main__.py").write_text(program())
    zipapp.create_archive(archive, folder / "app.pyz", interpreter=PYTHON)
    tool = folder / "tool"
    tool.write_text(f"#!{PYTHON}\n{program()}")
    tool.chmod(0o755)
    return {
        "script": [PYTHON, "script.py"],
        "absolute script": [PYTHON, str(folder / "script.py")],
        "-m": [PYTHON, "-m", "package"],
        "-c": [PYTHON, "-c", program()],
        "-X dev": [PYTHON, "-X", "dev", "-W", "error", "script.py"],
        "-u -O": [PYTHON, "-u", "-O", "script.py"],
        "zipapp": [PYTHON, "app.pyz"],
        "executable zipapp": [str(folder / "app.pyz")],
        "console script": [str(tool)],
        "folder": [PYTHON, str(archive)],
        "found in PATH": [Path(PYTHON).name, "script.py"],
    }


FORMS = (
    "script",
    "absolute script",
    "-m",
    "-c",
    "-X dev",
    "-u -O",
    "zipapp",
    "executable zipapp",
    "console script",
    "folder",
    "found in PATH",
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_program(
    form: str, forms: dict[str, list[str]], environ: dict[str, str], tmp_path: Path
) -> None:
    environ["PATH"] = f"{Path(PYTHON).parent}:{environ['PATH']}"
    answer = told([*forms[form], "one", "", "a b", "--", "é\n"], environ, cwd=tmp_path / "forms")
    assert is_in_force_once(answer)
    assert answer["arguments"] == ["one", "", "a b", "--", "é\n"]
    assert answer["directory"] == str(tmp_path / "forms")


def test_a_virtual_environment_whose_python_is_a_link(tmp_path: Path, environ: dict[str, str]) -> None:
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", "--symlinks", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv/bin/python"
    assert python.is_symlink()
    # Its own packages are empty: heapswap and what it needs come from where the tests have them.
    packages = [str(ROOT / "src"), str(Path(json.__file__).parents[1]), *(path for path in sys.path if "site-" in path)]
    environ["PYTHONPATH"] += ":" + ":".join(packages)
    answer = told(
        [str(python), "-c", program("print(report(prefix=sys.prefix))").replace("import os", "import os, sys")], environ
    )
    assert is_in_force_once(answer)
    assert answer["prefix"] == str(tmp_path / "venv")


@pytest.mark.parametrize(("ending", "status"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", -9)])
def test_the_exit_status_is_the_programs(ending: str, status: int, environ: dict[str, str]) -> None:
    code = program(f"import sys\nprint(report(), flush=True)\n{ending}")
    assert is_in_force_once(told([PYTHON, "-c", code], environ, status=status))


def test_standard_input_is_read_from_where_it_stands(environ: dict[str, str]) -> None:
    code = program("print(report(line=input()))")
    answer = told(["sh", "-c", 'read first; exec "$0" -c "$1"', PYTHON, code], environ, stdin="first\nsecond\n")
    assert is_in_force_once(answer)
    assert answer["line"] == "second"


def test_descriptors_signals_and_the_name_in_ps_stay(tmp_path: Path, environ: dict[str, str]) -> None:
    tool = tmp_path / "a-tool"
    look = """
    import os, signal
    from pathlib import Path
    lines = Path("/proc/self/status").read_text().splitlines()
    signals = [line for line in lines if line.startswith(("SigIgn", "SigBlk"))]
    numbers = sorted(os.listdir("/proc/self/fd"))
    print(report(name=Path("/proc/self/comm").read_text(), signals=signals, numbers=numbers))
    """
    tool.write_text(f"#!{PYTHON}\n{program(look)}")
    tool.chmod(0o755)
    command = ["sh", "-c", 'trap "" HUP; exec "$@" 7</dev/null', "sh", str(tool)]
    changed = told(command, environ)
    Path(environ["STARTS"]).unlink()
    plain = told(command, environ | {"HEAPSWAP_DISABLE": "1"})
    assert is_in_force_once(changed)
    assert plain["starts"] == 1
    for key in ("name", "signals", "numbers", "arguments", "directory"):
        assert changed[key] == plain[key]
    assert changed["name"] == "a-tool\n"


@pytest.mark.parametrize("form", FORMS)
def test_the_switch_turns_it_off(
    form: str, forms: dict[str, list[str]], environ: dict[str, str], tmp_path: Path
) -> None:
    environ |= {"PATH": f"{Path(PYTHON).parent}:{environ['PATH']}", "HEAPSWAP_DISABLE": "1"}
    answer = told(forms[form], environ, cwd=tmp_path / "forms")
    assert (answer["starts"], answer["mapped"]) == (1, False)
    assert "libc.so" in answer["owner"]


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_children_of_multiprocessing_inherit(method: str, tmp_path: Path, environ: dict[str, str]) -> None:
    script = tmp_path / "pool.py"
    script.write_text(
        program(f"""
        import multiprocessing
        if __name__ == "__main__":
            with multiprocessing.get_context({method!r}).Pool(2) as pool:
                print(report(children=pool.map(tell, [1, 2])))
        """).replace("from telling import report\n", "from telling import report\ndef tell(_):\n    return report()\n")
    )
    answer = told([PYTHON, str(script)], environ)
    children = [json.loads(child) for child in answer["children"]]
    assert os.path.realpath(answer["owner"]) == LIBRARY
    assert [os.path.realpath(child["owner"]) for child in children] == [LIBRARY] * 2
    # A spawned worker imports the program once; nobody is executed anew but the first.
    starts = Path(environ["STARTS"]).read_text().split()
    assert starts.count(str(answer["pid"])) == 2
    assert all(starts.count(pid) == 1 for pid in starts if pid != str(answer["pid"]))


def test_what_was_printed_before_is_not_lost(environ: dict[str, str]) -> None:
    code = "import os\nif 'HEAPSWAP_DECLARED' not in os.environ: print('before')\n" + program("print('after')")
    done = subprocess.run([PYTHON, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "before\nafter\n"


def test_interrupt_reaches_the_program(environ: dict[str, str]) -> None:
    code = program(
        """
        import signal, sys
        try:
            print("ready", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            sys.exit(5)
        """
    )
    child = subprocess.Popen([PYTHON, "-c", code], env=environ, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        assert child.wait() == 5


def test_what_run_has_put_in_force_needs_no_second_execution(environ: dict[str, str]) -> None:
    for options in ([], ["--only"]):
        Path(environ["STARTS"]).unlink(missing_ok=True)
        answer = told([HEAPSWAP, "run", *options, "mimalloc", "--", PYTHON, "-c", program()], environ)
        assert (os.path.realpath(answer["owner"]), answer["starts"]) == (LIBRARY, 1)


# ------------------------------------------------------------------------------------------------------- refused


def refused(command: Sequence[str], environ: dict[str, str], stdin: str = "") -> str:
    """The last line of an exception that nothing was executed anew after."""
    done = subprocess.run(command, env=environ, input=stdin, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert len(Path(environ["STARTS"]).read_text().split()) == 1
    return done.stderr.splitlines()[-1]


def test_a_second_allocator_is_refused_and_both_places_named(tmp_path: Path, environ: dict[str, str]) -> None:
    script = tmp_path / "two.py"
    script.write_text(
        "import heapswap\nheapswap.global_allocator('mimalloc')\n\nheapswap.global_allocator('jemalloc')\n"
    )
    done = subprocess.run([PYTHON, str(script)], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"global allocator has already been set: mimalloc from {script}:2, jemalloc from {script}:4" in done.stderr


def test_a_child_that_declares_another_is_refused_and_both_places_named(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    child = tmp_path / "child.py"
    child.write_text("import heapswap\nheapswap.global_allocator('jemalloc')\n")
    code = (
        "import heapswap, subprocess, sys\nheapswap.global_allocator('mimalloc')\n"
        f"subprocess.run([sys.executable, {str(child)!r}])"
    )
    done = subprocess.run([PYTHON, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert f"global allocator has already been set: mimalloc from <string>:2, jemalloc from {child}:2" in done.stderr


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "1 other thread"),
        ("import os; pid = os.fork(); pid and os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))", "forked"),
        ("input()", "standard input was read already"),
        ("import sys; sys.stdin.buffer.peek(1)", "standard input was read already"),
        ("import os, sys; sys.executable = '/bin/true'", "embedded"),
        ("import heapswap.runtime.mark; heapswap.runtime.mark.STAT = '/nowhere/stat'", "there is no /proc"),
    ],
    ids=["threads", "fork", "text read", "bytes buffered", "embedded", "no /proc"],
)
def test_where_a_second_execution_would_be_wrong_it_is_refused(before: str, says: str, environ: dict[str, str]) -> None:
    assert says in refused([PYTHON, "-c", before + program()], environ, stdin="one\ntwo\n")


def test_a_spawned_worker_of_a_program_without_it_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    """Its instructions came through a pipe: executed anew it would wait for them for ever."""
    script = tmp_path / "late.py"
    script.write_text(
        "import multiprocessing\nimport heapswap\n"
        "def work():\n    heapswap.global_allocator('mimalloc')\n"
        "if __name__ == '__main__':\n    multiprocessing.set_start_method('spawn')\n"
        "    worker = multiprocessing.Process(target=work)\n    worker.start()\n    worker.join(60)\n"
    )
    done = subprocess.run([PYTHON, str(script)], env=environ, capture_output=True, text=True, check=False, timeout=90)
    assert "this is a multiprocessing worker of a process that runs without it" in done.stderr.splitlines()[-1]


def test_two_programs_without_a_file_and_with_a_manifest_each(tmp_path: Path, environ: dict[str, str]) -> None:
    """Both declare at <string>:1; the second, started by the first, is another project's."""
    for name, allocator in (("first", "mimalloc"), ("second", "jemalloc")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "heapswap.toml").write_text(
            f"default-features = ['one']\n[features]\none = {{ allocator = '{allocator}' }}\n"
        )
    declare = "import heapswap; heapswap.global_allocator()"
    code = f"{declare}; import subprocess, sys; subprocess.run([sys.executable, '-c', {declare!r}], cwd='../second')"
    done = subprocess.run(
        [PYTHON, "-c", code], env=environ, cwd=tmp_path / "first", capture_output=True, text=True, check=False
    )
    assert "global allocator has already been set: mimalloc from <string>:1, jemalloc" in done.stderr


@pytest.mark.parametrize("disabled", ["", "1"])
def test_output_that_nobody_takes_ends_a_program_where_it_would_have(disabled: str, environ: dict[str, str]) -> None:
    code = 'print("early")\n' + program("import sys\nprint(report(), file=sys.stderr)")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PYTHON, "-c", code],
            env=environ | {"HEAPSWAP_DISABLE": disabled},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 120
    assert json.loads(done.stderr.splitlines()[0])["starts"] == (1 if disabled else 2)


@pytest.mark.parametrize("handler", ["lambda *_: None", "signal.SIG_DFL"])
def test_only_a_timer_that_the_program_handles_is_stopped_for_the_second_execution(
    handler: str, environ: dict[str, str]
) -> None:
    """A handler is gone after exec, and a timer is not: its signal would end the interpreter that starts."""
    every, stays = ("0.001", False) if "lambda" in handler else ("1000", True)
    code = f"import signal; signal.signal(signal.SIGALRM, {handler})\n"
    # The second execution sets none, so that it sees what the first has left.
    code += 'import os; os.path.exists(os.environ["STARTS"]) or '
    code += f"signal.setitimer(signal.ITIMER_REAL, {every}, {every})\n"
    code += program("print(report(timer=signal.getitimer(signal.ITIMER_REAL)[0]))")
    answer = told([PYTHON, "-c", code], environ)
    assert is_in_force_once(answer)
    assert bool(answer["timer"]) is stays


@pytest.mark.parametrize("words", [["moving.py"], ["-m", "moving"], ["-m", "moving_package"]])
def test_a_program_that_was_found_from_a_folder_it_has_left_is_refused(
    words: list[str], tmp_path: Path, environ: dict[str, str]
) -> None:
    folder = tmp_path / "folder"
    (folder / "moving_package").mkdir(parents=True)
    for name in ("moving.py", "moving_package/__main__.py"):
        (folder / name).write_text("import os; os.chdir('/')\n" + program())
    started = ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), PYTHON, *words]
    assert "the working directory was changed" in refused(started, environ)


def test_a_program_that_is_found_from_everywhere_may_leave_its_folder(tmp_path: Path, environ: dict[str, str]) -> None:
    """Also with an interpreter that was named from there, which finds its packages by that name."""
    (tmp_path / "moving.py").write_text(
        "import os; os.chdir('/')\n" + program("import sys\nprint(report(prefix=sys.prefix))")
    )
    (tmp_path / "venv").symlink_to(sys.prefix)
    for words in (["-c", "import moving"], ["-m", "moving"], [str(tmp_path / "moving.py")]):
        answer = told(["venv/bin/python", *words], environ, cwd=tmp_path)
        Path(environ["STARTS"]).unlink()
        assert is_in_force_once(answer)
        assert answer["prefix"] == str(tmp_path / "venv")


@pytest.mark.parametrize("runner", [["-m", "cProfile", "-o", os.devnull], ["./run"]])
def test_a_script_that_a_profiler_runs(runner: list[str], tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "script.py").write_text(program())
    (tmp_path / "run").write_text("import runpy, sys\ndel sys.argv[0]\nrunpy.run_path(sys.argv[0])\n")
    assert is_in_force_once(told([PYTHON, *runner, "script.py"], environ, cwd=tmp_path))


def test_a_program_from_standard_input_is_refused(environ: dict[str, str]) -> None:
    assert "cannot be read twice" in refused([PYTHON], environ, stdin=program())
    Path(environ["STARTS"]).unlink()
    assert "cannot be read twice" in refused(["bash", "-c", f"{PYTHON} <(cat)"], environ, stdin=program())


def test_a_refusal_loses_nothing_of_standard_input(environ: dict[str, str]) -> None:
    code = """
import sys, heapswap, heapswap.errors
sys.stdin.buffer.peek(1)
try:
    heapswap.global_allocator("mimalloc")
except heapswap.errors.CannotGoOn:
    print(sys.stdin.read(), end="")
"""
    done = subprocess.run(
        [PYTHON, "-c", code], env=environ, input="one\ntwo\n", capture_output=True, text=True, check=True
    )
    assert done.stdout == "one\ntwo\n"


def test_an_interpreter_that_nothing_reaches_is_not_executed_over_and_over(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """A preload that the loader ignores: here because something strips it on the way."""
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec {PYTHON} "$@"\n')
    wrapper.chmod(0o755)
    before = f"import sys; sys.executable = {str(wrapper)!r}\n"
    code = before + "import heapswap.runtime.refusal as r; r.CHECKS = ()\n" + program()
    done = subprocess.run([PYTHON, "-c", code], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert "is not in force although the command was executed anew for it" in done.stderr
    assert len(Path(environ["STARTS"]).read_text().split()) == 2
