//! `heapswap-trace SUBCOMMAND …`: everything that is done to a file of a trace, but the recording and the replay.
//!
//! Started by heapswap. Answers stand on standard output, errors are one line on standard error; exit status 2 for
//! misuse, 3 where it cannot go on.

mod collect;
mod columns;
mod compile;
mod container;
mod failure;
#[cfg(test)]
mod fuzz;
mod groups;
mod intervals;
mod live;
mod merge;
mod pack;
mod places;
mod query;
mod rows;
mod stream;
mod summary;
mod synthesise;
mod touched;

use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

type Subcommand = fn(&[OsString]) -> Result<(), Failure>;

const SUBCOMMANDS: &[(&str, Subcommand)] = &[
    ("collect", collect::run),
    ("compile", compile::run),
    ("pack", pack::run),
    ("query", query::run),
    ("rows", rows::run),
    ("summary", summary::run),
    ("synthesise", synthesise::run),
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let asked = arguments.first().and_then(|word| word.to_str()).unwrap_or_default();
    let result = match SUBCOMMANDS.iter().find(|(name, _)| *name == asked) {
        Some((_, run)) => run(&arguments[1..]),
        None => {
            let names: Vec<&str> = SUBCOMMANDS.iter().map(|(name, _)| *name).collect();
            Err(Failure::Misuse(format!("no subcommand '{asked}'; one of {}", names.join(", "))))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the answer may have seen enough.
        Err(Failure::Io { error, .. }) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.status())
        }
    }
}
