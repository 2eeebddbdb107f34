//! What becomes of copies too small for the venue: they may wait for company.

use crate::domain::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// How long a copy below the minimum waits for more of its portfolio, token and side; zero: it is skipped at once.
    pub window: Nanos,
    pub netting: Netting,
}

/// Whether a leader's sale takes away from what waits to be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Netting {
    Off,
    On,
}

impl Buffer {
    pub const OFF: Buffer = Buffer { window: Nanos::ZERO, netting: Netting::Off };
}
