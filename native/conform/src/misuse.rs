//! Mistakes that a program makes, made on purpose. What the allocator does with each is an answer: it ends the program,
//! takes no harm (`Ok`), or gives out memory that is not its to give (`Stop::Deviates`).

use crate::answer::{Answer, Stop, ensure};
use crate::block::Block;
use crate::family::Family;

pub type Misuse = fn(&'static Family) -> Answer;

pub const TABLE: &[(&str, Misuse)] = &[
    ("double-free", double_free),
    ("double-free-later", double_free_later),
    ("free-inside", free_inside),
    ("free-of-stack", free_of_stack),
    ("overflow", overflow),
    ("use-after-free", use_after_free),
    ("freelist", freelist),
];

/// A size that programs use a lot and every allocator keeps in lists.
const SIZE: usize = 48;

/// Blocks of a program that has run for a while.
fn warmed(family: &Family) -> Vec<Block> {
    let blocks: Vec<Block> = (0..96).map(|_| family.malloc(SIZE)).collect();
    for (seed, block) in blocks.iter().enumerate() {
        block.fill(SIZE, seed);
        if seed % 3 == 0 {
            family.free(*block);
        }
    }
    (0..96).filter(|seed| seed % 3 != 0).map(|seed| blocks[seed]).enumerate().map(refilled).collect()
}

fn refilled((seed, block): (usize, Block)) -> Block {
    block.fill(SIZE, seed);
    block
}

/// Whether the allocator still gives out memory that nobody has. `live[i]` holds the pattern `seeds[i]`.
fn sound(family: &Family, live: &[(usize, Block)]) -> Answer {
    let new: Vec<Block> = (0..400).map(|_| family.malloc(SIZE)).collect();
    for (seed, block) in new.iter().enumerate() {
        ensure!(!block.is_null(), "malloc answers NULL from then on");
        block.fill(SIZE, 1000 + seed);
    }
    let mut all: Vec<(Block, bool)> = new.iter().map(|&block| (block, true)).collect();
    all.extend(live.iter().map(|&(_, block)| (block, false)));
    all.sort_unstable();
    for pair in all.windows(2) {
        let both_new = pair[0].1 && pair[1].1;
        ensure!(
            pair[0].0.address() + SIZE <= pair[1].0.address(),
            "{}",
            if both_new { "malloc gives one block to two owners" } else { "malloc gives out a block that is live" }
        );
    }
    for &(seed, block) in live {
        let lost = block.difference(SIZE, seed);
        ensure!(lost.is_none(), "a live block changed: {}", lost.unwrap());
    }
    new.into_iter().for_each(|block| family.free(block));
    live.iter().for_each(|&(_, block)| family.free(block));
    Ok("the heap stays sound".to_owned())
}

fn without(blocks: &[Block], gone: &[usize]) -> Vec<(usize, Block)> {
    blocks.iter().copied().enumerate().filter(|(index, _)| !gone.contains(index)).collect()
}

fn double_free(family: &'static Family) -> Answer {
    let blocks = warmed(family);
    family.free(blocks[10]);
    family.free(blocks[10]);
    sound(family, &without(&blocks, &[10]))
}

/// With another block between, as in a real program: a list that only looks at its head does not notice.
fn double_free_later(family: &'static Family) -> Answer {
    let blocks = warmed(family);
    family.free(blocks[10]);
    family.free(blocks[11]);
    family.free(blocks[10]);
    sound(family, &without(&blocks, &[10, 11]))
}

fn free_inside(family: &'static Family) -> Answer {
    let blocks = warmed(family);
    family.free(blocks[10].plus(16));
    sound(family, &without(&blocks, &[]))
}

fn free_of_stack(family: &'static Family) -> Answer {
    let blocks = warmed(family);
    let mut own = [0u128; 16];
    // The size of a block that glibc would believe.
    own[2] = 0x40 << 64;
    let inside = Block::new(own.as_mut_ptr().cast()).plus(48);
    family.free(inside);
    let taken: Vec<Block> = (0..100).map(|_| family.malloc(SIZE)).collect();
    ensure!(!taken.contains(&inside), "malloc gives out the stack of the program");
    std::hint::black_box(&own);
    sound(family, &without(&blocks, &[]))
}

fn overflow(family: &'static Family) -> Answer {
    let blocks = warmed(family);
    let usable = family.usable_size(blocks[10]).unwrap_or(SIZE);
    blocks[10].write(usable, 0x41);
    for index in [9, 10, 11] {
        family.free(blocks[index]);
    }
    sound(family, &without(&blocks, &[9, 10, 11]))
}

/// A block that is given out again at once makes the old pointer a way into the new owner's data.
fn use_after_free(family: &'static Family) -> Answer {
    const NEXT: usize = 8;
    let blocks = warmed(family);
    family.free(blocks[10]);
    let next: Vec<Block> = (0..NEXT).map(|_| family.malloc(SIZE)).collect();
    if let Some(place) = next.iter().position(|&block| block == blocks[10]) {
        next[place].fill(SIZE, 1);
        blocks[10].write(0, 0);
        let nth = ["next", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th"][place];
        return Err(Stop::Deviates(format!(
            "the {nth} malloc gives the block out again; the old pointer writes into it"
        )));
    }
    Ok(format!("not given out again by the next {NEXT} malloc calls"))
}

/// What an attacker does with a write after free: put an address of his own where the allocator keeps its list.
fn freelist(family: &'static Family) -> Answer {
    static TARGET: [u128; 64] = [0; 64];
    let blocks = warmed(family);
    let chosen = std::ptr::from_ref(&TARGET) as usize + 256;
    family.free(blocks[20]);
    family.free(blocks[10]);
    for (offset, byte) in chosen.to_ne_bytes().into_iter().enumerate() {
        blocks[10].write(offset, byte);
    }
    for number in 1..=400 {
        let block = family.malloc(SIZE);
        ensure!(
            block.address() != chosen,
            "malloc call {number} answers the address that was written into the freed block"
        );
    }
    Ok("the address that was written is never given out".to_owned())
}
