//! How much of each large block a program has touched: told when the block is freed, wanted when it is allocated.

use crate::container::Container;
use crate::failure::Failure;
use crate::live::Held;
use crate::merge::{self, Asked, At, Visitor};
use heapswap_trace_format::event::{Event, Function};
use std::collections::HashMap;

/// Bytes from which on a block is large: smaller ones are not asked about.
pub const LARGE: u64 = 128 << 10;
const PAGE: u64 = 4096;
const UNKNOWN: u32 = u32::MAX;

/// The large blocks of a process in the order in which they were allocated.
pub struct Touched {
    process: u32,
    /// Pages.
    blocks: Vec<u32>,
    /// What each block was before a realloc: one more than its number, 0 for none.
    before: Vec<u32>,
    /// Pages of the block that each thread frees next.
    pending: HashMap<u32, u32>,
    next: usize,
    /// Bytes of large blocks, and of those whose touched pages the recording tells.
    pub large: u64,
    pub told: u64,
}

impl Touched {
    /// # Errors
    /// A segment is damaged.
    pub fn of(container: &Container, process: u32) -> Result<Self, Failure> {
        let mut touched = Self {
            process,
            blocks: Vec::new(),
            before: Vec::new(),
            pending: HashMap::new(),
            next: 0,
            large: 0,
            told: 0,
        };
        merge::visit(container, &mut touched)?;
        Ok(touched)
    }

    /// Bytes touched of the next large block; None where the recording does not tell.
    pub fn next(&mut self) -> Option<u64> {
        self.next += 1;
        let pages = *self.blocks.get(self.next - 1)?;
        (pages != UNKNOWN).then(|| u64::from(pages) * PAGE)
    }

    fn block(&mut self, size: u64, before: u32) -> u32 {
        if size < LARGE {
            return 0;
        }
        self.large = self.large.saturating_add(size);
        self.blocks.push(UNKNOWN);
        self.before.push(before);
        u32::try_from(self.blocks.len()).unwrap_or(0)
    }

    fn tell(&mut self, at: At, held: Option<Held<u32>>) {
        let (Some(pages), Some(held)) = (self.pending.remove(&at.thread), held) else { return };
        self.told = self.told.saturating_add(if held.note == 0 { 0 } else { held.size });
        // What it was before it grew holds as many at most.
        let mut number = held.note;
        while number != 0 && self.blocks[number as usize - 1] == UNKNOWN {
            self.blocks[number as usize - 1] = pages;
            number = self.before[number as usize - 1];
        }
    }
}

/// The note of a block is one more than its number; 0 where it is not large.
impl Visitor for Touched {
    type Note = u32;

    fn allocated(&mut self, at: At, asked: Asked) -> u32 {
        if at.process == self.process { self.block(asked.size, 0) } else { 0 }
    }

    fn freed(&mut self, at: At, _function: Function, _block: u64, held: Option<Held<u32>>) {
        self.tell(at, held);
    }

    fn realloc_begins(&mut self, at: At, _block: u64, held: Option<Held<u32>>) {
        self.tell(at, held);
    }

    fn reallocated(&mut self, at: At, (_, held): (u64, Option<Held<u32>>), to: Asked) -> u32 {
        if at.process == self.process { self.block(to.size, held.map_or(0, |held| held.note)) } else { 0 }
    }

    fn other(&mut self, at: At, event: Event) {
        if let Event::Touched { pages } = event
            && at.process == self.process
        {
            self.pending.insert(at.thread, pages);
        }
    }
}
