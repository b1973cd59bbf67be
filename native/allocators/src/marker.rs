//! What this library is, readable from the file without loading it.
//!
//! The section `.heapswap.allocator` holds one NUL-terminated line of `key=value` pairs, for example
//! ```text
//! family=jemalloc;version=5.3.1;features=stats;lg_page=12\0
//! ```
//! `features` is a comma-separated list. `lg_page` (the logarithm of the largest kernel page that works) is there only
//! where the build fixes it. The exported symbol `heapswap_allocator` points at the same bytes and keeps them linked.

const TEXT: &str = concat!(env!("HEAPSWAP_ALLOCATOR"), "\0");

#[unsafe(no_mangle)]
#[unsafe(link_section = ".heapswap.allocator")]
static heapswap_allocator: [u8; TEXT.len()] = bytes();

const fn bytes() -> [u8; TEXT.len()] {
    let mut bytes = [0; TEXT.len()];
    bytes.copy_from_slice(TEXT.as_bytes());
    bytes
}
