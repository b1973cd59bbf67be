//! Reading a file of a trace: its frames are found at once, its segments are read when they are wanted.

use super::{
    BEGINNING, Codec, HEADER, Header, Kind, LONGEST_OBJECT, LONGEST_SEGMENT, LONGEST_SEGMENTS, MAGIC, Place, VERSION,
};
use crate::columns::{self, Fields};
use crate::failure::Failure;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A segment in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub offset: u64,
    pub header: Header,
}

impl Entry {
    pub const fn place(&self) -> Place {
        let Header { process, stream, sequence, .. } = self.header;
        Place { offset: self.offset, segment: Some((process, stream, sequence)) }
    }
}

/// A file of a trace, open.
pub struct Container {
    path: PathBuf,
    file: File,
    pub length: u64,
    pub metadata: Value,
    pub processes: BTreeMap<u32, Value>,
    /// Process and stream → its segments, in order, without a gap.
    pub streams: BTreeMap<(u32, u32), Vec<Entry>>,
    /// What the last frame says; None where whoever wrote the file was killed.
    pub end: Option<Value>,
    /// Bytes behind the last whole frame, and segments that cannot be used for want of an earlier one.
    pub cut: u64,
    /// Bytes of the segments that are being read.
    held: Cell<u64>,
}

impl Container {
    /// # Errors
    ///
    /// Unreadable, no trace, of a newer format, or damaged.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(Failure::io(path))?;
        let length = file.metadata().map_err(Failure::io(path))?.len();
        let mut container = Self {
            path: path.to_owned(),
            file,
            length,
            metadata: Value::Null,
            processes: BTreeMap::new(),
            streams: BTreeMap::new(),
            end: None,
            cut: 0,
            held: Cell::new(0),
        };
        container.check_beginning()?;
        container.find_frames()?;
        container.put_in_order()?;
        Ok(container)
    }

    /// Length of an epoch, in nanoseconds.
    pub fn tick_ns(&self) -> u64 {
        self.metadata["tick_ns"].as_u64().unwrap_or(1_000_000)
    }

    /// The records of a segment, until they are `released`.
    ///
    /// # Errors
    ///
    /// They are not what was written, or more segments are being read than memory should hold.
    pub fn fields(&self, entry: &Entry) -> Result<Fields, Failure> {
        self.held.set(self.held.get() + u64::from(entry.header.raw_length));
        if self.held.get() > LONGEST_SEGMENTS {
            return Err(self.damaged(entry.place(), "it and those of its time are too long together"));
        }
        let stored = self.stored(entry.offset, &entry.header)?;
        match entry.header.codec {
            Codec::Raw if stored.len() == entry.header.raw_length as usize => Ok(Fields::raw(stored)),
            Codec::Raw => Err(self.damaged(entry.place(), "its two lengths differ")),
            Codec::Columns => columns::decoded(&stored, entry.header.raw_length as usize)
                .ok_or_else(|| self.damaged(entry.place(), "its columns cannot be decompressed")),
        }
    }

    /// The records of a segment are not needed any longer.
    pub fn released(&self, entry: &Entry) {
        self.held.set(self.held.get() - u64::from(entry.header.raw_length));
    }

    pub fn damaged(&self, place: Place, seen: impl ToString) -> Failure {
        Failure::Damaged { path: self.path.clone(), place, seen: seen.to_string() }
    }

    fn foreign(&self, seen: impl Into<String>) -> Failure {
        Failure::Foreign { path: self.path.clone(), seen: seen.into() }
    }

    fn check_beginning(&self) -> Result<(), Failure> {
        let mut bytes = [0; BEGINNING as usize];
        if self.length < BEGINNING {
            return Err(self.foreign("is no trace; give a file that heapswap record made"));
        }
        self.file.read_exact_at(&mut bytes, 0).map_err(Failure::io(&self.path))?;
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        match () {
            () if bytes[..8] != MAGIC => Err(self.foreign("is no trace; give a file that heapswap record made")),
            () if version > VERSION => Err(self.foreign(format!(
                "has format {version}, and this heapswap knows traces up to {VERSION}; upgrade heapswap to read it"
            ))),
            () if version == 0 || bytes[10..] != [0; 6] => {
                Err(self.damaged(Place { offset: 0, segment: None }, "its beginning is not as it was written"))
            }
            () => Ok(()),
        }
    }

    fn find_frames(&mut self) -> Result<(), Failure> {
        let mut offset = BEGINNING;
        let mut last: Option<Entry> = None;
        while offset < self.length {
            let place = Place { offset, segment: None };
            if self.end.is_some() {
                return Err(self.damaged(place, "something follows its end"));
            }
            let Some(header) = self.header(offset)? else { break };
            let next = offset + (HEADER as u64) + u64::from(header.stored_length);
            let longest = if header.kind == Kind::Segment { LONGEST_SEGMENT } else { LONGEST_OBJECT };
            // Coded data may be a little longer than it was.
            if header.raw_length > longest || header.stored_length > longest + longest / 8 {
                return Err(self.damaged(place, "it says that it is too long"));
            }
            if next > self.length {
                break;
            }
            if (offset == BEGINNING) != (header.kind == Kind::Metadata) {
                return Err(self.damaged(place, "metadata have to come first, and once"));
            }
            match header.kind {
                Kind::Metadata => self.metadata = self.object(offset, &header)?,
                Kind::Process => {
                    let value = self.object(offset, &header)?;
                    self.processes.insert(header.process, value);
                }
                Kind::Segment => {
                    let entry = Entry { offset, header };
                    self.streams.entry((header.process, header.stream)).or_default().push(entry);
                    last = Some(entry);
                }
                Kind::End => self.end = Some(self.object(offset, &header)?),
            }
            offset = next;
        }
        if self.metadata.is_null() {
            return Err(self.damaged(Place { offset: BEGINNING, segment: None }, "it stops before its metadata"));
        }
        self.cut = self.length - offset;
        // The last frame of a file that just stops may have been given its length before its content.
        if let (None, Some(entry)) = (&self.end, last)
            && self.stored(entry.offset, &entry.header).is_err()
            && let Some(entries) = self.streams.get_mut(&(entry.header.process, entry.header.stream))
        {
            entries.retain(|one| *one != entry);
            self.cut = self.length - entry.offset;
        }
        Ok(())
    }

    /// None where the file just stops.
    fn header(&self, offset: u64) -> Result<Option<Header>, Failure> {
        if self.length - offset < HEADER as u64 {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.file.read_exact_at(&mut bytes, offset).map_err(Failure::io(&self.path))?;
        match Header::from_bytes(&bytes) {
            Some(header) => Ok(Some(header)),
            // A file system may have made room for what was never written.
            None if self.is_zero_from(offset)? => Ok(None),
            None => Err(self.damaged(Place { offset, segment: None }, "no frame begins there")),
        }
    }

    fn is_zero_from(&self, mut offset: u64) -> Result<bool, Failure> {
        let mut bytes = [0; 4096];
        while offset < self.length {
            let part = (self.length - offset).min(bytes.len() as u64) as usize;
            self.file.read_exact_at(&mut bytes[..part], offset).map_err(Failure::io(&self.path))?;
            if bytes[..part].iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            offset += part as u64;
        }
        Ok(true)
    }

    fn put_in_order(&mut self) -> Result<(), Failure> {
        let mut found = 0;
        for entries in self.streams.values_mut() {
            entries.sort_by_key(|entry| entry.header.sequence);
            found += entries.len() as u64;
        }
        let gap = |entries: &[Entry]| {
            entries.iter().enumerate().position(|(place, entry)| entry.header.sequence as usize != place)
        };
        if let Some(end) = &self.end {
            if end["segments"].as_u64() != Some(found) {
                let seen = format!("it was finished with {} segments, and {found} are there", end["segments"]);
                return Err(self.damaged(Place { offset: self.length, segment: None }, seen));
            }
            if let Some(entry) = self.streams.values().find_map(|entries| gap(entries).map(|at| entries[at])) {
                return Err(self.damaged(entry.place(), "the one before it is missing or there twice"));
            }
        }
        for entries in self.streams.values_mut() {
            if let Some(at) = gap(entries) {
                self.cut += entries[at..].iter().map(|entry| u64::from(entry.header.stored_length)).sum::<u64>();
                entries.truncate(at);
            }
        }
        self.streams.retain(|_, entries| !entries.is_empty());
        Ok(())
    }

    fn object(&self, offset: u64, header: &Header) -> Result<Value, Failure> {
        let place = Place { offset, segment: None };
        let text = self.stored(offset, header)?;
        match serde_json::from_slice(&text) {
            Ok(value @ Value::Object(_)) => Ok(value),
            _ => Err(self.damaged(place, "it holds no JSON object")),
        }
    }

    /// What follows a header, if it is what was written.
    fn stored(&self, offset: u64, header: &Header) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; header.stored_length as usize];
        self.file.read_exact_at(&mut bytes, offset + HEADER as u64).map_err(Failure::io(&self.path))?;
        if crc32fast::hash(&bytes) != header.checksum {
            let segment = (header.kind == Kind::Segment).then_some((header.process, header.stream, header.sequence));
            return Err(self.damaged(Place { offset, segment }, "its checksum differs"));
        }
        Ok(bytes)
    }
}
