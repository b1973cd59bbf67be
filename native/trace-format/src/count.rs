//! What the lengths of records tell without reading them.

use crate::event::{kind, rare};

/// What a look at the lengths of records tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// A realloc is one call.
    pub calls: u64,
    /// Bytes until a record of the epoch that was asked for or a later one, or until damage.
    pub length: usize,
}

/// Counts the calls that whole records tell of, those before the epoch `end`, reading hardly more than the lengths.
/// `thread` is told the id of every thread that begins.
pub fn count(records: &[u8], epoch: u64, end: u64, mut thread: impl FnMut(u32)) -> Count {
    let (mut at, mut calls, mut epoch) = (0, 0, epoch);
    if epoch >= end {
        return Count { calls, length: 0 };
    }
    while let Some(&tag) = records.get(at) {
        let is_rare = tag & 7 == kind::RARE;
        let (length, counts) = if is_rare { RARE[usize::from(tag >> 3)] } else { ORDINARY[usize::from(tag)] };
        if length == 0 {
            break;
        }
        if is_rare {
            let rest = records.get(at + 1..).unwrap_or_default();
            match tag >> 3 {
                rare::TICK => {
                    let grown = rest.first_chunk().map_or(0, |grown| u64::from(u16::from_le_bytes(*grown)));
                    epoch = epoch.saturating_add(grown);
                }
                rare::EPOCH => epoch = rest.first_chunk().map_or(epoch, |now| u64::from_le_bytes(*now)),
                rare::THREAD => {
                    if let Some(id) = rest.first_chunk() {
                        thread(u32::from_le_bytes(*id));
                    }
                }
                _ => {}
            }
            if epoch >= end {
                break;
            }
        }
        at += usize::from(length);
        calls += u64::from(counts);
    }
    Count { calls, length: at.min(records.len()) }
}

/// Length of a record and whether it counts as a call, by its tag.
static ORDINARY: [(u8, bool); 256] = {
    let mut table = [(0, false); 256];
    let mut tag = 0;
    while tag < 256 {
        let kind = tag as u8 & 7;
        let (block, size) = (tag as u8 >> 3 & 7, [0, 1, 2, 8][tag >> 6]);
        let block = if block == 7 { 8 } else { block };
        let rest = match kind {
            kind::MALLOC | kind::CALLOC | kind::REALLOC_TO => 1 + size,
            kind::OTHER_ALLOCATION => 3 + size,
            kind::OTHER_FREE => 1,
            _ => 0,
        };
        table[tag] = (1 + block + rest, kind != kind::REALLOC_FROM);
        tag += 1;
    }
    table
};

/// The same by the code of a rare record; length 0 where there is no such code.
static RARE: [(u8, bool); 32] = {
    let mut table = [(0, false); 32];
    table[rare::TICK as usize] = (3, false);
    table[rare::EPOCH as usize] = (9, false);
    table[rare::CALLER as usize] = (10, false);
    table[rare::FAILED as usize] = (10, true);
    table[rare::REALLOC_FAILED as usize] = (17, true);
    table[rare::TOUCHED as usize] = (5, false);
    table[rare::THREAD as usize] = (5, false);
    table[rare::THREAD_END as usize] = (1, false);
    table[rare::FORK as usize] = (5, false);
    table
};
