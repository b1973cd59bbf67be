//! The same records, each kind of field in a column of its own, which compresses to a fraction.
//!
//! ```text
//! 0    6 × 8   of each column its length, and its length compressed (4 bytes each)
//! 48           the columns, one zstd frame each: tags, callers, where allocated blocks are, where freed blocks are,
//!              sizes, everything else
//! ```
//!
//! Two things change. A freed block is told by its allocation, because a program frees what it allocated together at one
//! time, wherever that lies: allocations of the segment are counted from 0, and bits 3–5 of the tag of a free, or of the
//! block that a realloc had, say
//!
//! ```text
//! 0–3   n bytes: zigzag(its allocation − that of the block freed before; 0 at the beginning)
//! 4     1 byte: allocations since
//! 5     3 bytes, 6: 6 bytes: zigzag((block − previous block) / 8): it was allocated before the segment began
//! 7     8 bytes: block − previous block
//! ```
//!
//! And each kind of field is taken from its column. The rest is as the records were written.

use heapswap_trace_format::decode::{Bytes, Damage, Decoder, Source, block_from, block_length, unzigzag};
use std::collections::HashMap;

const COLUMNS: usize = 6;
/// A power of two, so that a mask keeps an index within.
const CURSORS: usize = 8;
const TAGS: usize = 0;
const CALLERS: usize = 1;
const ALLOCATED: usize = 2;
const RELEASED: usize = 3;
const SIZES: usize = 4;
const OTHER: usize = 5;

const LENGTHS: usize = COLUMNS * 8;
/// Bytes of a freed block's number, by its code.
const TOLD_IN: [usize; 8] = [0, 1, 2, 3, 1, 3, 6, 8];
/// A segment with more allocations would need more than three bytes to tell one.
pub const LONGEST: usize = 4 << 20;
/// Zeros behind the records, so that eight bytes can be read at once wherever a number begins.
const SLACK: usize = 8;

/// The records of a segment, in either form.
pub struct Fields {
    bytes: Vec<u8>,
    /// Where each column goes on, and where it ends. Records that were not split are one column.
    cursors: [(usize, usize); CURSORS],
    /// Which cursor each kind of field is read with.
    cursor_of: [u8; COLUMNS],
    freed: Freed,
    /// Blocks by the number of their allocation, and the allocation whose block was freed last.
    blocks: Vec<u64>,
    last: u64,
}

/// How a freed block is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Freed {
    ByAddress,
    ByAllocation,
}

impl Fields {
    /// Records as the encoder wrote them.
    pub fn raw(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        bytes.resize(length + SLACK, 0);
        let mut cursors = [(0, 0); CURSORS];
        cursors[TAGS].1 = length;
        let cursor_of = [TAGS as u8; COLUMNS];
        Self { bytes, cursors, cursor_of, freed: Freed::ByAddress, blocks: Vec::new(), last: 0 }
    }

    #[inline(always)]
    fn block_of(&mut self, allocation: u64) -> Result<u64, Damage> {
        self.last = allocation;
        self.blocks.get(allocation as usize).copied().ok_or(Damage::UnknownAllocation)
    }

    #[inline(always)]
    fn number(&mut self, column: usize, length: usize) -> Result<u64, Damage> {
        let (at, end) = &mut self.cursors[usize::from(self.cursor_of[column]) & (CURSORS - 1)];
        let begin = *at;
        if begin + length > *end {
            return Err(Damage::CutOff);
        }
        *at = begin + length;
        let eight = self.bytes.get(begin..).and_then(<[u8]>::first_chunk::<8>).ok_or(Damage::CutOff)?;
        let number = u64::from_le_bytes(*eight);
        Ok(if length < 8 { number & !(u64::MAX << (8 * length)) } else { number })
    }
}

impl Source for Fields {
    #[inline(always)]
    fn tag(&mut self) -> Option<u8> {
        self.number(TAGS, 1).ok().map(|tag| tag as u8)
    }

    #[inline(always)]
    fn caller(&mut self) -> Result<u8, Damage> {
        self.number(CALLERS, 1).map(|place| place as u8)
    }

    #[inline(always)]
    fn allocated(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(ALLOCATED, length)
    }

    #[inline(always)]
    fn note(&mut self, block: u64) {
        if self.freed == Freed::ByAllocation {
            self.blocks.push(block);
        }
    }

    #[inline(always)]
    fn released(&mut self, code: u8, previous: u64) -> Result<u64, Damage> {
        let (by_address, length) = match code {
            _ if self.freed == Freed::ByAddress => (code, block_length(code)),
            0..=3 => {
                let difference = unzigzag(self.number(RELEASED, usize::from(code))?);
                return self.block_of(self.last.wrapping_add_signed(difference));
            }
            4 => {
                let since = self.number(RELEASED, 1)?;
                return self.block_of((self.blocks.len() as u64).wrapping_sub(since));
            }
            _ => (code, TOLD_IN[usize::from(code % 8)]),
        };
        Ok(block_from(by_address, self.number(RELEASED, length)?, previous))
    }

    #[inline(always)]
    fn size(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(SIZES, length)
    }

    #[inline(always)]
    fn other(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(OTHER, length)
    }

    fn is_used_up(&self) -> bool {
        self.cursors.iter().all(|(at, end)| at == end)
    }
}

