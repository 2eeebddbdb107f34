//! Why a journal cannot be opened, read or appended to, and how to go on.

use std::{fmt, io, path::PathBuf, sync::Arc};

use super::format::VERSION;

#[derive(Debug)]
pub enum JournalError {
    /// Another process writes into this directory.
    InUse {
        dir: PathBuf,
    },
    /// Records were lost or altered, and later ones are there. Nothing was changed.
    Corrupt {
        path: PathBuf,
        offset: u64,
        seq: u64,
        what: &'static str,
    },
    /// Another version of the program wrote it.
    Version {
        path: PathBuf,
        found: u32,
    },
    /// The bytes are whole, and this program does not understand them.
    Unreadable {
        path: PathBuf,
        seq: u64,
    },
    /// The reader was asked for records after the last one.
    Ahead {
        dir: PathBuf,
        wanted: u64,
        next: u64,
    },
    Io {
        path: PathBuf,
        doing: &'static str,
        error: io::Error,
    },
}

/// The journal has no room: no input may be handled until it has. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// What the disk said; empty while the next segment is merely not ready yet.
    pub trouble: Option<Arc<String>>,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::InUse { dir } => write!(
                f,
                "another engine uses the journal in {}\n  fix: stop it, or give this one its own folder with --data",
                dir.display()
            ),
            JournalError::Corrupt { path, offset, seq, what } => write!(
                f,
                "the journal is damaged: {what}, in {} at byte {offset}, record {seq}; nothing was changed\n  fix: restore \
                 the folder {} from a backup\n  or:  move that folder aside and begin a new journal with an empty database \
                 (positions and money then start anew)",
                path.display(),
                path.parent().unwrap_or(path).display()
            ),
            JournalError::Version { path, found } => write!(
                f,
                "{} is of journal version {found}, this program writes and reads {VERSION}\n  fix: use the program that \
                 wrote it",
                path.display()
            ),
            JournalError::Unreadable { path, seq } => write!(
                f,
                "record {seq} in {} is whole, but this program does not know it\n  fix: use the newer program that wrote it",
                path.display()
            ),
            JournalError::Ahead { dir, wanted, next } => write!(
                f,
                "record {wanted} was asked for, but the journal in {} ends before record {next}: a part of it was lost, or \
                 it is not the one that the reader began with",
                dir.display()
            ),
            JournalError::Io { path, doing, error } => write!(f, "cannot {doing} {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for JournalError {}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.trouble {
            Some(trouble) => write!(f, "the journal cannot grow: {trouble}"),
            None => write!(f, "the journal's next segment is not ready yet"),
        }
    }
}

impl std::error::Error for Full {}
