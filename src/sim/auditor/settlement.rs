//! Does a match of a live order move what it should, once, and a void the very same back? Nothing provisional may be sold,
//! cool down, or be confirmed and void.

use super::{Auditor, Finding, figure, figure::day, purse::Key};
use crate::domain::{
    Mode, Nanos, OrderId, PortfolioId, Side, TradeKey, Usdc,
    event::{Matched, Submitted, TakenIn, WrittenOff},
};

/// How a match stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Foretold,
    Provisional,
    Confirmed,
    Void,
}

/// A match, or only a word of one that was never told.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    pub standing: Standing,
    pub matched: Option<Matched>,
    pub day: u64,
    /// By how much less was owed after it.
    pub owed: i128,
}

impl Auditor {
    fn leg(&mut self, order: OrderId, trade: TradeKey) -> Option<&mut Leg> {
        self.legs.get_mut(&(order.0, trade.0))
    }

    /// Returns an order that is open or ended: what it was, when it was submitted, and whether it is open.
    fn known_order(&self, order: OrderId) -> Result<(Submitted, u64, bool), String> {
        if let Some(open) = self.orders.get(&order.0) {
            return Ok((open.submitted, open.at, true));
        }
        let ended = self.ends.get(&order.0).ok_or("a match of an order that never was")?;
        Ok((ended.submitted, ended.at, false))
    }

    /// Money comes in for a match of an order that ended: no more than is missing.
    pub(super) fn adopted(&mut self, order: OrderId, brought: Usdc) -> Finding {
        let (submitted, _, is_open) = self.known_order(order)?;
        let available = self.purses[submitted.portfolio.index()].available;
        if is_open || brought.0 < 0 || (brought.0 > 0 && available > submitted.reserved.0.into()) {
            return Err(format!("{brought} were brought for an order, and {available} were available"));
        }
        self.paid(submitted.portfolio, brought.0.into())
    }

    /// Shares come in with what they count as: neither gain nor loss.
    pub(super) fn taken_in(&mut self, now: Nanos, taken: &TakenIn) -> Finding {
        let (shares, cost) = (i128::from(taken.shares.0), i128::from(taken.cost.0));
        let key = (taken.leader.0, taken.token.0);
        let pending = self.pending(taken.portfolio, key);
        let purse = &mut self.purses[taken.portfolio.index()];
        if purse.mode == Mode::Paper || shares <= 0 || cost < 0 || shares < cost {
            return Err(format!("{shares} shares are taken in for {cost}"));
        }
        purse.paid_in += cost;
        let holding = purse.holding(key);
        if holding.lots.shares() + holding.unsettled.0 == 0 {
            (holding.opened_at, holding.peak) = (now.0, None);
        }
        holding.owed = figure::sellable(holding.owed.min(holding.lots.shares() + holding.unsettled.0 + pending));
        holding.lots.add(shares, cost);
        Ok(())
    }

    /// What was free of a live position is gone, and its cost is a loss.
    pub(super) fn written_off(&mut self, now: Nanos, off: &WrittenOff) -> Finding {
        let (shares, key) = (i128::from(off.shares.0), (off.leader.0, off.token.0));
        let (pending, selling) = (self.pending(off.portfolio, key), self.selling(off.portfolio, key));
        let purse = &mut self.purses[off.portfolio.index()];
        let is_paper = purse.mode == Mode::Paper;
        let holding = purse.holding(key);
        if is_paper || shares <= 0 || holding.lots.shares() - selling < shares {
            return Err(format!("{shares} are written off, and {selling} of {} are on sale", holding.lots.shares()));
        }
        let basis = holding.lots.take(shares).ok_or("more is written off than is held")?;
        if basis != off.basis.0.into() {
            return Err(format!("what is written off had cost {basis}, not {}", off.basis));
        }
        holding.owed = figure::sellable(holding.owed.min(holding.lots.shares() + holding.unsettled.0 + pending));
        purse.realise(day(now.0), off.leader.0, -basis);
        self.forget_if_empty(off.portfolio, key);
        Ok(())
    }

    pub(super) fn matched(&mut self, now: Nanos, matched: &Matched) -> Finding {
        let before = self.leg(matched.order, matched.trade).map(|leg| leg.standing);
        if before.is_some_and(|standing| standing != Standing::Foretold) {
            return Err(format!("a match is applied that was {before:?}"));
        }
        let (submitted, at, is_open) = self.known_order(matched.order)?;
        let (shares, cash, fee) = (i128::from(matched.shares.0), i128::from(matched.cash.0), i128::from(matched.fee.0));
        let left = match self.orders.get_mut(&matched.order.0) {
            Some(open) => {
                open.filled += shares;
                open.is_unknown = false;
                (&mut open.filled, &mut open.reserved)
            }
            None => {
                let ended = self.ends.get_mut(&matched.order.0).expect("it is known");
                ended.filled += shares;
                (&mut ended.filled, &mut ended.left)
            }
        };
        let key = (submitted.leader.0, submitted.token.0);
        let purse = &mut self.purses[submitted.portfolio.index()];
        let mut owed = 0;
        match submitted.side {
            Side::Buy => {
                if *left.1 < cash + fee {
                    return Err(format!("a match of {cash} and {fee}, and {} are left of the order", left.1));
                }
                *left.1 -= cash + fee;
                if !is_open {
                    purse.available -= cash + fee;
                }
                let holding = purse.holding(key);
                if holding.lots.shares() + holding.unsettled.0 == 0 {
                    (holding.opened_at, holding.peak) = (now.0, None);
                }
                holding.unsettled = (holding.unsettled.0 + shares, holding.unsettled.1 + cash);
                purse.realise(day(now.0), key.0, -fee);
                purse.spend(day(at), key.0, cash + fee);
            }
            Side::Sell => {
                if i128::from(submitted.shares.0) < *left.0 {
                    return Err("more was sold than was to be sold".to_owned());
                }
                let holding = purse.holding(key);
                let basis = holding.lots.take(shares).ok_or("more was sold than was held and settled")?;
                if basis != matched.basis.0.into() {
                    return Err(format!("what was sold had cost {basis}, not {}", matched.basis));
                }
                holding.sold += shares;
                owed = shares;
                if holding.owed < figure::ALL {
                    let rest = figure::sellable(holding.owed - shares);
                    (owed, holding.owed) = (holding.owed - rest, rest);
                }
                purse.realise(day(now.0), key.0, cash - fee - basis);
                purse.unsettled += cash - fee;
            }
        }
        let leg = Leg { standing: Standing::Provisional, matched: Some(*matched), day: day(now.0), owed };
        let leg = if before.is_some() { Leg { standing: Standing::Foretold, ..leg } } else { leg };
        self.legs.insert((matched.order.0, matched.trade.0), leg);
        Ok(())
    }

