//! Which kind of order an entry is. An exit is always FAK: a part of what is owed is better than none.

use crate::domain::Usdc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderPolicy {
    Fak,
    Fok,
    /// FOK up to this many dollars, FAK above.
    FokUpTo(Usdc),
    /// FOK, and where the venue proves that nothing was filled, once more as FAK.
    FokThenFak,
}
