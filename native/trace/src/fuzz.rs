//! Whatever a file holds, reading it ends: with an answer, or with one line that names the place.
//!
//! `HEAPSWAP_FUZZ` says how many files are tried, the same ones in every run.

use crate::columns;
use crate::container::{Codec, Container, Entry, Where, Writer};
use crate::failure::Failure;
use crate::summary::summary;
use crate::synthesise;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// A few bytes changed, inserted, removed, or cut off.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                _ if bytes.is_empty() => bytes.push(self.next() as u8),
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.next() as u8,
                2 => bytes.insert(at, self.next() as u8),
                3 => drop(bytes.remove(at)),
                4 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                _ => bytes.truncate(at.max(1)),
            }
        }
    }
}

fn tries() -> usize {
    std::env::var("HEAPSWAP_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}

/// A folder of this test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("heapswap-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn trace(&self, threads: &str) -> PathBuf {
        let path = self.0.join(threads);
        synthesise::run(&["1500".into(), path.clone().into(), threads.into()]).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    Ok(summary(&Container::open(path)?)?.to_string())
}

/// The segments of a trace, written anew with valid checksums.
fn write(path: &Path, segments: &[(Entry, Codec, Vec<u8>, u32)]) {
    let _ = fs::remove_file(path);
    let file = File::create_new(path).unwrap();
    let mut writer = Writer::begin(file, path, &serde_json::json!({"tick_ns": 1})).unwrap();
    for (entry, codec, bytes, length) in segments {
        let header = entry.header;
        let place =
            Where { process: header.process, stream: header.stream, sequence: header.sequence, epoch: header.epoch };
        writer.segment(place, *codec, *length, bytes).unwrap();
    }
    writer.end(serde_json::json!({})).unwrap();
}

fn segments(path: &Path) -> Vec<(Entry, Vec<u8>)> {
    let container = Container::open(path).unwrap();
    let data = fs::read(path).unwrap();
    let stored = |entry: &Entry| {
        let begin = entry.offset as usize + crate::container::HEADER;
        data[begin..begin + entry.header.stored_length as usize].to_vec()
    };
    container.streams.values().flatten().map(|entry| (*entry, stored(entry))).collect()
}

/// A file that was changed is refused, or just stops earlier, and says so.
#[test]
fn a_changed_file_is_never_silently_another() {
    let folder = Folder::new("changed");
    let whole = folder.trace("3");
    let data = fs::read(&whole).unwrap();
    let right = read(&whole).unwrap();
    let mut random = Random(3);
    for number in 0..tries() {
        let mut bytes = data.clone();
        random.damage(&mut bytes);
        let path = folder.0.join("other");
        fs::write(&path, &bytes).unwrap();
        match read(&path) {
            Ok(answer) if answer == right => assert!(bytes == data, "file {number}"),
            Ok(answer) => assert!(answer.contains(r#""end":null"#), "file {number}: {answer}"),
            Err(failure) => assert_eq!(failure.to_string().lines().count(), 1, "file {number}"),
        }
    }
}

/// The same behind checksums that fit: no panic, no endless loop, and what is refused names its segment.
#[test]
fn records_that_nobody_wrote_are_read_to_some_end() {
    let folder = Folder::new("records");
    let mut random = Random(4);
    for threads in ["1", "4"] {
        let original = segments(&folder.trace(threads));
        for number in 0..tries() {
            let codec = if random.below(2) == 0 { Codec::Raw } else { Codec::Columns };
            let mut changed: Vec<_> = original
                .iter()
                .map(|(entry, bytes)| match codec {
                    Codec::Raw => (*entry, codec, bytes.clone(), bytes.len() as u32),
                    Codec::Columns => {
                        let (length, coded) = columns::coded(bytes, 1).unwrap();
                        (*entry, codec, coded, length)
                    }
                })
                .collect();
            let which = random.below(changed.len());
            let (_, _, bytes, length) = &mut changed[which];
            random.damage(bytes);
            if codec == Codec::Raw {
                *length = bytes.len() as u32;
            }
            let path = folder.0.join("other");
            write(&path, &changed);
            if let Err(failure) = read(&path) {
                let said = failure.to_string();
                assert!(said.contains("is damaged at segment 0 of stream "), "file {number}: {said}");
            }
        }
    }
}

#[test]
fn columns_hold_what_was_recorded() {
    let folder = Folder::new("columns");
    for threads in ["1", "5"] {
        let path = folder.trace(threads);
        let packed: Vec<_> = segments(&path)
            .into_iter()
            .map(|(entry, bytes)| {
                let (length, coded) = columns::coded(&bytes, 3).unwrap();
                (entry, Codec::Columns, coded, length)
            })
            .collect();
        let other = folder.0.join("packed");
        write(&other, &packed);
        let events = |path: &Path| {
            let container = Container::open(path).unwrap();
            let mut found = Vec::new();
            for entry in container.streams.values().flatten() {
                let fields = container.fields(entry).unwrap();
                let mut decoder = heapswap_trace_format::decode::Decoder::new(fields, entry.header.epoch);
                while let Some(event) = decoder.next_event().unwrap() {
                    found.push((event, decoder.epoch()));
                }
            }
            found
        };
        assert!(events(&path) == events(&other));
        assert!(events(&path).len() >= 1500);
    }
}

/// A file may say that it is long; memory goes by what is there.
#[test]
fn claims_are_not_believed() {
    let folder = Folder::new("claims");
    let original = segments(&folder.trace("1"));
    let path = folder.0.join("other");
    for claimed in [1, 1 << 20, 1 << 24, u32::MAX] {
        let (entry, bytes) = &original[0];
        write(&path, &[(*entry, Codec::Columns, bytes.clone(), claimed)]);
        let said = read(&path).unwrap_err().to_string();
        assert!(said.contains("is damaged at"), "{said}");
    }
}
