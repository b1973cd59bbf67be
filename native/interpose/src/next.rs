//! The functions behind the probe: what the program would call if the probe were not there.
//!
//! There are two copies. `KNOWN` is filled once. `NEXT` is what calls go through, in a page of its own that the kernel
//! empties in the child of every fork, however it was made (`MADV_WIPEONFORK`): `_Fork` and a raw `clone` run no fork
//! handler, and a child must not add to its parent's file. A call that finds `NEXT` empty has noticed the fork, at no
//! cost for those that do not. `vfork` shares the memory, so nothing is emptied, and nothing has to be.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::marker::PhantomData;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

unsafe extern "C" {
    fn dlerror() -> *mut c_char;
}

/// A function of type `F` behind the probe; empty where there is none, or none yet.
#[repr(transparent)]
pub struct Link<F> {
    found: AtomicPtr<c_void>,
    function: PhantomData<F>,
}

impl<F: Copy> Link<F> {
    const fn none() -> Self {
        Self { found: AtomicPtr::new(null_mut()), function: PhantomData }
    }

    #[inline(always)]
    pub fn get(&self) -> Option<F> {
        let found = self.found.load(Relaxed);
        // SAFETY: not null, so what `look_up` found under the name of the function whose type `F` is; both are pointers.
        (!found.is_null()).then(|| unsafe { core::mem::transmute_copy::<*mut c_void, F>(&found) })
    }

    fn copy(&self, other: &Self) {
        self.found.store(other.found.load(Relaxed), Relaxed);
    }

    fn look_up(&self, name: &CStr) {
        // SAFETY: the name is a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        self.found.store(found, Relaxed);
    }

    fn clear(&self) {
        self.found.store(null_mut(), Relaxed);
    }
}

