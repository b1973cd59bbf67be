"""`heapswap run` on real programs: the program finds everything as it would without heapswap, but for the candidate."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from heapswap import native

HEAPSWAP = str(Path(sys.executable).with_name("heapswap"))
PYTHON = str(Path(sys.executable).resolve())
BASH = shutil.which("bash") or "bash"
CANDIDATES = ("current", "mimalloc")


def under(candidate: str, *command: str) -> list[str]:
    """The command line that runs `command` under a candidate, options of `run` before it: ``--only mimalloc``."""
    return [HEAPSWAP, "run", *candidate.split(), "--", *command]


def output(
    command: Sequence[str], *, environ: dict[str, str] | None = None, cwd: Path | None = None, errors: str = ""
) -> str:
    """What a command prints, once it has succeeded with nothing else than `errors` on standard error."""
    done = subprocess.run(command, env=environ, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.stderr == errors
    assert done.returncode == 0
    return done.stdout


def served(lines: str) -> bool:
    """Whether mimalloc stands in a copy of /proc/PID/maps."""
    return "mimalloc" in lines


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment with what a program may trip over, and no locale: Python would set LC_CTYPE there."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "EMPTY": "", "ODD": "a=b \t\n'\"", "PYTHONHASHSEED": "0"}


# ---------------------------------------------------------------------------------------- as heapswap found it

STATES = {
    "as started": '"$@"',
    "SIGPIPE ignored": "trap '' PIPE; \"$@\"",
    "SIGXFSZ ignored": "trap '' XFSZ; \"$@\"",
    "SIGINT and SIGHUP ignored, as nohup and a background job do": "trap '' INT HUP; \"$@\"",
    "limits": 'ulimit -n 123; ulimit -c 0; ulimit -S -s 4096; "$@"',
    "a descriptor more": '"$@" 7</dev/null',
    "no standard input": '"$@" <&-',
    "another umask": 'umask 027; "$@"',
}


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize(
    "look",
    [
        ("grep", "-E", "^(Sig(Ign|Blk|Cgt|Pnd)|Shd|Umask|Seccomp|NoNewPrivs|Threads|Groups)", "/proc/self/status"),
        ("cat", "/proc/self/limits"),
        ("ls", "/proc/self/fd"),
    ],
    ids=lambda look: look[0],
)
def test_process_attributes_are_as_found(candidate: str, state: str, look: tuple[str, ...]) -> None:
    start = ["sh", "-c", state, "sh"]
    assert output([*start, *under(candidate, *look)]) == output([*start, *look])


def test_a_blocked_signal_stays_blocked() -> None:
    look = ("grep", "SigBlk", "/proc/self/status")
    block = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); "
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    assert output([PYTHON, "-c", block, *under("mimalloc", *look)]) == output([PYTHON, "-c", block, *look])
    assert output([PYTHON, "-c", block, *look]) != output(look)


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_stay_closed(candidate: str, closed: str, tmp_path: Path) -> None:
    seen = []
    for name, command in (("direct", []), ("under", under(candidate))):
        file = tmp_path / name
        script = f"ls /proc/self/fd > {file}; exit 7"
        done = subprocess.run(
            ["sh", "-c", f'"$@" {closed}', "sh", *command, "sh", "-c", script], capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")
        seen.append(file.read_text())
    assert seen[0] == seen[1]


def test_an_error_is_not_written_to_another_stream_than_standard_error() -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *under("nosuch", "true")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_no_process_stays_behind(candidate: str) -> None:
    """Same process, same parent, same group and session."""
    look = ("cut", "-d ", "-f1,4-6", "/proc/self/stat")
    child = subprocess.Popen(under(candidate, *look), stdout=subprocess.PIPE, text=True, start_new_session=True)
    printed, _ = child.communicate()
    assert printed.split() == [str(child.pid), str(os.getpid()), str(child.pid), str(child.pid)]


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_environment_is_as_found(candidate: str, bare: dict[str, str]) -> None:
    direct = output(["env", "-0"], environ=bare).split("\0")
    found = output(under(candidate, "env", "-0"), environ=bare).split("\0")
    if candidate != "current":
        assert found.pop(-2) == f"LD_PRELOAD={native.bundled('mimalloc')}"
    assert found == direct


@pytest.mark.parametrize("candidate", ["current", "system", "system:trim_threshold=65536"])
def test_several_tunables_stay_one_variable(candidate: str, bare: dict[str, str]) -> None:
    tunables = "glibc.malloc.arena_max=2:glibc.malloc.tcache_count=3:glibc.rtld.nns=5"
    found = output(under(candidate, "env"), environ={"GLIBC_TUNABLES": tunables, **bare}).splitlines()
    assert [line for line in found if "glibc." in line] == [f"GLIBC_TUNABLES={tunables}"]


def test_the_current_folder_and_pythons_own_variables_do_not_reach_heapswap(
    tmp_path: Path, bare: dict[str, str]
) -> None:
    for module in ("heapswap", "json", "argparse", "re", "signal", "dataclasses", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from the current folder')\n")
    bare |= {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": "/nonexistent",
        "PYTHONMALLOC": "nonsense",
        "PYTHONVERBOSE": "1",
        "PYTHONINSPECT": "1",
    }
    assert output(under("current", "env", "-0"), environ=bare, cwd=tmp_path) == output(["env", "-0"], environ=bare)


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 2", 2), ("exit 3", 3), ("kill -9 $$", -9)])
def test_the_exit_status_is_the_programs(candidate: str, script: str, status: int) -> None:
    done = subprocess.run(under(candidate, "sh", "-c", script), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")


def test_a_pipe_that_closes_early_ends_the_writer_quietly() -> None:
    assert output(under("mimalloc", "bash", "-c", "yes | head -1")) == "y\n"


def test_words_that_are_no_text_arrive_as_they_are() -> None:
    word = b"caf\xe9 \xff\n--"
    command = [os.fsencode(part) for part in under("mimalloc", "printf", "%s|")]
    assert subprocess.check_output([*command, word, b"--", b""]) == word + b"|--||"


def test_a_script_without_an_interpreter_line_is_the_shells(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('echo "$0" "$1"\n')
    script.chmod(0o755)
    for name in (str(script), "./script"):
        assert output(["env", name, "one"], cwd=tmp_path) == f"{name} one\n"
        assert output(under("current", name, "one"), cwd=tmp_path) == f"{name} one\n"


def test_a_program_starts_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = under("mimalloc", "cat", "/proc/self/maps")
    assert served(output(["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *words], cwd=gone))


SHELL = """
import os, signal, sys
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        print("ended by", signal.Signals(os.WTERMSIG(status)).name, flush=True)
        break
    print("stopped by", signal.Signals(os.WSTOPSIG(status)).name, flush=True)
    os.kill(child, signal.SIGCONT)
