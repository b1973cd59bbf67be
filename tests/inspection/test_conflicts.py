"""conflicts: every check of preflight against a program made for it."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from heapswap.allocators.model import Activation
from heapswap.findings import Finding, Level
from heapswap.inspection.conflicts import conflicts_with_any, preflight
from heapswap.inspection.program import resolve
from tests.inspection.activations import knobs, preload
from tests.inspection.programs import CALLS_MALLCTL, DEFINES_MALLCTL, MALLOC, PRINTS_FRESH_BLOCK, build, library

ENVIRON = {"PATH": "/usr/bin:/bin"}
ARENAS = knobs(MALLOC_ARENA_MAX="2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conflicts")


@pytest.fixture(scope="module")
def plain(folder: Path) -> Path:
    return build(folder, "plain", PRINTS_FRESH_BLOCK)


@pytest.fixture(scope="module")
def allocator(folder: Path) -> Path:
    return library(folder, "liballocator.so", MALLOC)


def found(program: Path | str, activation: Activation, *arguments: str) -> dict[str, Finding]:
    resolved = resolve(str(program), ENVIRON, "/", arguments)
    findings = preflight(resolved, activation, ENVIRON)
    for finding in findings:
        assert "\n" not in finding.seen + finding.remedy
        assert finding.seen
        assert finding.remedy
    # A quota or huge pages are this machine's, not the program's.
    return {finding.code: finding for finding in findings if finding.code not in ("cpu-quota", "huge-pages")}


def test_an_ordinary_program_has_none(plain: Path, allocator: Path) -> None:
    assert found(plain, preload(allocator)) == {}
    assert found(plain, ARENAS) == {}
    assert found(plain, knobs()) == {}


@pytest.mark.parametrize("option", ["-static", "-static-pie"])
def test_static(folder: Path, allocator: Path, option: str) -> None:
    program = build(folder, f"plain{option}", PRINTS_FRESH_BLOCK, option)
    assert found(program, preload(allocator))["static-binary"].level is Level.ERROR
    # glibc reads its settings from the environment in a static program too.
    assert found(program, ARENAS) == {}


def test_static_with_musl_has_no_settings(folder: Path, allocator: Path) -> None:
    program = build(folder, "musl-static", PRINTS_FRESH_BLOCK, "-static", compiler="musl-gcc", package="musl-tools")
    assert found(program, preload(allocator))["static-binary"].level is Level.ERROR
    assert found(program, ARENAS)["knob-without-effect"].level is Level.ERROR


def test_other_c_library(folder: Path, plain: Path, allocator: Path) -> None:
    musl = build(folder, "musl", PRINTS_FRESH_BLOCK, compiler="musl-gcc", package="musl-tools")
    theirs = library(folder, "libmusl.so", MALLOC, compiler="musl-gcc", package="musl-tools")
    assert found(musl, preload(allocator))["other-libc"].level is Level.ERROR
    assert found(plain, preload(theirs))["other-libc"].level is Level.ERROR
    assert "other-libc" not in found(musl, preload(theirs))
    assert found(musl, ARENAS)["knob-without-effect"].level is Level.ERROR


def test_other_architecture(folder: Path, plain: Path, allocator: Path) -> None:
    foreign = bytearray(allocator.read_bytes())
    foreign[18:20] = (21).to_bytes(2, "little")
    path = folder / "libforeign.so"
    path.write_bytes(bytes(foreign))
    finding = found(plain, preload(path))["other-architecture"]
    assert finding.level is Level.ERROR
    assert "ppc64" in finding.seen


def test_other_word_size(folder: Path, plain: Path) -> None:
    if os.uname().machine != "x86_64":
        pytest.fail("gcc builds 32-bit libraries without a C library on x86_64 only")
    path = library(folder, "lib32.so", "void *malloc(unsigned n) { return (void *)n; }\n", "-m32", "-nostdlib", "-w")
    assert "i386" in found(plain, preload(path))["other-architecture"].seen


def test_a_program_that_defines_malloc(folder: Path, allocator: Path) -> None:
    program = build(folder, "own", MALLOC + PRINTS_FRESH_BLOCK)
    assert found(program, preload(allocator))["own-malloc"].level is Level.ERROR
    assert found(program, ARENAS)["own-malloc"].level is Level.ERROR
    assert found(program, knobs(PYTHONMALLOC="malloc")).keys() == {"not-python"}


def test_a_program_with_an_allocator_of_its_own(folder: Path, allocator: Path) -> None:
    source = "int _rjem_mallctl(void) { return 0; }\n" + PRINTS_FRESH_BLOCK
    finding = found(build(folder, "rust", source), preload(allocator))["own-allocator"]
    assert finding.level is Level.WARNING
    assert "_RJEM_MALLOC_CONF" in finding.remedy


def test_private_interface(folder: Path, allocator: Path) -> None:
    linked = library(folder, "libjemalloc-mine.so.2", MALLOC + DEFINES_MALLCTL)
    program = build(folder, "server", CALLS_MALLCTL, str(linked), f"-Wl,-rpath,{folder}")
    finding = found(program, preload(allocator))["private-api"]
    assert finding.level is Level.ERROR
    assert "mallctl" in finding.seen
    assert found(program, preload(linked, "jemalloc")) == {}
    # The right family is not enough: this build hides the functions.
    hidden = found(program, preload(allocator, "jemalloc"))["private-api"]
    assert str(linked) in hidden.remedy
    # Nor do the C library's settings reach a program that gets malloc from elsewhere.
    assert found(program, ARENAS)["knob-without-effect"].level is Level.ERROR


def test_private_interface_of_a_library_in_between(folder: Path, allocator: Path) -> None:
    linked = library(folder, "libjemalloc-two.so.2", MALLOC + DEFINES_MALLCTL)
    middle = library(folder, "libmiddle.so", CALLS_MALLCTL.replace("main", "middle"), str(linked))
    source = "int middle(void);\nint main(void) { return middle(); }\n"
    program = build(folder, "outer", source, str(middle), str(linked), f"-Wl,-rpath,{folder}", "-Wl,--no-as-needed")
    assert "libmiddle.so" in found(program, preload(allocator))["private-api"].seen


def test_weak_use_of_a_private_interface_is_no_conflict(folder: Path, allocator: Path) -> None:
    source = "extern int mallctl(void) __attribute__((weak));\nint main(void) { return mallctl ? mallctl() : 0; }\n"
    assert found(build(folder, "weak", source), preload(allocator)) == {}


def test_sanitizers(folder: Path, allocator: Path) -> None:
    program = build(folder, "asan", PRINTS_FRESH_BLOCK, "-fsanitize=address")
    assert found(program, preload(allocator))["sanitizer"].level is Level.ERROR
    assert found(program, knobs()) == {}


def test_go_programs(folder: Path, allocator: Path) -> None:
    mark = '__attribute__((section(".go.buildinfo"), used)) static const char build_info[] = "\\xff Go buildinf:";\n'
    dynamic = build(folder, "go-dynamic", mark + PRINTS_FRESH_BLOCK)
    static = build(folder, "go-static", mark + PRINTS_FRESH_BLOCK, "-static")
    assert found(dynamic, preload(allocator))["go-heap"].level is Level.WARNING
    assert "GOMEMLIMIT" in found(static, preload(allocator))["static-binary"].remedy


class Rights:
    """Who runs, and who owns the program."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.user(1000)
        self.mount(0)

    def user(self, number: int) -> None:
        self._monkeypatch.setattr(os, "getuid", lambda: number)
        self._monkeypatch.setattr(os, "getgid", lambda: number)

    def mount(self, flags: int) -> None:
        self._monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))

    def capabilities(self, answer: bytes | OSError) -> None:
        def getxattr(path: str, name: str) -> bytes:
            assert name == "security.capability"
            if isinstance(answer, OSError):
                raise answer
            return answer

        self._monkeypatch.setattr(os, "getxattr", getxattr)


