//! What a message of the market channel is made of, as far as we read it: keys, texts, kinds.

use super::malformed::{Malformed, MalformedCode};
use crate::domain::{Price, Shares, Side};

macro_rules! keys {
    ($($key:ident = $name:literal,)*) => {
        /// A key we read. `token` is an alias of `asset_id` that recorders use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Key { $($key,)* }

        impl Key {
            pub const COUNT: usize = [$(Key::$key),*].len();

            pub fn of(name: &str) -> Option<Key> {
                match name {
                    $($name => Some(Key::$key),)*
                    "token" => Some(Key::AssetId),
                    _ => None,
                }
            }

            pub const fn name(self) -> &'static str {
                match self { $(Key::$key => $name,)* }
            }
        }
    };
}

keys! {
    Market = "market",
    AssetId = "asset_id",
    Timestamp = "timestamp",
    Hash = "hash",
    EventType = "event_type",
    Price = "price",
    Size = "size",
    Side = "side",
    BestBid = "best_bid",
    BestAsk = "best_ask",
    TickSize = "tick_size",
    NewTickSize = "new_tick_size",
    MinOrderSize = "min_order_size",
    LastTradePrice = "last_trade_price",
    WinningAssetId = "winning_asset_id",
    NegRisk = "neg_risk",
    Bids = "bids",
    Asks = "asks",
    PriceChanges = "price_changes",
    Changes = "changes",
    AssetsIds = "assets_ids",
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Book,
    PriceChange,
    LastTradePrice,
    TickSizeChange,
    BestBidAsk,
    MarketResolved,
    NewMarket,
    Unknown,
}

/// Which keys a message or an entry has.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen(u32);

impl Seen {
    /// Adds `key`; false if it was there.
    #[inline(always)]
    pub fn add(&mut self, key: Key) -> bool {
        let before = self.0;
        self.0 |= 1 << key as u32;
        self.0 != before
    }

    #[inline(always)]
    pub fn has(self, key: Key) -> bool {
        self.0 & 1 << key as u32 != 0
    }
}

/// The top level of one message. Lists are not kept here: they become inputs as they are read.
pub(super) struct Head<'a> {
    pub seen: Seen,
    texts: [&'a [u8]; Key::COUNT],
    pub neg_risk: bool,
    /// Where the message begins in the frame.
    pub at: usize,
    /// The first thing that is wrong with a value; it only counts if the message is of a kind we act on.
    pub fault: Option<Malformed>,
}

impl<'a> Head<'a> {
    #[inline(always)]
    pub fn new(at: usize) -> Head<'a> {
        Head { seen: Seen::default(), texts: [&[]; Key::COUNT], neg_risk: false, at, fault: None }
    }

    #[inline(always)]
    pub fn set(&mut self, key: Key, text: &'a [u8]) {
        self.texts[key as usize] = text;
    }

    /// Returns the text of a key; empty if the message does not have it.
    #[inline(always)]
    pub fn get(&self, key: Key) -> &'a [u8] {
        self.texts[key as usize]
    }

    /// Returns the text of a key the message must have.
    #[inline(always)]
    pub fn need(&self, key: Key) -> Result<&'a [u8], Malformed> {
        if self.seen.has(key) {
            return Ok(self.get(key));
        }
        Err(Malformed { code: MalformedCode::MissingField, field: key.name(), offset: self.at })
    }

    pub fn kind(&self) -> Kind {
        if !self.seen.has(Key::EventType) {
            return self.kind_by_keys();
        }
        match self.get(Key::EventType) {
            b"book" => Kind::Book,
            b"price_change" => Kind::PriceChange,
            b"last_trade_price" => Kind::LastTradePrice,
            b"tick_size_change" => Kind::TickSizeChange,
            b"best_bid_ask" => Kind::BestBidAsk,
            b"market_resolved" => Kind::MarketResolved,
            b"new_market" => Kind::NewMarket,
            _ => Kind::Unknown,
        }
    }

    /// Recorders and REST leave `event_type` out; most messages say by their keys what they are.
    fn kind_by_keys(&self) -> Kind {
        let has = |key| self.seen.has(key);
        if has(Key::Bids) && has(Key::Asks) {
            Kind::Book
        } else if has(Key::PriceChanges) || has(Key::Changes) {
            Kind::PriceChange
        } else if has(Key::NewTickSize) {
            Kind::TickSizeChange
        } else if has(Key::WinningAssetId) {
            Kind::MarketResolved
        } else if has(Key::BestBid) && has(Key::BestAsk) && !has(Key::Price) {
            Kind::BestBidAsk
        } else {
            Kind::Unknown
        }
    }
}

/// One entry of `price_changes`, less its token.
pub(super) struct Change<'a> {
    pub side: Side,
    pub price: Price,
    pub size: Shares,
    /// `None`: not stated; `Some(None)`: the side is empty.
    pub bid: Option<Option<Price>>,
    pub ask: Option<Option<Price>>,
    pub hash: &'a [u8],
}
