//! A script's file, read piece by piece: it is never mapped, so that none of it counts as resident.

use std::fs::File;
use std::os::unix::fs::FileExt;

use heapswap_replay::script::{CHUNK, Header, Thread};

/// Why a script cannot be played.
pub type Refusal = String;

pub struct Source {
    file: File,
    pub header: Header,
    pub threads: Vec<Thread>,
}

impl Source {
    /// # Errors
    /// The file cannot be read, or is no finished script.
    pub fn open(path: &str) -> Result<Self, Refusal> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut bytes = [0; Header::LENGTH];
        file.read_exact_at(&mut bytes, 0).map_err(|_| "this is no replay script".to_string())?;
        let header = Header::from_bytes(&bytes)?;
        let mut threads = Vec::with_capacity(usize::try_from(header.threads).unwrap_or(usize::MAX).min(1 << 20));
        let mut row = [0; Thread::LENGTH];
        for index in 0..header.threads {
            let offset = header.table + index * Thread::LENGTH as u64;
            file.read_exact_at(&mut row, offset).map_err(|_| damaged())?;
            let thread = Thread::from_bytes(&row);
            if thread.lane >= header.lanes {
                return Err(damaged());
            }
            threads.push(thread);
        }
        Ok(Self { file, header, threads })
    }

    /// Read one chunk into `words`; gives how many, and where the next one is.
    fn read(&self, offset: u64, words: &mut [u64; CHUNK + 2]) -> Option<(usize, u64)> {
        // SAFETY: any bytes are numbers; the slice is the array's own memory.
        let bytes = unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), size_of_val(words)) };
        let mut got = 0;
        while got < bytes.len() {
            match self.file.read_at(&mut bytes[got..], offset + got as u64) {
                Ok(0) => break,
                Ok(more) => got += more,
                Err(_) => return None,
            }
        }
        let count = usize::try_from(u64::from_le(words[1])).ok().filter(|count| (count + 2) * 8 <= got)?;
        (count > 0).then_some((count, u64::from_le(words[0])))
    }
}

fn damaged() -> Refusal {
    "this script is damaged; compile the recording again".into()
}

/// Room for one chunk.
pub type Buffer = Box<[u64; CHUNK + 2]>;

/// The words of one thread, in order.
pub struct Words<'a> {
    source: &'a Source,
    buffer: &'a mut [u64; CHUNK + 2],
    at: usize,
    end: usize,
    next: u64,
}

impl<'a> Words<'a> {
    pub fn of(source: &'a Source, thread: usize, buffer: &'a mut [u64; CHUNK + 2]) -> Self {
        Self { source, buffer, at: 0, end: 0, next: source.threads[thread].chunk }
    }

    /// The next word; none where the script breaks off.
    #[inline]
    pub fn next(&mut self) -> Option<u64> {
        if self.at == self.end {
            self.refill()?;
        }
        let word = self.buffer[self.at];
        self.at += 1;
        Some(u64::from_le(word))
    }

    #[cold]
    fn refill(&mut self) -> Option<()> {
        if self.next == 0 {
            return None;
        }
        let (count, next) = self.source.read(self.next, self.buffer)?;
        (self.at, self.end, self.next) = (2, 2 + count, next);
        Some(())
    }
}
