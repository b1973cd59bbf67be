//! The malloc family as a program finds it: each member is looked up by name, so that the compiler knows nothing about
//! what it does and leaves no call out.

use std::ffi::{CStr, c_int, c_void};

use crate::answer::Stop;
use crate::block::Block;
use crate::fall::note;
use crate::proof;

type Pointer = *mut c_void;

/// The members beside malloc, calloc, realloc and free; None where nobody or another library has them.
pub struct Family {
    malloc: unsafe extern "C" fn(usize) -> Pointer,
    calloc: unsafe extern "C" fn(usize, usize) -> Pointer,
    realloc: unsafe extern "C" fn(Pointer, usize) -> Pointer,
    free: unsafe extern "C" fn(Pointer),
    reallocarray: Option<unsafe extern "C" fn(Pointer, usize, usize) -> Pointer>,
    memalign: Option<unsafe extern "C" fn(usize, usize) -> Pointer>,
    aligned_alloc: Option<unsafe extern "C" fn(usize, usize) -> Pointer>,
    posix_memalign: Option<unsafe extern "C" fn(*mut Pointer, usize, usize) -> c_int>,
    valloc: Option<unsafe extern "C" fn(usize) -> Pointer>,
    pvalloc: Option<unsafe extern "C" fn(usize) -> Pointer>,
    malloc_usable_size: Option<unsafe extern "C" fn(Pointer) -> usize>,
    free_sized: Option<unsafe extern "C" fn(Pointer, usize)>,
    free_aligned_sized: Option<unsafe extern "C" fn(Pointer, usize, usize)>,
}

/// What glibc's manual ("Replacing malloc") asks a replacement to bring; the others are welcome.
pub const REQUIRED: [&CStr; 4] = [c"malloc", c"calloc", c"realloc", c"free"];
pub const EXPECTED: [&CStr; 6] =
    [c"aligned_alloc", c"malloc_usable_size", c"memalign", c"posix_memalign", c"pvalloc", c"valloc"];

/// A function by name, as the type that the C library's header gives it; None where nobody has it.
macro_rules! found {
    ($name:literal) => {{
        let place = proof::lookup($name);
        // SAFETY: the name belongs to the C library, and with it the type; null is None.
        unsafe { std::mem::transmute::<Pointer, Option<_>>(place) }
    }};
}

/// The same, None as well where the function is not of malloc's own library: its blocks would be another allocator's.
macro_rules! own {
    ($name:literal) => {
        if proof::is_of_malloc($name) { found!($name) } else { None }
    };
}

impl Family {
    pub fn look_up() -> Option<Family> {
        Some(Family {
            malloc: found!(c"malloc")?,
            calloc: found!(c"calloc")?,
            realloc: found!(c"realloc")?,
            free: found!(c"free")?,
            // Where only the C library has it, it calls realloc.
            reallocarray: found!(c"reallocarray"),
            memalign: own!(c"memalign"),
            aligned_alloc: own!(c"aligned_alloc"),
            posix_memalign: own!(c"posix_memalign"),
            valloc: own!(c"valloc"),
            pvalloc: own!(c"pvalloc"),
            malloc_usable_size: own!(c"malloc_usable_size"),
            free_sized: own!(c"free_sized"),
            free_aligned_sized: own!(c"free_aligned_sized"),
        })
    }

    pub fn malloc(&self, size: usize) -> Block {
        note("malloc", [size]);
        // SAFETY: any size may be asked for.
        Block::new(unsafe { (self.malloc)(size) }.cast())
    }

    /// One pair, without a note: what is timed is the allocator.
    pub fn pair(&self, size: usize) {
        // SAFETY: any size may be asked for.
        let block = unsafe { (self.malloc)(size) };
        // SAFETY: null or live.
        unsafe { (self.free)(std::hint::black_box(block)) }
    }

    /// Blocks of these sizes, and all of them freed, without a note.
    pub fn batch(&self, sizes: &[usize], blocks: &mut [Block]) {
        for (block, &size) in blocks.iter_mut().zip(sizes) {
            // SAFETY: any size may be asked for.
            *block = Block::new(unsafe { (self.malloc)(size) }.cast());
        }
        for block in blocks {
            // SAFETY: null or live.
            unsafe { (self.free)(block.pointer().cast()) }
        }
    }

    pub fn calloc(&self, count: usize, size: usize) -> Block {
        note("calloc", [count, size]);
        // SAFETY: any count and size may be asked for.
        Block::new(unsafe { (self.calloc)(count, size) }.cast())
    }

