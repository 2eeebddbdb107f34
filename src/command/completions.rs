//! `remora completions`: what a shell needs to complete our commands.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, Exit};

/// Print a shell's completions.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora completions bash > ~/.local/share/bash-completion/completions/remora
  remora completions zsh > ~/.zfunc/_remora          with ~/.zfunc in $fpath
  remora completions fish > ~/.config/fish/completions/remora.fish")]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL", value_parser = shell)]
    pub shell: Shell,
}

fn shell(text: &str) -> Result<Shell, String> {
    match text {
        "bash" => Ok(Shell::Bash),
        "zsh" => Ok(Shell::Zsh),
        "fish" => Ok(Shell::Fish),
        other => Err(format!("{other:?} is none of bash, zsh, fish")),
    }
}

pub fn execute(args: &CompletionsArgs) -> Exit {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "remora", &mut text);
    // Who closes the pipe has read enough.
    let _ = std::io::stdout().write_all(&text);
    Exit::Done
}
