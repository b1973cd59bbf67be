//! Which loaded objects the functions behind the probe belong to.

use crate::next;
use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;

/// Whether the next `malloc_usable_size` belongs to the allocator of the next `malloc`: asked about a block of another
/// one it would crash.
pub fn sizes_are_mallocs() -> bool {
    let (malloc, usable_size) = next::malloc_and_usable_size();
    match (object_of(malloc), object_of(usable_size)) {
        (Some(one), Some(other)) => one.dli_fbase == other.dli_fbase,
        _ => false,
    }
}

/// The path of the library whose malloc is behind the probe, as the loader names it.
pub fn library() -> Option<&'static [u8]> {
    let object = object_of(next::malloc_and_usable_size().0)?;
    if object.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's name of an object is a C string that lives as long as the object, here for ever.
    Some(unsafe { CStr::from_ptr(object.dli_fname) }.to_bytes())
}

/// Whether the next `malloc` is glibc's own.
pub fn malloc_is_glibcs() -> bool {
    // Looked up, not linked: other C libraries lack it.
    // SAFETY: the name is a C string.
    let glibcs = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"gnu_get_libc_version".as_ptr()) };
    let (malloc, _) = next::malloc_and_usable_size();
    match (object_of(malloc), object_of(glibcs)) {
        (Some(one), Some(other)) => one.dli_fbase == other.dli_fbase,
        _ => false,
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
