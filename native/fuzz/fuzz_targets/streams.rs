//! The input is segments of several streams and processes, each behind a header of four bytes (`container::segments`).
#![no_main]

use heapswap_fuzz::{container, reading};

libfuzzer_sys::fuzz_target!(|data: &[u8]| reading::everything(&container::of_segments(data)));
