"""The Rust compiler's source tree as far as its configuration goes, in small: an old, a middle and a new one."""

from pathlib import Path

OLD = "old"
"""config.example.toml and config.toml; no list of changes"""
MIDDLE = "middle"
"""bootstrap.example.toml, a list of changes without the new key"""
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
CHANGES = "pub const CHANGES: &[ChangeInfo] = &[\n    ChangeInfo { change_id: 137081 },\n%s];\n"


def tree(folder: Path, age: str) -> Path:
    """A tree of that age, without a configuration."""
    key = "#override-allocator = <none>" if age == NEW else "#jemalloc = false"
    name = "config.example.toml" if age == OLD else "bootstrap.example.toml"
    (folder / name).write_text(EXAMPLE.format(allocator=key, target=key))
    if age != OLD:
        changes = folder / "src/bootstrap/src/utils/change_tracker.rs"
        changes.parent.mkdir(parents=True)
        changes.write_text(CHANGES % ("    ChangeInfo { change_id: 155617 },\n" if age == NEW else ""))
    return folder
