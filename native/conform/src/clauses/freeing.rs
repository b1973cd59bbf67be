//! What free must not do, and its two younger sisters.

use std::ffi::c_int;

use crate::answer::{Answer, ensure};
use crate::block::Block;
use crate::family::{Family, errno, error_name, set_errno};
use crate::sizes;

const KEPT: c_int = 4242;

pub fn errno_kept(family: &'static Family) -> Answer {
    set_errno(KEPT);
    family.free(Block::NULL);
    ensure!(errno() == KEPT, "free(NULL) sets errno to {}", error_name(errno()));
    for size in sizes::up_to(64 << 20).into_iter().filter(|&size| size < 600 || size % 3 == 0) {
        let blocks: Vec<Block> = (0..if size < 100_000 { 6 } else { 2 }).map(|_| family.malloc(size)).collect();
        for block in blocks {
            block.write(0, 1);
            set_errno(KEPT);
            family.free(block);
            ensure!(errno() == KEPT, "free of {size} bytes sets errno to {}", error_name(errno()));
        }
    }
    Ok("for blocks up to 64 MiB".to_owned())
}

pub fn sized(family: &'static Family) -> Answer {
    family.free_sized(Block::NULL, 0)?;
    family.free_aligned_sized(Block::NULL, 64, 0)?;
    for size in sizes::up_to(1 << 20) {
        for round in 0..4 {
            let block = if round % 2 == 0 { family.malloc(size) } else { family.calloc(1, size) };
            block.fill(size, round);
            family.free_sized(block, size)?;
            let block = family.aligned_alloc(64, size.next_multiple_of(64))?;
            family.free_aligned_sized(block, 64, size.next_multiple_of(64))?;
        }
    }
    Ok("free_sized and free_aligned_sized".to_owned())
}