"""
"""A job-control shell with one foreground job; the job is what its arguments say."""


def test_ctrl_z_and_ctrl_c_reach_the_program_in_the_foreground() -> None:
    program = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "print('group', os.tcgetpgrp(0) == os.getpgrp() == os.getpid(), flush=True); "
        "signal.pause(); signal.pause()"
    )
    command = [PYTHON, "-c", SHELL, *under("mimalloc", PYTHON, "-c", program)]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    try:
        assert _until(terminal, b"\n") == b"group True\r\n"
        os.write(terminal, b"\x1a")
        assert b"stopped by SIGTSTP" in _until(terminal, b"SIGTSTP\r\n")
        os.write(terminal, b"\x03")
        assert b"ended by SIGINT" in _until(terminal, b"SIGINT\r\n")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def _until(terminal: int, end: bytes) -> bytes:
    seen = b""
    while not seen.endswith(end):
        seen += os.read(terminal, 1024)
    return seen


# ------------------------------------------------------------------------------------------- what is asked for


def test_the_candidate_is_in_force_in_the_program_and_in_what_it_starts() -> None:
    program, child = output(
        under("mimalloc", "sh", "-c", "grep -c mimalloc /proc/$$/maps; sh -c 'grep -c mimalloc /proc/$$/maps'")
    ).split()
    assert int(program) > 0
    assert int(child) > 0


def test_a_preload_of_the_users_own_stays() -> None:
    users = str(native.required("witness"))
    environ = os.environ | {"LD_PRELOAD": users}
    printed = output(under("mimalloc", "sh", "-c", "echo $LD_PRELOAD; cat /proc/$$/maps"), environ=environ)
    first, _, maps = printed.partition("\n")
    assert first == f"{native.bundled('mimalloc')}:{users}"
    assert users in maps


def test_nested_runs_of_one_candidate_are_one() -> None:
    nested = under("mimalloc", *under("mimalloc", "sh", "-c", "echo $LD_PRELOAD"))
    assert output(nested) == f"{native.bundled('mimalloc')}\n"


@pytest.mark.parametrize("outer", ["mimalloc", "--only mimalloc"])
def test_a_second_global_allocator_is_refused(outer: str) -> None:
    done = subprocess.run(under(outer, *under("jemalloc", "true")), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"heapswap: global allocator has already been set: mimalloc ({native.bundled('mimalloc')}) from LD_PRELOAD, "
        "jemalloc from the command line; take one of the two away\n"
    )


def test_heapswap_disable_runs_the_program_plainly(bare: dict[str, str]) -> None:
    bare["HEAPSWAP_DISABLE"] = "1"
    assert output(under("mimalloc", "env", "-0"), environ=bare) == output(["env", "-0"], environ=bare)
    assert output(under("--only nosuch", "env", "-0"), environ=bare) == output(["env", "-0"], environ=bare)


def test_a_dry_run_can_be_evaluated_by_a_shell() -> None:
    """Only the settings: whatever the words of the command hold stays in the comment."""
    printed = output(under("--dry-run system:arena_max=2,perturb=3", "printf", "%s", "a 'b'\necho out; exit 1"))
    assert printed.startswith(
        "export MALLOC_ARENA_MAX=2\nexport MALLOC_PERTURB_=3\n# env MALLOC_ARENA_MAX=2 MALLOC_PERTURB_=3 printf %s 'a '"
    )
    assert output(["sh", "-c", f"{printed}echo $MALLOC_ARENA_MAX $MALLOC_PERTURB_"]) == "2 3\n"


def test_a_dry_run_prints_words_that_are_no_text_as_they_are() -> None:
    command = [os.fsencode(part) for part in under("--dry-run system:arena_max=2", "printf")]
    printed = subprocess.check_output([*command, b"caf\xe9"], env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert printed == b"export MALLOC_ARENA_MAX=2\n# env MALLOC_ARENA_MAX=2 printf 'caf\xe9'\n"


def test_a_dry_run_takes_away_what_the_candidate_needs_away() -> None:
    environ = os.environ | {"LD_PRELOAD": str(native.required("jemalloc"))}
    printed = output(under("--dry-run system", "true"), environ=environ)
    assert printed == "unset LD_PRELOAD\n# env -u LD_PRELOAD true\n"


def test_a_dry_run_of_a_scope_is_for_the_shell_that_execs() -> None:
    printed = output(under("--dry-run --only mimalloc", "sh", "-c", "true"))
    look = "grep -c mimalloc /proc/$$/maps; sh -c 'grep -c mimalloc /proc/$$/maps'; true"
    program, child = output(["sh", "-c", f'{printed}exec sh -c "$1"', "sh", look]).split()
    assert int(program) > 0
    assert child == "0"


# ---------------------------------------------------------------------------------------------------- --only

CHILDREN = {
    "python subprocess": (PYTHON, "-c", "import subprocess; subprocess.run(['env', '-0'], check=True)"),
    "python os.system": (PYTHON, "-c", "import os; os.system('env -0')"),
    "python posix_spawn": (
        PYTHON,
        "-c",
        "import os; os.waitpid(os.posix_spawnp('env', ['env', '-0'], os.environ), 0)",
    ),
    "bash": (BASH, "-c", "env -0; true"),
    "sh": ("sh", "-c", "env -0; true"),
    "perl": ("perl", "-e", 'system("env", "-0")'),
    "perl by the shell": ("perl", "-e", 'system("env -0; true")'),
    "xargs": ("xargs", "env", "-0"),
}


@pytest.mark.parametrize("candidate", ["mimalloc:purge_delay=0", "jemalloc", "system:arena_max=1"])
@pytest.mark.parametrize("command", CHILDREN.values(), ids=CHILDREN)
@pytest.mark.parametrize("preload", ["", "witness"])
def test_children_get_the_users_own_environment(
    candidate: str, command: tuple[str, ...], preload: str, bare: dict[str, str]
) -> None:
    if preload:
        bare |= {"LD_PRELOAD": str(native.required(preload)), "ZZ": "last"}
    assert output(under(f"--only {candidate}", *command), environ=bare) == output(command, environ=bare)


def test_children_of_make_get_the_users_own_environment(tmp_path: Path, bare: dict[str, str]) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t@env -0; true\n")
    direct = output(["make"], environ=bare, cwd=tmp_path)
    assert output(under("--only mimalloc", "make"), environ=bare, cwd=tmp_path) == direct


LOOK = """
import subprocess
print(open('/proc/self/maps').read(), 'CHILD', subprocess.check_output(['cat', '/proc/self/maps'], text=True))
"""


@pytest.fixture
def interpreter_script(tmp_path: Path) -> str:
    """A script that ``/usr/bin/env`` starts, as most are."""
    (tmp_path / "python3").symlink_to(PYTHON)
    script = tmp_path / "script.py"
    script.write_text(f"#!/usr/bin/env python3\n{LOOK}\n")
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def shim(tmp_path: Path) -> str:
    """A version manager's shim: a shell script that execs the program it stands for."""
    script = tmp_path / "shim"
    script.write_text(
        textwrap.dedent(f"""\
            #!/usr/bin/env bash
            set -e
            name="${{0##*/}}"
            export SHIM_ROOT="$(dirname "$(echo "$name")")"
            exec "{PYTHON}" "$@"
            """)
    )
    script.chmod(0o755)
    return str(script)


