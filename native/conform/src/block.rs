//! A block of the malloc that is examined, and the pattern it is filled with.

use std::fmt;

/// Where a block begins; null where there is none. Its size is known to whoever asked for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block(*mut u8);

// SAFETY: an address; whose turn it is to touch the bytes is what the clauses are about.
unsafe impl Send for Block {}
// SAFETY: as for Send.
unsafe impl Sync for Block {}

/// A byte that is not what was written there.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    pub offset: usize,
    pub seen: u8,
    pub written: u8,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "byte {} is {:#04x} and should be {:#04x}", self.offset, self.seen, self.written)
    }
}

impl Block {
    pub const NULL: Block = Block(std::ptr::null_mut());

    pub fn new(pointer: *mut u8) -> Block {
        Block(pointer)
    }

    pub fn pointer(self) -> *mut u8 {
        self.0
    }

    pub fn address(self) -> usize {
        self.0 as usize
    }

    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    pub fn is_aligned(self, alignment: usize) -> bool {
        self.address().is_multiple_of(alignment)
    }

    /// The largest power of two that the address is a multiple of.
    pub fn alignment(self) -> usize {
        1 << self.address().trailing_zeros()
    }

    pub fn plus(self, offset: usize) -> Block {
        Block(self.0.wrapping_add(offset))
    }

    pub fn write(self, offset: usize, byte: u8) {
        // SAFETY: the clauses write only into blocks that were given to them; the exceptions are the misuses, which
        // are made in a process of their own to see what happens.
        unsafe { self.0.wrapping_add(offset).write_volatile(byte) }
    }

    pub fn read(self, offset: usize) -> u8 {
        // SAFETY: as for write.
        unsafe { self.0.wrapping_add(offset).read_volatile() }
    }

    /// Write the pattern of `seed` into the first `size` bytes.
    pub fn fill(self, size: usize, seed: usize) {
        // SAFETY: as for write; nobody else holds a reference into the block.
        let bytes = unsafe { std::slice::from_raw_parts_mut(self.0, size) };
        for (offset, byte) in bytes.iter_mut().enumerate() {
            *byte = pattern(seed, offset);
        }
    }

    /// The first of `size` bytes that the pattern of `seed` was written into and that no longer holds it.
    pub fn difference(self, size: usize, seed: usize) -> Option<Difference> {
        self.unlike(size, |offset| pattern(seed, offset))
    }

    /// The first of `size` bytes that is not zero.
    pub fn not_zero(self, size: usize) -> Option<Difference> {
        self.unlike(size, |_| 0)
    }

    fn unlike(self, size: usize, expected: impl Fn(usize) -> u8) -> Option<Difference> {
        // SAFETY: as for write.
        let bytes = unsafe { std::slice::from_raw_parts(self.0, size) };
        // A whole stretch at a time, which the compiler compares many bytes at once.
        const STRETCH: usize = 512;
        let differs = |start: usize| {
            let stretch = bytes[start..size.min(start + STRETCH)].iter().enumerate();
            stretch.fold(0, |all, (index, &byte)| all | (byte ^ expected(start + index))) != 0
        };
        let start = (0..size).step_by(STRETCH).find(|&start| differs(start))?;
        let offset = (start..size).find(|&offset| bytes[offset] != expected(offset))?;
        Some(Difference { offset, seen: bytes[offset], written: expected(offset) })
    }
}

/// Differs between neighbouring bytes, between pages, and between seeds; never 0, which calloc writes.
fn pattern(seed: usize, offset: usize) -> u8 {
    let mixed = seed.wrapping_mul(151).wrapping_add(offset).wrapping_add(offset >> 8);
    (mixed as u8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_never_zero_and_tells_seeds_apart() {
        assert!((0..1000).all(|offset| pattern(7, offset) != 0));
        let alike = (0..1000).filter(|&offset| pattern(1, offset) == pattern(2, offset)).count();
        assert!(alike < 10, "{alike} of 1000 bytes are alike");
    }

    #[test]
    fn the_first_difference_is_found_wherever_it_is() {
        let mut bytes = vec![0; 1500];
        let block = Block::new(bytes.as_mut_ptr());
        block.fill(1500, 3);
        assert_eq!(block.difference(1500, 3), None);
        for offset in [1499, 512, 511, 0] {
            block.write(offset, 0);
            let found = block.difference(1500, 3).unwrap();
            assert_eq!((found.offset, found.seen), (offset, 0));
        }
        assert_eq!(block.difference(1500, 3).unwrap().written, pattern(3, 0));
    }
}
