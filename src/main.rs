//! Parses the arguments and hands over. How the process ends is documented in `remora --help`.

use std::process::ExitCode;

use clap::Parser;
use remora::command::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_pages_small();
    if let Err(error) = remora::fault::arm() {
        eprintln!("remora: {error}");
        return ExitCode::FAILURE;
    }
    let cli = Cli::parse();
    if !cli.command.goes_on() {
        end_with_readers();
    }
    command::execute(cli).into()
}

/// Ends the process, quietly, when nobody reads what it prints any more (`remora report skips | head`): Rust would panic.
fn end_with_readers() {
    // SAFETY: this call takes two numbers, and no other thread runs yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Asks for no huge pages. Most of our tables are larger than what a session uses of them, and a huge page is given whole:
/// without this a replay takes 40 MB more.
fn keep_pages_small() {
    // SAFETY: this call takes five numbers and touches no memory of ours. It is advice: that it fails changes nothing.
    let _ = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}
