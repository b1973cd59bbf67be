"""One library holds one allocator: two Cargo features at once are refused, none is an empty library."""

import subprocess

import pytest

from tests.native.support import ROOT, program


def check(features: str, package: str = "heapswap-allocators") -> subprocess.CompletedProcess[str]:
    # In the release profile, where the C libraries are built already.
    command = [program("cargo", "cargo"), "check", "--release", "--locked", "--offline", "-p", package]
    command += ["--manifest-path", "native/Cargo.toml", "--features", features]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("features", ["mimalloc,mimalloc-v2", "jemalloc,mimalloc-secure"])
def test_two_allocators_at_once_are_refused(features: str) -> None:
    first, _ = features.split(",")
    done = check(features)
    assert done.returncode != 0
    assert f"error: global allocator has already been set: the feature `{first}` is on and so is another" in done.stderr
    assert f"`cargo build --release -p heapswap-allocators --features {first}`" in done.stderr
    assert "never with --all-features" in done.stderr


@pytest.mark.parametrize("features", ["", "mimalloc"])
def test_none_and_one_are_accepted(features: str) -> None:
    done = check(features)
    assert done.returncode == 0, done.stderr
