//! Reads of this process's own memory that cannot fault, whatever an address leads to: the kernel copies, and says how much.
//!
//! A stack may end before it seems to (coroutines, a signal's own stack), and a thread may unmap what a stale pointer
//! still names between a look and a load; a copy by the kernel has neither gap. It takes part of a microsecond.

use crate::sys;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicU64};

/// Old kernels and some sandboxes refuse.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// This process, which does the reading.
static PROCESS: AtomicU64 = AtomicU64::new(0);

/// At the start, and in the child of a fork.
pub fn begin() {
    PROCESS.store(sys::process(), Relaxed);
}

pub fn is_refused() -> bool {
    REFUSED.load(Relaxed)
}

/// Copies `length` bytes from an address to writable memory; the answer is how many there were before one that cannot be read.
///
/// # Safety
/// `to` is valid for writes of `length` bytes.
pub unsafe fn copy(from: usize, to: *mut u8, length: usize) -> usize {
    let piece = libc::iovec { iov_base: from as *mut _, iov_len: length };
    // SAFETY: the target is writable by the caller's promise.
    unsafe { transfer(to, length, &[piece]) }
}

/// Has this process write to itself: the kernel looks at the target once and reads the pieces as any call's arguments,
/// where a read from itself would look at each piece as another process's memory, which takes four times as long.
///
/// # Safety
/// `to` is valid for writes of `length` bytes, which the pieces are together.
unsafe fn transfer(to: *mut u8, length: usize, pieces: &[libc::iovec]) -> usize {
    let target = libc::iovec { iov_base: to.cast(), iov_len: length };
    let (process, target) = (PROCESS.load(Relaxed), &raw const target);
    // SAFETY: the target is writable by the caller's promise; the kernel checks what the pieces name.
    let copied = unsafe {
        libc::syscall(libc::SYS_process_vm_writev, process, pieces.as_ptr(), pieces.len(), target, 1usize, 0usize)
    };
    if copied >= 0 {
        return copied as usize;
    }
    if sys::errno() != libc::EFAULT {
        REFUSED.store(true, Relaxed);
    }
    0
}

/// So many words from an address; None where not all of them can be read.
pub fn words<const COUNT: usize>(from: usize) -> Option<[u64; COUNT]> {
    let mut words = [0; COUNT];
    let size = size_of::<[u64; COUNT]>();
    // SAFETY: the array is writable and so long.
    (unsafe { copy(from, words.as_mut_ptr().cast(), size) } == size).then_some(words)
}

/// Places that are read at once.
pub const BATCH: usize = 16;

/// So many words from each of some addresses, at most `BATCH`; the answer is how many came before one that cannot be read.
pub fn words_of_each<const COUNT: usize>(from: &[usize], to: &mut [[u64; COUNT]; BATCH]) -> usize {
    let size = size_of::<[u64; COUNT]>();
    let mut pieces = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: size }; BATCH];
    for (piece, address) in pieces.iter_mut().zip(from) {
        piece.iov_base = *address as *mut _;
    }
    let count = from.len().min(BATCH);
    // SAFETY: the target holds so many arrays.
    unsafe { transfer(to.as_mut_ptr().cast(), size * count, &pieces[..count]) / size }
}
