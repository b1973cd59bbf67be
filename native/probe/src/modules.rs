//! Which loaded object an address is in, asked without a lock, and the table of those that stacks lead into.
//!
//! `_dl_find_object` (glibc 2.35) is what unwinders ask in signal handlers. An object that the program loaded later may be
//! unloaded and another one take its place, so its entry is the same only where its build id still is. What a program
//! starts with stays.

use crate::checked::BATCH;
use crate::stack_layout::{Area, HEAD, MODULES, Module, NAME};
use crate::{checked, file};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize};

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

/// Words that tell an object from others: a build id with what stands before it.
const STAMP: usize = 5;

static FIND_OBJECT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Where the objects begin that the program started with, and how many they are; further ones are asked for their build id.
static LASTING: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];
static LASTING_COUNT: AtomicUsize = AtomicUsize::new(0);

/// At the start of the program, when all it is linked with is loaded and nothing else.
pub fn find_loader() {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()) };
    FIND_OBJECT.store(found, Relaxed);
    // SAFETY: `remember` wants nothing and stays.
    unsafe { libc::dl_iterate_phdr(Some(remember), null_mut()) };
}

unsafe extern "C" fn remember(object: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> c_int {
    // SAFETY: the loader's, for the time of this call.
    let object = unsafe { &*object };
    // SAFETY: the loader's own, as many as it says.
    let headers = unsafe { core::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    let loaded = headers.iter().find(|header| header.p_type == libc::PT_LOAD);
    let known = loaded.and_then(|header| object_of(object.dlpi_addr + header.p_vaddr));
    let index = LASTING_COUNT.load(Relaxed);
    if let (Some(known), Some(place)) = (known, LASTING.get(index)) {
        place.store(known.start, Relaxed);
        LASTING_COUNT.store(index + 1, Relaxed);
    }
    0
}

fn is_lasting(object: &Object) -> bool {
    let count = LASTING_COUNT.load(Relaxed);
    LASTING[..count].iter().any(|start| start.load(Relaxed) == object.start)
}

pub fn may_be_asked() -> bool {
    !FIND_OBJECT.load(Relaxed).is_null()
}

/// A loaded object: where it is mapped, and the loader's record of it.
#[derive(Clone, Copy, Default)]
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

/// The numbers of objects in the table, at most `BATCH`, where they are entered if they are new; answers how many.
pub fn numbers(area: &'static Area, objects: &[Object], to: &mut [u16]) -> usize {
    let used = (area.modules.load(Acquire) as usize).min(MODULES);
    let mut waiting = Waiting::default();
    let mut count = 0;
    for object in objects {
        // The latest first: an earlier one at the same place is gone.
        let known = (0..used).rev().find(|number| area.starts[*number].load(Acquire) == object.start);
        let number = match known {
            Some(number) if is_lasting(object) => Some(number as u16),
            Some(number) => {
                waiting.add(object, number, entry(area, number));
                None
            }
            None => enter(area, object),
        };
        if let Some(number) = number {
            to[count] = number;
            count += 1;
        }
    }
    count + waiting.numbers(area, &mut to[count..])
}

/// Objects that are in the table, unless others have taken their places: their build ids are read at once.
#[derive(Default)]
struct Waiting {
    objects: [Object; BATCH],
    numbers: [usize; BATCH],
    stamps: [usize; BATCH],
    count: usize,
}

impl Waiting {
    fn add(&mut self, object: &Object, number: usize, entry: &Module) {
        self.objects[self.count] = *object;
        self.numbers[self.count] = number;
        self.stamps[self.count] = (object.start + entry.stamp.load(Relaxed)) as usize;
        self.count += 1;
    }

    fn numbers(&self, area: &'static Area, to: &mut [u16]) -> usize {
        if self.count == 0 {
            return 0;
        }
        let mut now = [[0; STAMP]; BATCH];
        let read = checked::words_of_each(&self.stamps[..self.count], &mut now);
        let mut count = 0;
        for (index, object) in self.objects[..self.count].iter().enumerate() {
            let number = self.numbers[index];
            let same = index < read && is_still(entry(area, number), object, &now[index]);
            if let Some(number) = if same { Some(number as u16) } else { enter(area, object) } {
                to[count] = number;
                count += 1;
            }
        }
        count
    }
}

fn place(area: &Area, index: usize) -> *mut Module {
    core::ptr::from_ref(area).cast_mut().wrapping_add(1).cast::<Module>().wrapping_add(index)
}

fn entry(area: &Area, index: usize) -> &'static Module {
    // SAFETY: inside the mapping, complete, and for ever; every bit pattern is a module.
    unsafe { &*place(area, index) }
}

fn is_still(module: &Module, object: &Object, now: &[u64; STAMP]) -> bool {
    let stamp = module.stamp.load(Relaxed) as usize;
    let then = module.head[stamp..].chunks_exact(8).map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap_or([0; 8])));
    module.end.load(Relaxed) == object.end && now.iter().copied().eq(then.take(STAMP))
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
