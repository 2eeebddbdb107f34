//! Matches of live orders: rows that are provisional first, and what a void takes back out of the sums.

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::domain::{
    Cause, OrderId, Shares, TradeKey, Usdc,
    event::{Difference, Differs, External, Matched, WalletHolds},
};

use super::{Batch, Known, Misfit, bigint, token_id, trade_key};
use crate::store::rows::{AccountRow, DifferenceRow, ExternalRow, FillRow, OrderRow, dollars, moment, shares};

/// Live orders that are kept in mind after their end, in case of a late match: more than the engine remembers.
pub const ENDED_MAX: usize = 2 * crate::engine::order::ENDED_MAX;

impl Known {
    /// Returns an order that is open or, if it was live, ended, and whether it is open.
    fn live_order(&mut self, order: OrderId) -> Result<(&mut OrderRow, bool), Misfit> {
        let id = bigint(order.0);
        if let Some(row) = self.open_orders.get_mut(&id) {
            return Ok((row, true));
        }
        let ended = self.ended_orders.get_mut(&id);
        ended.map(|row| (row, false)).ok_or(Misfit("the event is about a live order that nobody remembers"))
    }

    /// Keeps a live order in mind after its end.
    pub(super) fn ended(&mut self, row: &OrderRow) {
        if row.id <= bigint(OrderId::LIVE.0) {
            return;
        }
        self.ended_orders.insert(row.id, row.clone());
        if self.ended_orders.len() > ENDED_MAX {
            self.ended_orders.pop_first();
        }
    }
}

impl Batch {
    pub(super) fn signed(&mut self, known: &mut Known, order: OrderId, id: String) -> Result<(), Misfit> {
        let (row, _) = known.live_order(order)?;
        row.venue_id = id;
        self.orders.insert(row.id, row.clone());
        Ok(())
    }

    pub(super) fn adopted(&mut self, known: &mut Known, order: OrderId, brought: Usdc) -> Result<(), Misfit> {
        let portfolio = known.live_order(order)?.0.portfolio_id;
        let buckets = self.buckets(portfolio);
        buckets.deposits += dollars(brought);
        buckets.available += dollars(brought);
        Ok(())
    }

    pub(super) fn matched(
        &mut self,
        known: &mut Known,
        seq: i64,
        now: OffsetDateTime,
        matched: &Matched,
    ) -> Result<(), Misfit> {
        let (cash, fee, basis) = (dollars(matched.cash), dollars(matched.fee), dollars(matched.basis));
        let (row, is_open) = known.live_order(matched.order)?;
        if is_open {
            row.state = "partly_filled".to_owned();
        }
        row.filled += shares(matched.shares);
        row.cash += cash;
        row.fee += fee;
        let row = row.clone();
        let (key, buys) = (row.position(), row.side == "buy");
        let buckets = self.buckets(row.portfolio_id);
        let realised = if buys {
            let from = if is_open { &mut buckets.reserved } else { &mut buckets.available };
            *from -= cash + fee;
            buckets.deployed += cash;
            -fee
        } else {
            buckets.deployed -= basis;
            buckets.cooling += cash - fee;
            cash - fee - basis
        };
        buckets.realised += realised;
        buckets.fees += fee;
        let position = if buys {
            let position = self.bought(known, key, now, matched.shares, cash);
            position.provisional += shares(matched.shares);
            position
        } else {
            self.gone(known, key, now, matched.shares, basis)?
        };
        position.realised += realised;
        position.fees += fee;
        let owed = if buys { Decimal::ZERO } else { self.sold_of_exit(known, key, now, shares(matched.shares)) };
        let fill = FillRow {
            seq,
            at: now,
            order_id: row.id,
            portfolio_id: row.portfolio_id,
            shares: shares(matched.shares),
            cash,
            fee,
            basis,
            realised,
            trade_key: trade_key(matched.trade),
            settlement: "provisional".to_owned(),
            owed,
        };
        known.unsettled.insert((row.id, fill.trade_key.clone()), (fill.clone(), key));
        self.fills.insert(seq, fill);
        self.orders.insert(row.id, row);
        Ok(())
    }

