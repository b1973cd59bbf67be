//! Memory that runs out: NULL and ENOMEM, no crash, and everything is there again once it was freed.

use crate::answer::{Answer, ensure};
use crate::block::Block;
use crate::family::{Family, errno, error_name, set_errno};
use crate::limits;

/// All that may be mapped. Small, because blocks are written to: the kernel must not run out itself.
const LIMIT: usize = 320 << 20;

pub fn exhaustion(family: &'static Family) -> Answer {
    limits::start_within(LIMIT)?;
    let mut filled = Vec::new();
    for size in [8 << 20, 100_000, 3000, 48] {
        let first = fill(family, size)?;
        let again = fill(family, size)?;
        ensure!(first > 0, "malloc({size}) fails though what was allocated before is freed again");
        ensure!(
            again >= first / 2,
            "after {first} blocks of {size} B used the memory up and were freed, only {again} could be had"
        );
        filled.push(format!("{first} of {size} B"));
    }
    Ok(format!("then all again: {}", filled.join(", ")))
}

/// How many blocks there are before NULL; all are freed.
fn fill(family: &'static Family, size: usize) -> Result<usize, crate::answer::Stop> {
    let (mut newest, mut count) = (Block::NULL, 0);
    loop {
        set_errno(0);
        let block = family.malloc(size);
        if block.is_null() {
            ensure!(errno() == libc::ENOMEM, "out of memory, malloc({size}) sets errno to {}", error_name(errno()));
            break;
        }
        // Each block holds the place of the one before: no list is needed that would itself want memory.
        for (offset, byte) in newest.address().to_ne_bytes().into_iter().enumerate() {
            block.write(offset, byte);
        }
        (newest, count) = (block, count + 1);
        ensure!(count * size <= LIMIT, "{count} blocks of {size} B were given out within a limit of {LIMIT} B");
    }
    let larger = family.realloc(newest, 1 << 30);
    ensure!(larger.is_null(), "realloc to 1 GiB answered a block within a limit of {LIMIT} B");
    while !newest.is_null() {
        let before = std::array::from_fn(|offset| newest.read(offset));
        family.free(newest);
        newest = Block::new(usize::from_ne_bytes(before) as *mut u8);
    }
    Ok(count)
}
