//! `heapswap-replay SCRIPT [--speed max|recorded] [--rest SECONDS]`: plays a script against whatever malloc this
//! process was started with. Prints what it measured as one JSON object on standard error.

mod own;
mod player;

use std::process::ExitCode;
use std::time::Duration;

use player::Speed;

#[global_allocator]
static OWN: own::Own = own::Own;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, speed, rest)) = understood(&words) else {
        eprintln!("usage: heapswap-replay SCRIPT [--speed max|recorded] [--rest SECONDS]");
        return ExitCode::from(2);
    };
    match player::play(path, speed, rest) {
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

fn understood(words: &[String]) -> Option<(&str, Speed, Duration)> {
    let [path, options @ ..] = words else { return None };
    let (mut speed, mut rest) = (Speed::Max, Duration::ZERO);
    for option in options.chunks(2) {
        match [option.first()?.as_str(), option.get(1)?.as_str()] {
            ["--speed", "max"] => speed = Speed::Max,
            ["--speed", "recorded"] => speed = Speed::Recorded,
            ["--rest", seconds] => rest = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?,
            _ => return None,
        }
    }
    Some((path, speed, rest))
}
