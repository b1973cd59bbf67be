//! A file of a trace (`FILE.heap`). Version 1.
//!
//! ```text
//! 0    8   "heaptrac"
//! 8    2   version
//! 10   6   0
//! 16       frames, one after another
//! ```
//!
//! All numbers are little-endian. A frame is a header of 48 bytes and what it announces:
//!
//! ```text
//! 0    4   "Fram"
//! 4    1   kind: 1 metadata, 2 process, 3 segment, 4 end
//! 5    1   codec: 0 as it is, 1 columns (`columns`)
//! 6    2   0
//! 8    4   process, counted from 0 over the whole trace; 0 in metadata and end
//! 12   4   stream of the process                        ⎫
//! 16   4   place of the segment in its stream, from 0   ⎬ 0 in frames that are no segments
//! 20   4   0                                            ⎪
//! 24   8   epoch at which the segment begins            ⎭
//! 32   4   length before it was coded
//! 36   4   length of what follows the header
//! 40   4   CRC-32 of what follows the header
//! 44   4   CRC-32 of the 44 bytes before
//! ```
//!
//! The first frame holds the metadata. Metadata, processes and the end are JSON objects; of several processes with the
//! same number the last holds. `tick_ns` of the metadata is the length of an epoch. The end is the last frame of a trace
//! that was finished, and its `segments` is their number. A file that just stops, because whoever wrote it was killed, is
//! read up to its last whole frame. Anything else that is not as written is refused, and its place is named.

mod read;
mod write;

pub use read::{Container, Entry};
pub use write::{Where, Writer};

use std::fmt;

pub const MAGIC: [u8; 8] = *b"heaptrac";
pub const VERSION: u16 = 1;
pub const BEGINNING: u64 = 16;
/// A segment is not longer before it was coded: what a file may make its reader allocate.
pub const LONGEST_SEGMENT: u32 = 16 << 20;
/// The same for all segments that are being read at the same time.
pub const LONGEST_SEGMENTS: u64 = 512 << 20;
/// The same for a JSON object.
pub const LONGEST_OBJECT: u32 = 64 << 20;

const FRAME_MAGIC: [u8; 4] = *b"Fram";
pub const HEADER: usize = 48;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    Metadata = 1,
    Process,
    Segment,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Codec {
    Raw = 0,
    Columns,
}

/// What a frame's header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub kind: Kind,
    pub codec: Codec,
    pub process: u32,
    pub stream: u32,
    pub sequence: u32,
    pub epoch: u64,
    pub raw_length: u32,
    pub stored_length: u32,
    pub checksum: u32,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &FRAME_MAGIC);
        put(4, &[self.kind as u8, self.codec as u8]);
        put(8, &self.process.to_le_bytes());
        put(12, &self.stream.to_le_bytes());
        put(16, &self.sequence.to_le_bytes());
        put(24, &self.epoch.to_le_bytes());
        put(32, &self.raw_length.to_le_bytes());
        put(36, &self.stored_length.to_le_bytes());
        put(40, &self.checksum.to_le_bytes());
        let own = crc32fast::hash(&bytes[..44]);
        bytes[44..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    /// None where the bytes are no header, or not the one that was written.
    pub fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..4] != FRAME_MAGIC || crc32fast::hash(&bytes[..44]) != word(44) {
            return None;
        }
        Some(Self {
            kind: match bytes[4] {
                1 => Kind::Metadata,
                2 => Kind::Process,
                3 => Kind::Segment,
                4 => Kind::End,
                _ => return None,
            },
            codec: match bytes[5] {
                0 => Codec::Raw,
                1 => Codec::Columns,
                _ => return None,
            },
            process: word(8),
            stream: word(12),
            sequence: word(16),
            epoch: u64::from(word(24)) | u64::from(word(28)) << 32,
            raw_length: word(32),
            stored_length: word(36),
            checksum: word(40),
        })
    }
}

/// A frame, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Of the frame in the file.
    pub offset: u64,
    /// Process, stream and place in the stream, where it is known to be a segment.
    pub segment: Option<(u32, u32, u32)>,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((process, stream, sequence)) = self.segment {
            write!(out, "segment {sequence} of stream {stream} of process {process} (byte {})", self.offset)
        } else {
            write!(out, "byte {}", self.offset)
        }
    }
}
