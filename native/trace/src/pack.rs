//! `pack RECORDED FILE`: the same trace in long segments, as compressed columns.

use crate::columns;
use crate::container::{Codec, Container, Entry, Where, Writer};
use crate::failure::Failure;
use heapswap_trace_format::decode::Decoder;
use heapswap_trace_format::encode::Encoder;
use heapswap_trace_format::event::Event;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Acquire};

/// A reader holds one segment of every stream.
const ALL_SEGMENTS: usize = 32 << 20;
const SHORTEST: usize = 64 << 10;
/// Of zstd: more takes longer and saves little.
const LEVEL: i32 = 3;

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let [from, to] = arguments else {
        return Err(Failure::Misuse("pack RECORDED FILE".into()));
    };
    let (from, to) = (Path::new(from), Path::new(to));
    let container = Container::open(from)?;
    let file = File::create_new(to).map_err(Failure::io(to))?;
    pack(&container, file, to).inspect_err(|_| {
        // What is half written is of no use; the recording is still there.
        let _ = std::fs::remove_file(to);
    })
}

/// # Errors
///
/// A segment is damaged, or the file cannot be written.
pub fn pack(container: &Container, file: File, path: &Path) -> Result<(), Failure> {
    let mut writer = Writer::begin(file, path, &container.metadata)?;
    for (process, value) in &container.processes {
        writer.process(*process, value)?;
    }
    let length = (ALL_SEGMENTS / container.streams.len().max(1)).clamp(SHORTEST, columns::LONGEST);
    for (&(process, stream), entries) in &container.streams {
        let place = Where { process, stream, sequence: 0, epoch: 0 };
        Packer::new(&mut writer, place, length).pack(container, entries)?;
    }
    let killed = || serde_json::json!({"reason": "killed", "cut": container.cut});
    writer.end(container.end.clone().unwrap_or_else(killed))?;
    Ok(())
}

/// Packs one stream.
struct Packer<'a> {
    writer: &'a mut Writer,
    /// Of the segment being filled.
    place: Where,
    encoder: Box<Encoder>,
    segment: Vec<u8>,
    used: Box<AtomicU32>,
}

impl<'a> Packer<'a> {
    fn new(writer: &'a mut Writer, place: Where, length: usize) -> Self {
        let segment = vec![0; length];
        Self { writer, place, encoder: Box::new(Encoder::EMPTY), segment, used: Box::new(AtomicU32::new(0)) }
    }

    fn pack(mut self, container: &Container, entries: &[Entry]) -> Result<(), Failure> {
        for entry in entries {
            let mut decoder = Decoder::new(container.fields(entry)?, entry.header.epoch);
            while let Some(event) = decoder.next_event().map_err(|damage| container.damaged(entry.place(), damage))? {
                self.put(&event, decoder.epoch())?;
            }
            container.released(entry);
        }
        self.store()
    }

    #[inline]
    fn put(&mut self, event: &Event, epoch: u64) -> Result<(), Failure> {
        while !self.encoder.event(event, epoch) {
            self.store()?;
            self.place.epoch = epoch;
            // SAFETY: `segment` and `used` live on the heap as long as the encoder, and nobody else writes to them.
            unsafe { self.encoder.begin(self.segment.as_mut_ptr(), self.segment.len(), &raw const *self.used, epoch) };
        }
        Ok(())
    }

    fn store(&mut self) -> Result<(), Failure> {
        let used = self.used.load(Acquire);
        if used == 0 {
            return Ok(());
        }
        let records = &self.segment[..used as usize];
        let (length, coded) = columns::coded(records, LEVEL).map_err(|damage| Failure::Misuse(damage.to_string()))?;
        self.writer.segment(self.place, Codec::Columns, length, &coded)?;
        self.place.sequence += 1;
        Ok(())
    }
}
