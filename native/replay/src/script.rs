//! The format of a replay script, little endian throughout.
//!
//! ```text
//! header    96 bytes, see `Header`
//! chunks    of one thread each: offset of the thread's next chunk (u64, 0: none) · words (u64) · words × u64
//! threads   24 bytes each: offset of the first chunk (u64) · lane (u64) · thread id in the recording (u64)
//! ```
//!
//! **Words.** An instruction is one word, some with a second word behind it:
//!
//! ```text
//! bits 0..4 operation │ 4..32 slot, lane or thread │ 32..64 low half of a size, or a count
//! bits 0..4 operation │ 4..64 one number
//! ```
//!
//! `0x0000_0040_0000_0031` is malloc of 64 bytes into slot 3; `0x0000_0040_0000_0035` frees slot 3, which held 64 bytes.
//! Objects have become *slots*: places in one table, used again after the free.
//!
//! **Order.** The recording's order is cut into *epochs* of at most `EPOCH` calls. A thread takes part in an epoch with
//! `Enter … Leave`; nobody enters before everybody has left all earlier ones. So live bytes at the end of an epoch are
//! the recording's, whatever the scheduler does, while inside an epoch threads run freely, held back only where a block
//! changes hands: `Publish` counts a thread's blocks that others use in the same epoch, `Wait` waits for such a count.
//! All waits lead back in one total order, so that no cycle can close.

/// First bytes of a script.
pub const MAGIC: [u8; 8] = *b"HSREPLAY";
/// Changes with every change that an older player would misread.
pub const VERSION: u32 = 1;
/// Calls between two moments at which all threads stand where they stood in the recording.
pub const EPOCH: usize = 1_000;
/// Words of a chunk at most, so that a chunk with its two numbers is 32 KiB.
pub const CHUNK: usize = 4_094;
/// Slots, lanes and threads are numbered below this.
pub const PLACES: u64 = 1 << 28;
/// The largest number that a word holds: of nanoseconds, 36 years.
pub const LARGEST: u64 = (1 << 60) - 1;

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Op {
    /// The thread has nothing more to do: 1, it ends; 0, it lives until the program ends.
    End = 0,
    Malloc = 1,
    Calloc = 2,
    /// Slot and new size; the second word is the old size.
    Realloc = 3,
    /// Slot and size; the second word is the alignment.
    Aligned = 4,
    /// Slot and the size that was asked for it.
    Free = 5,
    /// High half of the next instruction's size.
    Large = 6,
    /// Bytes that the program has touched of what the next instruction allocates; without it all of them.
    Touch = 7,
    /// Waits until so many parts of epochs are left, and takes part in the next epoch.
    Enter = 8,
    /// Leaves the epoch; the number is how many parts are left once all have; the second word is live bytes then.
    Leave = 9,
    /// Lane and count: waits until the thread there has published so much.
    Wait = 10,
    Publish = 11,
    /// As `Enter`, without taking part.
    Await = 12,
    /// Starts a thread, by its place in the table.
    Start = 13,
    /// Nanoseconds since the recording began: when what follows was done.
    At = 14,
}

impl Op {
    /// The operation of a word, if it is one.
    #[inline]
    pub fn of(word: u64) -> Option<Self> {
        const ALL: [Option<Op>; 16] = [
            Some(Op::End),
            Some(Op::Malloc),
            Some(Op::Calloc),
            Some(Op::Realloc),
            Some(Op::Aligned),
            Some(Op::Free),
            Some(Op::Large),
            Some(Op::Touch),
            Some(Op::Enter),
            Some(Op::Leave),
            Some(Op::Wait),
            Some(Op::Publish),
            Some(Op::Await),
            Some(Op::Start),
            Some(Op::At),
            None,
        ];
        ALL[(word & 15) as usize]
    }

    /// A word of this operation with one number, at most `LARGEST`.
    pub fn number(self, value: u64) -> u64 {
        debug_assert!(value <= LARGEST, "{value} does not fit into a word");
        self as u64 | value << 4
    }

