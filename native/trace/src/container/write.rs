//! Writing a file of a trace, frame after frame: what has been written is whole, whenever it ends.

use super::{Codec, Header, Kind, MAGIC, VERSION};
use crate::failure::Failure;
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where a segment belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Where {
    pub process: u32,
    pub stream: u32,
    pub sequence: u32,
    /// At which it begins.
    pub epoch: u64,
}

pub struct Writer {
    file: BufWriter<File>,
    path: PathBuf,
    /// Bytes so far.
    pub written: u64,
    segments: u64,
}

impl Writer {
    /// Begin a file, which must not hold anything yet.
    pub fn begin(file: File, path: &Path, metadata: &Value) -> Result<Self, Failure> {
        let mut writer =
            Self { file: BufWriter::with_capacity(1 << 20, file), path: path.to_owned(), written: 0, segments: 0 };
        let mut beginning = [0; super::BEGINNING as usize];
        beginning[..8].copy_from_slice(&MAGIC);
        beginning[8..10].copy_from_slice(&VERSION.to_le_bytes());
        writer.put(&beginning)?;
        writer.object(Kind::Metadata, 0, metadata)?;
        Ok(writer)
    }

    /// What is known of a process; a later call for the same replaces it.
    pub fn process(&mut self, process: u32, value: &Value) -> Result<(), Failure> {
        self.object(Kind::Process, process, value)
    }

    /// A segment as the encoder wrote it.
    pub fn raw_segment(&mut self, place: Where, bytes: &[u8]) -> Result<(), Failure> {
        self.segment(place, Codec::Raw, bytes.len() as u32, bytes)
    }

    /// A segment that has been coded; `raw_length` is its length before.
    pub fn segment(&mut self, place: Where, codec: Codec, raw_length: u32, stored: &[u8]) -> Result<(), Failure> {
        self.segments += 1;
        let Where { process, stream, sequence, epoch } = place;
        self.frame(Kind::Segment, codec, Where { process, stream, sequence, epoch }, raw_length, stored)
    }

    /// The last frame: the trace is finished, and `value` says how it ended.
    pub fn end(mut self, mut value: Value) -> Result<u64, Failure> {
        value["segments"] = self.segments.into();
        self.object(Kind::End, 0, &value)?;
        self.flush()?;
        Ok(self.written)
    }

    /// Give everything to the operating system.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.file.flush().map_err(Failure::io(&self.path))
    }

    fn object(&mut self, kind: Kind, process: u32, value: &Value) -> Result<(), Failure> {
        let text = value.to_string();
        let place = Where { process, stream: 0, sequence: 0, epoch: 0 };
        self.frame(kind, Codec::Raw, place, text.len() as u32, text.as_bytes())
    }

    fn frame(&mut self, kind: Kind, codec: Codec, place: Where, raw_length: u32, stored: &[u8]) -> Result<(), Failure> {
        let Where { process, stream, sequence, epoch } = place;
        let stored_length = stored.len() as u32;
        let checksum = crc32fast::hash(stored);
        let header = Header { kind, codec, process, stream, sequence, epoch, raw_length, stored_length, checksum };
        self.put(&header.to_bytes())?;
        self.put(stored)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Failure::io(&self.path))
    }
}
