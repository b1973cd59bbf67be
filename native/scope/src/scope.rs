//! What was changed for this process, and the user's own environment put back.

use core::ffi::{CStr, c_char};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::text::{self, Array, Mapping, Writer};

pub const SCOPE: &[u8] = b"HEAPSWAP_SCOPE";
pub const WAS: &[u8] = b"HEAPSWAP_WAS_";
pub const PRELOAD: &[u8] = b"LD_PRELOAD";

/// One variable that heapswap changed. The strings are copies: programs that write their title over the original
/// environment do not reach them.
pub struct Variable {
    pub name: &'static [u8],
    /// `NAME=value` as the candidate needs it, None where it needs the variable away
    pub candidate: Option<&'static CStr>,
    /// `HEAPSWAP_WAS_NAME=value`, None where the user had no such variable
    pub was: Option<&'static CStr>,
}

impl Variable {
    /// `NAME=value` as the user had it.
    pub fn users(&self) -> Option<&'static CStr> {
        let was = self.was?.to_bytes_with_nul();
        CStr::from_bytes_with_nul(&was[WAS.len()..]).ok()
    }

    /// The value as the candidate needs it.
    pub fn candidates_value(&self) -> Option<&'static CStr> {
        let candidate = self.candidate?.to_bytes_with_nul();
        CStr::from_bytes_with_nul(&candidate[self.name.len() + 1..]).ok()
    }
}

/// Everything that was changed for one process.
pub struct Scope {
    pub pid: libc::pid_t,
    /// the `HEAPSWAP_SCOPE=…` entry
    pub entry: &'static CStr,
    pub variables: &'static [Variable],
}

static ENTERED: AtomicPtr<Scope> = AtomicPtr::new(ptr::null_mut());

/// The scope of this program, None where there is none.
pub fn entered() -> Option<&'static Scope> {
    // SAFETY: null, or the Scope that `enter` finished writing before it was published and that nothing changes.
    unsafe { ENTERED.load(Ordering::Acquire).as_ref() }
}

/// The scope, where this is the process it was made for: not in a forked child.
pub fn of_this_process() -> Option<&'static Scope> {
    // SAFETY: getpid has no preconditions.
    entered().filter(|scope| scope.pid == unsafe { libc::getpid() })
}

unsafe extern "C" {
    static mut environ: *mut *const c_char;
}

/// Reads the private entries, keeps copies, and leaves `environ` as the user had it.
pub fn enter() {
    // SAFETY: constructors run on one thread, before anything can change the environment.
    let array = unsafe { environ };
    // SAFETY: `environ` is null or the environment array of this process.
    let entries = unsafe { text::strings(array.cast_const()) };
    let Some(line) = entries.clone().find(|entry| text::value(entry, SCOPE).is_some()) else {
        return;
    };
    let Some(scope) = copy(line, entries) else {
        return;
    };
    // SAFETY: the array is writable, belongs to this process, and no other thread exists yet.
    unsafe { put_back(array, scope) };
    ENTERED.store(ptr::from_ref(scope).cast_mut(), Ordering::Release);
}

/// The names in `HEAPSWAP_SCOPE=pid NAME NAME…`, pid left out.
fn names(line: &CStr) -> impl Iterator<Item = &[u8]> + Clone {
    text::value(line, SCOPE).unwrap_or_default().split(|byte| *byte == b' ').skip(1)
}

fn pid(line: &CStr) -> Option<libc::pid_t> {
    let first = text::value(line, SCOPE)?.split(|byte| *byte == b' ').next()?;
    core::str::from_utf8(first).ok()?.parse().ok()
}

fn was_value<'a>(entry: &'a CStr, name: &[u8]) -> Option<&'a [u8]> {
    entry.to_bytes().strip_prefix(WAS)?.strip_prefix(name)?.strip_prefix(b"=")
}

/// A Scope in a mapping of its own that is never given back; None where the line is damaged or memory ran out.
fn copy<'a>(line: &'a CStr, entries: impl Iterator<Item = &'a CStr> + Clone) -> Option<&'static Scope> {
    let pid = pid(line)?;
    let count = names(line).count();
    let size = size_of::<Scope>() + count * size_of::<Variable>();
    // The strings that are copied are entries of the environment, each at most once for every name.
    let strings: usize = entries.clone().map(|entry| entry.count_bytes() + 1).sum();
    let memory = Mapping::new(size + strings * (count + 1))?.start();

    let head: *mut Scope = memory.cast();
    // SAFETY: `size` has room for the Scope; a Variable has its alignment, that of a pointer.
    let variables: *mut Variable = unsafe { head.add(1) }.cast();
    // SAFETY: the mapping is longer than `size`.
    let after = unsafe { memory.add(size) };
    // SAFETY: the strings written below are those counted above.
    let mut writer = unsafe { Writer::new(after) };
    let mut keep = |entry: &CStr| {
        let kept = writer.write(&[entry.to_bytes()]);
        // SAFETY: `write` ended it with a null byte, and the mapping is never changed or given back.
        unsafe { CStr::from_ptr::<'static>(kept) }
    };

    let entry = keep(line);
    let mut filled = 0;
    for name in names(entry) {
        let candidate = entries.clone().find(|entry| text::value(entry, name).is_some());
        let was = entries.clone().find(|entry| was_value(entry, name).is_some());
        let variable = Variable { name, candidate: candidate.map(&mut keep), was: was.map(&mut keep) };
        // SAFETY: `filled` is below `count`, for which there is room.
        let place = unsafe { variables.add(filled) };
        // SAFETY: as above.
        unsafe { place.write(variable) };
        filled += 1;
    }
    // SAFETY: the first `filled` Variables are written, and stay.
    let variables = unsafe { core::slice::from_raw_parts(variables, filled) };
    // SAFETY: the mapping starts with room for a Scope.
    unsafe { head.write(Scope { pid, entry, variables }) };
    // SAFETY: just written, never changed again.
    Some(unsafe { &*head })
}

/// Edits the array in place, keeping the order of everything that stays.
///
/// # Safety
/// `array` is the environment of this process, and nobody else uses it meanwhile.
unsafe fn put_back(array: *mut *const c_char, scope: &Scope) {
    let mut read = array;
    let mut write = array;
    loop {
        // SAFETY: `read` has not passed the terminator.
        let string = unsafe { *read };
        if string.is_null() {
            break;
        }
        // SAFETY: an entry of the environment is a C string.
        if let Some(kept) = users_entry(unsafe { CStr::from_ptr(string) }, scope) {
            // SAFETY: `write` never passes `read`.
            unsafe { *write = kept.as_ptr() };
            // SAFETY: as above.
            write = unsafe { write.add(1) };
        }
        // SAFETY: the entry was not the terminator.
        read = unsafe { read.add(1) };
    }
    // SAFETY: `write` is at most at the terminator.
    unsafe { *write = ptr::null() };
}

/// What stands in the user's own environment in place of this entry.
fn users_entry<'a>(entry: &'a CStr, scope: &Scope) -> Option<&'a CStr> {
    if text::value(entry, SCOPE).is_some() {
        return None;
    }
    let remembered = |variable: &&Variable| was_value(entry, variable.name).is_some();
    if let Some(variable) = scope.variables.iter().find(remembered) {
        // A variable that the candidate needs away comes back here; any other one, where it stands.
        return if variable.candidate.is_none() { variable.users() } else { None };
    }
    match scope.variables.iter().find(|variable| text::value(entry, variable.name).is_some()) {
        Some(changed) => changed.users(),
        None => Some(entry),
    }
}

