//! Where blocks may begin.

use crate::answer::{Answer, Stop, ensure};
use crate::block::Block;
use crate::family::Family;
use crate::limits::page_size;
use crate::sizes::{self, NATURAL};

const LARGEST: usize = 32 << 20;

/// A block suits every type that fits into it; types of 16 bytes and more want 16.
fn wanted(size: usize) -> usize {
    if size >= NATURAL { NATURAL } else { 1 << size.ilog2() }
}

pub fn natural(family: &'static Family) -> Answer {
    let (mut least_small, mut checked) = (NATURAL, 0);
    for size in sizes::up_to(LARGEST) {
        let mut live = Vec::new();
        for _ in 0..if size <= 4096 { 12 } else { 1 } {
            live.push(("malloc(", family.malloc(size)));
            live.push(("calloc(1, ", family.calloc(1, size)));
            live.push(("realloc(NULL, ", family.realloc(Block::NULL, size)));
            live.push(("realloc(malloc(1), ", family.realloc(family.malloc(1), size)));
        }
        for &(call, block) in &live {
            ensure!(!block.is_null(), "{call}{size}) answered NULL");
            let address = block.address();
            ensure!(
                block.is_aligned(wanted(size)),
                "{call}{size}) answered {address:#x}, which is no multiple of {}",
                wanted(size)
            );
            if size < NATURAL {
                least_small = least_small.min(block.alignment());
            }
            block.write(0, 1);
            block.write(size - 1, 1);
            checked += 1;
        }
        for (_, block) in live {
            family.free(block);
        }
    }
    let below = if least_small >= NATURAL { "16 below too" } else { "less below" };
    Ok(format!("{checked} blocks of 1 B to 32 MiB at multiples of 16 from 16 B on, {below}"))
}

pub fn requested(family: &'static Family) -> Answer {
    let mut checked = 0;
    let mut largest = 0;
    for power in 3..=25 {
        let alignment: usize = 1 << power;
        let sizes = [1, 8, 24, 100, alignment - 1, alignment, alignment + 1, 3 * alignment, 4097, 70_000];
        for size in sizes.into_iter().filter(|&size| size <= LARGEST) {
            let mut live = Vec::new();
            for number in 0..if power < 20 { 4 } else { 1 } {
                let (error, block) = family.posix_memalign(Block::NULL, alignment, size)?;
                ensure!(error == 0, "posix_memalign(&place, {alignment}, {size}) failed with error {error}");
                live.push(("posix_memalign", block));
                live.push(("memalign", family.memalign(alignment, size)?));
                if size % alignment == 0 {
                    live.push(("aligned_alloc", family.aligned_alloc(alignment, size)?));
                }
                for (index, &(call, block)) in live.iter().enumerate() {
                    ensure!(!block.is_null(), "{call} of {size} bytes at {alignment} answered NULL");
                    let address = block.address();
                    ensure!(
                        block.is_aligned(alignment),
                        "{call} of {size} bytes at {alignment} answered {address:#x}, which is no multiple of it"
                    );
                    if number == 0 {
                        block.fill(size, index);
                    }
                }
            }
            checked += live.len();
            largest = largest.max(alignment);
            for (index, (call, block)) in live.into_iter().enumerate() {
                if index < 2 {
                    let lost = block.difference(size, index);
                    ensure!(
                        lost.is_none(),
                        "{call} of {size} bytes at {alignment} overlaps another: {}",
                        lost.unwrap()
                    );
                    // An aligned block is like any other for realloc.
                    let moved = family.realloc(block, size + 1);
                    ensure!(!moved.is_null(), "realloc of a block of {call} answered NULL");
                    let lost = moved.difference(size, index);
                    ensure!(lost.is_none(), "after realloc of a block of {call}: {}", lost.unwrap());
                    family.free(moved);
                } else {
                    family.free(block);
                }
            }
        }
    }
    Ok(format!("{checked} blocks at multiples of 8 B to {} MiB", largest >> 20))
}

pub fn page(family: &'static Family) -> Answer {
    let page = page_size();
    for size in [0, 1, 100, page - 1, page, page + 1, 100_000] {
        let blocks = [("valloc", family.valloc(size)?), ("pvalloc", family.pvalloc(size)?)];
        for (call, block) in blocks {
            ensure!(size == 0 || !block.is_null(), "{call}({size}) answered NULL");
            let address = block.address();
            ensure!(block.is_aligned(page), "{call}({size}) answered {address:#x}, which begins no page");
        }
        if size > 0 {
            let whole = size.next_multiple_of(page);
            blocks[1].1.fill(whole, size);
            if let Ok(usable) = family.usable_size(blocks[1].1) {
                ensure!(usable >= whole, "pvalloc({size}) holds {usable} bytes; {whole} make whole pages");
            }
        }
        blocks.into_iter().for_each(|(_, block)| family.free(block));
    }
    Ok(format!("pages of {page} B"))
}

/// C17 dropped C11's demand that the size be a multiple of the alignment (defect report 460).
pub fn any_size(family: &'static Family) -> Answer {
    for alignment in [16, 64, 4096] {
        for size in [1, alignment - 1, alignment + 1, 3 * alignment / 2] {
            let block = family.aligned_alloc(alignment, size)?;
            if block.is_null() {
                return Err(Stop::Deviates(format!("aligned_alloc({alignment}, {size}) answered NULL")));
            }
            ensure!(block.is_aligned(alignment), "aligned_alloc({alignment}, {size}) is not aligned");
            block.fill(size, size);
            family.free(block);
        }
    }
    Ok("sizes that are no multiple of the alignment".to_owned())
}