    /// A match settled. One that was not told yet is told, and confirmed again, later.
    pub(super) fn confirmed(&mut self, known: &mut Known, now: OffsetDateTime, order: OrderId, trade: TradeKey) {
        let leg = known.unsettled.remove(&(bigint(order.0), trade_key(trade)));
        let Some((mut fill, key)) = leg else { return };
        fill.settlement = "confirmed".to_owned();
        if known.live_order(order).is_ok_and(|(row, _)| row.side == "buy") {
            self.position(key, now).provisional -= fill.shares;
        }
        self.fills.insert(fill.seq, fill);
        self.forget_exit_if_empty(known, key, now);
    }

    /// What a match did is undone; its row stays, marked.
    pub(super) fn voided(
        &mut self,
        known: &mut Known,
        now: OffsetDateTime,
        order: OrderId,
        trade: TradeKey,
    ) -> Result<(), Misfit> {
        let leg = known.unsettled.remove(&(bigint(order.0), trade_key(trade)));
        let Some((mut fill, key)) = leg else { return Ok(()) };
        let (row, is_open) = known.live_order(order)?;
        row.filled -= fill.shares;
        row.cash -= fill.cash;
        row.fee -= fill.fee;
        let row = row.clone();
        let buys = row.side == "buy";
        let FillRow { cash, fee, basis, realised, .. } = fill;
        let buckets = self.buckets(row.portfolio_id);
        if buys {
            let to = if is_open { &mut buckets.reserved } else { &mut buckets.available };
            *to += cash + fee;
            buckets.deployed -= cash;
        } else {
            buckets.deployed += basis;
            buckets.cooling -= cash - fee;
        }
        buckets.realised -= realised;
        buckets.fees -= fee;
        let count = Shares(u64::try_from(fill.shares.mantissa()).expect("shares of a match"));
        let position = if buys {
            let position = self.gone(known, key, now, count, cash)?;
            position.provisional -= fill.shares;
            position
        } else {
            self.bought(known, key, now, count, basis)
        };
        position.realised -= realised;
        position.fees -= fee;
        self.owed_again(known, key, now, fill.owed);
        if fill.owed > Decimal::ZERO {
            // The tables forgot why with the last share that was owed.
            let why = Cause::ALL.into_iter().map(Cause::code).find(|code| *code == row.cause);
            self.position(key, now).exit_cause = why;
        }
        fill.settlement = "void".to_owned();
        self.fills.insert(fill.seq, fill);
        self.orders.insert(row.id, row);
        self.forget_exit_if_empty(known, key, now);
        Ok(())
    }

    pub(super) fn external(&mut self, seq: i64, now: OffsetDateTime, external: &External) {
        self.externals.push(ExternalRow {
            seq,
            at: now,
            venue_id: external.id.to_string(),
            trade_key: trade_key(external.trade),
            token_id: token_id(external.token),
            side: external.side.code(),
            shares: shares(external.shares),
            cash: dollars(external.cash),
            fee: dollars(external.fee),
            traded_at: moment(external.traded_at),
        });
    }

    /// `choice`: what the operator made of it; empty while nobody said.
    pub(super) fn differs(&mut self, seq: i64, now: OffsetDateTime, differs: &Differs, choice: &'static str) {
        let (what, scale) = match differs.what {
            Difference::Shares => ("shares", 6),
            Difference::Cash => ("cash", 6),
            Difference::OpenOrders => ("open_orders", 0),
        };
        let [ours, theirs] = [differs.ours, differs.theirs].map(|amount| Decimal::new(amount, scale));
        self.differences.push(DifferenceRow {
            seq,
            at: now,
            what,
            token_id: differs.token.map(token_id),
            ours,
            theirs,
            choice,
        });
    }

    pub(super) fn wallet_holds(&mut self, now: OffsetDateTime, holds: &WalletHolds) {
        let what = if holds.token.is_some() { "shares" } else { "cash" };
        let token_id = holds.token.map_or(0, token_id);
        let [ours, external, theirs] = [holds.ours, holds.external, holds.theirs].map(|amount| Decimal::new(amount, 6));
        self.account.insert((what, token_id), AccountRow { what, token_id, at: now, ours, external, theirs });
    }
}
