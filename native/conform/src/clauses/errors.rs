//! Requests that cannot be met: the answer, the error, and what must be left as it was.

use std::ffi::c_int;

use crate::answer::{Answer, Stop, ensure};
use crate::block::Block;
use crate::family::{Family, errno, error_name, set_errno};
use crate::limits;

/// More than any object may have (`PTRDIFF_MAX`): differences inside it could not be told.
const OBJECT: usize = isize::MAX as usize;
const TOO_LARGE: [usize; 5] = [OBJECT + 1, OBJECT + 4096, usize::MAX - 4096, usize::MAX - 15, usize::MAX];
/// Products that do not fit; those that wrap round to something small are the dangerous ones.
const OVERFLOWS: [(usize, usize); 7] = [
    (1 << 32, 1 << 32),
    (usize::MAX, 2),
    (2, OBJECT + 1),
    (usize::MAX / 16 + 2, 16),
    (3, usize::MAX / 3 + 17),
    (usize::MAX, usize::MAX),
    (OBJECT, 3),
];
/// No errno has this value.
const NONE: c_int = 4242;

pub fn calloc_overflow(family: &'static Family) -> Answer {
    for (count, size) in OVERFLOWS {
        let block = family.calloc(count, size);
        ensure!(block.is_null(), "calloc({count:#x}, {size:#x}) answered a block: the product does not fit");
    }
    Ok(format!("{} products that do not fit", OVERFLOWS.len()))
}

pub fn reallocarray(family: &'static Family) -> Answer {
    let block = family.malloc(100);
    block.fill(100, 1);
    for (count, size) in OVERFLOWS {
        set_errno(0);
        let answer = family.reallocarray(block, count, size)?;
        ensure!(answer.is_null(), "reallocarray(block, {count:#x}, {size:#x}) answered a block");
        ensure!(errno() == libc::ENOMEM, "reallocarray that overflows sets errno to {}", error_name(errno()));
        let lost = block.difference(100, 1);
        ensure!(lost.is_none(), "reallocarray that failed changed the block: {}", lost.unwrap());
    }
    let moved = family.reallocarray(block, 100, 100)?;
    ensure!(!moved.is_null(), "reallocarray(block, 100, 100) answered NULL");
    let lost = moved.difference(100, 1);
    ensure!(lost.is_none(), "reallocarray(block, 100, 100): {}", lost.unwrap());
    moved.fill(10_000, 2);
    family.free(moved);
    Ok("overflow fails and leaves the block; the product is the size".to_owned())
}

pub fn realloc_failure(family: &'static Family) -> Answer {
    const SIZES: [usize; 3] = [24, 5000, 300_000];
    let blocks = SIZES.map(|size| family.malloc(size));
    for (block, size) in blocks.into_iter().zip(SIZES) {
        block.fill(size, size);
    }
    let refused = |wanted: usize| -> Result<(), Stop> {
        for (block, size) in blocks.into_iter().zip(SIZES) {
            let answer = family.realloc(block, wanted);
            ensure!(answer.is_null(), "realloc from {size} to {wanted:#x} bytes answered a block");
            let lost = block.difference(size, size);
            ensure!(lost.is_none(), "realloc to {wanted:#x} bytes failed and changed the block: {}", lost.unwrap());
        }
        Ok(())
    };
    TOO_LARGE.into_iter().try_for_each(refused)?;
    limits::allow(1 << 30)?;
    refused(8 << 30)?;
    blocks.into_iter().for_each(|block| family.free(block));
    Ok("the old block keeps its place and contents".to_owned())
}

