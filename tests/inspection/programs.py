"""Programs and libraries that tests build for themselves."""

import shutil
import subprocess
from pathlib import Path

import pytest

PRINTS_FRESH_BLOCK = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    unsigned char *block = malloc(24);
    unsigned char first = block[0];
    printf("%02x\n", first);
    return 0;
}
"""
"""prints the first byte of a new block, which tells whose malloc gave it"""

MALLOC = r"""
#include <stddef.h>
#include <string.h>
static unsigned char heap[1 << 20];
static size_t used;
__attribute__((visibility("default"))) void *malloc(size_t size) {
    unsigned char *block = heap + used;
    used += (size + 15) & ~(size_t)15;
    memset(block, 0x5a, size);
    return block;
}
__attribute__((visibility("default"))) void free(void *block) { (void)block; }
__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
    return memset(malloc(n * size), 0, n * size);
}
__attribute__((visibility("default"))) void *realloc(void *old, size_t size) {
    void *block = malloc(size);
    if (old) memcpy(block, old, size);
    return block;
}
"""
"""an allocator whose blocks are filled with 5a"""

PRIVATE = "int mallctl(const char *, void *, unsigned long *, void *, unsigned long);\n"
"""the declaration of jemalloc's own interface"""

CALLS_MALLCTL = PRIVATE + 'int main(void) { return mallctl("version", 0, 0, 0, 0); }\n'
DEFINES_MALLCTL = PRIVATE + (
    "int mallctl(const char *a, void *b, unsigned long *c, void *d, unsigned long e) { return a || b || c || d || e; }"
)


def require(program: str, package: str) -> str:
    """The path of a program that this test cannot do without."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is missing: apt-get install {package}")
    return found


def require_file(path: str, package: str) -> str:
    """A file that this test cannot do without."""
    if not Path(path).exists():
        pytest.fail(f"{path} is missing: apt-get install {package}")
    return path


def build(folder: Path, name: str, source: str, *options: str, compiler: str = "gcc", package: str = "gcc") -> Path:
    """Compile `source` to ``folder/name``."""
    text = folder / f"{name}.c"
    text.write_text(source)
    path = folder / name
    command = [require(compiler, package), "-o", str(path), str(text), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return path


def library(folder: Path, name: str, source: str, *options: str, compiler: str = "gcc", package: str = "gcc") -> Path:
    """Compile `source` to a shared library."""
    return build(folder, name, source, "-shared", "-fPIC", *options, compiler=compiler, package=package)
