//! The same records, each kind of field in a column of its own, which compresses to a fraction.
//!
//! ```text
//! 0    6 × 8   of each column its length, and its length compressed (4 bytes each)
//! 48           the columns, one zstd frame each: tags, callers, where allocated blocks are, where freed blocks are,
//!              sizes, everything else
//! ```
//!
//! Nothing else changes: reading the tags and taking each field from its column gives the records that were written.

use heapswap_trace_format::decode::{Bytes, Damage, Decoder, Source};

const COLUMNS: usize = 6;
const TAGS: usize = 0;
const CALLERS: usize = 1;
const ALLOCATED: usize = 2;
const RELEASED: usize = 3;
const SIZES: usize = 4;
const OTHER: usize = 5;

const LENGTHS: usize = COLUMNS * 8;
/// Zeros behind the records, so that eight bytes can be read at once wherever a number begins.
const SLACK: usize = 8;

/// The records of a segment, in either form.
pub struct Fields {
    bytes: Vec<u8>,
    /// Where each column goes on, and where it ends. Records that were not split are one column.
    cursors: [(usize, usize); COLUMNS],
    /// Which cursor each kind of field is read with.
    cursor_of: [u8; COLUMNS],
}

impl Fields {
    /// Records as the encoder wrote them.
    pub fn raw(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        bytes.resize(length + SLACK, 0);
        let mut cursors = [(0, 0); COLUMNS];
        cursors[TAGS].1 = length;
        Self { bytes, cursors, cursor_of: [TAGS as u8; COLUMNS] }
    }

    #[inline(always)]
    fn number(&mut self, column: usize, length: usize) -> Result<u64, Damage> {
        let (at, end) = &mut self.cursors[usize::from(self.cursor_of[column]) % COLUMNS];
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
    fn released(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(RELEASED, length)
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

/// Records, split into columns and compressed.
///
/// # Errors
///
/// They are no records.
pub fn coded(records: &[u8], level: i32) -> Result<Vec<u8>, Damage> {
    let mut decoder = Decoder::new(Splitter { records: Bytes::new(records), columns: Default::default() }, 0);
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
    Ok(stored)
}

/// The records again, `raw_length` bytes in all; None where these are not what `coded` answered.
pub fn decoded(stored: &[u8], raw_length: usize) -> Option<Fields> {
    let (lengths, mut rest) = stored.split_at_checked(LENGTHS)?;
    let word = |at: usize| Some(u32::from_le_bytes(*lengths.get(at..)?.first_chunk()?) as usize);
    let mut bytes = vec![0; raw_length + SLACK];
    let mut cursors = [(0, 0); COLUMNS];
    let mut end = 0_usize;
    for (index, cursor) in cursors.iter_mut().enumerate() {
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
    Some(Fields { bytes, cursors, cursor_of: [0, 1, 2, 3, 4, 5] })
}

/// Reads records, and notes each field in its column.
struct Splitter<'a> {
    records: Bytes<'a>,
    columns: [Vec<u8>; COLUMNS],
}

impl Splitter<'_> {
    fn number(&mut self, column: usize, length: usize) -> Result<u64, Damage> {
        let number = self.records.number(length)?;
        self.columns[column].extend_from_slice(&number.to_le_bytes()[..length]);
        Ok(number)
    }
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

    fn released(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(RELEASED, length)
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
