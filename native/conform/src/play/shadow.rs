//! The model: which blocks are live, where, how large, and what was written into them.

use std::collections::BTreeMap;

use super::program::{Call, Function, Step};
use crate::block::Block;
use crate::family::Family;
use crate::sizes::NATURAL;

#[derive(Clone, Copy)]
struct Live {
    block: Block,
    size: usize,
    seed: usize,
}

pub struct Shadow {
    family: &'static Family,
    live: BTreeMap<String, Live>,
    taken: usize,
}

impl Shadow {
    pub fn new(family: &'static Family) -> Shadow {
        Shadow { family, live: BTreeMap::new(), taken: 0 }
    }

    /// Take a step and compare everything with the model; the error is what was seen.
    pub fn take(&mut self, step: &Step) -> Result<(), String> {
        self.taken += 1;
        match &step.call {
            Call::Malloc { name, size } => {
                let block = self.family.malloc(*size);
                self.born(name, block, *size, natural(*size))?;
            }
            Call::Calloc { name, count, size } => {
                let block = self.family.calloc(*count, *size);
                let total = count * size;
                self.placed(block, total, natural(total))?;
                if let Some(old) = (!block.is_null()).then(|| block.not_zero(total)).flatten() {
                    return Err(old.to_string());
                }
                self.born(name, block, total, natural(total))?;
            }
            Call::Aligned { name, with, alignment, size } => {
                let block = self.aligned(*with, *alignment, *size)?;
                self.born(name, block, *size, *alignment)?;
            }
            Call::Realloc { name, size } => self.resize(name, *size)?,
            Call::Free { name } => {
                let live = self.live.remove(name).ok_or_else(|| format!("{name} is not live"))?;
                self.family.free(live.block);
            }
        }
        self.compare()
    }

    /// Give everything back.
    pub fn end(&mut self) -> Result<(), String> {
        while let Some((_, live)) = self.live.pop_first() {
            self.family.free(live.block);
            self.compare()?;
        }
        Ok(())
    }

    fn aligned(&self, with: Function, alignment: usize, size: usize) -> Result<Block, String> {
        let answer = match with {
            Function::Memalign => self.family.memalign(alignment, size),
            Function::AlignedAlloc => self.family.aligned_alloc(alignment, size),
            Function::PosixMemalign => self.family.posix_memalign(Block::NULL, alignment, size).map(|(_, block)| block),
        };
        // What the library lacks is another clause's matter.
        answer.or_else(|_| Ok(self.family.malloc(0)))
    }

    fn resize(&mut self, name: &str, size: usize) -> Result<(), String> {
        let old = self.live.remove(name).ok_or_else(|| format!("{name} is not live"))?;
        let block = self.family.realloc(old.block, size);
        if size == 0 && block.is_null() {
            return Ok(());
        }
        self.placed(block, size, natural(size))?;
        if let Some(lost) = block.difference(old.size.min(size), old.seed) {
            return Err(lost.to_string());
        }
        self.born(name, block, size, natural(size))
    }

    fn born(&mut self, name: &str, block: Block, size: usize, alignment: usize) -> Result<(), String> {
        self.placed(block, size, alignment)?;
        if !block.is_null() {
            block.fill(size, self.taken);
        }
        match self.live.insert(name.to_owned(), Live { block, size, seed: self.taken }) {
            Some(_) => Err(format!("{name} is live already")),
            None => Ok(()),
        }
    }

    /// Aligned, and apart from every live block. NULL is an answer for size 0 alone: programs here are small.
    fn placed(&self, block: Block, size: usize, alignment: usize) -> Result<(), String> {
        if block.is_null() {
            return if size == 0 { Ok(()) } else { Err("answered NULL".to_owned()) };
        }
        let from = block.address();
        if !block.is_aligned(alignment) {
            return Err(format!("answered {from:#x}, which is no multiple of {alignment}"));
        }
        for (name, live) in self.live.iter().filter(|(_, live)| !live.block.is_null()) {
            let at = live.block.address();
            if from < at + live.size.max(1) && at < from + size.max(1) {
                return Err(format!("answered a block that overlaps {name}, which is live"));
            }
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), String> {
        for (name, live) in self.live.iter().filter(|(_, live)| !live.block.is_null()) {
            if let Some(lost) = live.block.difference(live.size, live.seed) {
                return Err(format!("{name} changed, {lost}"));
            }
        }
        Ok(())
    }
}

fn natural(size: usize) -> usize {
    if size >= NATURAL { NATURAL } else { 1 << size.max(1).ilog2() }
}
