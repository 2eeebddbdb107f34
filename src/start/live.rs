//! What the journal knows of live orders: those that are open, those that settle, those that ended lately, and what was
//! found to be foreign. The gateway begins with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    domain::{
        Event, Nanos, OrderId, Side, TokenId, TradeKey, VenueOrderId,
        event::{Choice, Difference, Differs, Signed, Submitted},
    },
    engine::Engine,
    venue::{
        outbox::Sent,
        polymarket::{
            follow::{FOREIGN_MAX, Stands},
            prepare,
            reconcile::Known,
        },
    },
};

/// The trades since so long before the last record are read at a start: orders that ended later are handed over, so that
/// their trades are not taken for somebody else's.
pub const LOOK_BACK: Nanos = Nanos::from_secs(600);
/// With more ended orders than this, those from before the look back are dropped.
const ENDED_MAX: usize = 8_192;

/// A fold over the records of a journal.
#[derive(Debug, Default)]
pub struct LiveLeft {
    orders: BTreeMap<OrderId, Left>,
    foreign: VecDeque<(TradeKey, VenueOrderId)>,
    ended: usize,
    last_at: Nanos,
    matched_at: Nanos,
    differs: BTreeMap<(Difference, Option<TokenId>), Differs>,
    /// Of them, those that the operator knows of.
    ignored: BTreeMap<(Difference, Option<TokenId>), Differs>,
    external: BTreeMap<TokenId, i64>,
}

#[derive(Debug)]
struct Left {
    submitted: Submitted,
    /// Its name, and when it got that. One without a name never left.
    signed: Option<(Signed, Nanos)>,
    is_accepted: bool,
    ended_at: Option<Nanos>,
    /// Matches that are neither confirmed nor void.
    pending: BTreeSet<TradeKey>,
}

/// What the gateway begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    pub orders: Vec<(Sent, Stands)>,
    pub foreign: Vec<(TradeKey, VenueOrderId)>,
    /// Trades since then are to be read.
    pub since: Nanos,
    /// What the reconciler begins with.
    pub known: Known,
}

impl LiveLeft {
    pub fn fold(&mut self, at: Nanos, event: &Event) {
        self.last_at = self.last_at.max(at);
        if let Event::Submitted(submitted) = event
            && OrderId::LIVE <= submitted.order
        {
            let left = Left {
                submitted: *submitted,
                signed: None,
                is_accepted: false,
                ended_at: None,
                pending: BTreeSet::new(),
            };
            self.orders.insert(submitted.order, left);
        } else if let Event::Signed(signed) = event {
            self.on(signed.order, |left| left.signed = Some((*signed, at)));
        } else if let Event::Accepted { order } = event {
            self.on(*order, |left| left.is_accepted = true);
        } else if let Event::Matched(matched) = event {
            self.matched_at = at;
            self.on(matched.order, |left| left.pending.extend([matched.trade]));
        } else if let Event::Confirmed { order, trade, .. } | Event::Voided { order, trade } = event {
            self.matched_at = at;
            self.on(*order, |left| left.pending.retain(|pending| pending != trade));
        } else if let Event::Closed { order, .. } = event {
            self.on(*order, |left| left.ended_at = Some(at));
            self.ended += usize::from(OrderId::LIVE <= *order);
            self.forget();
        } else if let Event::External(external) = event {
            self.foreign.push_back((external.trade, external.id));
            if self.foreign.len() > FOREIGN_MAX {
                self.foreign.pop_front();
            }
            let shares = external.shares.0 as i64;
            *self.external.entry(external.token).or_default() += match external.side {
                Side::Buy => shares,
                Side::Sell => -shares,
            };
        } else if let Event::Differs(differs) = event {
            let key = (differs.what, differs.token);
            self.ignored.remove(&key);
            match differs.ours == differs.theirs {
                true => drop(self.differs.remove(&key)),
                false => drop(self.differs.insert(key, *differs)),
            }
        } else if let Event::Explained { differs, choice } = event {
            let key = (differs.what, differs.token);
            match (choice, differs.token) {
                (Choice::Ignored, _) => {
                    self.differs.insert(key, *differs);
                    self.ignored.insert(key, *differs);
                }
                (Choice::Own, Some(token)) => {
                    self.differs.remove(&key);
                    self.ignored.remove(&key);
                    *self.external.entry(token).or_default() += differs.theirs - differs.ours;
                }
                (Choice::Own, None) => (),
            }
        } else if let Event::TakenIn(taken) = event {
            let external = self.external.entry(taken.token).or_default();
            *external -= (taken.shares.0 as i64).min(*external).max(0);
            self.matched_at = at;
        } else if let Event::WrittenOff(_) = event {
            self.matched_at = at;
        }
    }

