//! Leaders' trades from a node of the chain: logs of new blocks, and transactions before they are in one (PROTOCOL.md 9).
//!
//! ```text
//! socket -> frame: a notice, an answer, a no -> talk: of what? what to ask next -+-> log ------------------> leg -> Sighting
//!                                                                                \-> transaction: calldata -> legs -/
//! ```
//!
//! A fill has the same key from a log, from the call that will make that log, and from the venue's own sources: what a call
//! gives and gets is computed as the contract does.

mod calldata;
mod frame;
mod log;
mod talk;
#[cfg(test)]
mod tests;
mod word;

pub use frame::{Frame, RpcError};
pub use log::Standing;
pub use talk::{Counters, Deed, Talk, Wants};

use alloy::primitives::Address;
use serde::Deserialize;
use word::{Word, address};

use super::{
    leader::{Ordinals, Sighting, Values},
    market::{Malformed, MalformedCode},
    registry::{Registry, WALLET_TEXT_LEN, lower_wallet},
    text::Text,
};
use crate::{
    domain::{Nanos, Price, Role, Shares, Side, Source, money::SHARES_MAX},
    venue::polymarket::{Exchange, Network},
};

/// What one order gave and got in one match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// `0x` and 40 hex digits.
    pub wallet: [u8; WALLET_TEXT_LEN],
    pub role: Role,
    pub side: Side,
    pub token: Word,
    /// In millionths.
    pub shares: u64,
    /// In millionths, without the fee.
    pub dollars: u64,
    /// Tells this order's legs from other orders' of the same size.
    mark: u64,
}

/// The exchanges of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracts([Address; Exchange::ALL.len()]);

impl Contracts {
    pub fn of(network: Network) -> Contracts {
        Contracts(Exchange::ALL.map(|exchange| exchange.address(network)))
    }

    fn holds(&self, address: &[u8; 20]) -> bool {
        self.0.iter().any(|exchange| exchange.0.0 == *address)
    }

    /// Yields them as text, in lower case.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|exchange| format!("{exchange:#x}"))
    }
}

/// A log of an exchange, and what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    pub sighting: Sighting,
    pub standing: Standing,
    /// In which block it is, or was.
    pub block: Option<u64>,
}

/// Reads logs and transactions. Each kind of source has one of its own: each counts equal fills for itself.
#[derive(Debug)]
pub struct ChainDecoder {
    contracts: Contracts,
    ordinals: Ordinals,
}

/// As it stands in JSON. Nothing is copied: hex has no escapes.
#[derive(Deserialize)]
struct RawTransaction<'a> {
    hash: &'a str,
    /// Null where the transaction makes a contract.
    #[serde(borrow)]
    to: Option<&'a str>,
    input: &'a str,
}

impl ChainDecoder {
    pub fn new(network: Network) -> ChainDecoder {
        ChainDecoder { contracts: Contracts::of(network), ordinals: Ordinals::default() }
    }

    /// Reads a log as a notice or an answer has it. `received` counts as the trade's time where the node tells no time of
    /// the block. Does not allocate.
    pub fn decode_log(&mut self, json: &[u8], received: Nanos, registry: &Registry) -> Result<Logged, Malformed> {
        let Some(filled) = log::read(json, &self.contracts)? else {
            return Ok(Logged { sighting: Sighting::NotATrade, standing: Standing::Stands, block: None });
        };
        let log::Filled { transaction, leg, at, block, standing } = filled;
        let from = (transaction, Source::Log, at.unwrap_or(received));
        let sighting = self.sighting(&leg, from, registry)?;
        Ok(Logged { sighting, standing, block })
    }

    /// Reads a transaction as a notice or an answer has it, and calls `each` with what leaders trade in it. Does not allocate.
    pub fn decode_transaction(
        &mut self,
        json: &[u8],
        (source, received): (Source, Nanos),
        registry: &Registry,
        mut each: impl FnMut(Sighting),
    ) -> Result<(), Malformed> {
        let raw: RawTransaction<'_> = serde_json::from_slice(json).map_err(|error| Malformed::json(&error, json))?;
        if !raw.to.and_then(|to| address(to.as_bytes())).is_some_and(|to| self.contracts.holds(&to)) {
            return Ok(());
        }
        let Some(call) = calldata::Call::read(raw.input.as_bytes())? else { return Ok(()) };
        let mut wrong = Ok(());
        call.legs(
            |wallet| registry.leader(wallet).is_some(),
            |leg| match self.sighting(&leg, (raw.hash.as_bytes(), source, received), registry) {
                Ok(sighting) => each(sighting),
                Err(malformed) => wrong = Err(malformed),
            },
        )?;
        wrong
    }

    fn sighting(
        &mut self,
        leg: &Leg,
        (transaction, source, traded_at): (&[u8], Source, Nanos),
        registry: &Registry,
    ) -> Result<Sighting, Malformed> {
        let bad = |code, field| Malformed { code, field, offset: 0 };
        let Some(leader) = registry.leader(&leg.wallet) else { return Ok(Sighting::Stranger) };
        if leg.shares == 0 {
            return Ok(Sighting::NotATrade); // Dust, of which rounding left nothing.
        }
        if leg.shares > SHARES_MAX.0 {
            return Err(bad(MalformedCode::BadSize, "shares"));
        }
        let values = Values {
            wallet: lower_wallet(&leg.wallet)
                .and_then(|wallet| Text::new(&wallet))
                .ok_or(bad(MalformedCode::BadWallet, "maker"))?,
            token: leg.token.decimal(),
            side: leg.side,
            price: price(leg.dollars, leg.shares).ok_or(bad(MalformedCode::BadPrice, "price"))?,
            shares: Shares(leg.shares),
            traded_at,
            transaction: hash(transaction).ok_or(bad(MalformedCode::BadWord, "transactionHash"))?,
        };
        let ordinal = self.ordinals.of(values.key(0), leg.mark);
        Ok(values.sighting_of(leader, ordinal, (source, leg.role), registry))
    }
}

/// Returns dollars for shares, rounded half up to millionths, inside (0, 1): no fill is lost to the rounding of dust. `None`
/// where a share cost more than a dollar.
fn price(dollars: u64, shares: u64) -> Option<Price> {
    let (dollars, shares) = (u128::from(dollars), u128::from(shares));
    let micros = (dollars * 2_000_000 + shares) / (shares * 2);
    if dollars > shares {
        return None;
    }
    Price::from_micros((micros as u32).clamp(1, 999_999))
}

/// Reads a transaction's hash: `0x` and 64 hex digits, in lower case.
fn hash(text: &[u8]) -> Option<Text<80>> {
    Word::read(text.strip_prefix(b"0x")?)?;
    let mut lower = [0; 66];
    lower.copy_from_slice(text);
    lower.make_ascii_lowercase();
    Text::new(&lower)
}