def test_set_uid(monkeypatch: pytest.MonkeyPatch, folder: Path, allocator: Path) -> None:
    program = build(folder, "setuid", PRINTS_FRESH_BLOCK)
    program.chmod(0o4755)
    rights = Rights(monkeypatch)
    rights.user(program.stat().st_uid + 1)
    rights.capabilities(OSError(errno.ENODATA, "none"))
    assert found(program, preload(allocator))["set-uid"].level is Level.ERROR
    assert found(program, ARENAS)["set-uid"].level is Level.ERROR
    # Behind a wrapper, and with the program that is started still to come.
    assert "set-uid" in found("env", preload(allocator), str(program))
    rights.mount(os.ST_NOSUID)
    assert found(program, preload(allocator)) == {}
    rights.mount(0)
    rights.user(program.stat().st_uid)
    assert found(program, preload(allocator)) == {}


def test_set_gid_needs_the_execute_bit(monkeypatch: pytest.MonkeyPatch, folder: Path, allocator: Path) -> None:
    program = build(folder, "setgid", PRINTS_FRESH_BLOCK)
    rights = Rights(monkeypatch)
    rights.user(program.stat().st_gid + 1)
    rights.capabilities(OSError(errno.ENODATA, "none"))
    program.chmod(0o2755)
    assert "set-gid" in found(program, preload(allocator))["set-uid"].seen
    program.chmod(0o2745)
    assert found(program, preload(allocator)) == {}


def test_file_capabilities(monkeypatch: pytest.MonkeyPatch, plain: Path, allocator: Path) -> None:
    rights = Rights(monkeypatch)
    rights.capabilities(b"\1\0\0\2")
    assert "capabilities" in found(plain, preload(allocator))["set-uid"].seen
    rights.user(0)
    assert found(plain, preload(allocator)) == {}


def test_gravest_first_and_each_once(folder: Path, allocator: Path) -> None:
    source = "int mi_malloc(void) { return 0; }\nint main(void) { return mi_malloc(); }\n"
    program = build(folder, "several", source, "-static")
    resolved = resolve(str(program), ENVIRON, "/", ("x",))
    findings = preflight(resolved, preload(allocator, "mimalloc", PYTHONMALLOC="malloc"), ENVIRON)
    assert [finding.level for finding in findings] == [Level.ERROR, Level.WARNING]
    assert len(set(findings)) == len(findings)


def test_any_other_allocator(folder: Path, plain: Path) -> None:
    program = build(folder, "any", MALLOC + DEFINES_MALLCTL + PRINTS_FRESH_BLOCK)
    codes = {finding.code for finding in conflicts_with_any(resolve(str(program), ENVIRON, "/"), ENVIRON)}
    assert "own-malloc" in codes
    assert conflicts_with_any(resolve(str(plain), ENVIRON, "/"), ENVIRON) == ()
