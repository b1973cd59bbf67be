//! mimalloc, plain or hardened: the difference is in how the C library was built.

#[cfg(target_env = "gnu")]
#[path = "../../../allocators/src/backend/fork_gate.rs"]
mod fork_gate;

use core::ffi::c_void;
use core::ptr::{from_mut, null_mut};
use libmimalloc_sys::{mi_free, mi_malloc_aligned, mi_realloc_aligned, mi_zalloc_aligned};

/// The head of `mi_heap_area_t`: pages that hold blocks of one size.
#[repr(C)]
struct Area {
    blocks: *mut c_void,
    reserved: usize,
    committed: usize,
    used: usize,
    block_size: usize,
}

type Visitor = extern "C" fn(*const c_void, *const Area, *mut c_void, usize, *mut c_void) -> bool;

// In the archive, though the crate does not declare them without `extended`, or not at all.
unsafe extern "C" {
    fn mi_usable_size(block: *const c_void) -> usize;
    safe fn mi_is_in_heap_region(address: *const c_void) -> bool;
    safe fn mi_collect(force: bool);
    safe fn mi_theap_get_default() -> *mut ThreadHeap;
    safe fn mi_thread_done();
    static mut theap_main: ThreadHeap;
    fn mi_heap_visit_blocks(heap: *mut c_void, blocks: bool, visitor: Visitor, argument: *mut c_void) -> bool;
}

/// The head of `mi_theap_t`, the part of a heap that one thread has.
#[repr(C)]
struct ThreadHeap {
    /// What begins with the thread's id.
    thread: *mut usize,
}

/// An id that no thread has; 0 would stand for any.
const NOBODY: usize = 1;

/// mimalloc takes the thread that loads it for the main one. When that thread ends it tears its heap down, and yet gives
/// it to a later thread whose id happens to be the same, which crashes (mimalloc issue 1287, in 3.3.2). So the loading
/// thread gives that heap up here and becomes a thread like others, and nobody is the main one.
pub fn start() -> bool {
    let main = &raw mut theap_main;
    if mi_theap_get_default() != main {
        return true;
    }
    // SAFETY: mimalloc's own static, whose first field only the loading thread changes, and that is this one.
    let thread = unsafe { (*main).thread };
    mi_thread_done();
    // SAFETY: a static of mimalloc as well, which nothing uses any more but to compare the id.
    unsafe { *thread = NOBODY };
    true
}

/// # Safety
/// `alignment` is a power of two.
pub unsafe fn alloc(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { mi_malloc_aligned(size, alignment) }
}

/// # Safety
/// `alignment` is a power of two.
pub unsafe fn alloc_zeroed(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { mi_zalloc_aligned(size, alignment) }
}

/// # Safety
/// `block` is a live block of this heap, `alignment` a power of two.
pub unsafe fn realloc(block: *mut c_void, size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { mi_realloc_aligned(block, size, alignment) }
}

/// # Safety
/// `block` is a live block of this heap.
pub unsafe fn dealloc(block: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe { mi_free(block) }
}

/// # Safety
/// `block` is a live block of this heap.
pub unsafe fn usable_size(block: *mut c_void) -> usize {
    // SAFETY: as the caller says.
    unsafe { mi_usable_size(block) }
}

pub fn owns(address: *mut c_void) -> bool {
    mi_is_in_heap_region(address)
}

pub fn allocated() -> Option<usize> {
    walk(|area| area.used * area.block_size)
}

pub fn active() -> Option<usize> {
    walk(|area| area.committed)
}

/// The sum over all pages in mimalloc's arenas. A block that another thread freed counts until the owner of the page
/// takes it back: this thread does so here, others when they allocate or end.
fn walk(measure: fn(&Area) -> usize) -> Option<usize> {
    struct Sum {
        bytes: usize,
        measure: fn(&Area) -> usize,
    }

    extern "C" fn add(_: *const c_void, area: *const Area, _: *mut c_void, _: usize, argument: *mut c_void) -> bool {
        // SAFETY: the argument is the sum below, which nothing else looks at during the walk.
        let sum = unsafe { &mut *argument.cast::<Sum>() };
        // SAFETY: mimalloc lends a whole `mi_heap_area_t`.
        sum.bytes += (sum.measure)(unsafe { &*area });
        true
    }

    mi_collect(false);
    let mut sum = Sum { bytes: 0, measure };
    // SAFETY: null is the main heap, the visitor fits the declaration in mimalloc.h, and the sum outlives the walk.
    let whole = unsafe { mi_heap_visit_blocks(null_mut(), false, add, from_mut(&mut sum).cast()) };
    whole.then_some(sum.bytes)
}
