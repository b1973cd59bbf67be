//! The input is one segment as the encoder writes it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| heapswap_fuzz::decode(data));
