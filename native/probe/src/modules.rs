//! Which loaded object an address is in, asked without a lock, and the table of those that stacks lead into.
//!
//! `_dl_find_object` (glibc 2.35) is what unwinders ask in signal handlers. An object may be unloaded and another one take
//! its place, so an entry is the same only where 64 bytes of its headers, those around the build id, still are.

use crate::stack_layout::{Area, HEAD, MODULES, Module, NAME};
use crate::{checked, file};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[repr(C)]
struct Found {
    flags: u64,
    start: u64,
    end: u64,
    link: u64,
    unwind: u64,
    reserved: [u64; 11],
}

type FindObject = unsafe extern "C" fn(*mut c_void, *mut Found) -> c_int;

static FIND_OBJECT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

pub fn find_loader() {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND_OBJECT.store(found, Relaxed);
}

pub fn may_be_asked() -> bool {
    !FIND_OBJECT.load(Relaxed).is_null()
}

/// A loaded object: where it is mapped, and the loader's record of it.
pub struct Object {
    pub start: u64,
    pub end: u64,
    link: u64,
}

pub fn object_of(address: u64) -> Option<Object> {
    let function = FIND_OBJECT.load(Relaxed);
    if function.is_null() {
        return None;
    }
    // SAFETY: what the loader has under that name, and its type.
    let find = unsafe { core::mem::transmute::<*mut c_void, FindObject>(function) };
    let mut found = Found { flags: 0, start: 0, end: 0, link: 0, unwind: 0, reserved: [0; 11] };
    // SAFETY: any address may be asked about; what is written is shorter than the structure.
    let known = unsafe { find(address as *mut c_void, &mut found) } == 0;
    known.then_some(Object { start: found.start, end: found.end, link: found.link })
}

/// The number of an object in the table, where it is entered if it is new; None where there is no room.
pub fn number(area: &'static Area, object: &Object) -> Option<u16> {
    let used = (area.modules.load(Acquire) as usize).min(MODULES);
    // The latest first: an earlier one at the same place is gone.
    let known = (0..used).rev().find(|index| area.starts[*index].load(Acquire) == object.start);
    match known {
        Some(index) if is_still(entry(area, index), object) => Some(index as u16),
        _ => enter(area, object),
    }
}

fn place(area: &Area, index: usize) -> *mut Module {
    core::ptr::from_ref(area).cast_mut().wrapping_add(1).cast::<Module>().wrapping_add(index)
}

fn entry(area: &Area, index: usize) -> &'static Module {
    // SAFETY: inside the mapping, complete, and for ever; every bit pattern is a module.
    unsafe { &*place(area, index) }
}

fn is_still(module: &Module, object: &Object) -> bool {
    const WORDS: usize = 8;
    if module.end.load(Relaxed) != object.end {
        return false;
    }
    let stamp = module.stamp.load(Relaxed) as usize;
    let Some(now) = checked::words::<WORDS>(object.start as usize + stamp) else { return false };
    let then = module.head[stamp..].chunks_exact(8).map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap_or([0; 8])));
    now.into_iter().eq(then.take(WORDS))
}

fn enter(area: &'static Area, object: &Object) -> Option<u16> {
    let index = area.modules.fetch_add(1, Relaxed) as usize;
    let place = place(area, index);
    if index >= MODULES || !file::has_page(place.cast(), size_of::<Module>(), file::LENGTH) {
        area.modules_lost.fetch_add(1, Relaxed);
        return None;
    }
    // SAFETY: inside the mapping, allocated above, this thread's alone by the addition; every bit pattern is a module.
    let module = unsafe { &mut *place };
    // The loader's record begins with the bias and the address of the path.
    let [bias, name] = checked::words::<2>(object.link as usize)?;
    // SAFETY: writable for so many bytes; the last one stays NUL.
    unsafe { checked::copy(name as usize, module.name.as_mut_ptr(), NAME - 1) };
    if let Some(end) = module.name.iter().position(|byte| *byte == 0) {
        module.name[end..].fill(0);
    }
    // SAFETY: writable for so many bytes.
    unsafe { checked::copy(object.start as usize, module.head.as_mut_ptr(), HEAD) };
    module.end.store(object.end, Relaxed);
    module.bias.store(bias, Relaxed);
    module.stamp.store(stamp(&module.head) as u64, Relaxed);
    module.start.store(object.start, Relaxed);
    area.starts[index].store(object.start, Release);
    Some(index as u16)
}

/// Where the build id's note is in an object's first bytes, so that 64 bytes follow; 0 where it is not there.
fn stamp(head: &[u8; HEAD]) -> usize {
    const OWNER: &[u8] = b"\x14\0\0\0\x03\0\0\0GNU\0";
    let found = head.windows(OWNER.len()).position(|window| window == OWNER);
    found.map_or(0, |at| at & !7).min(HEAD - 64)
}
