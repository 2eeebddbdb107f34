//! Every no has a code, the numbers that led to it, and the setting that would change it. No reason is called "other".

use serde::{Deserialize, Serialize};

/// What a pair of numbers is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The reason has no numbers.
    None,
    /// Millionths of a dollar.
    Usdc,
    /// Millionths of a share.
    Shares,
    /// Millionths of a dollar for a share.
    Price,
    Milliseconds,
    /// Parts per million.
    Ppm,
    Count,
}

/// The numbers behind a no: what was allowed, and what was met, in the reason's [`Unit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    pub limit: i64,
    pub actual: i64,
}

impl Numbers {
    pub const NONE: Numbers = Numbers { limit: 0, actual: 0 };
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$text:meta])* $variant:ident = $code:literal, $unit:ident, $knob:literal, $sentence:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$text])* #[doc = $sentence] $variant),* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// Returns the name used in tables, metrics, pages and JSON.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code),* }
            }

            pub const fn unit(self) -> Unit {
                match self { $($name::$variant => Unit::$unit),* }
            }

            /// Returns the setting that would change it; empty where none would.
            pub const fn knob(self) -> &'static str {
                match self { $($name::$variant => $knob),* }
            }

            /// Returns a sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $($name::$variant => $sentence),* }
            }
        }
    };
}

reasons! {
    /// The strategy's no.
    Skip {
        SeenBefore = "seen_before", None, "", "This fill of the leader was seen before, from this or another source.";
        TooOld = "too_old", Milliseconds, "trade_age_ms_max", "The leader traded too long ago.";
        Grouped = "grouped", Usdc, "signals.group_window_ms", "Earlier fills of the same group were already copied to the full size.";
        PaperOff = "paper_off", None, "paper.enabled", "Paper trading is switched off.";
        StrategyPaused = "strategy_paused", None, "", "The strategy is paused: it makes no entries.";
        MarketDenied = "market_denied", None, "markets_allow / markets_deny", "The strategy's market filter does not let this market in.";
        MarketClosed = "market_closed", None, "", "The market is closed or resolved.";
        NoToken = "no_token", Milliseconds, "feed.metadata_wait_ms", "Nothing could be learned about the token in time.";
        NoBook = "no_book", Milliseconds, "feed.metadata_wait_ms", "There is no book of the token.";
        BookDiverged = "book_diverged", None, "", "The book disagrees with what the venue says of it; it is being fetched again.";
        BookStale = "book_stale", Milliseconds, "book_age_ms_max", "The book was not updated for too long.";
        NoAsks = "no_asks", None, "", "Nobody offers the token.";
        PriceOutsideBand = "price_outside_band", Price, "price_min / price_max", "The leader's price is outside the strategy's band.";
        LeaderTradeTooSmall = "leader_trade_too_small", Usdc, "leader_trade_usdc_min", "The leader's trade is too small to follow.";
        LeaderTradeTooLarge = "leader_trade_too_large", Usdc, "leader_trade_usdc_max", "The leader's trade is too large to follow.";
        NearClose = "near_close", Milliseconds, "close_time_s_min / close_life_percent_min", "The market closes too soon.";
        SpreadTooWide = "spread_too_wide", Price, "spread_max", "The spread is too wide.";
        PriceMoved = "price_moved", Price, "price_guard_percent / slippage_buy_percent", "The price ran away from the leader's.";
        RoundingBreaksBound = "rounding_breaks_bound", Price, "slippage_buy_percent", "On the market's price grid no price lies within the bound.";
        DepthTooThin = "depth_too_thin", Shares, "depth_factor_min / depth_percent_max", "Too few shares are offered within the bound.";
        BelowMinimum = "below_minimum", Usdc, "sizing", "The order would be below the venue's or the strategy's minimum.";
        NothingToSell = "nothing_to_sell", None, "", "We hold nothing that came from this leader.";
    }
}

reasons! {
    /// Risk's no.
    Refusal {
        AvailableCash = "available_cash", Usdc, "capital_usdc", "There is not enough available cash.";
        PositionSize = "position_size", Usdc, "position_usdc_max", "The position would grow too large.";
        TotalExposure = "total_exposure", Usdc, "exposure_usdc_max", "Reserved and deployed money would exceed the limit.";
        TooManyOrders = "too_many_orders", Count, "", "The table of open orders is full.";
        TooManyPositions = "too_many_positions", Count, "", "The table of positions or lots is full.";
        EntriesStopped = "entries_stopped", None, "", "Entries are stopped after a fault; a restart clears it.";
    }
}

/// Why a book is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Divergence {
    /// The best prices differ from those in the message, and stayed so.
    BestPrices,
    /// Bid at or above ask, and stayed so.
    Crossed,
    /// The venue's hash of the book is not the hash of ours.
    Hash,
    /// A snapshot older than the state it would replace.
    StaleSnapshot,
    /// The connection was lost: updates may be missing.
    Gap,
    /// A level that no book of the venue can have.
    BadLevel,
}

/// Something that cannot happen happened: entries stop, exits go on, a person must look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// The venue answered for an order that is not open.
    UnknownOrder,
    /// A fill larger than the order.
    Overfill,
}

impl Divergence {
    pub const ALL: [Divergence; 6] = [
        Divergence::BestPrices,
        Divergence::Crossed,
        Divergence::Hash,
        Divergence::StaleSnapshot,
        Divergence::Gap,
        Divergence::BadLevel,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Divergence::BestPrices => "best_prices",
            Divergence::Crossed => "crossed",
            Divergence::Hash => "hash",
            Divergence::StaleSnapshot => "stale_snapshot",
            Divergence::Gap => "gap",
            Divergence::BadLevel => "bad_level",
        }
    }
}

impl Fault {
    pub const fn code(self) -> &'static str {
        match self {
            Fault::UnknownOrder => "unknown_order",
            Fault::Overfill => "overfill",
        }
    }
}
