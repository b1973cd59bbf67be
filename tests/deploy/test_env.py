"""Variables in a file: in force where a shell or a dotenv reader takes them, beside what is there."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heapswap.deploy.env import PRINTED, Form, assignments, guessed, plan
from heapswap.deploy.tree import Tree
from heapswap.errors import CannotGoOn, Misuse
from tests.deploy.support import after, chosen, owners
from tests.native.support import library, program

SHELLS = ("sh", "bash", "dash")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("options", ["", "set -eu; "])
def test_sourced_by_a_shell_it_is_in_force_beside_what_is_preloaded(shell: str, options: str, tmp_path: Path) -> None:
    file = tmp_path / "a b.sh"
    file.write_bytes(b"export OTHER=1\n")
    file.write_bytes(after(plan(str(file), chosen("jemalloc/returning"), Tree()), file))
    script = f"{options}. {shlex.quote(str(file))}; . {shlex.quote(str(file))}; exec env"
    found = owners([program(shell, shell), "-c", script], {"PATH": os.environ["PATH"]}, tmp_path / "journal")
    assert found["env"] == str(library("jemalloc"))


@pytest.mark.parametrize("shell", SHELLS)
def test_sourcing_twice_adds_nothing_twice_and_works_without_a_preload(shell: str, tmp_path: Path) -> None:
    printed = plan(PRINTED, chosen("mimalloc:purge_delay=0"), Tree()).printed
    script = f'{printed}\n{printed}\necho "$LD_PRELOAD $MIMALLOC_PURGE_DELAY"'
    environ = {"PATH": os.environ["PATH"]}
    done = subprocess.run([shell, "-euc", script], env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{library('mimalloc')} 0\n", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_what_the_environment_has_keeps_its_value_and_lists_are_added_to(shell: str) -> None:
    printed = plan(PRINTED, chosen("jemalloc:narenas=2"), Tree()).printed
    printed += plan(PRINTED, chosen("mimalloc:purge_delay=0"), Tree(), Form.SHELL).printed.split("esac\n")[1]
    there = {"LD_PRELOAD": "/opt/a.so /opt/b.so", "_RJEM_MALLOC_CONF": "tcache:true", "MIMALLOC_PURGE_DELAY": "7"}
    script = f"{' '.join(f'{name}={shlex.quote(value)}; export {name};' for name, value in there.items())}\n{printed}"
    script += 'echo "$LD_PRELOAD|$_RJEM_MALLOC_CONF|$MIMALLOC_PURGE_DELAY"'
    done = subprocess.run([shell, "-euc", script], env={}, capture_output=True, text=True, check=False)
    assert done.stdout == f"{library('jemalloc')}:/opt/a.so /opt/b.so|narenas:2,tcache:true|7\n", done.stderr


def test_a_dotenv_file_given_as_it_is_puts_it_in_force(tmp_path: Path) -> None:
    """Read as Docker's ``--env-file`` does: every line literally, no quotes, no expansion."""
    file = tmp_path / ".env"
    file.write_bytes(b"# mine\nA=1\n")
    file.write_bytes(after(plan(str(file), chosen("jemalloc:narenas=2"), Tree()), file))
    variables = dict(row.split("=", 1) for row in file.read_text().splitlines() if not row.startswith("#"))
    assert variables == {"A": "1", "LD_PRELOAD": str(library("jemalloc")), "_RJEM_MALLOC_CONF": "narenas:2"}
    found = owners(["env"], {"PATH": os.environ["PATH"], **variables}, tmp_path / "journal")
    assert found["env"] == str(library("jemalloc"))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (b"LD_PRELOAD=/opt/apm.so\n", b"LD_PRELOAD={}:/opt/apm.so\n"),
        (b'export LD_PRELOAD="/opt/apm.so"\r\nA=1\r\n', b'export LD_PRELOAD="{}:/opt/apm.so"\r\nA=1\r\n'),
        (b"LD_PRELOAD='/opt/apm.so'", b"LD_PRELOAD='{}:/opt/apm.so'"),
        (b"LD_PRELOAD=\n", b"LD_PRELOAD={}\n"),
        (b'LD_PRELOAD=""\n', b'LD_PRELOAD="{}"\n'),
        (b"LD_PRELOAD=/opt/apm.so:${LD_PRELOAD}\n", b"LD_PRELOAD={}:/opt/apm.so:${LD_PRELOAD}\n"),
        (b"\xef\xbb\xbfA=\xff\n", b"\xef\xbb\xbfA=\xff\nLD_PRELOAD={}\n"),
        (b"", b"LD_PRELOAD={}\n"),
    ],
)
def test_dotenv_lines_are_merged_in_place(there: bytes, expected: bytes, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(there)
    ours = str(library("mimalloc")).encode()
    assert after(plan(str(file), chosen("mimalloc"), Tree()), file) == expected.replace(b"{}", ours)


NAMES = st.sampled_from(["A", "B_1", "LD_PRELOAD", "_RJEM_MALLOC_CONF"])
VALUES = st.sampled_from(["", "1", "'a b'", '"x"', "/opt/apm.so", "tcache:true"])
ROWS = st.lists(st.one_of(st.builds("{}={}".format, NAMES, VALUES), st.sampled_from(["# note", "", "  "])), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=ROWS, ending=st.sampled_from(["\n", "\r\n"]), form=st.sampled_from(list(Form)))
def test_edited_twice_is_edited_once(rows: list[str], ending: str, form: Form, tmp_path: Path) -> None:
    """Also where no receipt tells that it was heapswap: a file that came with the repository, say."""
    file = tmp_path / "variables"
    file.write_bytes(ending.join(rows).encode())
    first = after(plan(str(file), chosen("jemalloc:narenas=2"), Tree(), form), file)
    file.write_bytes(first)
    assert after(plan(str(file), chosen("jemalloc:narenas=2"), Tree(), form), file) == first


def test_another_allocator_in_the_file_is_refused_naming_both(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("LD_PRELOAD=/nowhere/libjemalloc.so.2\n")
    with pytest.raises(Misuse, match=r"already been set: jemalloc .*libjemalloc.so.2.*mimalloc from a test"):
        plan(str(file), chosen("mimalloc"), Tree())


def test_a_knob_set_to_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.sh"
    file.write_text("export _RJEM_MALLOC_CONF=narenas:4\n")
    with pytest.raises(Misuse, match=r"narenas is 4 from .* and 2 from"):
        plan(str(file), chosen("jemalloc:narenas=2"), Tree())


def test_a_setting_that_only_a_shell_can_tell_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.sh"
    file.write_text("export _RJEM_MALLOC_CONF=$(conf)\n")
    with pytest.raises(CannotGoOn, match=r"x.sh, line 1: what _RJEM_MALLOC_CONF is cannot be told"):
        plan(str(file), chosen("jemalloc:narenas=2"), Tree())


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        (".env", "", Form.DOTENV),
        (".env.production", "export A=1", Form.DOTENV),
        ("start.sh", "", Form.SHELL),
        (".envrc", "", Form.SHELL),
        ("variables", "A=1\n", Form.DOTENV),
        ("variables", "# x\nexport A=1\n", Form.SHELL),
        ("variables", "A=1\nif true; then\n", Form.SHELL),
    ],
)
def test_the_form_is_told_by_name_and_content(name: str, content: str, form: Form) -> None:
    assert guessed(Path(name), content) is form


def test_assignments_as_they_are_read() -> None:
    found = assignments("A=1\n export B='x y' # note\nC=$A\nnot one\nD=\"q\n")
    assert [(one.name, one.value) for one in found] == [("A", "1"), ("B", "x y"), ("C", None), ("D", None)]
