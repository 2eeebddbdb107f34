//! The journal's money added up again, in the plainest way: I-11, I-16 as far as money goes, I-17.

use std::collections::BTreeMap;

use super::{Findings, Invariant, Kept, What};
use crate::domain::{
    Event, OrderEnd, OrderId, Side, TradeKey,
    event::{Filled, Matched, Settled, Submitted, TakenIn, Valued, WrittenOff},
};

/// Whose shares: portfolio, leader, token.
type Key = (u16, u32, u32);

#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    paid_in: i128,
    available: i128,
    reserved: i128,
    deployed: i128,
    cooling: i128,
    realised: i128,
    /// Of what cools: what surely settled, and may be released when it is time.
    surely: i128,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    submitted: Submitted,
    reserved: i128,
    is_open: bool,
    sold: i128,
}

#[derive(Debug, Default)]
struct Sums {
    purses: BTreeMap<u16, Purse>,
    orders: BTreeMap<OrderId, Open>,
    /// Matches that move money; a void takes one out.
    matches: BTreeMap<(OrderId, TradeKey), Matched>,
    /// Shares that are settled and not sold.
    held: BTreeMap<Key, i128>,
}

pub fn add_up(journal: &[Kept], found: &mut Findings) {
    let mut sums = Sums::default();
    for kept in journal {
        if let What::Event(event) = &kept.what {
            sums.take(kept.seq, event, found);
            sums.balanced(kept.seq, event, found);
            if found.0.len() > 100 {
                return;
            }
        }
    }
}

impl Sums {
    fn take(&mut self, seq: u64, event: &Event, found: &mut Findings) {
        if let Event::Deposited { portfolio, amount } = event {
            self.pay(portfolio.0, amount.0.into());
        } else if let Event::Withdrawn { portfolio, amount } = event {
            self.pay(portfolio.0, -i128::from(amount.0));
        } else if let Event::Adopted { order, brought, .. } = event {
            let portfolio = self.orders.get(order).map(|open| open.submitted.portfolio.0);
            portfolio.into_iter().for_each(|portfolio| self.pay(portfolio, brought.0.into()));
        } else if let Event::Moved { from, to, amount } = event {
            self.pay(from.0, -i128::from(amount.0));
            self.pay(to.0, amount.0.into());
        } else if let Event::Submitted(submitted) = event {
            self.submit(seq, submitted, found);
        } else if let Event::Filled(filled) = event {
            self.fill(filled);
        } else if let Event::Closed { order, end, released } = event {
            self.close(seq, *order, *end, released.0.into(), found);
        } else if let Event::Settled(settled) = event {
            self.end(settled);
        } else if let Event::TakenIn(taken) = event {
            self.take_in(taken);
        } else if let Event::WrittenOff(off) = event {
            self.write_off(off);
        } else if let Event::Released { portfolio, amount } = event {
            self.release(seq, portfolio.0, amount.0.into(), found);
        } else if let Event::Valued(valued) = event {
            self.value(seq, valued, found);
        } else if let Event::Matched(matched) = event {
            self.matches.insert((matched.order, matched.trade), *matched);
            self.trade(
                matched.order,
                [matched.shares.0.into(), matched.cash.0.into(), matched.fee.0.into(), matched.basis.0.into()],
                1,
            );
        } else if let Event::Confirmed { order, trade, .. } = event {
            self.confirm(*order, *trade);
        } else if let Event::Voided { order, trade } = event
            && let Some(matched) = self.matches.remove(&(*order, *trade))
        {
            self.trade(
                *order,
                [matched.shares.0.into(), matched.cash.0.into(), matched.fee.0.into(), matched.basis.0.into()],
                -1,
            );
        }
    }

    fn purse(&mut self, portfolio: u16) -> &mut Purse {
        self.purses.entry(portfolio).or_default()
    }

    fn pay(&mut self, portfolio: u16, amount: i128) {
        let purse = self.purse(portfolio);
        (purse.paid_in, purse.available) = (purse.paid_in + amount, purse.available + amount);
    }

    fn submit(&mut self, seq: u64, submitted: &Submitted, found: &mut Findings) {
        let reserved = i128::from(submitted.reserved.0);
        let key = (submitted.portfolio.0, submitted.leader.0, submitted.token.0);
        if submitted.side == Side::Sell {
            let is_its = |open: &&Open| {
                let other = &open.submitted;
                open.is_open && other.side == Side::Sell && (other.portfolio.0, other.leader.0, other.token.0) == key
            };
            let on_sale: i128 =
                self.orders.values().filter(is_its).map(|open| i128::from(open.submitted.shares.0) - open.sold).sum();
            let held = self.held.get(&key).copied().unwrap_or_default();
            found.check(on_sale + i128::from(submitted.shares.0) <= held, Invariant::Provisional, || {
                format!("record {seq}: {} more on sale with {on_sale}, and {held} are settled", submitted.shares.0)
            });
        }
        let purse = self.purse(submitted.portfolio.0);
        (purse.available, purse.reserved) = (purse.available - reserved, purse.reserved + reserved);
        self.orders.insert(submitted.order, Open { submitted: *submitted, reserved, is_open: true, sold: 0 });
    }

    /// A fill of paper: settled at once.
    fn fill(&mut self, filled: &Filled) {
        let amounts = [filled.shares.0.into(), filled.cash.0.into(), filled.fee.0.into(), filled.basis.0.into()];
        self.trade(filled.order, amounts, 1);
        self.settled(filled.order, filled.shares.0.into(), i128::from(filled.cash.0 - filled.fee.0));
    }

