//! Size zero: a block of its own or NULL, and in either case something that free takes.

use crate::answer::{Answer, ensure};
use crate::block::Block;
use crate::family::{self, Family};
use crate::limits;

pub fn unique_or_null(family: &'static Family) -> Answer {
    let mut live: Vec<(&str, Block)> = Vec::new();
    let mut nulls = Vec::new();
    for _ in 0..64 {
        let mut asked = vec![
            ("malloc(0)", family.malloc(0)),
            ("calloc(0, 8)", family.calloc(0, 8)),
            ("calloc(8, 0)", family.calloc(8, 0)),
            ("realloc(NULL, 0)", family.realloc(Block::NULL, 0)),
            ("malloc(1)", family.malloc(1)),
        ];
        if let Ok((error, block)) = family.posix_memalign(Block::NULL, 64, 0) {
            ensure!(error == 0 || block.is_null(), "posix_memalign(&place, 64, 0) failed and changed the place");
            asked.push(("posix_memalign(&place, 64, 0)", block));
        }
        if let Ok(block) = family.memalign(64, 0) {
            asked.push(("memalign(64, 0)", block));
        }
        if let Ok(block) = family.aligned_alloc(64, 0) {
            asked.push(("aligned_alloc(64, 0)", block));
        }
        for (call, block) in asked {
            if block.is_null() {
                nulls.push(call);
            } else {
                live.push((call, block));
            }
        }
    }
    live.sort_by_key(|entry| entry.1);
    for pair in live.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        ensure!(
            first.1 != second.1,
            "{} and {} both answered {:#x} while the other was live",
            first.0,
            second.0,
            first.1.address()
        );
    }
    live.into_iter().for_each(|(_, block)| family.free(block));
    nulls.sort_unstable();
    nulls.dedup();
    Ok(if nulls.is_empty() {
        "a block of its own each time".to_owned()
    } else {
        format!("NULL from {}", nulls.join(", "))
    })
}

/// `realloc(block, 0)` is `free(block)`, on Linux. One that only answers NULL loses the block; one that answers a block
/// of no bytes loses that, in a program that has learnt it from glibc.
pub fn realloc_to_zero(family: &'static Family) -> Answer {
    const SIZE: usize = 64 << 10;
    const ROUNDS: usize = 60_000;
    // The blocks of all rounds together are more than that, also beside what an allocator has reserved.
    limits::allow(512 << 20)?;
    for round in 0..ROUNDS {
        let block = family.malloc(SIZE);
        ensure!(
            !block.is_null(),
            "realloc(block, 0) answers NULL and does not free: memory was used up after {round} blocks of 64 KiB"
        );
        family::set_errno(0);
        let answer = family.realloc(block, 0);
        ensure!(
            answer.is_null(),
            "realloc(block, 0) answers a block: a program that calls it as free, as glibc lets it, loses that block"
        );
    }
    Ok("frees and answers NULL".to_owned())
}
