//! What is told, how bad it is, and from where on.

use serde::{Deserialize, Serialize};

use crate::domain::{Nanos, Usdc};

/// How soon somebody should look. Critical ones come through quiet hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    EngineStopped,
    Kill,
    SwitchChanged,
    Credentials,
    LiveOrders,
    OrderUnknown,
    ExternalFill,
    WalletDiffers,
    MatchVoid,
    Breaker,
    BalanceLow,
    ExecutionFailed,
    Slippage,
    FeedSilent,
    StoreBehind,
    LeaderBlocked,
    /// Nothing happened: somebody wants to see whether a channel works.
    Test,
}

/// From where on something is told. Zero: that is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    pub order_unknown: Nanos,
    pub live_orders_stopped: Nanos,
    pub feed_silent: Nanos,
    pub store_down: Nanos,
    pub store_lag_records: u64,
    pub balance_min: Usdc,
    pub failures: u32,
    pub failures_within: Nanos,
    pub slippage_ppm: u32,
}

impl Severity {
    pub const fn code(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl Rule {
    pub const ALL: [Rule; 17] = [
        Rule::EngineStopped,
        Rule::Kill,
        Rule::SwitchChanged,
        Rule::Credentials,
        Rule::LiveOrders,
        Rule::OrderUnknown,
        Rule::ExternalFill,
        Rule::WalletDiffers,
        Rule::MatchVoid,
        Rule::Breaker,
        Rule::BalanceLow,
        Rule::ExecutionFailed,
        Rule::Slippage,
        Rule::FeedSilent,
        Rule::StoreBehind,
        Rule::LeaderBlocked,
        Rule::Test,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Rule::EngineStopped => "engine_stopped",
            Rule::Kill => "kill",
            Rule::SwitchChanged => "switch_changed",
            Rule::Credentials => "credentials",
            Rule::LiveOrders => "live_orders",
            Rule::OrderUnknown => "order_unknown",
            Rule::ExternalFill => "external_fill",
            Rule::WalletDiffers => "wallet_differs",
            Rule::MatchVoid => "match_void",
            Rule::Breaker => "breaker",
            Rule::BalanceLow => "balance_low",
            Rule::ExecutionFailed => "execution_failed",
            Rule::Slippage => "slippage",
            Rule::FeedSilent => "feed_silent",
            Rule::StoreBehind => "store_behind",
            Rule::LeaderBlocked => "leader_blocked",
            Rule::Test => "test",
        }
    }

    pub fn of(code: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.code() == code)
    }

    /// Returns what a message is headed with.
    pub const fn title(self) -> &'static str {
        match self {
            Rule::EngineStopped => "Engine stopped",
            Rule::Kill => "Live killed",
            Rule::SwitchChanged => "Switch turned",
            Rule::Credentials => "Venue refuses us",
            Rule::LiveOrders => "Live orders cannot leave",
            Rule::OrderUnknown => "Order unknown",
            Rule::ExternalFill => "Trade that is not ours",
            Rule::WalletDiffers => "Wallet differs from the books",
            Rule::MatchVoid => "Void",
            Rule::Breaker => "Breaker tripped",
            Rule::BalanceLow => "Balance low",
            Rule::ExecutionFailed => "Orders fail",
            Rule::Slippage => "Bad price",
            Rule::FeedSilent => "Feed silent",
            Rule::StoreBehind => "Postgres behind",
            Rule::LeaderBlocked => "Leader blocked",
            Rule::Test => "Test",
        }
    }

    /// Returns when it is told, in words.
    pub const fn text(self) -> &'static str {
        match self {
            Rule::EngineStopped => "The engine halted, stopped entries after a fault, or says nothing any more.",
            Rule::Kill => "Somebody shut the gate: no live order leaves.",
            Rule::SwitchChanged => "Paper, live, or a leader's own switch was turned.",
            Rule::Credentials => {
                "The venue does not take our key, serves this place or account no more, or another engine has the wallet."
            }
            Rule::LiveOrders => "Live is on, and orders could not leave for a while.",
            Rule::OrderUnknown => "A live order was sent, and its outcome stays unknown.",
            Rule::ExternalFill => {
                "Something traded with the wallet that was no order of ours, or an order filled after its end."
            }
            Rule::WalletDiffers => "What the wallet holds and what our books say part.",
            Rule::MatchVoid => {
                "A match did not settle and was undone, or a market that we are in was resolved with a part of a dollar."
            }
            Rule::Breaker => "A breaker stopped a portfolio's entries.",
            Rule::BalanceLow => "The wallet, or a portfolio, has little money left.",
            Rule::ExecutionFailed => "Several live orders in a short time were rejected or could not be sent.",
            Rule::Slippage => "A live fill was much worse than the leader's price.",
            Rule::FeedSilent => "A source of books, of leaders' trades or of our fills is gone, or says nothing.",
            Rule::StoreBehind => "Postgres is not written, or far behind the journal.",
            Rule::LeaderBlocked => "A leader trades on his copiers, and is not followed for a while.",
            Rule::Test => "Somebody tries whether a channel works.",
        }
    }

    pub const fn severity(self) -> Severity {
        match self {
            Rule::EngineStopped | Rule::Kill | Rule::Credentials | Rule::OrderUnknown | Rule::ExternalFill => {
                Severity::Critical
            }
            Rule::LiveOrders
            | Rule::WalletDiffers
            | Rule::MatchVoid
            | Rule::Breaker
            | Rule::BalanceLow
            | Rule::ExecutionFailed
            | Rule::Slippage
            | Rule::FeedSilent
            | Rule::StoreBehind => Severity::Warning,
            Rule::SwitchChanged | Rule::LeaderBlocked | Rule::Test => Severity::Info,
        }
    }

    /// Returns its limits in words; empty for a rule that has none.
    pub fn limits(self, told: &Thresholds) -> String {
        let seconds = |length: Nanos| match length {
            Nanos::ZERO => "not looked at".to_owned(),
            length => format!("for longer than {} s", length.as_secs()),
        };
        match self {
            Rule::OrderUnknown => seconds(told.order_unknown),
            Rule::LiveOrders => seconds(told.live_orders_stopped),
            Rule::FeedSilent => seconds(told.feed_silent),
            Rule::StoreBehind => format!("{}; or {} records behind", seconds(told.store_down), told.store_lag_records),
            Rule::BalanceLow if told.balance_min == Usdc::ZERO => {
                "portfolios only; the wallet is not looked at".to_owned()
            }
            Rule::BalanceLow => format!("wallet under ${}", told.balance_min),
            Rule::ExecutionFailed if told.failures == 0 => "not looked at".to_owned(),
            Rule::ExecutionFailed => format!("{} within {} s", told.failures, told.failures_within.as_secs()),
            Rule::Slippage if told.slippage_ppm == 0 => "not looked at".to_owned(),
            Rule::Slippage => format!("worse by more than {}%", f64::from(told.slippage_ppm) / 10_000.0),
            Rule::EngineStopped
            | Rule::Kill
            | Rule::SwitchChanged
            | Rule::Credentials
            | Rule::ExternalFill
            | Rule::WalletDiffers
            | Rule::MatchVoid
            | Rule::Breaker
            | Rule::LeaderBlocked
            | Rule::Test => String::new(),
        }
    }
}
