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
NEWEST = "newest"
"""one that has replaced it a second time, and moved it to another section; the first name is deprecated"""

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
{allocator}

[target.x86_64-unknown-linux-gnu]
#cc = "cc" (path)
{target}
"""
DOTTED_KEYS = {
    LATER: ("#rust.jemalloc = false", "#jemalloc = rust.jemalloc"),
    NEW: ("#rust.override-allocator = <none>", "#override-allocator = rust.override-allocator"),
    NEWEST: ("#build.allocator = <none>\n#rust.jemalloc = false", "#allocator = build.allocator"),
}
CHANGES = "pub const CHANGES: &[ChangeInfo] = &[\n    ChangeInfo { change_id: 137081 },\n%s];\n"


def tree(folder: Path, age: str) -> Path:
    """A tree of that age, without a configuration."""
    name = "config.example.toml" if age == OLD else "bootstrap.example.toml"
    example = EXAMPLE.format(allocator="#jemalloc = false", target="#jemalloc = false")
    if age in DOTTED_KEYS:
        option, target = DOTTED_KEYS[age]
        example = DOTTED.format(allocator=option, target=target)
    (folder / name).write_text(example)
    if age != OLD:
        changes = folder / "src/bootstrap/src/utils/change_tracker.rs"
        changes.parent.mkdir(parents=True)
        known = {NEW: (155617,), NEWEST: (155617, 160100)}.get(age, ())
        changes.write_text(CHANGES % "".join(f"    ChangeInfo {{ change_id: {one} }},\n" for one in known))
    return folder
