//! Which machine this is, and since when it is up: what the kernel says.

use std::fs;

use super::SessionError;

/// Returns the name of this boot: another one means that the machine was down meanwhile.
pub fn boot() -> Result<String, SessionError> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(PATH);
    let text =
        text.map_err(|error| SessionError::Part(format!("{PATH} cannot be read: {error}; is /proc mounted?")))?;
    Ok(text.trim().to_owned())
}

/// Returns the machine's name; empty where the kernel does not say.
pub fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}
