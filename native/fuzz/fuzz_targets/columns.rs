//! The input is the columns of one packed segment, behind their lengths (`container::of_columns`).
#![no_main]

use heapswap_fuzz::{container, reading};

libfuzzer_sys::fuzz_target!(|data: &[u8]| reading::everything(&container::of_columns(data)));
