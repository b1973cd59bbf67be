//! jemalloc, built without initial-exec thread-local storage: its two kilobytes have no place in the space that the
//! loader sets aside for libraries that come late.

use core::ffi::{CStr, c_void};
use core::mem::size_of;
use core::ptr::{from_mut, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tikv_jemalloc_sys::{
    MALLOCX_ALIGN, MALLOCX_ZERO, dallocx, mallctl, mallctlbymib, mallctlnametomib, mallocx, rallocx, sallocx,
};

/// jemalloc's number for the control `arenas.lookup`, which has two parts.
static LOOKUP: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

pub fn start() -> bool {
    let mut lookup = [0; 2];
    let mut length = lookup.len();
    // SAFETY: the name ends with a NUL, and there is room for `length` numbers.
    let failed = unsafe { mallctlnametomib(c"arenas.lookup".as_ptr(), lookup.as_mut_ptr(), &raw mut length) };
    LOOKUP[0].store(lookup[0], Relaxed);
    LOOKUP[1].store(lookup[1], Relaxed);
    failed == 0
}

/// # Safety
/// `size` is not 0, `alignment` a power of two.
pub unsafe fn alloc(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { mallocx(size, MALLOCX_ALIGN(alignment)) }
}

/// # Safety
/// `size` is not 0, `alignment` a power of two.
pub unsafe fn alloc_zeroed(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { mallocx(size, MALLOCX_ALIGN(alignment) | MALLOCX_ZERO) }
}

/// # Safety
/// `block` is a live block of this heap, `size` is not 0, `alignment` a power of two.
pub unsafe fn realloc(block: *mut c_void, size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { rallocx(block, size, MALLOCX_ALIGN(alignment)) }
}

/// # Safety
/// `block` is a live block of this heap.
pub unsafe fn dealloc(block: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe { dallocx(block, 0) }
}

/// # Safety
/// `block` is a live block of this heap.
pub unsafe fn usable_size(block: *mut c_void) -> usize {
    // SAFETY: as the caller says.
    unsafe { sallocx(block, 0) }
}

/// Whether `arenas.lookup` knows the address; it takes any.
pub fn owns(address: *mut c_void) -> bool {
    let lookup = LOOKUP.each_ref().map(|part| part.load(Relaxed));
    let mut arena: u32 = 0;
    let mut room = size_of::<u32>();
    let mut asked = address;
    // SAFETY: the control reads one pointer and writes one `unsigned`, for which there is room.
    let failed = unsafe {
        mallctlbymib(
            lookup.as_ptr(),
            lookup.len(),
            from_mut(&mut arena).cast(),
            &raw mut room,
            from_mut(&mut asked).cast(),
            size_of::<*mut c_void>(),
        )
    };
    failed == 0
}

/// jemalloc counts as allocated what the threads' caches hold ready, and blocks of its own such as those caches.
const NOT_OURS: [&CStr; 3] =
    [c"stats.arenas.4096.tcache_bytes", c"stats.arenas.4096.tcache_stashed_bytes", c"stats.arenas.4096.internal"];

/// What the program holds. 4096 stands for all arenas.
pub fn allocated() -> Option<usize> {
    refresh()?;
    let total = read(c"stats.allocated")?;
    NOT_OURS.iter().try_fold(total, |rest, name| Some(rest.saturating_sub(read(name)?)))
}

pub fn active() -> Option<usize> {
    refresh()?;
    read(c"stats.active")
}

/// Makes jemalloc take a new snapshot of its statistics.
fn refresh() -> Option<()> {
    let mut epoch: u64 = 1;
    // SAFETY: the control reads one `uint64_t`.
    let failed =
        unsafe { mallctl(c"epoch".as_ptr(), null_mut(), null_mut(), from_mut(&mut epoch).cast(), size_of::<u64>()) };
    (failed == 0).then_some(())
}

fn read(name: &CStr) -> Option<usize> {
    let mut value: usize = 0;
    let mut room = size_of::<usize>();
    // SAFETY: every control that is asked here writes one `size_t`, for which there is room.
    let failed = unsafe { mallctl(name.as_ptr(), from_mut(&mut value).cast(), &raw mut room, null_mut(), 0) };
    (failed == 0).then_some(value)
}
