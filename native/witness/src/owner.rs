//! Whose malloc answers: the object that a call of malloc from a library reaches.
//!
//! `dlsym(RTLD_DEFAULT, "malloc")` would be wrong for a program that is not position-independent and takes malloc's
//! address: there the linker makes the program's own call stub the address of malloc, and the program would be named
//! as its owner. What a *call* binds to stands in the jump slot of this library's own call stub, so that is read.

use crate::c::{self, Object};
use core::arch::global_asm;
use core::ffi::{CStr, c_void};

// A call of malloc that is never made: it gives this library a jump slot, which the loader fills before any code runs
// (Rust links with `-z now`).
#[cfg(target_arch = "x86_64")]
global_asm!(".hidden heapswap_call", ".globl heapswap_call", "heapswap_call: jmp malloc@PLT");
#[cfg(target_arch = "aarch64")]
global_asm!(".hidden heapswap_call", ".globl heapswap_call", "heapswap_call: b malloc");

const DT_NULL: u64 = 0;
const DT_PLTRELSZ: u64 = 2;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_JMPREL: u64 = 23;

#[repr(C)]
struct Dynamic {
    tag: u64,
    value: u64,
}

#[repr(C)]
struct Relocation {
    offset: u64,
    info: u64,
    addend: i64,
}

#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: u64,
    size: u64,
}

unsafe extern "C" {
    // Both are this library's own, put in by the linker.
    static __ehdr_start: u8;
    static _DYNAMIC: Dynamic;
    fn heapswap_call();
}

/// The path of the object whose malloc answers; `executable` where that is the program itself.
pub fn of_malloc(executable: &[u8]) -> Option<&[u8]> {
    let owner = object_at(jump_slot(c"malloc")?)?;
    let program = object_at(c::getauxval(c::AT_PHDR) as *const c_void);
    if program.is_some_and(|program| program.base == owner.base) {
        return Some(executable);
    }
    // SAFETY: the loader's name of an object is a C string that lives as long as the object, here for ever.
    Some(unsafe { CStr::from_ptr(owner.name) }.to_bytes())
}

fn object_at(address: *const c_void) -> Option<Object> {
    let mut object = Object::NONE;
    // SAFETY: any address may be asked about; the object is writable.
    let found = unsafe { c::dladdr(address, &mut object) } != 0;
    (found && !object.name.is_null()).then_some(object)
}

/// Where this library's calls of the function `name` go.
fn jump_slot(name: &CStr) -> Option<*const c_void> {
    // Without this the linker would drop the call, and the slot with it.
    core::hint::black_box(heapswap_call as *const c_void);
    let base = &raw const __ehdr_start;
    let symbols: *const Symbol = table(base, DT_SYMTAB)?.cast();
    let names = table(base, DT_STRTAB)?;
    let relocations: *const Relocation = table(base, DT_JMPREL)?.cast();
    let count = entry(DT_PLTRELSZ)? as usize / size_of::<Relocation>();
    for index in 0..count {
        // SAFETY: DT_PLTRELSZ counts the bytes of the table at DT_JMPREL.
        let relocation = unsafe { &*relocations.wrapping_add(index) };
        // SAFETY: the upper half of `info` is an index into the symbol table.
        let symbol = unsafe { &*symbols.wrapping_add((relocation.info >> 32) as usize) };
        let called = names.wrapping_add(symbol.name as usize);
        // SAFETY: the name of a symbol is an offset into the string table, which holds C strings.
        if unsafe { CStr::from_ptr(called.cast()) } == name {
            let slot: *const *const c_void = base.wrapping_add(relocation.offset as usize).cast();
            // SAFETY: the slot is inside this library, aligned, and filled before its constructors run.
            return Some(unsafe { slot.read_volatile() });
        }
    }
    None
}

/// The table whose address the dynamic section gives: glibc has already added the base, musl has not.
fn table(base: *const u8, tag: u64) -> Option<*const u8> {
    let value = entry(tag)? as usize;
    Some(if value < base as usize { base.wrapping_add(value) } else { value as *const u8 })
}

fn entry(tag: u64) -> Option<u64> {
    let mut place = &raw const _DYNAMIC;
    loop {
        // SAFETY: the dynamic section ends with DT_NULL, where this walk stops.
        let dynamic = unsafe { &*place };
        match dynamic.tag {
            DT_NULL => return None,
            found if found == tag => return Some(dynamic.value),
            // SAFETY: the end is not reached, so another entry follows.
            _ => place = unsafe { place.add(1) },
        }
    }
}
