//! Files of traces, made of inputs.

use heapswap_trace::container::{BEGINNING, Codec, HEADER, Header, Kind, MAGIC, VERSION};
use std::collections::HashMap;

/// Streams and processes that segments are spread over.
const STREAMS: u8 = 8;
const PROCESSES: u8 = 4;
const COLUMNS: usize = 6;
/// Of zstd: what a block may hold.
const BLOCK: usize = 128 << 10;

/// A file of raw segments. Each is told by
///
/// ```text
/// 0    1   stream (bits 0–2) and process (bits 3–4)
/// 1    1   epoch at which it begins
/// 2    2   length of what follows, or what is left
/// ```
pub fn of_segments(mut input: &[u8]) -> Vec<u8> {
    let mut file = begun();
    let mut sequences: HashMap<(u32, u32), u32> = HashMap::new();
    while let Some(([place, epoch, low, high], rest)) = input.split_first_chunk() {
        let (process, stream) = (u32::from(place / STREAMS % PROCESSES), u32::from(place % STREAMS));
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let sequence = sequences.entry((process, stream)).or_default();
        let header = Header { process, stream, sequence: *sequence, epoch: u64::from(*epoch), ..EMPTY };
        put(&mut file, header, &rest[..length], length as u32);
        *sequence += 1;
        input = &rest[length..];
    }
    file
}

/// A file of one packed segment: the input is the lengths of its columns, 2 bytes each, and the columns.
pub fn of_columns(input: &[u8]) -> Vec<u8> {
    let Some((lengths, mut rest)) = input.split_first_chunk::<{ 2 * COLUMNS }>() else { return begun() };
    let (mut heads, mut frames, mut whole) = (Vec::new(), Vec::new(), 0);
    for length in lengths.chunks_exact(2) {
        let length = usize::from(u16::from_le_bytes([length[0], length[1]])).min(rest.len());
        let frame = stored(&rest[..length]);
        heads.extend((length as u32).to_le_bytes());
        heads.extend((frame.len() as u32).to_le_bytes());
        frames.extend(frame);
        whole += length as u32;
        rest = &rest[length..];
    }
    heads.extend(frames);
    let mut file = begun();
    put(&mut file, Header { codec: Codec::Columns, ..EMPTY }, &heads, whole);
    file
}

/// The same file, with a right beginning, lengths that end within it, and checksums that fit.
pub fn mended(input: &[u8]) -> Vec<u8> {
    let mut file = input.to_vec();
    file.resize(file.len().max(BEGINNING as usize), 0);
    file[..BEGINNING as usize].copy_from_slice(&beginning());
    let mut at = BEGINNING as usize;
    while file.len() - at >= HEADER {
        let content = at + HEADER;
        let asked = u32::from_le_bytes([file[at + 36], file[at + 37], file[at + 38], file[at + 39]]) as usize;
        let length = asked.min(file.len() - content);
        file[at..at + 4].copy_from_slice(b"Fram");
        file[at + 36..at + 40].copy_from_slice(&(length as u32).to_le_bytes());
        let checksum = crc32fast::hash(&file[content..content + length]);
        file[at + 40..at + 44].copy_from_slice(&checksum.to_le_bytes());
        let own = crc32fast::hash(&file[at..at + 44]);
        file[at + 44..at + 48].copy_from_slice(&own.to_le_bytes());
        at = content + length;
    }
    file
}

const EMPTY: Header = Header {
    kind: Kind::Segment,
    codec: Codec::Raw,
    process: 0,
    stream: 0,
    sequence: 0,
    epoch: 0,
    raw_length: 0,
    stored_length: 0,
    checksum: 0,
};

fn beginning() -> [u8; BEGINNING as usize] {
    let mut bytes = [0; BEGINNING as usize];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// A file with its metadata and processes.
fn begun() -> Vec<u8> {
    let mut file = beginning().to_vec();
    let metadata = br#"{"tick_ns": 1000000}"#;
    put(&mut file, Header { kind: Kind::Metadata, ..EMPTY }, metadata, metadata.len() as u32);
    let process = br#"{"pid": 7, "modules": [{"path": "/p", "start": 4096, "end": 1099511627776, "offset": 64}]}"#;
    put(&mut file, Header { kind: Kind::Process, ..EMPTY }, process, process.len() as u32);
    file
}

fn put(file: &mut Vec<u8>, header: Header, content: &[u8], raw_length: u32) {
    let (stored_length, checksum) = (content.len() as u32, crc32fast::hash(content));
    file.extend(Header { raw_length, stored_length, checksum, ..header }.to_bytes());
    file.extend(content);
}

/// A frame of zstd (RFC 8878, 3.1) that holds the bytes as they are: what is looked for lies behind it.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut frame = 0xfd2f_b528_u32.to_le_bytes().to_vec();
    // One segment, whose length has four bytes.
    frame.push(0b1010_0000);
    frame.extend((bytes.len() as u32).to_le_bytes());
    let mut blocks = bytes.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        frame.extend([1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let head = (block.len() as u32) << 3 | u32::from(blocks.peek().is_none());
        frame.extend(&head.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}
