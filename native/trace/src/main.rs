//! `heapswap-trace SUBCOMMAND …`, started by heapswap. Answers stand on standard output, errors are one line on standard
//! error; exit status 2 for misuse, 3 where it cannot go on.

use heapswap_trace::failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match heapswap_trace::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the answer may have seen enough.
        Err(Failure::Io { error, .. }) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.status())
        }
    }
}
