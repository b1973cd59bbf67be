//! Asks whatever malloc it is started with one question, in a process that the answer may crash.
//!
//! `heapswap-conform EXPECTED clause NAME`, `… misuse NAME`, `… cost NAME`, or `… play` with a program on standard input.
//! EXPECTED is the file whose malloc must answer, or `-` for the C library; with another malloc in force nothing is
//! asked. `heapswap-conform list KIND` prints the names. The answer is one line on standard output.

mod answer;
mod block;
mod clauses;
mod cost;
mod fall;
mod family;
mod limits;
mod memory;
mod misuse;
mod play;
mod proof;
mod sizes;

use std::process::ExitCode;

use answer::{Stop, Word, say, tell};
use family::Family;

#[global_allocator]
static OWN: memory::Own = memory::Own;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list", "clause"] => list(clauses::TABLE.iter().map(|entry| entry.0)),
        ["list", "misuse"] => list(misuse::TABLE.iter().map(|entry| entry.0)),
        ["list", "cost"] => list(cost::TABLE.iter().map(|entry| entry.0)),
        [expected, ref question @ ..] => {
            if let Some(reason) = proof::refusal(expected) {
                say(Word::Refused, &reason);
                return ExitCode::SUCCESS;
            }
            return ask(question);
        }
        [] => return usage(),
    }
    ExitCode::SUCCESS
}

fn list(names: impl Iterator<Item = &'static str>) {
    for name in names {
        println!("{name}");
    }
}

fn ask(question: &[&str]) -> ExitCode {
    let Some(family) = Family::look_up() else { return usage() };
    // Threads outlive the function that asks.
    let family: &'static Family = Box::leak(Box::new(family));
    fall::catch();
    match *question {
        ["clause", name] => match named(clauses::TABLE, name) {
            Some(clause) => tell(clause(family)),
            None => return usage(),
        },
        ["misuse", name] => match named(misuse::TABLE, name) {
            Some(attempt) => match attempt(family) {
                Ok(detail) => say(Word::Ignored, &detail),
                Err(Stop::Deviates(detail)) => say(Word::Corrupts, &detail),
                Err(absent) => tell(Err(absent)),
            },
            None => return usage(),
        },
        ["cost", name] => match named(cost::TABLE, name) {
            Some(cost) => say(Word::Held, &format!("{:.4}", cost(family))),
            None => return usage(),
        },
        ["play"] => tell(play::play(family)),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn named<T: Copy>(table: &[(&'static str, T)], name: &str) -> Option<T> {
    table.iter().find(|entry| entry.0 == name).map(|entry| entry.1)
}

fn usage() -> ExitCode {
    eprintln!("heapswap-conform: started by heapswap conform; not for use by hand");
    ExitCode::from(2)
}
