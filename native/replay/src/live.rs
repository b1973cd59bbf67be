//! Blocks that are live, and the slots they stand in.

/// Where a block stands, for whoever keeps the live blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    pub(crate) slot: u32,
    /// The thread that allocated it, its place in the table.
    pub(crate) thread: u32,
    /// The epoch in which it was allocated, and after which word of that thread.
    pub(crate) epoch: u32,
    pub(crate) word: u32,
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
