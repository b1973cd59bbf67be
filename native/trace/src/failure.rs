//! Why a subcommand ends without its answer: one line that says what was seen.

use crate::container::Place;
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub enum Failure {
    /// Asked for what does not exist.
    Misuse(String),
    /// The operating system refused.
    Io { path: PathBuf, error: std::io::Error },
    /// No file of a trace, or one of a newer format.
    Foreign { path: PathBuf, seen: String },
    /// A part of the file is not what was written.
    Damaged { path: PathBuf, place: Place, seen: String },
}

impl Failure {
    /// For `map_err`.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }

    pub const fn status(&self) -> u8 {
        match self {
            Self::Misuse(_) => 2,
            _ => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(words) => out.write_str(words),
            Self::Io { path, error } => write!(out, "{}: {error}", path.display()),
            Self::Foreign { path, seen } => write!(out, "{} {seen}", path.display()),
            Self::Damaged { path, place, seen } => {
                write!(out, "{} is damaged at {place}: {seen}; record it again", path.display())
            }
        }
    }
}
