//! Parses the arguments and hands over. How the process ends is documented in `remora --help`.

use std::process::ExitCode;

use clap::Parser;
use remora::command::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    command::execute(Cli::parse()).into()
}
