//! What is worth telling: looks at how everything is, once a second, and hears every event of the journal.

mod heard;
mod seen;

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    board::{Change, Level, Told},
    names::Names,
    rule::{Rule, Thresholds},
};
use crate::{
    domain::{Nanos, OrderId, PortfolioId, Price, Shares, Side, TokenId},
    metrics::{GatewayNow, Snapshot, health::FeedNow},
};
pub use seen::SNAPSHOT_AGE_MAX;

/// Open orders that are remembered: as many as an engine has.
const ORDERS_MAX: usize = 1_024;
/// Failures that are remembered for their count.
const FAILURES_MAX: usize = 1_000;

/// How everything is at a moment.
pub struct Seen<'a> {
    pub now: Nanos,
    pub snapshot: &'a Snapshot,
    pub feeds: &'a [FeedNow],
    pub store_connected: bool,
    pub store_lag: u64,
    /// `None` where the settings do not allow live orders.
    pub gateway: Option<&'a GatewayNow>,
    /// Dollars in the wallet, as read last.
    pub cash: Option<crate::domain::Usdc>,
    pub killed: bool,
    /// How often the index is asked: between two answers it says nothing.
    pub index_every: Nanos,
}

/// What is remembered of an order until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    portfolio: PortfolioId,
    token: TokenId,
    side: Side,
    shares: Shares,
    limit: Price,
    /// The leader's price; `None` where the order follows no trade of his.
    reference: Option<Price>,
    unknown_since: Option<Nanos>,
}

/// What the rules remember.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    orders: BTreeMap<u64, Order>,
    failures: VecDeque<(Nanos, String)>,
    /// What markets paid that are neither won nor lost, until the positions in them are settled.
    parts: BTreeMap<u32, u32>,
    /// Since when something is not as it should be. Found out anew by each process.
    #[serde(skip)]
    since: HashMap<(Rule, String), Nanos>,
}

/// What the settings say.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub thresholds: Thresholds,
    /// Paper portfolios count, too.
    pub paper: bool,
}

impl Watch {
    /// Forgets what only the journal could bring up to date.
    pub fn forget_orders(&mut self) {
        self.orders.clear();
        self.failures.clear();
        self.parts.clear();
    }

    fn lasts(&mut self, rule: Rule, subject: &str, is_so: bool, now: Nanos) -> Option<Nanos> {
        let key = (rule, subject.to_owned());
        match is_so {
            true => Some(now.since(*self.since.entry(key).or_insert(now))),
            false => {
                self.since.remove(&key);
                None
            }
        }
    }

    fn order(&self, id: u64, order: &Order, names: &Names) -> String {
        let side = if order.side == Side::Buy { "Buy" } else { "Sell" };
        format!(
            "Order {id} of {}: {side} {} shares of {} at ${}",
            names.portfolio(order.portfolio),
            order.shares,
            names.token(order.token),
            order.limit
        )
    }
}

fn told(rule: Rule, subject: impl Into<String>, at: Nanos, change: Change) -> Told {
    Told { rule, subject: subject.into(), at, change }
}

fn level(rule: Rule, subject: impl Into<String>, text: Option<String>) -> Level {
    Level { rule, subject: subject.into(), text }
}

fn order_subject(id: OrderId) -> String {
    format!("order {}", id.0)
}
