//! Blocks by one of their properties: how many, how many bytes, and what was live at the peak of all together.

use std::collections::HashMap;

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Group {
    pub allocations: u64,
    pub bytes: u64,
    pub frees: u64,
    pub freed_bytes: u64,
    /// Frees by another thread than the one that allocated the block.
    pub elsewhere: u64,
    /// Epochs that the freed blocks lived, in all.
    pub lived: u64,
    /// Bytes that were live when all together were most.
    pub at_peak: u64,
    /// Bytes that were live when their process ended.
    pub left: u64,
    live: u64,
    /// The peak that `at_peak` is of.
    peak: u64,
}

/// What a group is known by: which number depends on the question.
pub type Key = (u32, u64);

#[derive(Default)]
pub struct Groups {
    numbers: HashMap<Key, u32>,
    groups: Vec<Group>,
    live: u64,
    most: u64,
    /// Peaks so far: a new one costs nothing, since a group notes what it held when it changes the next time.
    peaks: u64,
    /// The group asked for last: often the next one, too.
    last: Option<(Key, u32)>,
}

impl Groups {
    /// The number of a group.
    #[inline]
    pub fn of(&mut self, key: Key) -> u32 {
        if let Some((last, number)) = self.last
            && last == key
        {
            return number;
        }
        let next = self.groups.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.groups.push(Group { peak: self.peaks, ..Group::default() });
        }
        self.last = Some((key, number));
        number
    }

    #[inline]
    pub fn allocated(&mut self, number: u32, size: u64) {
        let group = self.changing(number);
        group.allocations += 1;
        group.bytes = group.bytes.saturating_add(size);
        group.live = group.live.saturating_add(size);
        self.live = self.live.saturating_add(size);
        if self.live > self.most {
            self.most = self.live;
            self.peaks += 1;
        }
    }

    /// A block that is gone was given back; `counted` is the group that this belongs to.
    #[inline]
    pub fn freed(&mut self, counted: u32, size: u64, lived: u64) {
        let group = &mut self.groups[counted as usize];
        group.frees += 1;
        group.freed_bytes = group.freed_bytes.saturating_add(size);
        group.lived = group.lived.saturating_add(lived);
    }

    pub fn freed_elsewhere(&mut self, number: u32) {
        self.groups[number as usize].elsewhere += 1;
    }

    /// A block that was thought to be free is live again: its realloc has failed.
    pub fn back(&mut self, number: u32, size: u64) {
        let group = self.changing(number);
        group.live = group.live.saturating_add(size);
        self.live = self.live.saturating_add(size);
    }

    /// A block's process has ended.
    pub fn left(&mut self, number: u32, size: u64) {
        self.gone(number, size);
        let group = &mut self.groups[number as usize];
        group.left = group.left.saturating_add(size);
    }

    /// Every group with its key.
    pub fn finished(mut self) -> Vec<(Key, Group)> {
        for number in 0..self.groups.len() as u32 {
            self.changing(number);
        }
        let mut found: Vec<_> =
            self.numbers.iter().map(|(key, number)| (*key, self.groups[*number as usize])).collect();
        found.sort_by_key(|(key, _)| *key);
        found
    }

    /// A block is not live any longer.
    #[inline]
    pub fn gone(&mut self, number: u32, size: u64) {
        let group = self.changing(number);
        group.live = group.live.saturating_sub(size);
        self.live = self.live.saturating_sub(size);
    }

    #[inline]
    fn changing(&mut self, number: u32) -> &mut Group {
        let group = &mut self.groups[number as usize];
        if group.peak != self.peaks {
            group.at_peak = group.live;
            group.peak = self.peaks;
        }
        group
    }
}

impl Group {
    /// What two groups hold together.
    pub fn with(self, other: &Self) -> Self {
        Self {
            allocations: self.allocations + other.allocations,
            bytes: self.bytes.saturating_add(other.bytes),
            frees: self.frees + other.frees,
            freed_bytes: self.freed_bytes.saturating_add(other.freed_bytes),
            elsewhere: self.elsewhere + other.elsewhere,
            lived: self.lived.saturating_add(other.lived),
            at_peak: self.at_peak.saturating_add(other.at_peak),
            left: self.left.saturating_add(other.left),
            ..self
        }
    }
}
