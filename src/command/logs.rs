//! Logs: lines on standard error, for people or as JSON.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogConfig, LogFormat};

/// Begins to log. Libraries log from `warn` on, Remora from the level in the settings on. Does nothing the second time.
pub fn init(log: &LogConfig) {
    let level = log.level.code();
    let others = if level == "error" { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},remora={level}"));
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    let begun = match log.format {
        LogFormat::Pretty => lines.compact().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if begun.is_err() {
        tracing::debug!("logging had already begun");
    }
}
