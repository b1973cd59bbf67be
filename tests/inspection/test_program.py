"""program: PATH as execvp searches it, ``#!`` lines, wrappers and shims."""

import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heapswap.errors import CannotGoOn
from heapswap.inspection.program import find, resolve
from tests.inspection.programs import build, require

TRUE = os.path.realpath("/bin/true")


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_path_is_taken_from_the_folder_it_is_run_in(tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(TRUE)
    assert resolve("./mine", {}, tmp_path).path == str(tmp_path / "mine")


def test_path_is_searched_in_order_and_an_empty_entry_is_the_folder(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "tool").symlink_to(TRUE)
    (tmp_path / "here").symlink_to(TRUE)
    assert find("tool", {"PATH": f"/nowhere:{second}:{first}"}, "/") == second / "tool"
    assert find("here", {"PATH": ":/nowhere"}, tmp_path) == tmp_path / "here"


def test_what_may_not_be_executed_is_passed_over(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    script(first / "tool", "#!/bin/sh\n", 0o644)
    script(second / "tool", "#!/bin/sh\n")
    assert find("tool", {"PATH": f"{first}:{second}"}, "/") == second / "tool"
    with pytest.raises(CannotGoOn, match="may not be executed; check its permissions"):
        find("tool", {"PATH": str(first)}, "/")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the command is empty"),
        ("surely-not-a-program", "was not found in PATH"),
        ("./surely-not-a-program", "does not exist"),
        ("/etc", "is a folder"),
        ("/etc/passwd", "may not be executed"),
        ("/etc/passwd/x", "does not exist"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(name: str, message: str) -> None:
    with pytest.raises(CannotGoOn, match=message) as caught:
        resolve(name, {}, "/")
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)


def test_files_for_another_system(tmp_path: Path) -> None:
    path = tmp_path / "tool.exe"
    path.write_bytes(b"MZ\x90\0\3\0")
    path.chmod(0o755)
    with pytest.raises(CannotGoOn, match="give a program for Linux"):
        resolve(str(path), {}, "/")


def test_scripts(tmp_path: Path) -> None:
    inner = script(tmp_path / "inner", f"#! {TRUE}  -a b \n")
    outer = script(tmp_path / "outer", f"#!{inner} x\n")
    program = resolve(str(outer), {}, "/", ("last",))
    assert program.path == TRUE
    assert program.scripts == (str(outer), str(inner))
    assert program.arguments == ("-a b", str(inner), "x", str(outer), "last")


def test_a_script_without_its_first_line_is_the_shells(tmp_path: Path) -> None:
    plain = script(tmp_path / "plain", "echo hello\n")
    program = resolve(str(plain), {"PATH": "/bin"}, "/")
    assert Path(program.path).name == "sh"
    assert str(plain) in program.opaque


@pytest.mark.parametrize("line", ["#!/not/there", "#!", "#!   "])
def test_scripts_without_an_interpreter(tmp_path: Path, line: str) -> None:
    with pytest.raises(CannotGoOn, match="interpreter"):
        resolve(str(script(tmp_path / "broken", line + "\n")), {}, "/")


def test_a_script_that_runs_itself_ends(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    script(endless, f"#!{endless}\n")
    with pytest.raises(CannotGoOn, match="the kernel refuses"):
        resolve(str(endless), {}, "/")


@pytest.mark.parametrize(
    "command",
    [
        "env true",
        "env -i -u X A=b true",
        "env -S 'true x'",
        "env '-Strue x'",
        "env env true",
        "nice -n 5 true",
        "nohup true",
        "timeout -s INT 5 true",
        "timeout -k 1 -- 5 true",
        "stdbuf -oL true",
        "setsid true",
        "sh -c true",
        "sh -c 'exec true \"a b\"'",
        "bash -euc 'true'",
        "sh -c 'exec nice true'",
    ],
)
def test_wrappers_are_looked_through(command: str) -> None:
    words = shlex.split(command)
    program = resolve(words[0], {"PATH": "/usr/bin:/bin"}, "/", words[1:])
    assert os.path.realpath(program.path) == TRUE
    assert len(program.steps) > 1
    assert not program.opaque


@pytest.mark.parametrize(
    "text",
    ["true | cat", "true && true", "X=1 true", "cd / ; true", "cd /", "$X", "true > f", "a 'b", "a\nb", ""],
)
def test_a_shell_script_is_not_guessed_at(text: str) -> None:
    program = resolve("sh", {"PATH": "/bin:/usr/bin"}, "/", ("-c", text))
    assert Path(program.path).name == "sh"
    assert "cannot be told in advance" in program.opaque


def test_env_chooses_by_the_path_it_sets(tmp_path: Path) -> None:
    (tmp_path / "tool").symlink_to("/bin/true")
    program = resolve("env", {"PATH": "/usr/bin:/bin"}, "/", (f"PATH={tmp_path}", "tool"))
    assert program.path == str(tmp_path / "tool")


def test_a_wrapper_that_will_fail_is_left_to_say_so() -> None:
    program = resolve("env", {"PATH": "/usr/bin:/bin"}, "/", ("surely-not-a-program",))
    assert Path(program.path).name == "env"
    assert "was not found" in program.opaque


def shim(root: Path, name: str) -> Path:
    (root / "shims").mkdir(parents=True)
    return script(
        root / "shims" / name,
        f'#!/bin/sh\nset -e\nprogram="${{0##*/}}"\nexport PYENV_ROOT="{root}"\n'
        f'exec "{root}/libexec/pyenv" exec "$program" "$@"\n',
    )


def test_pyenv_shims(tmp_path: Path) -> None:
    path = shim(tmp_path / "pyenv", "tool")
    for version in ("1.0", "2.0"):
        (tmp_path / "pyenv" / "versions" / version / "bin").mkdir(parents=True)
        (tmp_path / "pyenv" / "versions" / version / "bin" / "tool").symlink_to(TRUE)
    (tmp_path / "pyenv" / "version").write_text("1.0\n")
    project = tmp_path / "project" / "below"
    project.mkdir(parents=True)
    (tmp_path / "project" / ".python-version").write_text("2.0\n")

    def chosen(environ: dict[str, str], directory: Path) -> str:
        program = resolve(str(path), environ, directory, ("x",))
        assert program.arguments == ("x",)
        return Path(program.path).parent.parent.name

    assert chosen({}, tmp_path) == "1.0"
    assert chosen({}, project) == "2.0"
    assert chosen({"PYENV_VERSION": "1.0"}, project) == "1.0"
    missing = resolve(str(path), {"PYENV_VERSION": "9"}, project)
    assert str(path) in missing.opaque


def test_rustup_proxies(tmp_path: Path) -> None:
    rustup = build(tmp_path, "rustup", "int main(void) { return 0; }\n")
    (tmp_path / "rustc").symlink_to(rustup)
    home = tmp_path / "home"
    for toolchain in ("stable-x", "nightly-x"):
        (home / "toolchains" / toolchain / "bin").mkdir(parents=True)
        (home / "toolchains" / toolchain / "bin" / "rustc").symlink_to(TRUE)
    (home / "settings.toml").write_text('version = "12"\ndefault_toolchain = "stable-x"\n')

    def chosen(environ: dict[str, str], *arguments: str) -> str:
        return resolve(str(tmp_path / "rustc"), {"RUSTUP_HOME": str(home), **environ}, "/", arguments).path

    assert "stable-x" in chosen({})
    assert "nightly-x" in chosen({"RUSTUP_TOOLCHAIN": "nightly"})
    assert "nightly-x" in chosen({}, "+nightly")
    assert "rustup" in resolve(str(tmp_path / "rustc"), {"RUSTUP_HOME": "/nowhere"}, "/").opaque


def test_python_is_told_from_the_interpreter(tmp_path: Path) -> None:
    interpreter = require("python3", "python3")
    program = resolve(interpreter, dict(os.environ), tmp_path)
    assert program.python is not None
    assert program.python.minor >= (3, 6)
    assert resolve("/bin/true", {}, "/").python is None


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), max_size=5))
def test_any_words_after_a_wrapper_are_survived(words: list[str]) -> None:
    for wrapper in ("env", "sh", "timeout", "nice"):
        assert resolve(wrapper, {"PATH": "/usr/bin:/bin"}, "/", words).steps
