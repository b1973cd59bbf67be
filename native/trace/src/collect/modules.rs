//! What is loaded into a process: which files, where, and which version of each, so that places in them can be named
//! later, and only while they are what they were.

use super::elf::Elf;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// What the kernel adds to the path of a file that is not there any more.
const DELETED: &str = " (deleted)";

/// A line of a process's map that holds code of a file.
#[derive(PartialEq)]
struct Mapping {
    path: String,
    start: u64,
    end: u64,
    offset: u64,
    inode: u64,
}

/// Everything that was ever seen in one process.
#[derive(Default)]
pub struct Modules {
    mappings: Vec<Mapping>,
    described: Vec<Value>,
}

impl Modules {
    /// Notes what a map has that is new; `process` is whose it is, None where its files cannot be told from others.
    pub fn look(&mut self, maps: &str, process: Option<u64>) {
        for (mapping, is_removed) in maps.lines().filter_map(Mapping::of) {
            if !self.mappings.contains(&mapping) {
                self.described.push(mapping.described(process.filter(|_| !is_removed)));
                self.mappings.push(mapping);
            }
        }
    }

    pub fn described(&self) -> &[Value] {
        &self.described
    }
}

impl Mapping {
    /// With whether the file has been removed, or replaced, since it was loaded.
    fn of(line: &str) -> Option<(Self, bool)> {
        let mut fields = line.splitn(6, ' ');
        let (range, access, offset) = (fields.next()?, fields.next()?, fields.next()?);
        let (inode, path) = (fields.nth(1)?, fields.next()?.trim_start());
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let (path, is_removed) = path.strip_suffix(DELETED).map_or((path, false), |path| (path, true));
        let mapping = Self {
            path: path.to_owned(),
            start: number(start)?,
            end: number(end)?,
            offset: number(offset)?,
            inode: inode.parse().ok()?,
        };
        (access.contains('x') && path.starts_with('/')).then_some((mapping, is_removed))
    }

    /// `address` is that of `start` in the file's own terms; without it, and without a version, nothing can be named.
    fn described(&self, process: Option<u64>) -> Value {
        let Self { path, start, end, offset, .. } = self;
        let mut told = json!({"path": path, "start": start, "end": end, "offset": offset});
        let Some(file) = process.and_then(|process| self.open(process)) else { return told };
        let elf = Elf::read(&file);
        if let Some(address) = elf.as_ref().and_then(|elf| elf.address(*offset, end - start)) {
            told["address"] = address.into();
        }
        if let Ok(status) = file.metadata() {
            told["build_id"] = elf.and_then(|elf| elf.build_id()).into();
            told["size"] = status.len().into();
            told["modified"] = (status.mtime() * 1_000_000_000 + status.mtime_nsec()).into();
        }
        told
    }

    /// The file, as long as it is the one that is loaded: a process may see other files than this one does.
    fn open(&self, process: u64) -> Option<File> {
        let places = [format!("/proc/{process}/root{}", self.path), self.path.clone()];
        // What is no file any more must not keep this program waiting.
        let open = |place| OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(place).ok();
        places.iter().filter_map(open).find(|file| self.is(file))
    }

    fn is(&self, file: &File) -> bool {
        // The map of an overlay has the numbers of the layer below.
        file.metadata().is_ok_and(|status| status.is_file() && (status.ino() == self.inode || is_overlay(file)))
    }
}

fn is_overlay(file: &File) -> bool {
    // SAFETY: a structure of numbers, for which zero is a value.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: an open descriptor, and room for the answer.
    let done = unsafe { libc::fstatfs(file.as_raw_fd(), &mut status) };
    done == 0 && status.f_type == libc::OVERLAYFS_SUPER_MAGIC
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Vec<Value> {
        let mut modules = Modules::default();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        modules.look(&maps, Some(std::process::id().into()));
        modules.look(&maps, Some(std::process::id().into()));
        modules.described().to_vec()
    }

    #[test]
    fn a_function_lies_where_its_module_says() {
        let here = a_function_lies_where_its_module_says as *const () as u64;
        let holds =
            |module: &&Value| (module["start"].as_u64().unwrap()..module["end"].as_u64().unwrap()).contains(&here);
        let modules = own();
        let found: Vec<_> = modules.iter().filter(holds).collect();
        assert_eq!(found.len(), 1, "each mapping is noted once");
        let exe = std::env::current_exe().unwrap();
        assert_eq!(found[0]["path"], exe.to_str().unwrap());
        assert_eq!(found[0]["size"], std::fs::metadata(exe).unwrap().len());
        assert!(found[0]["address"].is_u64());
    }

    #[test]
    fn another_file_in_its_place_is_not_taken_for_it() {
        let line = |inode: &str| format!("1000-2000 r-xp 00000000 08:01 {inode}    /proc/self/exe");
        let told = |inode: &str| Mapping::of(&line(inode)).unwrap().0.described(Some(std::process::id().into()));
        let own = std::fs::metadata("/proc/self/exe").unwrap().ino().to_string();
        assert!(told(&own)["size"].is_u64());
        if !is_overlay(&File::open("/proc/self/exe").unwrap()) {
            assert_eq!(told("1"), json!({"path": "/proc/self/exe", "start": 4096, "end": 8192, "offset": 0}));
        }
    }

    #[test]
    fn only_code_of_files_counts() {
        for line in [
            "1000-2000 r--p 00000000 08:01 5    /lib/x.so",
            "1000-2000 r-xp 00000000 00:00 0    [vdso]",
            "1000-2000 r-xp 00000000 00:00 0",
            "",
        ] {
            assert!(Mapping::of(line).is_none(), "{line}");
        }
        let (removed, is_removed) = Mapping::of("1000-2000 r-xp 00000000 08:01 5    /lib/x y.so (deleted)").unwrap();
        assert_eq!((removed.path.as_str(), is_removed), ("/lib/x y.so", true));
    }
}