pub fn posix_memalign(family: &'static Family) -> Answer {
    let mut own = 0u8;
    let before = Block::new(&mut own);
    let invalid = [0, 1, 2, 3, 4, 7, 12, 24, 48, 4095, usize::MAX].map(|alignment| (alignment, 8, libc::EINVAL));
    let too_large = TOO_LARGE.map(|size| (64, size, libc::ENOMEM));
    for (alignment, size, expected) in invalid.into_iter().chain(too_large) {
        let (error, after) = family.posix_memalign(before, alignment, size)?;
        ensure!(
            error == expected,
            "posix_memalign(&place, {alignment:#x}, {size:#x}) answered {} and not {}",
            error_name(error),
            error_name(expected)
        );
        ensure!(after == before, "posix_memalign(&place, {alignment:#x}, {size:#x}) failed and changed the place");
    }
    Ok("EINVAL and ENOMEM, the place untouched".to_owned())
}

pub fn posix_memalign_errno(family: &'static Family) -> Answer {
    let mut changes = Vec::new();
    for (alignment, size) in [(3, 8), (64, usize::MAX), (64, OBJECT + 1), (64, 1 << 60)] {
        set_errno(NONE);
        family.posix_memalign(Block::NULL, alignment, size)?;
        if errno() != NONE {
            changes
                .push(format!("posix_memalign(&place, {alignment}, {size:#x}) sets errno to {}", error_name(errno())));
        }
    }
    ensure!(changes.is_empty(), "{}", changes[0]);
    Ok("errno is left alone".to_owned())
}

pub fn aligned_alloc(family: &'static Family) -> Answer {
    let mut errors = Vec::new();
    for alignment in [3, 24, 48, 4095] {
        set_errno(0);
        let block = family.aligned_alloc(alignment, 4 * alignment)?;
        ensure!(
            block.is_null(),
            "aligned_alloc({alignment}, {}) answered a block at a multiple of {}; {alignment} is no power of two",
            4 * alignment,
            block.alignment()
        );
        errors.push(error_name(errno()));
    }
    let block = family.aligned_alloc(64, OBJECT / 64 * 64 + 64)?;
    ensure!(block.is_null(), "aligned_alloc of more than PTRDIFF_MAX answered a block");
    errors.dedup();
    Ok(format!("NULL, {}", errors.join(" or ")))
}

pub fn too_large(family: &'static Family) -> Answer {
    for size in TOO_LARGE {
        for (call, block) in allocations(family, size) {
            ensure!(
                block.is_null(),
                "{call} of {size:#x} bytes answered a block; no object is larger than PTRDIFF_MAX"
            );
        }
    }
    Ok(format!("{} sizes from PTRDIFF_MAX + 1 on fail", TOO_LARGE.len()))
}

pub fn errno_on_failure(family: &'static Family) -> Answer {
    let mut asked = 0;
    // Between the last two lies what a 47-bit address space cannot hold and some allocators first try to map.
    for size in TOO_LARGE.into_iter().chain([OBJECT, OBJECT - 4096, 1 << 62, 1 << 60, 1 << 56, 1 << 50, 1 << 48]) {
        set_errno(0);
        for (call, block) in allocations(family, size) {
            if block.is_null() {
                ensure!(
                    errno() == libc::ENOMEM,
                    "{call} of {size:#x} bytes answered NULL and errno is {}",
                    error_name(errno())
                );
                asked += 1;
            } else {
                family.free(block);
            }
            set_errno(0);
        }
    }
    Ok(format!("ENOMEM, {asked} times"))
}

/// One at a time, so that errno is the last call's when its block is looked at.
fn allocations(family: &'static Family, size: usize) -> impl Iterator<Item = (&'static str, Block)> {
    (0..8).filter_map(move |index| {
        Some(match index {
            0 => ("malloc", family.malloc(size)),
            1 => ("calloc", family.calloc(1, size)),
            2 => ("realloc of NULL", family.realloc(Block::NULL, size)),
            3 => ("memalign", family.memalign(64, size).ok()?),
            4 => ("aligned_alloc", family.aligned_alloc(64, size / 64 * 64).ok()?),
            5 => ("valloc", family.valloc(size).ok()?),
            6 => ("pvalloc", family.pvalloc(size).ok()?),
            _ => ("reallocarray of NULL", family.reallocarray(Block::NULL, size, 1).ok()?),
        })
    })
}
