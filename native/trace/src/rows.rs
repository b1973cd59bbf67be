//! `rows FILE`: every event as a row of 64 bytes on standard output, in one order over all threads.
//!
//! ```text
//! 0    8   number of the row, from 0
//! 8    8   nanoseconds since the trace began, to the tick
//! 16   8   address of the block
//! 24   8   bytes asked for; of a free, what had been asked for
//! 32   8   return address of who asked; 0: nobody knows
//! 40   8   number of the row in which the block was allocated; all ones: it was never seen
//! 48   4   process, as numbered in the file
//! 52   4   thread, as the kernel numbers it
//! 56   1   event: 0 allocate, 1 free, 2 reallocate, 3 failed
//! 57   1   function (`Function`)
//! 58   1   log2 of the alignment; 255: none was asked for
//! 59   5   0
//! ```
//!
//! A realloc is one row with the new block; `allocation` is the row in which the old one was allocated.

use crate::container::Container;
use crate::failure::Failure;
use crate::live::Held;
use crate::merge::{self, Asked, At, From, Visitor};
use heapswap_trace_format::event::{Event, Function};
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::Path;

const ROW: usize = 64;
const NOWHERE: u64 = u64::MAX;

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let [file] = arguments else {
        return Err(Failure::Misuse("rows FILE".into()));
    };
    let container = Container::open(Path::new(file))?;
    write(&container, BufWriter::with_capacity(1 << 18, std::io::stdout().lock()))
}

/// Every event as a row.
///
/// # Errors
///
/// A segment is damaged, or nobody takes the rows.
pub fn write(container: &Container, out: impl Write) -> Result<(), Failure> {
    let mut rows =
        Rows { out, number: 0, tick_ns: container.tick_ns(), beginning: None, tids: Vec::new(), error: None };
    merge::visit(container, &mut rows)?;
    let written = rows.error.map_or_else(|| rows.out.flush(), Err);
    written.map_err(Failure::io(Path::new("standard output")))
}

struct Rows<W> {
    out: W,
    number: u64,
    tick_ns: u64,
    beginning: Option<u64>,
    tids: Vec<u32>,
    error: Option<std::io::Error>,
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Allocate,
    Free,
    Reallocate,
    Failed,
}

impl<W: Write> Rows<W> {
    /// Write a row, and answer its number.
    fn put(&mut self, at: At, kind: Kind, asked: Asked, allocation: u64) -> u64 {
        let number = self.number;
        let since = at.epoch.saturating_sub(*self.beginning.get_or_insert(at.epoch));
        let words = [
            number,
            since.saturating_mul(self.tick_ns),
            asked.block,
            asked.size,
            asked.caller,
            allocation,
            u64::from(at.process) | u64::from(self.tids.get(at.thread as usize).copied().unwrap_or(0)) << 32,
            u64::from(kind as u8) | u64::from(asked.function as u8) << 8 | u64::from(log2(asked.alignment)) << 16,
        ];
        let mut row = [0; ROW];
        for (place, word) in row.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        if self.error.is_none() {
            self.error = self.out.write_all(&row).err();
        }
        self.number += 1;
        number
    }
}

const fn log2(alignment: u64) -> u8 {
    if alignment == 0 { u8::MAX } else { alignment.trailing_zeros() as u8 }
}

const fn plain(function: Function, block: u64, size: u64) -> Asked {
    Asked { function, block, size, alignment: 0, caller: 0 }
}

/// The note of a block is the row in which it was allocated.
impl<W: Write> Visitor for Rows<W> {
    type Note = u64;

    fn allocated(&mut self, at: At, asked: Asked) -> u64 {
        self.put(at, Kind::Allocate, asked, self.number)
    }

    fn freed(&mut self, at: At, function: Function, block: u64, held: Option<Held<u64>>) {
        let (size, allocation) = held.map_or((0, NOWHERE), |held| (held.size, held.note));
        self.put(at, Kind::Free, plain(function, block, size), allocation);
    }

    fn reallocated(&mut self, at: At, (_, held): From<u64>, to: Asked) -> u64 {
        self.put(at, Kind::Reallocate, to, held.map_or(NOWHERE, |held| held.note))
    }

    fn realloc_failed(&mut self, at: At, block: u64, size: u64, held: Option<Held<u64>>) {
        let allocation = held.map_or(NOWHERE, |held| held.note);
        self.put(at, Kind::Failed, plain(Function::Realloc, block, size), allocation);
    }

    fn thread(&mut self, _at: At, tid: u32) {
        self.tids.push(tid);
    }

    fn other(&mut self, at: At, event: Event) {
        if let Event::Failed { function, size } = event {
            self.put(at, Kind::Failed, plain(function, 0, size), NOWHERE);
        }
    }
}
