//! What a question is answered with, as one line on standard output: a word, a tab, and the detail.

use std::fmt;
use std::io::Write;

/// Why a clause does not hold, or cannot be asked.
#[derive(Debug)]
pub enum Stop {
    Deviates(String),
    /// The library does not have what the clause is about.
    Absent(String),
}

/// What was seen where a clause holds, or why it does not.
pub type Answer = Result<String, Stop>;

/// Leaves a clause with what was seen instead of what was expected.
macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err($crate::answer::Stop::Deviates(format!($($said)+)));
        }
    };
}
pub(crate) use ensure;

/// The words that heapswap reads; `crate::fall` writes one more.
#[derive(Clone, Copy)]
pub enum Word {
    Held,
    Deviates,
    Absent,
    /// Another malloc answers than the one that is to be examined.
    Refused,
    /// A misuse that did nothing, and one that did harm.
    Ignored,
    Corrupts,
}

impl fmt::Display for Word {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Word::Held => "held",
            Word::Deviates => "deviates",
            Word::Absent => "absent",
            Word::Refused => "refused",
            Word::Ignored => "ignored",
            Word::Corrupts => "corrupts",
        })
    }
}

pub fn say(word: Word, detail: &str) {
    // The line is whole or not there; a reader that has left has heard enough.
    let _ = std::io::stdout().write_all(format!("{word}\t{detail}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

pub fn tell(answer: Answer) {
    match answer {
        Ok(detail) => say(Word::Held, &detail),
        Err(Stop::Deviates(detail)) => say(Word::Deviates, &detail),
        Err(Stop::Absent(detail)) => say(Word::Absent, &detail),
    }
}
