//! Which kind of order an entry is, and the one case in which it is sent again.

use super::{Intent, No, Situation, buy, micros, no, price};
use crate::domain::{OrderEnd, OrderKind, Rejection, Skip, Usdc, event::Submitted, settings::OrderPolicy};

/// Returns the kind of the `attempt`th order of an entry that spends `budget`.
pub fn kind(policy: OrderPolicy, budget: Usdc, attempt: u8) -> OrderKind {
    match policy {
        OrderPolicy::Fak => OrderKind::Fak,
        OrderPolicy::Fok => OrderKind::Fok,
        OrderPolicy::FokUpTo(most) => {
            if budget <= most {
                OrderKind::Fok
            } else {
                OrderKind::Fak
            }
        }
        OrderPolicy::FokThenFak => {
            if attempt == 1 {
                OrderKind::Fok
            } else {
                OrderKind::Fak
            }
        }
    }
}

/// Returns whether an order that ended so is sent once more: only a first FOK of an entry, under the policy that says so,
/// and only where the venue's answer proves that nothing was filled.
pub fn is_sent_again(policy: OrderPolicy, order: &Submitted, end: OrderEnd) -> bool {
    let is_killed = end == OrderEnd::Rejected(Rejection::NotFullyFilled);
    policy == OrderPolicy::FokThenFak && order.attempt == 1 && order.kind == OrderKind::Fok && is_killed
}

/// Returns the second attempt, decided against the book as it is now: never above the first one's limit, never larger.
/// `s.reference` is the price that the first was measured against; filters, rule and group were asked the first time.
pub fn again(s: &Situation<'_>, first: &Submitted) -> Result<Intent, No> {
    let ask = price::best_ask(s)?;
    let bound = price::buy_bound(s.settings, s.market, s.reference, ask)?.min(first.limit);
    // The grid may have become coarser since.
    let limit = s.market.tick.floor(bound).filter(|limit| ask <= *limit);
    let limit = limit.ok_or(no(Skip::PriceMoved, micros(bound), micros(ask)))?;
    buy(s, ask, limit, first.budget)
}