    pub(super) fn confirmed(&mut self, now: Nanos, order: OrderId, trade: TradeKey, release_at: Nanos) -> Finding {
        let Some(leg) = self.leg(order, trade) else {
            let leg = Leg { standing: Standing::Foretold, matched: None, day: 0, owed: 0 };
            self.legs.insert((order.0, trade.0), leg);
            return Ok(());
        };
        let before = std::mem::replace(&mut leg.standing, Standing::Confirmed);
        let Some(matched) = leg.matched.filter(|_| matches!(before, Standing::Provisional | Standing::Foretold)) else {
            return Err(format!("a match is confirmed that was {before:?}"));
        };
        let (submitted, ..) = self.known_order(order)?;
        let key = (submitted.leader.0, submitted.token.0);
        let (shares, cash) = (i128::from(matched.shares.0), i128::from(matched.cash.0));
        let purse = &mut self.purses[submitted.portfolio.index()];
        let holding = purse.holding(key);
        match submitted.side {
            Side::Buy => {
                holding.unsettled = (holding.unsettled.0 - shares, holding.unsettled.1 - cash);
                holding.lots.add(shares, cash);
            }
            Side::Sell => {
                holding.sold -= shares;
                let proceeds = cash - i128::from(matched.fee.0);
                purse.unsettled -= proceeds;
                purse.cools(now, release_at, proceeds)?;
            }
        }
        self.forget_if_empty(submitted.portfolio, key);
        Ok(())
    }

    pub(super) fn voided(&mut self, order: OrderId, trade: TradeKey) -> Finding {
        let Some(leg) = self.leg(order, trade) else {
            let leg = Leg { standing: Standing::Void, matched: None, day: 0, owed: 0 };
            self.legs.insert((order.0, trade.0), leg);
            return Ok(());
        };
        let before = std::mem::replace(&mut leg.standing, Standing::Void);
        let leg = *leg;
        let Some(matched) = leg.matched.filter(|_| before == Standing::Provisional) else {
            return Err(format!("a match is void that was {before:?}"));
        };
        let (submitted, at, is_open) = self.known_order(order)?;
        let key = (submitted.leader.0, submitted.token.0);
        let (shares, cash, fee) = (i128::from(matched.shares.0), i128::from(matched.cash.0), i128::from(matched.fee.0));
        let (filled, left) = match self.orders.get_mut(&order.0) {
            Some(open) => (&mut open.filled, &mut open.reserved),
            None => {
                let ended = self.ends.get_mut(&order.0).expect("it is known");
                (&mut ended.filled, &mut ended.left)
            }
        };
        *filled -= shares;
        let purse = &mut self.purses[submitted.portfolio.index()];
        match submitted.side {
            Side::Buy => {
                *left += cash + fee;
                if !is_open {
                    purse.available += cash + fee;
                }
                let holding = purse.holding(key);
                holding.unsettled = (holding.unsettled.0 - shares, holding.unsettled.1 - cash);
                purse.realise(leg.day, key.0, fee);
                purse.spend(day(at), key.0, -(cash + fee));
            }
            Side::Sell => {
                let basis = i128::from(matched.basis.0);
                let holding = purse.holding(key);
                holding.sold -= shares;
                holding.lots.put_back(shares, basis);
                if holding.owed < figure::ALL {
                    holding.owed += leg.owed;
                }
                purse.realise(leg.day, key.0, basis + fee - cash);
                purse.unsettled -= cash - fee;
            }
        }
        self.forget_if_empty(submitted.portfolio, key);
        Ok(())
    }

    /// Returns whether an order bought something that was not void.
    pub(super) fn has_bought(&self, order: u64) -> bool {
        let mut legs = self.legs.range((order, [0, 0])..=(order, [u64::MAX; 2])).map(|(_, leg)| leg).peekable();
        legs.peek().is_none() || legs.any(|leg| leg.matched.is_some() && leg.standing != Standing::Void)
    }

    /// Checks that nothing waits for its settlement any more.
    pub(super) fn all_settled(&self) -> Finding {
        let unsettled = |leg: &Leg| leg.matched.is_some() && leg.standing == Standing::Provisional;
        match self.legs.iter().find(|(_, leg)| unsettled(leg)) {
            Some(((order, _), _)) => Err(format!("a match of order {order} never settled")),
            None => Ok(()),
        }
    }

    /// Returns what was bought and is not settled.
    pub(super) fn unsettled(&self, portfolio: PortfolioId, key: Key) -> i128 {
        self.purses[portfolio.index()].holdings.get(&key).map_or(0, |holding| holding.unsettled.0)
    }
}
