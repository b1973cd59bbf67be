//! What is in a block: zeros, what was written, and nothing of another block's.

use crate::answer::{Answer, ensure};
use crate::block::Block;
use crate::family::Family;
use crate::sizes::{self, Mixed};

pub fn disjoint(family: &'static Family) -> Answer {
    let mut mixed = Mixed::new(1);
    let mut live: Vec<(Block, usize, usize)> = Vec::new();
    let number = 20_000;
    for seed in 0..number {
        let size = mixed.size(14);
        let block = family.malloc(size);
        ensure!(!block.is_null(), "malloc({size}) answered NULL");
        block.fill(size, seed);
        live.push((block, size, seed));
        // Give every second one back, so that reused memory is among them.
        if seed % 2 == 1 {
            let (block, size, seed) = live.swap_remove(mixed.below(live.len()));
            let lost = block.difference(size, seed);
            ensure!(lost.is_none(), "a live block of {size} bytes changed: {}", lost.unwrap());
            family.free(block);
        }
    }
    live.sort_by_key(|entry| entry.0);
    for pair in live.windows(2) {
        let ((first, size, _), (second, other, _)) = (pair[0], pair[1]);
        ensure!(
            first.address() + size <= second.address(),
            "malloc({other}) answered {:#x}, inside the live block of malloc({size}) at {:#x}",
            second.address(),
            first.address()
        );
    }
    let held = live.len();
    for (block, size, seed) in live {
        let lost = block.difference(size, seed);
        ensure!(lost.is_none(), "a live block of {size} bytes changed: {}", lost.unwrap());
        family.free(block);
    }
    Ok(format!("{held} live blocks apart from each other"))
}

pub fn usable_size(family: &'static Family) -> Answer {
    let nothing = family.usable_size(Block::NULL)?;
    ensure!(nothing == 0, "malloc_usable_size(NULL) is {nothing}");
    let mut most: (usize, usize) = (1, 1);
    for size in sizes::up_to(4 << 20) {
        let blocks = [family.malloc(size), family.malloc(size)];
        let mut usable = [0; 2];
        for (index, &block) in blocks.iter().enumerate() {
            usable[index] = family.usable_size(block)?;
            ensure!(usable[index] >= size, "malloc({size}) has a usable size of {}", usable[index]);
            block.fill(usable[index], index);
        }
        if usable[0] * most.0 > most.1 * size && size >= 16 {
            most = (size, usable[0]);
        }
        for (index, &block) in blocks.iter().enumerate() {
            let lost = block.difference(usable[index], index);
            ensure!(lost.is_none(), "the usable bytes of malloc({size}) belong to another: {}", lost.unwrap());
        }
        blocks.into_iter().for_each(|block| family.free(block));
    }
    Ok(format!("all of it can be written; from 16 B on at most {} B for {}", most.1, most.0))
}

pub fn calloc_zeroes(family: &'static Family) -> Answer {
    let mut reused = 0;
    for size in sizes::up_to(4 << 20) {
        let number = if size <= 4096 { 8 } else { 2 };
        for round in 0..2 {
            let dirty: Vec<Block> = (0..number).map(|_| family.malloc(size)).collect();
            for &block in &dirty {
                block.fill(size, size + round);
            }
            dirty.iter().for_each(|&block| family.free(block));
            let zeroed: Vec<Block> = (0..number)
                .map(|index| if index % 2 == 0 { family.calloc(1, size) } else { family.calloc(size, 1) })
                .collect();
            for &block in &zeroed {
                ensure!(!block.is_null(), "calloc(1, {size}) answered NULL");
                let old = block.not_zero(size);
                ensure!(old.is_none(), "calloc(1, {size}), after blocks of that size were freed: {}", old.unwrap());
                reused += usize::from(dirty.contains(&block));
                // So that a second calloc finds what a first one left.
                block.fill(size, size);
            }
            zeroed.iter().for_each(|&block| family.free(block));
        }
    }
    Ok(format!("{reused} blocks that were given out again among them"))
}

/// One block through all sizes, up and down and at random, with neighbours that keep it from growing in place.
pub fn realloc_contents(family: &'static Family) -> Answer {
    let sizes = sizes::up_to(2 << 20);
    let coarse: Vec<usize> = sizes.iter().copied().filter(|&size| size < 600 || size % 3 == 0).collect();
    let mut mixed = Mixed::new(7);
    let up = coarse.iter().copied();
    let down = coarse.iter().rev().copied();
    let leaps: Vec<usize> = (0..3000).map(|_| mixed.size(20)).collect();
    let mut resized = 0;
    for (way, walk) in [("growing", up.collect::<Vec<_>>()), ("shrinking", down.collect()), ("leaping", leaps)] {
        let mut size = walk[0];
        let mut block = family.malloc(size);
        ensure!(!block.is_null(), "malloc({size}) answered NULL");
        let mut neighbours: Vec<Block> = Vec::new();
        for (seed, &wanted) in walk.iter().enumerate().skip(1) {
            block.fill(size, seed);
            let moved = family.realloc(block, wanted);
            ensure!(!moved.is_null(), "realloc from {size} to {wanted} bytes answered NULL");
            let lost = moved.difference(size.min(wanted), seed);
            ensure!(lost.is_none(), "{way}, realloc from {size} to {wanted} bytes: {}", lost.unwrap());
            (block, size) = (moved, wanted);
            resized += 1;
            neighbours.push(family.malloc(size.min(4096)));
            if neighbours.len() > 16 {
                family.free(neighbours.remove(0));
            }
        }
        neighbours.into_iter().for_each(|neighbour| family.free(neighbour));
        family.free(block);
    }
    Ok(format!("{resized} times up, down and at random between 1 B and 2 MiB"))
}

pub fn realloc_of_null(family: &'static Family) -> Answer {
    for size in sizes::up_to(1 << 20) {
        let block = family.realloc(Block::NULL, size);
        ensure!(!block.is_null(), "realloc(NULL, {size}) answered NULL");
        block.fill(size, size);
        let lost = block.difference(size, size);
        ensure!(lost.is_none(), "realloc(NULL, {size}): {}", lost.unwrap());
        family.free(block);
    }
    Ok("is malloc".to_owned())
}
