//! What was told and what was not, kept over a restart in a file beside the journal. Postgres may be down when it is needed most.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{board::Board, queue::Queue, watch::Watch};

/// All that a process leaves to the next one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Which journal, and its first record that was not heard.
    pub journal: u64,
    pub next_seq: u64,
    pub watch: Watch,
    pub board: Board,
    /// By channel. What waits for a channel that left the settings is dropped.
    pub queues: BTreeMap<String, Queue>,
}

/// Returns the file in a data folder.
pub fn path(data: &Path) -> PathBuf {
    data.join("alerts.json")
}

/// Returns what the process before left; `None` where there was none, or it cannot be used, with the reason.
pub fn load(path: &Path) -> Result<Option<State>, String> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| format!("{} is damaged: {error}", path.display()))
}

/// Returns what is kept, as it is written.
pub fn text(state: &State) -> Vec<u8> {
    serde_json::to_vec(state).expect("names, numbers and texts are JSON")
}

/// Replaces what is kept, whole or not at all. Only with `Durably` it survives a power cut, too.
pub fn save(path: &Path, text: &[u8], how: Keep) -> io::Result<()> {
    let next = path.with_extension("json.next");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
    file.write_all(text)?;
    match how {
        Keep::Durably => file.sync_data()?,
        Keep::Lightly => {}
    }
    fs::rename(next, path)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Durably,
    Lightly,
}