    /// Moves money and sold shares for a match (1), or back (-1). What is bought is held when it is settled.
    fn trade(&mut self, order: OrderId, [shares, cash, fee, basis]: [i128; 4], sign: i128) {
        let Some(open) = self.orders.get_mut(&order) else { return };
        let Submitted { portfolio, leader, token, side, .. } = open.submitted;
        let is_open = open.is_open;
        match side {
            Side::Buy if is_open => open.reserved -= sign * (cash + fee),
            Side::Buy => (),
            Side::Sell => open.sold += sign * shares,
        }
        let purse = self.purses.entry(portfolio.0).or_default();
        match side {
            Side::Buy => {
                let from = if is_open { &mut purse.reserved } else { &mut purse.available };
                *from -= sign * (cash + fee);
                purse.deployed += sign * cash;
                purse.realised -= sign * fee;
            }
            Side::Sell => {
                purse.deployed -= sign * basis;
                purse.cooling += sign * (cash - fee);
                purse.realised += sign * (cash - fee - basis);
                *self.held.entry((portfolio.0, leader.0, token.0)).or_default() -= sign * shares;
            }
        }
    }

    fn confirm(&mut self, order: OrderId, trade: TradeKey) {
        if let Some(matched) = self.matches.get(&(order, trade)) {
            let (shares, net) = (matched.shares.0.into(), i128::from(matched.cash.0 - matched.fee.0));
            self.settled(order, shares, net);
        }
    }

    fn settled(&mut self, order: OrderId, shares: i128, net: i128) {
        let Some(open) = self.orders.get(&order) else { return };
        let Submitted { portfolio, leader, token, side, .. } = open.submitted;
        match side {
            Side::Buy => *self.held.entry((portfolio.0, leader.0, token.0)).or_default() += shares,
            Side::Sell => self.purse(portfolio.0).surely += net,
        }
    }

    fn close(&mut self, seq: u64, order: OrderId, end: OrderEnd, released: i128, found: &mut Findings) {
        let Some(open) = self.orders.get_mut(&order) else { return };
        found.check(open.reserved == released, Invariant::Released, || {
            format!(
                "record {seq}: order {} ended as {} and gave back {released} of {}",
                order.0,
                end.code(),
                open.reserved
            )
        });
        open.is_open = false;
        let (portfolio, reserved) = (open.submitted.portfolio.0, std::mem::take(&mut open.reserved));
        let purse = self.purse(portfolio);
        (purse.reserved, purse.available) = (purse.reserved - reserved, purse.available + reserved);
    }

    fn end(&mut self, settled: &Settled) {
        let Settled { portfolio, leader, token, shares, basis, proceeds, .. } = *settled;
        let purse = self.purse(portfolio.0);
        purse.deployed -= i128::from(basis.0);
        purse.cooling += i128::from(proceeds.0);
        purse.surely += i128::from(proceeds.0);
        purse.realised += i128::from(proceeds.0 - basis.0);
        *self.held.entry((portfolio.0, leader.0, token.0)).or_default() -= i128::from(shares.0);
    }

    fn take_in(&mut self, taken: &TakenIn) {
        let (shares, cost) = (i128::from(taken.shares.0), i128::from(taken.cost.0));
        let purse = self.purse(taken.portfolio.0);
        (purse.paid_in, purse.deployed) = (purse.paid_in + cost, purse.deployed + cost);
        *self.held.entry((taken.portfolio.0, taken.leader.0, taken.token.0)).or_default() += shares;
    }

    fn write_off(&mut self, off: &WrittenOff) {
        let (shares, basis) = (i128::from(off.shares.0), i128::from(off.basis.0));
        let purse = self.purse(off.portfolio.0);
        (purse.realised, purse.deployed) = (purse.realised - basis, purse.deployed - basis);
        *self.held.entry((off.portfolio.0, off.leader.0, off.token.0)).or_default() -= shares;
    }

    fn release(&mut self, seq: u64, portfolio: u16, amount: i128, found: &mut Findings) {
        let purse = self.purse(portfolio);
        purse.surely -= amount;
        (purse.cooling, purse.available) = (purse.cooling - amount, purse.available + amount);
        found.check(purse.surely >= 0, Invariant::Provisional, || {
            format!("record {seq}: {amount} released, {} more than surely cooled", -purse.surely)
        });
    }

    fn value(&mut self, seq: u64, valued: &Valued, found: &mut Findings) {
        let said = [valued.available, valued.reserved, valued.deployed, valued.cooling, valued.realised];
        let said = said.map(|amount| i128::from(amount.0));
        let purse = *self.purse(valued.portfolio.0);
        let added_up = [purse.available, purse.reserved, purse.deployed, purse.cooling, purse.realised];
        found.check(said == added_up, Invariant::Cash, || {
            format!("record {seq}: portfolio {} is {said:?}, added up {added_up:?}", valued.portfolio.0)
        });
    }

    /// The identity of R1, and no account below zero.
    fn balanced(&self, seq: u64, event: &Event, found: &mut Findings) {
        for (id, purse) in &self.purses {
            let accounts = [purse.available, purse.reserved, purse.deployed, purse.cooling];
            let held: i128 = accounts.iter().sum();
            let holds = held == purse.paid_in + purse.realised && accounts.iter().all(|account| 0 <= *account);
            found.check(holds, Invariant::Cash, || {
                format!(
                    "record {seq}: portfolio {id} has {accounts:?} of {} after {event:?}",
                    purse.paid_in + purse.realised
                )
            });
        }
    }
}
