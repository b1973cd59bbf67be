//! Before main begins and after it has ended, as constructors and exit handlers of libraries do.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::answer::{Answer, ensure};
use crate::block::Block;
use crate::family::Family;

static EARLY: AtomicUsize = AtomicUsize::new(0);

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = at_start;

extern "C" fn at_start() {
    if let Some(family) = Family::look_up() {
        let block = family.malloc(100);
        if !block.is_null() {
            block.fill(100, 3);
            EARLY.store(block.address(), SeqCst);
        }
    }
}

extern "C" fn at_exit() {
    if let Some(family) = Family::look_up() {
        let blocks: Vec<Block> = (1..200).map(|size| family.calloc(1, size * 50)).collect();
        blocks.into_iter().for_each(|block| family.free(family.realloc(block, 77)));
        family.free(Block::new(EARLY.load(SeqCst) as *mut u8));
    }
}

/// A crash after the answer is a crash: whoever started this program sees how it ended.
pub fn before_and_after_main(_: &'static Family) -> Answer {
    let early = Block::new(EARLY.load(SeqCst) as *mut u8);
    ensure!(!early.is_null(), "malloc(100) answered NULL to a constructor");
    let lost = early.difference(100, 3);
    ensure!(lost.is_none(), "a constructor's block changed before main: {}", lost.unwrap());
    // SAFETY: a handler that lives for ever.
    let error = unsafe { libc::atexit(at_exit) };
    ensure!(error == 0, "atexit failed");
    Ok("a constructor's block is freed by an exit handler that allocates".to_owned())
}