LOOKING = (PYTHON, "-c", LOOK)
WAYS = {
    "directly": LOOKING,
    "sh exec": ("sh", "-c", 'exec "$@"', "sh", *LOOKING),
    "env": ("env", "MORE=1", *LOOKING),
    "nice": ("nice", "-n", "1", *LOOKING),
    "perl exec": ("perl", "-e", "exec { $ARGV[0] } @ARGV", *LOOKING),
    "os.execve": (
        PYTHON,
        "-c",
        "import os, sys; os.execve(sys.argv[1], sys.argv[1:], {'PATH': os.environ['PATH'], 'ONLY': 'this'})",
        *LOOKING,
    ),
    "fexecve": (
        PYTHON,
        "-c",
        "import os, sys; os.execve(os.open(sys.argv[1], os.O_RDONLY), sys.argv[1:], os.environ)",
        *LOOKING,
    ),
}
"""Ways from the first program to the one that works, all in one process."""


@pytest.mark.parametrize("program", WAYS.values(), ids=WAYS)
def test_the_program_keeps_the_candidate_and_its_children_do_not_get_it(program: tuple[str, ...]) -> None:
    _assert_scoped(program)


def test_a_script_that_env_starts_keeps_the_candidate(
    interpreter_script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    _assert_scoped((interpreter_script,))


def test_a_version_managers_shim_keeps_the_candidate(shim: str) -> None:
    _assert_scoped((shim, "-c", LOOK))


def _assert_scoped(program: tuple[str, ...]) -> None:
    own, _, child = output(under("--only mimalloc", *program)).partition("CHILD")
    assert served(own)
    assert not served(child)


def test_a_forked_child_that_execs_is_a_child() -> None:
    script = "import os\nif os.fork() == 0: os.execvp('cat', ['cat', '/proc/self/maps'])\nos.wait()"
    assert not served(output(under("--only mimalloc", PYTHON, "-c", script)))


def test_a_preload_that_the_program_adds_before_exec_joins_the_candidate() -> None:
    more = str(native.required("witness"))
    script = (
        f'export LD_PRELOAD={more}; exec sh -c "cat /proc/\\$\\$/maps; echo CHILD; sh -c \\"echo \\\\\\$LD_PRELOAD\\""'
    )
    own, _, child = output(under("--only mimalloc", "sh", "-c", script)).partition("CHILD\n")
    assert served(own)
    assert more in own
    assert child == f"{more}\n"


def test_a_program_that_clears_its_environment_works() -> None:
    script = (
        "import ctypes, os; libc = ctypes.CDLL(None); libc.clearenv(); libc.getenv.restype = ctypes.c_char_p;"
        "print(libc.getenv(b'PATH'), flush=True); os.execve('/bin/cat', ['cat', '/proc/self/maps'], {})"
    )
    printed = output(under("--only mimalloc", PYTHON, "-c", script))
    assert printed.startswith("None\n")
    assert served(printed)


def test_a_failed_exec_leaves_the_program_as_it_was() -> None:
    script = (
        "import errno, os\n"
        "try: os.execv('/nonexistent', ['x'])\n"
        "except OSError as error: print(errno.errorcode[error.errno])\n"
        "os.execv('/bin/cat', ['cat', '/proc/self/maps'])\n"
    )
    assert served(output(under("--only mimalloc", PYTHON, "-u", "-c", script)).removeprefix("ENOENT\n"))


def test_mimalloc_has_read_its_knobs_before_they_are_taken_back() -> None:
    environ = os.environ | {"MIMALLOC_VERBOSE": "1"}
    child = ("sh", "-c", "LD_PRELOAD=$1 sh -c :", "sh", str(native.bundled("mimalloc")))
    command = under("--only mimalloc:purge_delay=77", *child)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    delays = [line.strip() for line in done.stderr.splitlines() if line.startswith("option 'purge_delay'")]
    assert delays == ["option 'purge_delay': 77", "option 'purge_delay': 1000"]


def test_jemalloc_has_read_its_knobs_before_they_are_taken_back() -> None:
    environ = os.environ | {"_RJEM_MALLOC_CONF": "stats_print:true"}
    command = under("--only jemalloc:dirty_decay_ms=1234", BASH, "-c", "echo $_RJEM_MALLOC_CONF")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert "opt.dirty_decay_ms: 1234" in done.stderr
    assert done.stdout == "stats_print:true\n"


ARENAS = """
import ctypes, subprocess, sys, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(4)
def work():
    libc.malloc(100_000)
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
libc.stdout = ctypes.c_void_p.in_dll(libc, "stdout")
libc.malloc_info(0, libc.stdout)
libc.fflush(None)
"""


def test_the_c_library_has_read_its_knobs_before_they_are_taken_back() -> None:
    command = (PYTHON, "-c", ARENAS)
    assert output(under("--only system:arena_max=1", *command)).count("<heap nr=") == 1
    assert output(command).count("<heap nr=") > 1


def test_python_reads_its_own_allocator_late_and_its_children_do_not() -> None:
    script = (
        "import os, subprocess, sys; "
        "sys._debugmallocstats(); print(os.environ.get('PYTHONMALLOC')); sys.stdout.flush(); "
        "sys.stderr.write('CHILD\\n'); sys.stderr.flush(); "
        "subprocess.run([sys.executable, '-c', 'import sys; sys._debugmallocstats()'])"
    )
    done = subprocess.run(
        under("--only mimalloc:python=malloc", PYTHON, "-c", script), capture_output=True, text=True, check=True
    )
    own, _, child = done.stderr.partition("CHILD\n")
    assert "Small block threshold" not in own
    assert "Small block threshold" in child
    assert done.stdout == "None\n"


# ------------------------------------------------------------------------------------------ the native command


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """A copy of the command alone in a prefix, so that only the rules under test find a Python."""
    (tmp_path / "bin").mkdir()
    shutil.copy(HEAPSWAP, tmp_path / "bin" / "heapswap")
    return tmp_path


def _fake_python(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\nprintf "%s|" "$0" "$@"\n')
    path.chmod(0o755)


def test_the_python_beside_the_command_is_started(installation: Path) -> None:
    _fake_python(installation / "bin" / "python3")
    code = "import sys; from heapswap.cli.main import main; sys.exit(main())"
    printed = output([str(installation / "bin" / "heapswap"), "run", "--", "a b"])
    assert printed == f"{installation}/bin/python3|-E|-P|-c|{code}|run|--|a b|"


def test_a_link_to_the_command_starts_the_python_beside_the_file(installation: Path, tmp_path: Path) -> None:
    _fake_python(installation / "bin" / "python")
    link = tmp_path / "link"
    link.symlink_to(installation / "bin" / "heapswap")
    assert output([str(link)]).startswith(f"{installation}/bin/python|")


def test_the_python_whose_packages_hold_heapswap_is_started(installation: Path, tmp_path: Path) -> None:
    (installation / "lib" / "python3.99" / "site-packages" / "heapswap").mkdir(parents=True)
    _fake_python(tmp_path / "elsewhere" / "python3.99")
    environ = {"PATH": f"relative:{tmp_path}/elsewhere:{os.environ['PATH']}"}
    assert output([str(installation / "bin" / "heapswap")], environ=environ).startswith(
        f"{tmp_path}/elsewhere/python3.99|"
    )


def test_no_python_is_one_line_and_exit_status_3(installation: Path) -> None:
    done = subprocess.run([installation / "bin" / "heapswap"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        f"heapswap: there is no Python beside {installation}/bin/heapswap that could be started; "
        "install heapswap again with the Python that is to run it\n"
    )


def test_the_command_passes_on_only_what_it_found(installation: Path) -> None:
    python = installation / "bin" / "python3"
    python.write_text('#!/bin/sh\necho "${HEAPSWAP_IGNORED_SIGNALS-none}"\n')
    python.chmod(0o755)
    command = str(installation / "bin" / "heapswap")
    stale = os.environ | {"HEAPSWAP_IGNORED_SIGNALS": "13"}
    both = f"{int(signal.SIGPIPE)},{int(signal.SIGXFSZ)}\n"
    assert output([command], environ=stale) == "none\n"
    assert output(["sh", "-c", f"trap '' PIPE XFSZ; exec {command}"], environ=stale) == both
