//! Every way in which a file is read.

use heapswap_trace::container::Container;
use heapswap_trace::summary::summary;
use heapswap_trace::{compile, pack, query, rows};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::PathBuf;

thread_local! {
    static INPUT: RefCell<File> = RefCell::new(in_memory());
    static SCRIPT: RefCell<File> = RefCell::new(in_memory());
    static PACKED: RefCell<File> = RefCell::new(in_memory());
}

/// Reads a file in every way. A refusal is one line; answers agree with each other.
pub fn everything(bytes: &[u8]) {
    let path = INPUT.with_borrow_mut(|file| {
        emptied(file).write_all(bytes).expect("memory");
        place(file)
    });
    let container = match Container::open(&path) {
        Ok(container) => container,
        Err(failure) => return assert_eq!(failure.to_string().lines().count(), 1),
    };
    let told = summary(&container).ok();
    let again = || Container::open(&path).expect("it could be opened before");
    for (by, ask) in query::QUERIES {
        let rows = ask(&again()).ok();
        assert_eq!(rows.is_some(), told.is_some(), "by {by}");
        if let (Some(rows), Some(told), false) = (rows, &told, by == "lifetime") {
            let sum = |name: &str| rows.iter().filter_map(|row| row[name].as_u64()).fold(0, u64::saturating_add);
            assert_eq!(sum("allocations"), number(told, "allocations") + number(told, "reallocations"), "by {by}");
            assert_eq!(sum("bytes"), number(told, "allocated_bytes"), "by {by}");
        }
    }
    assert_eq!(rows::write(&again(), std::io::sink()).is_ok(), told.is_some());
    if let Ok(process) = compile::chosen(&container, None) {
        SCRIPT.with_borrow_mut(|file| {
            let script = emptied(file).try_clone().expect("a descriptor");
            let _ = compile::compiled(&again(), process, script, &path);
        });
    }
    packed(&again(), told.as_ref());
}

/// A trace that can be read can be packed, and holds the same then.
fn packed(container: &Container, told: Option<&Value>) {
    PACKED.with_borrow_mut(|file| {
        let path = place(file);
        let result = pack::pack(container, emptied(file).try_clone().expect("a descriptor"), &path);
        assert_eq!(result.is_ok(), told.is_some());
        if let Some(told) = told {
            let container = Container::open(&path).expect("a packed trace");
            let again = summary(&container).expect("a packed trace");
            for name in ["allocations", "frees", "reallocations", "failures", "allocated_bytes"] {
                assert_eq!(number(told, name), number(&again, name), "{name}");
            }
        }
    });
}

fn number(told: &Value, name: &str) -> u64 {
    told[name].as_u64().unwrap_or_else(|| panic!("{name} is a number"))
}

fn in_memory() -> File {
    // SAFETY: a name that ends, and no flags.
    let descriptor = unsafe { libc::memfd_create(c"trace".as_ptr(), 0) };
    assert!(descriptor >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: just made, and nobody else's.
    unsafe { File::from_raw_fd(descriptor) }
}

fn emptied(file: &mut File) -> &mut File {
    file.set_len(0).expect("memory");
    file.rewind().expect("memory");
    file
}

fn place(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
