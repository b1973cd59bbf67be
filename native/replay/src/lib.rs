//! A replay script: what the threads of a recorded program ask of malloc, as instructions that a player follows.
//!
//! `script` is the format, `compose` makes a script from recorded calls in order. The player is the binary.

pub mod compose;
mod live;
pub mod script;
mod threads;