type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
type Align = unsafe extern "C" fn(usize, usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Size = unsafe extern "C" fn(*mut c_void) -> usize;

/// The page: as large as the largest of the architecture, so that nothing else is emptied with it.
#[cfg_attr(target_arch = "x86_64", repr(C, align(4096)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C, align(65536)))]
pub struct Functions {
    pub malloc: Link<Allocate>,
    pub free: Link<Free>,
    pub calloc: Link<Align>,
    pub realloc: Link<unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void>,
    pub reallocarray: Link<unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void>,
    pub memalign: Link<Align>,
    pub aligned_alloc: Link<Align>,
    pub posix_memalign: Link<unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int>,
    pub valloc: Link<Allocate>,
    pub pvalloc: Link<Allocate>,
    pub usable_size: Link<Size>,
    /// The same, where it belongs to the allocator that malloc belongs to and live bytes are wanted.
    pub usable_counted: Link<Size>,
    /// Malloc and free once more, where sizes can be read in front of the blocks (see `size`): one look tells both.
    pub quick_malloc: Link<Allocate>,
    pub quick_free: Link<Free>,
    pub cfree: Link<Free>,
    pub free_sized: Link<unsafe extern "C" fn(*mut c_void, usize)>,
    pub free_aligned_sized: Link<unsafe extern "C" fn(*mut c_void, usize, usize)>,
}

impl Functions {
    const fn none() -> Self {
        Self {
            malloc: Link::none(),
            free: Link::none(),
            calloc: Link::none(),
            realloc: Link::none(),
            reallocarray: Link::none(),
            memalign: Link::none(),
            aligned_alloc: Link::none(),
            posix_memalign: Link::none(),
            valloc: Link::none(),
            pvalloc: Link::none(),
            usable_size: Link::none(),
            usable_counted: Link::none(),
            quick_malloc: Link::none(),
            quick_free: Link::none(),
            cfree: Link::none(),
            free_sized: Link::none(),
            free_aligned_sized: Link::none(),
        }
    }

    fn copy(&self, other: &Self) {
        self.free.copy(&other.free);
        self.calloc.copy(&other.calloc);
        self.realloc.copy(&other.realloc);
        self.reallocarray.copy(&other.reallocarray);
        self.memalign.copy(&other.memalign);
        self.aligned_alloc.copy(&other.aligned_alloc);
        self.posix_memalign.copy(&other.posix_memalign);
        self.valloc.copy(&other.valloc);
        self.pvalloc.copy(&other.pvalloc);
        self.usable_size.copy(&other.usable_size);
        self.usable_counted.copy(&other.usable_counted);
        self.quick_malloc.copy(&other.quick_malloc);
        self.quick_free.copy(&other.quick_free);
        self.cfree.copy(&other.cfree);
        self.free_sized.copy(&other.free_sized);
        self.free_aligned_sized.copy(&other.free_aligned_sized);
        self.malloc.copy(&other.malloc);
    }
}

/// What calls go through.
pub static NEXT: Functions = Functions::none();
static KNOWN: Functions = Functions::none();
static NOTHING: Functions = Functions::none();

/// Finds every function behind the probe. Each under its own name, as the program's own call would.
pub fn find() {
    KNOWN.malloc.look_up(c"malloc");
    KNOWN.free.look_up(c"free");
    KNOWN.calloc.look_up(c"calloc");
    KNOWN.realloc.look_up(c"realloc");
    KNOWN.reallocarray.look_up(c"reallocarray");
    KNOWN.memalign.look_up(c"memalign");
    KNOWN.aligned_alloc.look_up(c"aligned_alloc");
    KNOWN.posix_memalign.look_up(c"posix_memalign");
    KNOWN.valloc.look_up(c"valloc");
    KNOWN.pvalloc.look_up(c"pvalloc");
    KNOWN.usable_size.look_up(c"malloc_usable_size");
    KNOWN.usable_counted.copy(&KNOWN.usable_size);
    KNOWN.cfree.look_up(c"cfree");
    KNOWN.free_sized.look_up(c"free_sized");
    KNOWN.free_aligned_sized.look_up(c"free_aligned_sized");
    forget_errors();
}

/// What was not found must not be what the program's next dlerror tells: the first call takes the message, the second
/// gives it back.
pub fn forget_errors() {
    // SAFETY: no precondition.
    unsafe { dlerror() };
    // SAFETY: no precondition.
    unsafe { dlerror() };
}

/// Live bytes are not counted from now on.
pub fn without_live_bytes() {
    KNOWN.usable_counted.clear();
}

/// Whether sizes are read in front of the blocks from now on.
pub fn read_sizes_in_front(may: bool) {
    for functions in [&KNOWN, &NEXT] {
        if may {
            functions.quick_free.copy(&KNOWN.free);
            functions.quick_malloc.copy(&KNOWN.malloc);
        } else {
            functions.quick_malloc.clear();
            functions.quick_free.clear();
        }
    }
}

pub fn counts_live_bytes() -> bool {
    KNOWN.usable_counted.get().is_some()
}

/// Lets calls through, at the start or after a fork has emptied the page.
pub fn put_in_force() {
    NEXT.copy(&KNOWN);
}

/// Sends every call on the cold way; for a fork handler where the kernel does not empty the page.
pub fn empty() {
    NEXT.copy(&NOTHING);
}

/// Asks the kernel to empty the page in every child.
pub fn empty_in_children() {
    let page = (&raw const NEXT).cast_mut().cast();
    // SAFETY: the page holds `NEXT` alone, which may read as zero at any time. Older kernels refuse, and change nothing.
    unsafe { libc::madvise(page, size_of::<Functions>(), libc::MADV_WIPEONFORK) };
}

/// An address inside the function that is next in line for malloc, and inside the one that tells sizes.
pub fn malloc_and_usable_size() -> (*mut c_void, *mut c_void) {
    (KNOWN.malloc.found.load(Relaxed), KNOWN.usable_size.found.load(Relaxed))
}