/// An environment with the candidate merged in again: `environment` as the program has it now, which may differ from
/// the user's original, plus the private entries for the next program.
pub struct Merged {
    memory: Mapping,
}

impl Merged {
    /// None where the environment already carries a scope (a nested `heapswap run`) or memory ran out.
    ///
    /// # Safety
    /// `environment` is null or a null-terminated array of C strings that nobody changes meanwhile.
    pub unsafe fn new(scope: &Scope, environment: Array) -> Option<Self> {
        // SAFETY: the caller's promise.
        let entries = unsafe { text::strings(environment) };
        if entries.clone().any(|entry| text::value(entry, SCOPE).is_some()) {
            return None;
        }
        let changed =
            |entry: &CStr| scope.variables.iter().find(|variable| text::value(entry, variable.name).is_some());
        let slots = entries.clone().count() + 2 * scope.variables.len() + 2;
        let table = slots * size_of::<*const c_char>();
        // An entry of a changed variable is written at most once joined to the candidate's and once as what it was.
        let length = |v: &Variable| v.candidate.map_or(0, CStr::count_bytes) + WAS.len() + PRELOAD.len() + 3;
        let ours: usize = scope.variables.iter().map(length).sum();
        let theirs: usize = entries.clone().filter(|e| changed(e).is_some()).map(|e| 2 * e.count_bytes() + ours).sum();
        let memory = Mapping::new(table + ours + theirs)?;

        // SAFETY: the strings begin behind the table.
        let strings = unsafe { memory.start().add(table) };
        // SAFETY: the sum above covers every string that is written below.
        let mut writer = unsafe { Writer::new(strings) };
        let mut slot: *mut *const c_char = memory.start().cast();
        let mut push = |string: *const c_char| {
            // SAFETY: one slot for every entry, two for every variable, one for the scope, one for the terminator.
            unsafe { slot.write(string) };
            // SAFETY: as above.
            slot = unsafe { slot.add(1) };
        };

        for entry in entries.clone() {
            let string = match changed(entry) {
                Some(variable) => merged(variable, Some(entry), &mut writer),
                None => Some(entry.as_ptr()),
            };
            string.into_iter().for_each(&mut push);
        }
        for variable in scope.variables {
            let string = match entries.clone().find(|entry| text::value(entry, variable.name).is_some()) {
                Some(entry) => Some(writer.write(&[WAS, entry.to_bytes()])),
                None => merged(variable, None, &mut writer),
            };
            string.into_iter().for_each(&mut push);
        }
        push(scope.entry.as_ptr());
        push(ptr::null());
        Some(Self { memory })
    }

    pub fn as_array(&self) -> Array {
        self.memory.start().cast_const().cast()
    }

    pub fn release(self) {
        self.memory.release();
    }
}

/// The entry that carries both the candidate and what the program made of the variable since: a preload list is
/// joined, and a knob that the program set itself is the program's.
fn merged(variable: &Variable, now: Option<&CStr>, writer: &mut Writer) -> Option<*const c_char> {
    if now == variable.users() {
        return variable.candidate.map(CStr::as_ptr);
    }
    if variable.name != PRELOAD {
        return now.or(variable.candidate).map(CStr::as_ptr);
    }
    let own = own_preloads(variable);
    let list = now.and_then(|entry| text::value(entry, PRELOAD)).unwrap_or_default();
    let separator: &[u8] = if list.is_empty() { b"" } else { b":" };
    Some(writer.write(&[PRELOAD, b"=", own, separator, list]))
}

/// The preload list without the user's own, which heapswap puts last.
fn own_preloads(variable: &Variable) -> &'static [u8] {
    let all = variable.candidates_value().unwrap_or_default().to_bytes();
    let users = variable.users().and_then(|entry| text::value(entry, PRELOAD)).unwrap_or_default();
    all.strip_suffix(users).and_then(|own| own.strip_suffix(b":")).unwrap_or(all)
}
