//! The installed `heapswap` command: it becomes the Python of the same installation, running `heapswap.cli.main`.
//!
//! It exists because Python ignores SIGPIPE and SIGXFSZ as it starts and forgets what it found, and `heapswap run`
//! has to hand both to the user's program as it got them. Only something that runs before Python can know.
//!
//! There is no `fn main`: Rust's own start-up would ignore SIGPIPE too, and open /dev/null where a standard stream is
//! closed. Nothing here opens a descriptor that stays or changes the process.

#![no_main]

use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr;

/// What Python overwrites at its start; no other disposition is touched.
const OVERWRITTEN: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Tells `heapswap.dispositions` which of [`OVERWRITTEN`] were ignored; absent when none was.
const IGNORED: &[u8] = b"HEAPSWAP_IGNORED_SIGNALS=";

/// The interpreter's own words. `-P` keeps the current folder off `sys.path`, so that a `json.py` there is never
/// imported; `-E` makes Python pass over PYTHONPATH, PYTHONHOME, PYTHONMALLOC and the like, which are meant for the
/// user's program and still reach it. `-I` would also hide the user site folder, where `pip install --user` puts
/// heapswap; `-m` would cost the import of runpy.
const INTERPRETER_WORDS: [&CStr; 4] =
    [c"-E", c"-P", c"-c", c"import sys; from heapswap.cli.main import main; sys.exit(main())"];

/// Where Debian and other distributions keep the interpreter that serves packages under another prefix.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/bin", "/usr/local/bin"];

const CANNOT_GO_ON: c_int = 3;

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// # Safety
/// Called by the C library with `argc` strings in `argv`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(_argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: `argv` is the array the kernel made, null-terminated, alive and unchanged until exec.
    let given = unsafe { strings(argv) };
    // SAFETY: this process has one thread, and nothing here changes the environment.
    let inherited = unsafe { strings(environ) };

    let note = ignored_signals();
    let environment: Vec<&CStr> =
        inherited.into_iter().filter(|entry| !entry.to_bytes().starts_with(IGNORED)).chain(note.as_deref()).collect();

    let own = fs::read_link("/proc/self/exe").unwrap_or_default();
    for interpreter in interpreters(&own) {
        let Ok(path) = CString::new(interpreter.into_os_string().into_vec()) else {
            continue;
        };
        let words: Vec<&CStr> =
            [path.as_c_str()].into_iter().chain(INTERPRETER_WORDS).chain(given.iter().skip(1).copied()).collect();
        become_program(&path, &words, &environment);
    }
    complain(&own);
    CANNOT_GO_ON
}

/// The strings of a null-terminated array.
///
/// # Safety
/// `array` is null, or a null-terminated array of C strings that live and stay as they are for `'a`.
unsafe fn strings<'a>(array: *const *const c_char) -> Vec<&'a CStr> {
    let mut found = Vec::new();
    let mut next = array;
    while !next.is_null() {
        // SAFETY: the terminator has not been reached, so `next` is inside the array.
        let string = unsafe { *next };
        if string.is_null() {
            break;
        }
        // SAFETY: an entry of the array is a C string that lives for `'a`.
        found.push(unsafe { CStr::from_ptr(string) });
        // SAFETY: one past an entry that is not the terminator is still inside the array.
        next = unsafe { next.add(1) };
    }
    found
}

/// `HEAPSWAP_IGNORED_SIGNALS=13,25`, or None when this process was started with neither ignored.
fn ignored_signals() -> Option<CString> {
    let ignored: Vec<String> =
        OVERWRITTEN.iter().filter(|signal| is_ignored(**signal)).map(|signal| signal.to_string()).collect();
    if ignored.is_empty() {
        return None;
    }
    CString::new([IGNORED, ignored.join(",").as_bytes()].concat()).ok()
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: every bit pattern of `sigaction` that is all zero is valid.
    let mut found: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only reads; `found` is a live sigaction.
    let status = unsafe { libc::sigaction(signal, ptr::null(), &raw mut found) };
    status == 0 && found.sa_sigaction == libc::SIG_IGN
}

/// The interpreters to try, best first: the one beside this program (a virtual environment, conda, pipx, uv, pyenv),
/// then, where the scripts folder has none (`pip install --user`, Debian's /usr/local), the Python of the version
/// whose package folder under the same prefix holds heapswap.
///
/// Lazy: the second rule reads folders only after the first found nothing that starts.
fn interpreters(own: &Path) -> impl Iterator<Item = PathBuf> {
    let scripts = own.parent().unwrap_or(Path::new("")).to_path_buf();
    let libraries = scripts.join("../lib");
    let beside = ["python3", "python"].into_iter().map(move |name| scripts.join(name));
    beside.chain(std::iter::once_with(move || serving_versions(&libraries)).flatten().flat_map(on_this_machine))
}

/// Where a program of this name may be: the system's folders before PATH, whose first match may be a version
/// manager's shim that answers differently in every folder.
fn on_this_machine(name: PathBuf) -> Vec<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let folders = SYSTEM_FOLDERS.iter().map(PathBuf::from).chain(std::env::split_paths(&search));
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(&name)).collect()
}

/// `python3.X` for every such folder of `libraries` that holds the package.
fn serving_versions(libraries: &Path) -> Vec<PathBuf> {
    let Ok(folders) = fs::read_dir(libraries) else {
        return Vec::new();
    };
    folders
        .flatten()
        .filter(|folder| folder.file_name().as_bytes().starts_with(b"python3"))
        .filter(|folder| {
            ["site-packages", "dist-packages"].iter().any(|kind| folder.path().join(kind).join("heapswap").is_dir())
        })
        .map(|folder| PathBuf::from(folder.file_name()))
        .collect()
}

/// Replaces this process; returns only when that cannot be done.
fn become_program(path: &CStr, words: &[&CStr], environment: &[&CStr]) {
    let words = pointers(words);
    let environment = pointers(environment);
    // SAFETY: both arrays are null-terminated and borrow strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), words.as_ptr(), environment.as_ptr()) };
}

fn pointers(strings: &[&CStr]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn complain(own: &Path) {
    let line = [
        b"heapswap: there is no Python beside ",
        <OsStr as OsStrExt>::as_bytes(own.as_os_str()),
        b" that could be started; install heapswap again with the Python that is to run it\n",
    ]
    .concat();
    // SAFETY: the buffer is alive and as long as said. A closed standard error leaves the exit status to tell.
    unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
}
