//! The blocks of one process that are live, by address, each with a note of whoever asks.

/// A block that is live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held<N> {
    /// Bytes asked for.
    pub size: u64,
    /// The stream that asked.
    pub stream: u32,
    pub note: N,
}

#[derive(Clone, Copy)]
struct Entry<N> {
    /// 0: empty.
    block: u64,
    held: Held<N>,
}

/// An open-addressed table with linear probing, at most 5/8 full; removing moves the followers up (Knuth, The Art of
/// Computer Programming, volume 3, section 6.4, algorithm R), so that it does not wear out.
pub struct Live<N> {
    entries: Vec<Entry<N>>,
    used: usize,
    /// 64 − log2 of the number of entries.
    shift: u32,
}

impl<N: Copy + Default> Live<N> {
    pub fn new() -> Self {
        Self::of(10)
    }

    fn of(log2: u32) -> Self {
        let empty = Entry { block: 0, held: Held { size: 0, stream: 0, note: N::default() } };
        Self { entries: vec![empty; 1 << log2], used: 0, shift: 64 - log2 }
    }

    /// What is held under an address, for the caller to write; whether it was live before.
    #[inline]
    pub fn entry(&mut self, block: u64) -> (bool, &mut Held<N>) {
        if self.used * 8 >= self.entries.len() * 5 {
            self.grow();
        }
        let place = self.find(block);
        let entry = &mut self.entries[place];
        let was_live = entry.block == block;
        if !was_live {
            entry.block = block;
            self.used += 1;
        }
        (was_live, &mut entry.held)
    }

    /// What is held of a block.
    #[inline]
    pub fn get(&self, block: u64) -> Option<&Held<N>> {
        let entry = &self.entries[self.find(block)];
        (entry.block == block).then_some(&entry.held)
    }

    /// Forget a block, and answer what was held.
    #[inline]
    pub fn remove(&mut self, block: u64) -> Option<Held<N>> {
        let mut gap = self.find(block);
        if self.entries[gap].block != block {
            return None;
        }
        let held = self.entries[gap].held;
        self.used -= 1;
        let mask = self.entries.len() - 1;
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let follower = self.entries[place];
            if follower.block == 0 {
                break;
            }
            // It may move up to the gap if its own place is not behind the gap.
            let away = place.wrapping_sub(self.place(follower.block)) & mask;
            if away >= (place.wrapping_sub(gap) & mask) {
                self.entries[gap] = follower;
                gap = place;
            }
        }
        self.entries[gap].block = 0;
        Some(held)
    }

    /// Every block with what is held, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Held<N>)> {
        self.entries.iter().filter(|entry| entry.block != 0).map(|entry| (entry.block, entry.held))
    }

    /// Where a block is, or where it belongs.
    #[inline(always)]
    fn find(&self, block: u64) -> usize {
        let mask = self.entries.len() - 1;
        let mut place = self.place(block);
        loop {
            let there = self.entries[place & mask].block;
            if there == block || there == 0 {
                return place & mask;
            }
            place += 1;
        }
    }

    #[inline(always)]
    fn place(&self, block: u64) -> usize {
        (block.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let mut wider = Self::of(65 - self.shift);
        for (block, held) in self.iter() {
            let place = wider.find(block);
            wider.entries[place] = Entry { block, held };
        }
        wider.used = self.used;
        *self = wider;
    }
}
