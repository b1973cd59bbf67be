//! Files of traces: everything that is done to one, but the recording and the replay. The program is `heapswap-trace`.

mod collect;
mod columns;
pub mod compile;
pub mod container;
pub mod failure;
#[cfg(test)]
mod found;
#[cfg(test)]
mod fuzz;
mod groups;
mod intervals;
mod live;
mod merge;
pub mod pack;
mod places;
pub mod query;
pub mod rows;
mod stream;
pub mod summary;
mod synthesise;
mod touched;

use failure::Failure;
use std::ffi::OsString;

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

/// What was asked for on the command line.
///
/// # Errors
///
/// Nobody can have meant that, or it cannot be done.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let asked = arguments.first().and_then(|word| word.to_str()).unwrap_or_default();
    match SUBCOMMANDS.iter().find(|(name, _)| *name == asked) {
        Some((_, run)) => run(&arguments[1..]),
        None => {
            let names: Vec<&str> = SUBCOMMANDS.iter().map(|(name, _)| *name).collect();
            Err(Failure::Misuse(format!("no subcommand '{asked}'; one of {}", names.join(", "))))
        }
    }
}
