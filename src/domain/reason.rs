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
        MarketDenied = "market_denied", None, "markets_allow / markets_deny / tags_allow / tags_deny", "The strategy's market filter does not let this market in.";
        MarketClosed = "market_closed", None, "", "The market is closed or resolved.";
        NoToken = "no_token", Milliseconds, "feed.metadata_wait_ms", "Nothing could be learned about the token in time.";
        NoBook = "no_book", Milliseconds, "feed.metadata_wait_ms", "There is no book of the token.";
        BookDiverged = "book_diverged", None, "", "The book disagrees with what the venue says of it; it is being fetched again.";
        BookStale = "book_stale", Milliseconds, "book_age_buy_ms_max", "The book was not updated for too long.";
        NoAsks = "no_asks", None, "", "Nobody offers the token.";
        PriceOutsideBand = "price_outside_band", Price, "price_min / price_max", "The leader's price is outside the strategy's band.";
        LeaderTradeTooSmall = "leader_trade_too_small", Usdc, "leader_trade_usdc_min", "The leader's trade is too small to follow.";
        LeaderTradeTooLarge = "leader_trade_too_large", Usdc, "leader_trade_usdc_max", "The leader's trade is too large to follow.";
        NearClose = "near_close", Milliseconds, "close_time_s_min / close_life_percent_min", "The market closes too soon.";
        SpreadTooWide = "spread_too_wide", Price, "spread_buy_max", "The spread is too wide.";
        PriceMoved = "price_moved", Price, "price_guard_buy_percent / slippage_buy_percent", "The price ran away from the leader's.";
        RoundingBreaksBound = "rounding_breaks_bound", Price, "slippage_buy_percent", "On the market's price grid no price lies within the bound.";
        DepthTooThin = "depth_too_thin", Shares, "depth_factor_buy_min / depth_buy_percent_max", "Too few shares are offered within the bound.";
        BelowMinimum = "below_minimum", Usdc, "sizing / below_minimum", "The order would be below the venue's or the strategy's minimum.";
        NothingToSell = "nothing_to_sell", None, "", "We hold nothing that came from this leader.";
        LiveOff = "live_off", None, "live.switch", "Live trading is switched off.";
        LiveStarting = "live_starting", None, "", "Live trading only observes yet: after a start it first reads what the venue knows of our orders.";
        AuthMissing = "auth_missing", None, "wallet", "The venue does not take our credentials.";
        UserChannelDown = "user_channel_down", None, "", "The channel that tells of our fills is down, or what happened meanwhile is not read yet.";
        VenueRestarting = "venue_restarting", None, "", "The venue restarts, or takes only orders that rest.";
        VenueCancelOnly = "venue_cancel_only", None, "", "The venue takes cancels only.";
        AccountClosedOnly = "account_closed_only", None, "", "The venue lets the account only close what it holds.";
        PlaceBlocked = "place_blocked", None, "", "The venue does not serve this place.";
        ClockOff = "clock_off", Milliseconds, "", "Our clock and the venue's differ too much.";
        VenueVersion = "venue_version", None, "", "The venue speaks a version that this program does not.";
        LeaderOff = "leader_off", None, "", "Live trading after this leader is switched off.";
        SideNotFollowed = "side_not_followed", None, "sides", "The strategy does not follow trades of this side.";
        RoleNotFollowed = "role_not_followed", None, "roles", "The leader's part in the match (maker or taker) is not followed, or not known.";
        EntriesUsedUp = "entries_used_up", Count, "entries_max", "The strategy entered this outcome as often as it may.";
        ProbabilityUnknown = "probability_unknown", Milliseconds, "probability_age_ms_max / model_age_ms_max", "There is no fresh probability of the outcome from the model.";
        ProbabilityTooLow = "probability_too_low", Ppm, "probability_percent_min", "The model thinks the outcome too unlikely.";
        ScoreTooLow = "score_too_low", Ppm, "confidence_percent_min", "The signal's score is below what the strategy asks for.";
        NoEdge = "no_edge", Ppm, "sizing", "The probability is not above the price: the rule asks for nothing.";
        LeaderWorthUnknown = "leader_worth_unknown", None, "sizing", "The size goes by what the leader owns, and that is not known.";
        LeaderBlocked = "leader_blocked", Count, "round_trips_max", "The leader bought and sold at once too often: he is not followed for now.";
        TooSoon = "too_soon", Milliseconds, "reentry_s_min", "The last entry into this token was too short a time ago.";
        Hedged = "hedged", None, "hedges", "The leader holds another outcome of the same event.";
        ScaleInWaits = "scale_in_waits", Price, "scale_in", "We hold the token already, and the rule for adding to it is not met.";
        Netted = "netted", Usdc, "buffer_netting", "The leader sold again before the copy was large enough to order.";
        TooLittleLeft = "too_little_left", Ppm, "left_percent_min", "The leader gave up too small a part of his position to mean it.";
        BufferFull = "buffer_full", Count, "buffer_window_s", "The copy is too small to order, and too many small copies wait already.";
        VoidBurst = "void_burst", Count, "", "Matches in this market, or after this leader, failed to settle too often within ten minutes.";
        WalletNotHeld = "wallet_not_held", None, "", "The lease of the wallet is not ours: another engine holds it, or Postgres was away for too long.";
    }
}

