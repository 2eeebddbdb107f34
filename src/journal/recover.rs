//! DISK -> STATE: hands every record of a journal to whoever rebuilds the state from it.

use std::path::Path;

use crate::domain::Nanos;

use super::{JournalError, Reader, Record, Tail};

/// Calls `apply` with each record that is written, in order, and returns how many there were. Ends at the first error,
/// of the journal or of `apply` (which, for one, compares its state with a [`Record::Checkpoint`]).
pub fn recover<E: From<JournalError>>(
    dir: &Path,
    tail: &Tail,
    mut apply: impl FnMut(u64, Nanos, Record<'_>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut reader = Reader::open(dir, 0, tail.clone())?;
    while let Some((seq, at, record)) = reader.read()? {
        apply(seq, at, record)?;
    }
    Ok(reader.next_seq())
}
