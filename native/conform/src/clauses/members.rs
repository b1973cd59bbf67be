//! All members from one library: a block of one allocator that is freed by another is a crash in somebody's program.

use crate::answer::{Answer, ensure};
use crate::family::{EXPECTED, Family, REQUIRED};
use crate::proof;

pub fn whole_family(_: &'static Family) -> Answer {
    let foreign = |name: &&std::ffi::CStr| !proof::is_of_malloc(name);
    let missing: Vec<String> = REQUIRED
        .iter()
        .chain(&EXPECTED)
        .copied()
        .filter(foreign)
        .map(|name| {
            let owner = proof::owner(name);
            let name = name.to_string_lossy();
            if owner.is_empty() { format!("nobody has {name}") } else { format!("{name} is answered by {owner}") }
        })
        .collect();
    ensure!(missing.is_empty(), "{}", missing.join("; "));
    Ok(format!("{} members, all of one library", REQUIRED.len() + EXPECTED.len()))
}
