"""The Rust compiler's source tree as far as its configuration goes, in small: an old, a middle and a new one."""

from pathlib import Path

OLD = "old"
"""config.example.toml and config.toml; no list of changes"""
MIDDLE = "middle"
"""bootstrap.example.toml, a list of changes without the new key"""
LATER = "later"
"""the same, its options before any section, with the section before a dot"""
NEW = "new"
"""a list of changes that has replaced the key"""

EXAMPLE = """\
# Every option, commented out with what it is by default.

#profile = <none>
#change-id = <the newest>

[llvm]
# build LLVM with optimisation
#optimize = true

[build]
# the host that builds
#build = "x86_64-unknown-linux-gnu" (as an example)
#extended = false

[rust]
#optimize = true
#download-rustc = false
#channel = "dev"
{allocator}

[target.x86_64-unknown-linux-gnu]
#cc = "cc" (path)
{target}

[dist]
#src-tarball = true
"""
DOTTED = """\
# Every option, commented out with what it is by default.

# An option of the section
#     [build]
# may be written with the section before a dot.

#profile = <none>
#change-id = <the newest>

# build LLVM with optimisation
#llvm.optimize = true

#build.extended = false

#rust.channel = "dev"
#rust.download-rustc = false
#rust.{allocator} = <none>

[target.x86_64-unknown-linux-gnu]
#cc = "cc" (path)
#{allocator} = rust.{allocator}
"""
CHANGES = "pub const CHANGES: &[ChangeInfo] = &[\n    ChangeInfo { change_id: 137081 },\n%s];\n"


def tree(folder: Path, age: str) -> Path:
    """A tree of that age, without a configuration."""
    name = "config.example.toml" if age == OLD else "bootstrap.example.toml"
    example = EXAMPLE.format(allocator="#jemalloc = false", target="#jemalloc = false")
    if age in (LATER, NEW):
        example = DOTTED.format(allocator="override-allocator" if age == NEW else "jemalloc")
    (folder / name).write_text(example)
    if age != OLD:
        changes = folder / "src/bootstrap/src/utils/change_tracker.rs"
        changes.parent.mkdir(parents=True)
        changes.write_text(CHANGES % ("    ChangeInfo { change_id: 155617 },\n" if age == NEW else ""))
    return folder
