"""The declaration on platforms where nothing can be swapped, simulated: their name, and modules they do not have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heapswap import native

SIMULATION = """
import sys, os, signal
import packaging.markers  # with what it needs of the standard library, which asks the real platform what it is
sys.platform = {platform!r}
for name in ("SIGPIPE", "SIGXFSZ"):
    if {platform!r} == "win32":
        delattr(signal, name)
        delattr(os, "getuid") if hasattr(os, "getuid") else None
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in {absent!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import heapswap
heapswap.global_allocator({arguments})
print("goes on")
"""
LACKS = {
    "win32": ("fcntl", "pwd", "grp", "resource", "termios", "_posixsubprocess", "heapswap.runtime.reexecution"),
    "darwin": ("heapswap.runtime.reexecution",),
}
"""modules that such a platform does not have, and the one that must not be needed there"""

GUARDED = """
default-features = ["jemalloc"]
[features]
jemalloc = { allocator = "jemalloc", marker = "sys_platform == 'linux'" }
anywhere = { allocator = "mimalloc" }
"""


def declare(platform: str, arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "heapswap.toml").write_text(GUARDED)
    return subprocess.run(
        [sys.executable, "-c", SIMULATION.format(platform=platform, absent=LACKS[platform], arguments=arguments)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(native.__file__).parents[1]), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("platform", LACKS)
def test_a_guarded_feature_leaves_the_system_allocator_and_says_one_line(platform: str, tmp_path: Path) -> None:
    done = declare(platform, "", tmp_path)
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
    assert done.stderr == (
        "heapswap: the system allocator stays: on this platform no feature applies "
        f"('jemalloc' is for sys_platform == 'linux'; {tmp_path}/heapswap.toml)\n"
    )


@pytest.mark.parametrize("platform", LACKS)
@pytest.mark.parametrize("arguments", ["'system'", "'current'"])
def test_what_needs_no_swap_is_in_force_everywhere(platform: str, arguments: str, tmp_path: Path) -> None:
    done = declare(platform, arguments, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


@pytest.mark.parametrize("platform", LACKS)
@pytest.mark.parametrize("features", ["", "anywhere"])
def test_an_unguarded_request_that_cannot_be_met_is_an_error(platform: str, features: str, tmp_path: Path) -> None:
    arguments = "" if features else "'mimalloc'"
    done = declare(platform, arguments, tmp_path, HEAPSWAP_FEATURES=features, HEAPSWAP_NO_DEFAULT_FEATURES="1")
    assert done.returncode == 1
    assert f"malloc is swapped on Linux only, and this is {platform}; guard it" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("platform", LACKS)
def test_the_switch_turns_it_off_there_too(platform: str, tmp_path: Path) -> None:
    done = declare(platform, "'mimalloc'", tmp_path, HEAPSWAP_DISABLE="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "goes on\n", "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("'mimaloc'", "'mimaloc' is no allocator; did you mean mimalloc"),
        ("__import__('pathlib').Path('/lib/libjemalloc.so.2')", "give its name or path as text"),
        ("secure=True", "secure and knobs need an allocator"),
        ("'mimalloc', narenas=3", "has no knob 'narenas'"),
        ("'jemalloc', secure=True", "jemalloc has no feature 'secure'"),
    ],
)
def test_what_cannot_be_meant_is_misuse(arguments: str, says: str, tmp_path: Path) -> None:
    code = f"import heapswap; heapswap.global_allocator({arguments})"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last.startswith("heapswap.errors.Misuse: "), says in last) == (1, True, True), last


def test_without_a_manifest_it_says_where_it_looked(tmp_path: Path) -> None:
    code = "import heapswap; heapswap.global_allocator()"
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert "found no [tool.heapswap] in pyproject.toml and no heapswap.toml, from / upwards" in done.stderr
