//! How the calls of one thread to the malloc family are written down, and read again. Version 1.
//!
//! A *segment* is a run of records of one stream; a stream is written by one thread at a time. Every segment can be read
//! alone: what its records refer to (the previous block, the epoch, the table of callers) begins anew with it. All
//! numbers are little-endian. There is no time in a record: a word that somebody else counts up about once a
//! millisecond, the *epoch*, is looked at with every record, and a record is written where it has changed.
//!
//! A record begins with a tag:
//!
//! ```text
//! bits 0–2  kind            then, in this order, where the kind has them
//! 0         rare            bits 3–7 are a code; the rest depends on it, see below
//! 1         malloc          caller, block, size
//! 2         free            block
//! 3         calloc          caller, block, size
//! 4         realloc, from   block              written before the call: the block may be another thread's after it
//! 5         realloc, to     caller, block, size                                       written after the call
//! 6         another alloc   caller, block, size, function (1 byte), log2 of the alignment (1 byte)
//! 7         another free    block, function (1 byte)
//!
//! bits 3–5  block n         0–6: n bytes, zigzag((block − previous block) / 8); 7: 8 bytes, block − previous block
//! bits 6–7  size            0: what the same caller last asked for; 1: 1 byte; 2: 2 bytes; 3: 8 bytes
//! ```
//!
//! *Previous block* is that of the record before, whatever it was; 0 at the beginning. zigzag(n) is 2n, or −2n − 1 for a
//! negative n. *Caller* is one byte: a place in a table of 256 return addresses, which a rare record fills. A calloc's
//! size is the product. Rare records:
//!
//! ```text
//! tag     code
//! 08      1   2 bytes   the epoch has grown by this much
//! 10      2   8 bytes   the epoch is this
//! 18      3   9 bytes   place in the table of callers (1 byte), return address (8 bytes); its last size is 0
//! 20      4   9 bytes   a call failed: function (1 byte), size it asked for (8 bytes)
//! 28      5   16 bytes  a realloc failed: its block (8 bytes), which is what it was, and the size it asked for (8 bytes)
//! 30      6   4 bytes   pages of the block freed next that had been touched
//! 38      7   4 bytes   a thread begins: its id
//! 40      8   0 bytes   the thread has ended
//! 48      9   4 bytes   the process has forked: process id of the child
//! ```
//!
//! Everything else is damage: code 0 (what was never written reads as zero), other codes, a block at address 0, a
//! function that does not exist, an alignment of 2^64 or more (255 says that none was asked for), a record that is cut off. A caller whose
//! place is empty is unknown.
//!
//! By example, from epoch 100, a thread 4711 that calls malloc(24) twice from one place and frees the second block:
//!
//! ```text
//! 38 67 12 00 00                   thread 4711
//! 18 d1 10 20 00 00 55 55 00 00    place d1 of the callers: 0x555500002010
//! 71 d1 a8 40 00 40 55 15 18       malloc by it: 6 bytes of block (0x5555000102a0 / 8, zigzag), 1 of size (24)
//! 09 d1 08                         malloc by it: 1 byte of block (+32), the same size
//! 08 01 00                         the epoch is 101
//! 02                               free of the previous block
//! ```

#![cfg_attr(not(test), no_std)]

pub mod count;
pub mod decode;
pub mod encode;
pub mod event;
pub mod ring;

#[cfg(test)]
mod tests;
