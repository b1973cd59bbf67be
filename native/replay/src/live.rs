//! The blocks that are live at one moment of a recording, and the slots they stand in.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A block that is live.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub slot: u32,
    /// The thread that allocated it, its place in the table.
    pub thread: u32,
    pub size: u64,
    /// The epoch in which it was allocated, and after which word of that thread.
    pub epoch: u64,
    pub word: u32,
}

/// Live blocks by address.
pub type Blocks = HashMap<u64, Block, BuildHasherDefault<Addresses>>;

/// Hashes addresses: one multiplication, high bits folded onto the low ones that choose a bucket.
#[derive(Default)]
pub struct Addresses(u64);

impl Hasher for Addresses {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let spread = value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread ^ spread >> 32;
    }
}

/// Slots that can be used again.
///
/// A slot freed in this epoch goes back to whoever freed it: any other thread would have to wait for that free.
#[derive(Default)]
pub struct Slots {
    free: Vec<u32>,
    made: u32,
}

impl Slots {
    /// A slot for a thread that has freed `own` in this epoch.
    pub fn take(&mut self, own: &mut Vec<u32>) -> u32 {
        own.pop().or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.made += 1;
            self.made - 1
        })
    }

    /// At the end of an epoch what was freed in it is there for all.
    pub fn give_back(&mut self, own: &mut Vec<u32>) {
        self.free.append(own);
    }

    /// Slots in all.
    pub fn made(&self) -> u64 {
        u64::from(self.made)
    }
}