    /// Returns what goes on from here. `engine` knows what the markets take.
    pub fn resumed(&self, engine: &Engine) -> Resumed {
        let since = Nanos(self.last_at.0.saturating_sub(LOOK_BACK.0));
        let orders = self.orders.values().filter(|left| left.matters(since));
        let orders = orders.filter_map(|left| {
            let (Signed { id, maker_amount, .. }, at) = left.signed?;
            let Submitted { order, portfolio, leader, token, side, kind, limit, shares, .. } = left.submitted;
            let budget = prepare::budget_of(&left.submitted, maker_amount);
            let fees = engine.token(token).market.fees;
            let sent = Sent { order, id, portfolio, leader, token, side, kind, limit, shares, budget, fees, at };
            Some((sent, left.stands()))
        });
        let known = Known {
            matched_at: self.matched_at,
            differs: self.differs.values().copied().collect(),
            ignored: self.ignored.values().copied().collect(),
            external: self.external.clone(),
        };
        Resumed { orders: orders.collect(), foreign: self.foreign.iter().copied().collect(), since, known }
    }

    fn on(&mut self, order: OrderId, change: impl FnOnce(&mut Left)) {
        if let Some(left) = self.orders.get_mut(&order) {
            change(left);
        }
    }

    fn forget(&mut self) {
        if self.ended <= ENDED_MAX {
            return;
        }
        let since = Nanos(self.last_at.0.saturating_sub(LOOK_BACK.0));
        self.orders.retain(|_, left| left.matters(since));
        self.ended = self.orders.values().filter(|left| left.ended_at.is_some()).count() / 2;
    }
}

impl Left {
    fn matters(&self, since: Nanos) -> bool {
        self.ended_at.is_none_or(|at| since <= at) || !self.pending.is_empty()
    }

    fn stands(&self) -> Stands {
        match (self.ended_at, self.pending.is_empty(), self.is_accepted) {
            (Some(_), true, _) => Stands::Ended,
            (Some(_), false, _) => Stands::Settling,
            (None, _, true) => Stands::Accepted,
            (None, _, false) => Stands::Unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Shares, Usdc, event::External},
        engine::Options,
    };

    const T: TokenId = TokenId(3);

    #[test]
    fn what_the_reconciler_told_and_who_else_traded_is_known_again() {
        let mut left = LiveLeft::default();
        let external = |side, shares, trade| {
            let (id, trade, shares) = (VenueOrderId([7; 32]), TradeKey([0, trade]), Shares(shares));
            let (cash, fee, traded_at) = (Usdc::ZERO, Usdc::ZERO, Nanos::ZERO);
            Event::External(External { id, trade, token: T, side, shares, cash, fee, traded_at })
        };
        let differs = |what, token, ours, theirs| Event::Differs(Differs { what, token, ours, theirs });
        let story = [
            external(Side::Buy, 9, 1),
            external(Side::Sell, 4, 2),
            differs(Difference::Shares, Some(T), 10, 4),
            differs(Difference::Cash, None, 100, 90),
            differs(Difference::Shares, Some(T), 10, 5),
            differs(Difference::Cash, None, 100, 100),
            Event::Voided { order: OrderId::LIVE, trade: TradeKey([0, 3]) },
            Event::HoldEnded { portfolio: crate::domain::PortfolioId(0) },
        ];
        for (second, event) in story.iter().enumerate() {
            left.fold(Nanos::from_secs(second as u64), event);
        }
        let known = left.resumed(&Engine::new(Options::default())).known;
        let open = Differs { what: Difference::Shares, token: Some(T), ours: 10, theirs: 5 };
        let external = BTreeMap::from([(T, 5)]);
        assert_eq!(known, Known { matched_at: Nanos::from_secs(6), differs: vec![open], ignored: vec![], external });
    }
}