    /// A word of this operation with a place, below `PLACES`, and the low half of a value.
    pub fn place(self, place: u32, value: u64) -> u64 {
        debug_assert!(u64::from(place) < PLACES, "{place} does not fit into a word");
        self as u64 | u64::from(place) << 4 | value << 32
    }
}

/// The number of a word made by `Op::number`.
#[inline]
pub fn number_of(word: u64) -> u64 {
    word >> 4
}

/// Place and value of a word made by `Op::place`.
#[inline]
pub fn place_of(word: u64) -> (usize, u64) {
    ((word >> 4 & (PLACES - 1)) as usize, word >> 32)
}

/// What a script holds, known when it is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub threads: u64,
    /// Threads that live at the same time, at most: each stands in a lane of its own.
    pub lanes: u64,
    pub slots: u64,
    pub epochs: u64,
    /// Parts of epochs, of all threads together.
    pub parts: u64,
    /// Calls of malloc and its family.
    pub calls: u64,
    /// Most bytes live after any call.
    pub peak_live: u64,
    pub end_live: u64,
    /// Nanoseconds from the first tick to the last.
    pub duration: u64,
    /// Offset of the table of threads; 0: the script was never finished.
    pub table: u64,
}

impl Header {
    /// Bytes of a header.
    pub const LENGTH: usize = 96;

    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        for (place, field) in bytes[16..].chunks_exact_mut(8).zip(self.fields()) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// What the first bytes of a script say.
    ///
    /// # Errors
    /// They are no script's, or another version's, or the script was not finished.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Result<Self, &'static str> {
        if bytes[..8] != MAGIC {
            return Err("this is no replay script");
        }
        if bytes[8..12] != VERSION.to_le_bytes() {
            return Err("this script is of another version; compile the recording again");
        }
        let mut fields = [0; 10];
        for (field, place) in fields.iter_mut().zip(bytes[16..].chunks_exact(8)) {
            *field = word(place);
        }
        let [threads, lanes, slots, epochs, parts, calls, peak_live, end_live, duration, table] = fields;
        if table == 0 {
            return Err("this script was not finished; compile the recording again");
        }
        if lanes == 0 || lanes > threads || threads >= PLACES || slots >= PLACES {
            return Err("this script is damaged; compile the recording again");
        }
        Ok(Self { threads, lanes, slots, epochs, parts, calls, peak_live, end_live, duration, table })
    }

    fn fields(self) -> [u64; 10] {
        let Self { threads, lanes, slots, epochs, parts, calls, peak_live, end_live, duration, table } = self;
        [threads, lanes, slots, epochs, parts, calls, peak_live, end_live, duration, table]
    }
}

/// A row of the table of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Offset of its first chunk.
    pub chunk: u64,
    /// The place that it stands in while it lives; 0 is the program's first thread's.
    pub lane: u64,
    /// As the recording names it.
    pub tid: u64,
}

impl Thread {
    /// Bytes of a row.
    pub const LENGTH: usize = 24;

    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        for (place, field) in bytes.chunks_exact_mut(8).zip([self.chunk, self.lane, self.tid]) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        Self { chunk: word(&bytes[..8]), lane: word(&bytes[8..16]), tid: word(&bytes[16..]) }
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_described() {
        assert_eq!(Op::Malloc.place(3, 64), 0x0000_0040_0000_0031);
        assert_eq!(Op::Free.place(3, 64), 0x0000_0040_0000_0035);
        assert_eq!(place_of(0x0000_0040_0000_0035), (3, 64));
        assert_eq!(number_of(Op::Enter.number(77)), 77);
        assert_eq!(Op::of(Op::At.number(5)), Some(Op::At));
        assert_eq!(Op::of(15), None);
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header { threads: 3, lanes: 2, slots: 9, table: 4096, duration: 7, ..Header::default() };
        assert_eq!(Header::from_bytes(&header.to_bytes()), Ok(header));
        assert!(Header::from_bytes(&Header { table: 0, ..header }.to_bytes()).is_err());
        assert!(Header::from_bytes(&[0; Header::LENGTH]).is_err());
        let row = Thread { chunk: 96, lane: 1, tid: 4711 };
        assert_eq!(Thread::from_bytes(&row.to_bytes()), row);
    }
}
