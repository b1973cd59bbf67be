//! `heapswap-replay SCRIPT [--speed max|recorded]`: plays a script against whatever malloc this
//! process was started with. Prints what it measured as one JSON object on standard error.

mod own;
mod player;

use std::process::ExitCode;

use player::Speed;

#[global_allocator]
static OWN: own::Own = own::Own;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, speed)) = understood(&words) else {
        eprintln!("usage: heapswap-replay SCRIPT [--speed max|recorded]");
        return ExitCode::from(2);
    };
    match player::play(path, speed) {
        Ok(answer) => {
            println!("{}", answer.line());
            eprintln!("{}", answer.json());
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            eprintln!("heapswap-replay: {path}: {refusal}");
            ExitCode::from(3)
        }
    }
}

fn understood(words: &[String]) -> Option<(&str, Speed)> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [path] | [path, "--speed", "max"] => Some((path, Speed::Max)),
        [path, "--speed", "recorded"] => Some((path, Speed::Recorded)),
        _ => None,
    }
}
