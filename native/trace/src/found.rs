//! What fuzzing (`native/fuzz`) and reading for it have found: each was a panic, or a wrong answer. The bytes of records
//! are those that `heapswap-trace-format` explains.

use crate::compile::{chosen, compiled};
use crate::container::{Container, Where, Writer};
use crate::query::QUERIES;
use crate::summary::summary;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::PathBuf;

const BLOCK: u64 = 0x1000;

/// malloc at an address that is so much beyond the previous block's.
fn malloc(further: u64, size: u64) -> Vec<u8> {
    [&[0xf9, 0][..], &further.to_le_bytes(), &size.to_le_bytes()].concat()
}

fn epoch(epoch: u64) -> Vec<u8> {
    [&[0x10][..], &epoch.to_le_bytes()].concat()
}

const FREE_PREVIOUS: &[u8] = &[0x02];
const REALLOC_PREVIOUS: &[u8] = &[0x04];

fn realloc_failed(block: u64, size: u64) -> Vec<u8> {
    [&[0x28][..], &block.to_le_bytes(), &size.to_le_bytes()].concat()
}

/// A trace of one process without a description, gone with this value.
struct Trace(PathBuf);

impl Trace {
    fn of(name: &str, streams: &[Vec<u8>]) -> Self {
        let path = std::env::temp_dir().join(format!("heapswap-found-{name}-{}", std::process::id()));
        let mut writer = Writer::begin(File::create(&path).unwrap(), &path, &json!({"tick_ns": 1_000_000})).unwrap();
        for (stream, records) in (0..).zip(streams) {
            writer.raw_segment(Where { process: 0, stream, sequence: 0, epoch: 0 }, records).unwrap();
        }
        writer.end(json!({})).unwrap();
        Self(path)
    }

    fn open(&self) -> Container {
        Container::open(&self.0).unwrap()
    }

    fn summary(&self) -> Value {
        summary(&self.open()).unwrap()
    }

    fn compiled(&self) -> Value {
        let (container, script) = (self.open(), self.0.with_extension("script"));
        let file = File::create(&script).unwrap();
        let said = compiled(&container, chosen(&container, None).unwrap(), file, &script).unwrap();
        fs::remove_file(script).unwrap();
        said
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_process_that_nobody_described_can_be_played() {
    let said = Trace::of("undescribed", &[[malloc(BLOCK, 8), FREE_PREVIOUS.into()].concat()]).compiled();
    assert_eq!((said["calls"].as_u64(), &said["pid"]), (Some(2), &Value::Null));
}

#[test]
fn a_time_beyond_what_a_script_holds_is_the_last_it_holds() {
    let said = Trace::of("time", &[[malloc(BLOCK, 8), epoch(u64::MAX), FREE_PREVIOUS.into()].concat()]).compiled();
    assert_eq!(said["seconds"].as_f64(), Some(((1_u64 << 60) - 1) as f64 / 1e9));
}

#[test]
fn bytes_beyond_what_a_number_holds_are_the_most_it_holds() {
    let trace = Trace::of("bytes", &[[malloc(BLOCK, u64::MAX), malloc(BLOCK, u64::MAX)].concat()]);
    let (told, script) = (trace.summary(), trace.compiled());
    assert_eq!(told["allocated_bytes"].as_u64(), Some(u64::MAX));
    assert_eq!(script["large_bytes"].as_u64(), Some(u64::MAX));
    assert_eq!(script["peak_live"].as_u64(), Some(u64::MAX));
    for (by, ask) in QUERIES {
        assert!(ask(&trace.open()).is_ok(), "by {by}");
    }
}

#[test]
fn a_block_that_a_failed_realloc_takes_back_is_one_block() {
    let first = [malloc(BLOCK, 8), REALLOC_PREVIOUS.into(), epoch(9), realloc_failed(BLOCK, 100)].concat();
    let second = [epoch(5), malloc(BLOCK, 16)].concat();
    let told = Trace::of("failed", &[first, second]).summary();
    assert_eq!((told["unordered"].as_u64(), told["peak_blocks"].as_u64()), (Some(1), Some(1)));
    assert_eq!(told["live_bytes_at_end"].as_u64(), Some(8));
}
