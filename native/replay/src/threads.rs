//! The threads of a script while it is composed: their instructions, and the lanes they stand in.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::script::{CHUNK, Op, Thread};

/// One thread.
#[derive(Default)]
pub struct Lane {
    pub tid: u64,
    pub lane: u64,
    /// What it does in the epoch under way.
    pub part: Vec<u64>,
    /// After which words of `part` it publishes a block.
    pub publishes: Vec<u32>,
    /// Slots that it has freed in this epoch.
    pub freed: Vec<u32>,
    /// The last time that it was told, in nanoseconds.
    pub told: u64,
    pub has_begun: bool,
    pub has_ended: bool,
    /// All its instructions are written.
    pub is_closed: bool,
    /// Who does what it does later still.
    pub heir: Option<usize>,
    stream: Stream,
}

impl Lane {
    pub fn new(tid: u64) -> Self {
        Self { tid, ..Self::default() }
    }

    pub fn row(&self) -> Thread {
        Thread { chunk: self.stream.first, lane: self.lane, tid: self.tid }
    }
}

/// The instructions of one thread on their way into the file.
#[derive(Default)]
struct Stream {
    words: Vec<u64>,
    first: u64,
    last: u64,
}

/// The file, written chunk by chunk.
pub struct Chunks {
    file: File,
    end: u64,
}

impl Chunks {
    pub fn new(file: File, begin: u64) -> Self {
        Self { file, end: begin }
    }

    /// Append words to a thread's instructions.
    pub fn append(&mut self, thread: &mut Lane, words: impl IntoIterator<Item = u64>) -> io::Result<()> {
        for word in words {
            thread.stream.words.push(word);
            if thread.stream.words.len() == CHUNK {
                self.flush(&mut thread.stream)?;
            }
        }
        Ok(())
    }

    /// The thread has nothing more to do.
    pub fn close(&mut self, thread: &mut Lane) -> io::Result<()> {
        let ends = u64::from(thread.has_ended);
        self.append(thread, [Op::End.number(ends)])?;
        self.flush(&mut thread.stream)?;
        thread.stream.words = Vec::new();
        thread.is_closed = true;
        Ok(())
    }

    /// Write behind everything else, and tell where that is.
    pub fn finish(&mut self, bytes: &[u8]) -> io::Result<u64> {
        self.file.write_all_at(bytes, self.end)?;
        Ok(self.end)
    }

    /// Write at a place of its own.
    pub fn head(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, 0)
    }

    fn flush(&mut self, stream: &mut Stream) -> io::Result<()> {
        if stream.words.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity((stream.words.len() + 2) * 8);
        for word in [0, stream.words.len() as u64].iter().chain(&stream.words) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        self.file.write_all_at(&bytes, self.end)?;
        if stream.first == 0 {
            stream.first = self.end;
        } else {
            self.file.write_all_at(&self.end.to_le_bytes(), stream.last)?;
        }
        stream.last = self.end;
        self.end += bytes.len() as u64;
        stream.words.clear();
        Ok(())
    }
}
