//! Which loaded objects the functions behind the probe belong to.

use crate::next;
use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::Relaxed;

/// Whether the next `malloc_usable_size` belongs to the allocator of the next `malloc`: asked about a block of another
/// one it would crash.
pub fn sizes_are_mallocs() -> bool {
    let (malloc, usable_size) = next::malloc_and_usable_size();
    match (object_of(malloc), object_of(usable_size)) {
        (Some(one), Some(other)) => one.dli_fbase == other.dli_fbase,
        _ => false,
    }
}

static LIBRARY: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

/// Finds the path of the library whose malloc is behind the probe, once: the child of a fork must not ask the loader,
/// whose lock another thread may have held.
pub fn find_library() {
    if let Some(object) = object_of(next::malloc_and_usable_size().0) {
        LIBRARY.store(object.dli_fname.cast_mut(), Relaxed);
    }
}

/// That path, as the loader names it.
pub fn library() -> Option<&'static [u8]> {
    let name = LIBRARY.load(Relaxed);
    // SAFETY: the loader's name of an object is a C string that lives as long as the object, here for ever.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes())
}

/// Whether the next `malloc` is glibc's own.
pub fn malloc_is_glibcs() -> bool {
    // Looked up, not linked: other C libraries lack it.
    !beside_malloc(c"gnu_get_libc_version").is_null()
}

/// The function of this name, where it is in the same object as the next `malloc`; else null.
pub fn beside_malloc(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    next::forget_errors();
    let (malloc, _) = next::malloc_and_usable_size();
    match (object_of(malloc), object_of(found)) {
        (Some(one), Some(other)) if one.dli_fbase == other.dli_fbase => found,
        _ => null_mut(),
    }
}

fn object_of(function: *mut c_void) -> Option<libc::Dl_info> {
    if function.is_null() {
        return None;
    }
    let mut object = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked about; the object is writable.
    let found = unsafe { libc::dladdr(function, object.as_mut_ptr()) } != 0;
    // SAFETY: all zero is a value of it, and so is what dladdr writes.
    found.then(|| unsafe { object.assume_init() })
}