reasons! {
    /// Risk's no.
    Refusal {
        AvailableCash = "available_cash", Usdc, "capital_usdc", "There is not enough available cash.";
        PositionSize = "position_size", Usdc, "position_usdc_max", "The position would grow too large.";
        TotalExposure = "total_exposure", Usdc, "exposure_usdc_max", "Reserved and deployed money would exceed the limit.";
        MarketExposure = "market_exposure", Usdc, "market_usdc_max", "Too much would be at stake in this market.";
        EventExposure = "event_exposure", Usdc, "event_usdc_max", "Too much would be at stake in this event.";
        LeaderExposure = "leader_exposure", Usdc, "leader_usdc_max", "Too much would be at stake because of this leader.";
        DailyBudget = "daily_budget", Usdc, "day_usdc_max", "The day's budget for entries is used up.";
        LeaderDailyBudget = "leader_daily_budget", Usdc, "leader_day_usdc_max", "The day's budget for entries after this leader is used up.";
        DailyLoss = "daily_loss", Usdc, "day_loss_usdc_max", "Too much was lost today.";
        LeaderDailyLoss = "leader_daily_loss", Usdc, "leader_day_loss_usdc_max", "Too much was lost today because of this leader.";
        LeaderLoss = "leader_loss", Usdc, "leader_loss_usdc_max", "Too much was lost because of this leader.";
        Drawdown = "drawdown", Ppm, "drawdown_percent_max", "Equity fell too far below its peak.";
        LossesInRow = "losses_in_row", Count, "losses_in_row_max", "Too many losses in a row.";
        OrdersPerMinute = "orders_per_minute", Count, "orders_per_minute_max", "Too many orders in a minute.";
        UnknownOrders = "unknown_orders", Count, "unknown_orders_max", "The outcome of too many orders is not known.";
        TooManyOrders = "too_many_orders", Count, "", "The table of open orders is full.";
        TooManyPositions = "too_many_positions", Count, "", "The table of positions or lots is full.";
        UnknownBurst = "unknown_burst", Count, "unknown_burst_max", "The outcome of too many orders became unknown within a minute.";
        EntriesStopped = "entries_stopped", None, "", "Entries are stopped after a fault; a restart clears it.";
        OrderInDoubt = "order_in_doubt", Count, "", "The outcome of an order in this token is not known: nothing is added until it is.";
        SettlementStuck = "settlement_stuck", Milliseconds, "", "A match in this market waits for its settlement for too long: nothing is added there until it is confirmed or void.";
    }
}

reasons! {
    /// Why an operator's command was not done.
    Declined {
        NotAvailable = "not_available", Usdc, "", "There is less available cash than that; reserved, deployed and cooling money cannot be taken.";
        NotPositive = "not_positive", Usdc, "", "The amount is not above zero.";
        TooMuch = "too_much", Usdc, "", "A portfolio takes no more than a billion dollars.";
        OtherMode = "other_mode", None, "", "Money does not move between paper and live, and only live portfolios have a wallet.";
        NothingHeld = "nothing_held", None, "", "The portfolio holds nothing of that.";
        NotKnown = "not_known", None, "", "There is no such portfolio, leader or token.";
        NoRoom = "no_room", None, "", "No more positions, or portfolios after leaders, can be kept.";
        WorthTooMuch = "worth_too_much", Usdc, "", "Shares count at least nothing, and no more than a dollar each.";
        OnSale = "on_sale", Shares, "", "So many shares are not free: others are on sale, or not settled yet.";
        LiveNotReady = "live_not_ready", None, "", "Live trading cannot be switched on in this version: orders would not be sent.";
    }
}

reasons! {
    /// Why no sale rests for an exit plan.
    Unplanned {
        BelowMinimum = "plan_below_minimum", Shares, "exit_plan_percent", "The position is below the market's minimum: no sale of it can rest.";
        BeyondGrid = "plan_beyond_grid", Price, "exit_plan_percent", "The plan's price is above the highest that the market takes.";
        TooManyOrders = "plan_too_many_orders", Count, "", "So many orders are open that exits and entries need the rest of the table.";
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
    /// An end that the order cannot have, such as a rejection after a fill.
    BadEnd,
    /// A market's end that cannot be: it pays more than a dollar, or something else than what it ended with.
    Payout,
    /// A match was told again with other amounts, or as both settled and void.
    Retold,
    /// More matches wait for their settlement than are kept.
    TooManyMatches,
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
            Fault::BadEnd => "bad_end",
            Fault::Payout => "payout",
            Fault::Retold => "retold",
            Fault::TooManyMatches => "too_many_matches",
        }
    }
}
