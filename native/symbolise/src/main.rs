//! Gives names to the stacks that the probe copied, once the programs have ended, and to places in a recording.
//!
//! `heapswap-symbolise FOLDER` reads every file of the probe in a folder and prints one JSON object ([`answer`]);
//! `heapswap-symbolise --places` reads places from standard input ([`places`]). What a frame or place belongs to is read
//! from the ELF files that were loaded, where they still are what they were: unwinding tables always, names and lines as
//! far as they are there, also under `/usr/lib/debug`.

mod answer;
mod images;
mod merge;
mod places;
mod record;
mod unwind;

use answer::{Answer, Process};
use images::Images;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(asked) = std::env::args_os().nth(1) else {
        eprintln!("heapswap-symbolise: started by heapswap with the folder of a probe's files, or --places");
        return ExitCode::from(2);
    };
    let done = if asked == "--places" { places::run() } else { stacks(Path::new(&asked)) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heapswap-symbolise: {error}");
            ExitCode::from(3)
        }
    }
}

fn stacks(folder: &Path) -> std::io::Result<()> {
    Ok(serde_json::to_writer(std::io::stdout().lock(), &symbolise(folder)?)?)
}

fn symbolise(folder: &Path) -> std::io::Result<Answer> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "probe"));
    files.sort();
    let mut images = Images::default();
    let mut answer = Answer::default();
    for path in files {
        if let Some(area) = record::read(&path)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let stacks = unwind::stacks(&area, &mut images, &mut answer.frames);
            answer.processes.push(Process::new(name, &area, stacks));
        }
    }
    Ok(answer)
}
