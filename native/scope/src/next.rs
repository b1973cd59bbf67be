//! The C library's own form of a function that this library stands in front of.

use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function of type `F`, looked up behind this library.
pub struct Next<F> {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
    function: PhantomData<F>,
}

impl<F: Copy> Next<F> {
    /// # Safety
    /// `F` is the type of the function pointer of the C library's function called `name`.
    pub const unsafe fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(ptr::null_mut()), function: PhantomData }
    }

    /// Looks the function up, once; None where this C library does not have it.
    pub fn resolve(&self) -> Option<F> {
        self.known().or_else(|| {
            // SAFETY: the name is a C string.
            let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            self.found.store(found, Ordering::Release);
            self.known()
        })
    }

    /// The function where it was looked up before.
    pub fn known(&self) -> Option<F> {
        let found = self.found.load(Ordering::Acquire);
        // SAFETY: not null, so it is the function whose type `new` was promised; both are pointers.
        (!found.is_null()).then(|| unsafe { core::mem::transmute_copy::<*mut c_void, F>(&found) })
    }
}