    pub fn realloc(&self, block: Block, size: usize) -> Block {
        note("realloc", [block.address(), size]);
        // SAFETY: null or a live block, or a misuse that is meant.
        Block::new(unsafe { (self.realloc)(block.pointer().cast(), size) }.cast())
    }

    pub fn free(&self, block: Block) {
        note("free", [block.address()]);
        // SAFETY: null or a live block, or a misuse that is meant.
        unsafe { (self.free)(block.pointer().cast()) }
    }

    pub fn reallocarray(&self, block: Block, count: usize, size: usize) -> Result<Block, Stop> {
        let function = self.reallocarray.ok_or_else(|| absent("reallocarray"))?;
        note("reallocarray", [block.address(), count, size]);
        // SAFETY: null or a live block.
        Ok(Block::new(unsafe { function(block.pointer().cast(), count, size) }.cast()))
    }

    pub fn memalign(&self, alignment: usize, size: usize) -> Result<Block, Stop> {
        let function = self.memalign.ok_or_else(|| absent("memalign"))?;
        note("memalign", [alignment, size]);
        // SAFETY: any size may be asked for.
        Ok(Block::new(unsafe { function(alignment, size) }.cast()))
    }

    pub fn aligned_alloc(&self, alignment: usize, size: usize) -> Result<Block, Stop> {
        let function = self.aligned_alloc.ok_or_else(|| absent("aligned_alloc"))?;
        note("aligned_alloc", [alignment, size]);
        // SAFETY: any alignment and size may be asked for.
        Ok(Block::new(unsafe { function(alignment, size) }.cast()))
    }

    /// The error and what `place`, which holds `before`, holds then.
    pub fn posix_memalign(&self, before: Block, alignment: usize, size: usize) -> Result<(c_int, Block), Stop> {
        let function = self.posix_memalign.ok_or_else(|| absent("posix_memalign"))?;
        let mut place: Pointer = before.pointer().cast();
        note("posix_memalign", [alignment, size]);
        // SAFETY: a place for one pointer.
        let error = unsafe { function(&mut place, alignment, size) };
        Ok((error, Block::new(place.cast())))
    }

    pub fn valloc(&self, size: usize) -> Result<Block, Stop> {
        let function = self.valloc.ok_or_else(|| absent("valloc"))?;
        note("valloc", [size]);
        // SAFETY: any size may be asked for.
        Ok(Block::new(unsafe { function(size) }.cast()))
    }

    pub fn pvalloc(&self, size: usize) -> Result<Block, Stop> {
        let function = self.pvalloc.ok_or_else(|| absent("pvalloc"))?;
        note("pvalloc", [size]);
        // SAFETY: any size may be asked for.
        Ok(Block::new(unsafe { function(size) }.cast()))
    }

    pub fn usable_size(&self, block: Block) -> Result<usize, Stop> {
        let function = self.malloc_usable_size.ok_or_else(|| absent("malloc_usable_size"))?;
        note("malloc_usable_size", [block.address()]);
        // SAFETY: null or a live block.
        Ok(unsafe { function(block.pointer().cast()) })
    }

    pub fn free_sized(&self, block: Block, size: usize) -> Result<(), Stop> {
        let function = self.free_sized.ok_or_else(|| absent("free_sized"))?;
        note("free_sized", [block.address(), size]);
        // SAFETY: null or a live block, and the size it was asked for with.
        unsafe { function(block.pointer().cast(), size) };
        Ok(())
    }

    pub fn free_aligned_sized(&self, block: Block, alignment: usize, size: usize) -> Result<(), Stop> {
        let function = self.free_aligned_sized.ok_or_else(|| absent("free_aligned_sized"))?;
        note("free_aligned_sized", [block.address(), alignment, size]);
        // SAFETY: null or a live block, and what it was asked for with.
        unsafe { function(block.pointer().cast(), alignment, size) };
        Ok(())
    }
}

fn absent(name: &str) -> Stop {
    Stop::Absent(format!("the library has no {name}"))
}

unsafe extern "C" {
    safe fn __errno_location() -> *mut c_int;
}

pub fn errno() -> c_int {
    // SAFETY: this thread's own, always valid.
    unsafe { __errno_location().read() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: this thread's own, always valid.
    unsafe { __errno_location().write(value) }
}

/// An error as the header spells it.
pub fn error_name(error: c_int) -> String {
    match error {
        0 => "0".to_owned(),
        libc::EINVAL => "EINVAL".to_owned(),
        libc::ENOMEM => "ENOMEM".to_owned(),
        libc::EAGAIN => "EAGAIN".to_owned(),
        other => format!("error {other}"),
    }
}
