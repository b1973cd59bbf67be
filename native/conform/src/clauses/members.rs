//! All members from one library: a block of one allocator that is freed by another is a crash in somebody's program.

use crate::answer::{Answer, ensure};
use crate::family::{EXPECTED, Family, REQUIRED};
use crate::proof;

pub fn whole_family(_: &'static Family) -> Answer {
    // What nobody has no program can call.
    let owned = REQUIRED.iter().chain(&EXPECTED).map(|name| (name.to_string_lossy(), proof::owner(name)));
    let members: Vec<_> = owned.filter(|(_, owner)| !owner.is_empty()).collect();
    let whose = proof::owner(c"malloc");
    let foreign: Vec<String> = members
        .iter()
        .filter(|(_, owner)| *owner != whose)
        .map(|(name, owner)| format!("{name} is answered by {owner}"))
        .collect();
    ensure!(foreign.is_empty(), "{}", foreign.join("; "));
    Ok(format!("{} members, all of one library", members.len()))
}
