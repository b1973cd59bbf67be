//! The input is a whole file: as it is, and once more with checksums that fit.
#![no_main]

use heapswap_fuzz::{container, reading};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    reading::everything(data);
    reading::everything(&container::mended(data));
});
