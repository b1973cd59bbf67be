//! Names for places in files: who called malloc, in a recording that may be old, or from elsewhere.
//!
//! A file that is not the one that was recorded gives no names, however like it is.

use crate::images::{Bytes, Image, hexadecimal, map};
use object::Object;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A return address of a file.
#[derive(Deserialize)]
struct Place {
    /// path of the file; empty where none was mapped
    module: String,
    offset: u64,
    version: Version,
}

/// What tells a file from a later one at the same path: its build id, and where it had none its size and time.
#[derive(Clone, Deserialize, Eq, Hash, PartialEq)]
struct Version {
    build_id: Option<String>,
    size: Option<u64>,
    /// nanoseconds since 1970
    modified: Option<i64>,
}

/// What the file of a place is today.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Found {
    Same,
    Changed,
    Missing,
    /// the recording does not tell which file it was
    Unknown,
}

#[derive(Serialize)]
struct Name {
    found: Found,
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// Reads a list of places, writes as many names.
pub fn run() -> io::Result<()> {
    let mut asked = Vec::new();
    io::stdin().lock().read_to_end(&mut asked)?;
    let places: Vec<Place> = serde_json::from_slice(&asked)?;
    let mut files = HashMap::new();
    let names: Vec<Name> = places
        .iter()
        .map(|place| {
            let key = (place.module.as_str(), &place.version);
            let (found, image) = files.entry(key).or_insert_with(|| open(&place.module, &place.version));
            named(*found, image.as_ref(), place.offset)
        })
        .collect();
    Ok(serde_json::to_writer(io::stdout().lock(), &names)?)
}

fn named(found: Found, image: Option<&Image>, offset: u64) -> Name {
    // A call may be the last instruction of its function: what returns there was called before.
    let frame = image.and_then(|image| image.frames(offset.wrapping_sub(1)).into_iter().next());
    let Some(frame) = frame else { return Name { found, function: None, file: None, line: None } };
    Name {
        found,
        function: Some(frame.function),
        file: Some(frame.file).filter(|file| !file.is_empty()),
        line: Some(frame.line).filter(|line| *line != 0),
    }
}

fn open(path: &str, version: &Version) -> (Found, Option<Image>) {
    if version.build_id.is_none() && version.modified.is_none() {
        return (Found::Unknown, None);
    }
    match Some(Path::new(path)).filter(|path| path.is_file()).and_then(map) {
        None => (Found::Missing, None),
        Some(bytes) if version.is_of(path, bytes) => (Found::Same, Some(Image::of(path, Some(bytes)))),
        Some(_) => (Found::Changed, None),
    }
}

impl Version {
    fn is_of(&self, path: &str, bytes: Bytes) -> bool {
        if let Some(recorded) = &self.build_id {
            let file = object::File::parse(bytes).ok();
            let id = file.as_ref().and_then(|file| file.build_id().ok().flatten());
            return id.is_some_and(|id| hexadecimal(id) == *recorded);
        }
        let modified = |status: &std::fs::Metadata| status.mtime() * 1_000_000_000 + status.mtime_nsec();
        std::fs::metadata(path)
            .is_ok_and(|status| Some(status.len()) == self.size && Some(modified(&status)) == self.modified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> (String, Version) {
        let path = std::env::current_exe().unwrap();
        let status = std::fs::metadata(&path).unwrap();
        let bytes = map(&path).unwrap();
        let file = object::File::parse(bytes).unwrap();
        let version = Version {
            build_id: file.build_id().unwrap().map(hexadecimal),
            size: Some(status.len()),
            modified: Some(status.mtime() * 1_000_000_000 + status.mtime_nsec()),
        };
        (path.to_str().unwrap().to_owned(), version)
    }

    #[test]
    fn a_file_is_the_same_by_its_build_id_or_else_by_its_size_and_time() {
        let (path, version) = own();
        let without = Version { build_id: None, ..version.clone() };
        assert_eq!(open(&path, &version).0, Found::Same);
        assert_eq!(open(&path, &without).0, Found::Same);
        for other in [
            Version { build_id: Some("00".into()), ..version },
            Version { size: Some(1), ..without.clone() },
            Version { modified: Some(1), ..without },
        ] {
            assert_eq!(open(&path, &other).0, Found::Changed);
        }
    }

    #[test]
    fn without_the_file_or_its_version_there_is_no_name() {
        let (path, version) = own();
        assert_eq!(open("/nowhere/at/all", &version).0, Found::Missing);
        assert_eq!(open(&path, &Version { build_id: None, size: None, modified: None }).0, Found::Unknown);
        assert_eq!(open("", &Version { build_id: None, size: None, modified: None }).0, Found::Unknown);
    }
}
