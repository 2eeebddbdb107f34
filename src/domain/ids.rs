//! Dense ids: an id is an index into a table, never a string.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl $name {
            /// Returns the table index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

dense_id! {
    /// One outcome of one market, in order of first registration.
    TokenId(u32)
}
dense_id! {
    /// One condition: a question whose outcomes are tokens. [`ConditionId::UNKNOWN`] until it is looked up.
    ConditionId(u32)
}
dense_id! {
    /// What the venue calls an event: markets that hang together. (An [`Event`](super::Event) is ours.)
    VenueEventId(u32)
}
dense_id! {
    /// One wallet that is followed, or was.
    LeaderId(u32)
}
dense_id! {
    /// One strategy in one mode (paper or live), with its own settings and ledger.
    PortfolioId(u16)
}
dense_id! {
    /// The nth signal since the journal began; never used again.
    SignalId(u64)
}
dense_id! {
    /// The nth order since the journal began; never used again.
    OrderId(u64)
}

impl ConditionId {
    /// Real ones count from 1.
    pub const UNKNOWN: ConditionId = ConditionId(0);
}

impl VenueEventId {
    /// Real ones count from 1.
    pub const UNKNOWN: VenueEventId = VenueEventId(0);
}

impl PortfolioId {
    /// Stands for "no one portfolio": what is said of a command that is about all of them.
    pub const NONE: PortfolioId = PortfolioId(u16::MAX);
}

impl OrderId {
    /// Orders with real money are counted from here on, so that paper's numbers are the same whatever live does.
    pub const LIVE: OrderId = OrderId(1 << 40);
}

impl SignalId {
    /// Stands for "no leader trade led to this" (a stop, a take-profit). Real signals count from 1.
    pub const NONE: SignalId = SignalId(0);
}

/// What makes a leader's fill the same fill wherever it is seen: 128 bits of transaction, token, side, amounts and ordinal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TradeKey(pub [u64; 2]);

/// The venue's name for an order: the digest that is signed, known before a byte of it leaves (PROTOCOL.md 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VenueOrderId(pub [u8; 32]);

/// `0x` and 64 hexadecimal digits, as the venue writes it.
impl fmt::Display for VenueOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How many portfolios one engine carries.
pub const PORTFOLIOS_MAX: usize = 256;

/// A set of portfolios, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortfolioSet([u64; PORTFOLIOS_MAX / 64]);

impl PortfolioSet {
    pub const EMPTY: PortfolioSet = PortfolioSet([0; PORTFOLIOS_MAX / 64]);

    /// Adds `id`. Panics beyond [`PORTFOLIOS_MAX`].
    pub fn insert(&mut self, id: PortfolioId) {
        self.0[id.index() / 64] |= 1 << (id.index() % 64);
    }

    pub fn remove(&mut self, id: PortfolioId) {
        self.0[id.index() / 64] &= !(1 << (id.index() % 64));
    }

    pub fn contains(&self, id: PortfolioId) -> bool {
        self.0[id.index() / 64] & (1 << (id.index() % 64)) != 0
    }

    pub fn is_empty(&self) -> bool {
        self.0 == Self::EMPTY.0
    }

    /// Yields the members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = PortfolioId> {
        self.0.into_iter().enumerate().flat_map(|(word, bits)| {
            std::iter::successors((bits != 0).then_some(bits), |bits| {
                let rest = bits & (bits - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |bits| PortfolioId((word * 64) as u16 + bits.trailing_zeros() as u16))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_yields_its_members_in_order() {
        let mut set = PortfolioSet::EMPTY;
        assert!(set.is_empty());
        for id in [200, 0, 63, 64, 255] {
            set.insert(PortfolioId(id));
        }
        set.remove(PortfolioId(64));
        let members: Vec<u16> = set.iter().map(|id| id.0).collect();
        assert_eq!(members, [0, 63, 200, 255]);
        assert!(set.contains(PortfolioId(63)) && !set.contains(PortfolioId(64)));
    }
}