/// Records, at most `LONGEST` bytes, as columns: how many bytes these have, and the columns compressed.
///
/// # Errors
///
/// They are no records.
pub fn coded(records: &[u8], level: i32) -> Result<(u32, Vec<u8>), Damage> {
    let mut decoder = Decoder::new(Splitter::new(records), 0);
    while decoder.next_event()?.is_some() {}
    let columns = decoder.into_source().columns;
    let mut stored = vec![0; LENGTHS];
    for (index, column) in columns.iter().enumerate() {
        let begin = stored.len();
        stored.resize(begin + zstd_safe::compress_bound(column.len()), 0);
        let length = zstd_safe::compress(&mut stored[begin..], column, level).unwrap_or(0);
        stored.truncate(begin + length);
        stored[index * 8..][..4].copy_from_slice(&(column.len() as u32).to_le_bytes());
        stored[index * 8 + 4..][..4].copy_from_slice(&(length as u32).to_le_bytes());
    }
    Ok((columns.iter().map(|column| column.len() as u32).sum(), stored))
}

/// The records again, columns of `raw_length` bytes in all; None where these are not what `coded` answered.
pub fn decoded(stored: &[u8], raw_length: usize) -> Option<Fields> {
    let (lengths, mut rest) = stored.split_at_checked(LENGTHS)?;
    let word = |at: usize| Some(u32::from_le_bytes(*lengths.get(at..)?.first_chunk()?) as usize);
    let mut bytes = vec![0; raw_length + SLACK];
    let mut cursors = [(0, 0); CURSORS];
    let mut end = 0_usize;
    for (index, cursor) in cursors.iter_mut().take(COLUMNS).enumerate() {
        let begin = end;
        end = begin.checked_add(word(index * 8)?)?;
        let (compressed, behind) = rest.split_at_checked(word(index * 8 + 4)?)?;
        let length = zstd_safe::decompress(bytes.get_mut(begin..end)?, compressed).ok()?;
        if begin + length != end || end > raw_length {
            return None;
        }
        *cursor = (begin, end);
        rest = behind;
    }
    if !rest.is_empty() || end != raw_length {
        return None;
    }
    let cursor_of = [0, 1, 2, 3, 4, 5];
    Some(Fields { bytes, cursors, cursor_of, freed: Freed::ByAllocation, blocks: Vec::new(), last: 0 })
}

/// Reads records, and notes each field in its column.
struct Splitter<'a> {
    records: Bytes<'a>,
    columns: [Vec<u8>; COLUMNS],
    /// The number of a block's allocation, and what else a reader knows.
    allocations: HashMap<u64, u64, Quick>,
    count: u64,
    last: u64,
}

impl<'a> Splitter<'a> {
    fn new(records: &'a [u8]) -> Self {
        Self {
            records: Bytes::new(records),
            columns: Default::default(),
            allocations: HashMap::default(),
            count: 0,
            last: 0,
        }
    }

    fn number(&mut self, column: usize, length: usize) -> Result<u64, Damage> {
        let number = self.records.number(length)?;
        self.put(column, number, length);
        Ok(number)
    }

    fn put(&mut self, column: usize, number: u64, length: usize) {
        self.columns[column].extend_from_slice(&number.to_le_bytes()[..length]);
    }

    /// Code, number and length of a freed block whose allocation is known.
    fn told(&mut self, allocation: u64) -> (u8, u64, usize) {
        let difference = allocation.wrapping_sub(self.last).cast_signed();
        let (zigzag, since) = (zigzag(difference), self.count - allocation);
        self.last = allocation;
        match bytes(zigzag) {
            2.. if since <= 0xff => (4, since, 1),
            length => (length as u8, zigzag, length),
        }
    }
}

/// The same of one whose allocation is not in the segment.
fn told_by_address(block: u64, previous: u64) -> (u8, u64, usize) {
    let difference = block.wrapping_sub(previous);
    let zigzag = zigzag(difference.cast_signed() >> 3);
    match bytes(zigzag) {
        ..=3 if difference & 7 == 0 => (5, zigzag, 3),
        ..=6 if difference & 7 == 0 => (6, zigzag, 6),
        _ => (7, difference, 8),
    }
}

const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// Addresses need no hash that resists an adversary.
#[derive(Clone, Copy, Default)]
struct Quick(u64);

impl std::hash::Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

impl std::hash::BuildHasher for Quick {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

const fn bytes(number: u64) -> usize {
    (64 - number.leading_zeros() as usize).div_ceil(8)
}

impl Source for Splitter<'_> {
    fn tag(&mut self) -> Option<u8> {
        self.number(TAGS, 1).ok().map(|tag| tag as u8)
    }

    fn caller(&mut self) -> Result<u8, Damage> {
        self.number(CALLERS, 1).map(|place| place as u8)
    }

    fn allocated(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(ALLOCATED, length)
    }

    fn note(&mut self, block: u64) {
        self.allocations.insert(block, self.count);
        self.count += 1;
    }

    fn released(&mut self, code: u8, previous: u64) -> Result<u64, Damage> {
        let block = block_from(code, self.records.number(block_length(code))?, previous);
        let (code, number, length) = match self.allocations.get(&block).copied() {
            Some(allocation) => self.told(allocation),
            None => told_by_address(block, previous),
        };
        if let Some(tag) = self.columns[TAGS].last_mut() {
            *tag = *tag & !0x38 | code << 3;
        }
        self.put(RELEASED, number, length);
        Ok(block)
    }

    fn size(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(SIZES, length)
    }

    fn other(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(OTHER, length)
    }

    fn is_used_up(&self) -> bool {
        self.records.is_empty()
    }
}
