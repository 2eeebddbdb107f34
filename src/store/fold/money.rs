//! Where money and shares go: the transfer table of DESIGN.md, section 5, and the positions.

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::domain::{
    Shares,
    event::{Filled, Settled, TakenIn, WrittenOff},
    market::SHARES_STEP,
    money::SHARES_MAX,
};

use super::{Batch, Known, Misfit, PositionKey, leader_id, open_order, token_id};
use crate::store::rows::{BucketsRow, FillRow, PositionRow, SettlementRow, dollars, shares};

impl Batch {
    pub(super) fn filled(
        &mut self,
        known: &mut Known,
        seq: i64,
        now: OffsetDateTime,
        filled: &Filled,
    ) -> Result<(), Misfit> {
        let (cash, fee, basis) = (dollars(filled.cash), dollars(filled.fee), dollars(filled.basis));
        let row = open_order(known, filled.order)?;
        row.state = "partly_filled".to_owned();
        row.filled += shares(filled.shares);
        row.cash += cash;
        row.fee += fee;
        let row = row.clone();
        let key = row.position();
        let buys = row.side == "buy";
        let buckets = self.buckets(row.portfolio_id);
        let realised = if buys {
            buckets.reserved -= cash + fee;
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
            self.bought(known, key, now, filled.shares, cash)
        } else {
            self.gone(known, key, now, filled.shares, basis)?
        };
        position.realised += realised;
        position.fees += fee;
        if !buys {
            self.sold_of_exit(known, key, now, shares(filled.shares));
        }
        let fill = FillRow {
            seq,
            at: now,
            order_id: row.id,
            portfolio_id: row.portfolio_id,
            shares: shares(filled.shares),
            cash,
            fee,
            basis,
            realised,
            trade_key: String::new(),
            settlement: "confirmed".to_owned(),
            owed: Decimal::ZERO,
        };
        self.fills.insert(seq, fill);
        self.orders.insert(row.id, row);
        Ok(())
    }

    pub(super) fn settled(
        &mut self,
        known: &mut Known,
        seq: i64,
        now: OffsetDateTime,
        settled: &Settled,
    ) -> Result<(), Misfit> {
        let (basis, proceeds) = (dollars(settled.basis), dollars(settled.proceeds));
        let key = (settled.portfolio.0.into(), leader_id(settled.leader), token_id(settled.token));
        let buckets = self.buckets(key.0);
        buckets.deployed -= basis;
        buckets.cooling += proceeds;
        buckets.realised += proceeds - basis;
        let position = self.gone(known, key, now, settled.shares, basis)?;
        position.realised += proceeds - basis;
        self.owe(known, key, now, Decimal::ZERO);
        self.settlements.push(SettlementRow {
            seq,
            at: now,
            portfolio_id: key.0,
            leader_id: key.1,
            token_id: key.2,
            shares: shares(settled.shares),
            basis,
            proceeds,
            why: "resolved",
        });
        Ok(())
    }

    /// Shares of the wallet's come into the books, with what they count as.
    pub(super) fn taken_in(&mut self, known: &mut Known, now: OffsetDateTime, taken: &TakenIn) {
        let (key, cost) =
            ((taken.portfolio.0.into(), leader_id(taken.leader), token_id(taken.token)), dollars(taken.cost));
        let buckets = self.buckets(key.0);
        buckets.deposits += cost;
        buckets.deployed += cost;
        self.limit_exit(known, key, now);
        self.bought(known, key, now, taken.shares, cost);
    }

    /// Shares that the wallet did not have leave the books. Among the settlements: one that brought nothing.
    pub(super) fn written_off(
        &mut self,
        known: &mut Known,
        seq: i64,
        now: OffsetDateTime,
        off: &WrittenOff,
    ) -> Result<(), Misfit> {
        let (key, basis) = ((off.portfolio.0.into(), leader_id(off.leader), token_id(off.token)), dollars(off.basis));
        let buckets = self.buckets(key.0);
        buckets.deployed -= basis;
        buckets.realised -= basis;
        self.gone(known, key, now, off.shares, basis)?.realised -= basis;
        self.limit_exit(known, key, now);
        self.forget_exit_if_empty(known, key, now);
        self.settlements.push(SettlementRow {
            seq,
            at: now,
            portfolio_id: key.0,
            leader_id: key.1,
            token_id: key.2,
            shares: shares(off.shares),
            basis,
            proceeds: Decimal::ZERO,
            why: "written_off",
        });
        Ok(())
    }

    pub(super) fn bought(
        &mut self,
        known: &mut Known,
        key: PositionKey,
        now: OffsetDateTime,
        bought: Shares,
        cost: Decimal,
    ) -> &mut PositionRow {
        let held = known.held.entry(key).or_default();
        let opens = held.is_zero() && bought != Shares::ZERO;
        *held += shares(bought);
        let position = self.position(key, now);
        position.shares += shares(bought);
        position.cost += cost;
        if opens {
            position.opened_at = Some(now);
        }
        position
    }

    pub(super) fn gone(
        &mut self,
        known: &mut Known,
        key: PositionKey,
        now: OffsetDateTime,
        gone: Shares,
        basis: Decimal,
    ) -> Result<&mut PositionRow, Misfit> {
        let held = known.held.get(&key).copied().unwrap_or_default();
        match held.cmp(&shares(gone)) {
            std::cmp::Ordering::Less => return Err(Misfit("more shares go than the position has")),
            std::cmp::Ordering::Equal => known.held.remove(&key),
            std::cmp::Ordering::Greater => known.held.insert(key, held - shares(gone)),
        };
        let position = self.position(key, now);
        position.shares -= shares(gone);
        position.cost -= basis;
        Ok(position)
    }

    /// Notes how much must be sold of a position.
    pub(super) fn owe(&mut self, known: &mut Known, key: PositionKey, now: OffsetDateTime, due: Decimal) {
        // Less than the size grid cannot be sold.
        let due = if due < shares(Shares(SHARES_STEP)) { Decimal::ZERO } else { due };
        let before = if due.is_zero() { known.exit_due.remove(&key) } else { known.exit_due.insert(key, due) };
        if before.unwrap_or_default() != due {
            self.position(key, now).exit_due = Some(due);
        }
    }

    /// Returns by how much less is owed, should the sale be undone.
    pub(super) fn sold_of_exit(
        &mut self,
        known: &mut Known,
        key: PositionKey,
        now: OffsetDateTime,
        sold: Decimal,
    ) -> Decimal {
        let due = known.exit_due.get(&key).copied().unwrap_or_default();
        // What is owed in full stays so until nothing is left.
        if shares(SHARES_MAX) <= due {
            return sold;
        }
        self.owe(known, key, now, (due - sold).max(Decimal::ZERO));
        due - known.exit_due.get(&key).copied().unwrap_or_default()
    }

    /// A sale was undone.
    pub(super) fn owed_again(&mut self, known: &mut Known, key: PositionKey, now: OffsetDateTime, owed: Decimal) {
        let due = known.exit_due.get(&key).copied().unwrap_or_default();
        if due < shares(SHARES_MAX) {
            self.owe(known, key, now, due + owed);
        }
    }

    /// A new entry is no part of what is owed before it, even if that is everything.
    pub(super) fn limit_exit(&mut self, known: &mut Known, key: PositionKey, now: OffsetDateTime) {
        let Some(due) = known.exit_due.get(&key).copied() else { return };
        let buys = known.open_orders.values().filter(|order| order.side == "buy" && order.position() == key);
        let pending: Decimal = buys.map(|order| (order.shares - order.filled).max(Decimal::ZERO)).sum();
        let held = known.held.get(&key).copied().unwrap_or_default();
        self.owe(known, key, now, due.min(held + pending));
    }

    /// A position that holds nothing and has nothing open is over, and with it what was owed.
    pub(super) fn forget_exit_if_empty(&mut self, known: &mut Known, key: PositionKey, now: OffsetDateTime) {
        let is_held = known.held.get(&key).is_some_and(|held| !held.is_zero());
        let is_unsettled = known.unsettled.values().any(|(_, position)| *position == key);
        let is_open = is_held || is_unsettled || known.open_orders.values().any(|order| order.position() == key);
        if !is_open {
            self.owe(known, key, now, Decimal::ZERO);
        }
    }

    pub(super) fn buckets(&mut self, id: i32) -> &mut BucketsRow {
        self.buckets.entry(id).or_insert_with(|| BucketsRow { id, ..BucketsRow::default() })
    }

    pub(super) fn position(&mut self, key: PositionKey, now: OffsetDateTime) -> &mut PositionRow {
        let position = self.positions.entry(key).or_insert_with(|| PositionRow {
            portfolio_id: key.0,
            leader_id: key.1,
            token_id: key.2,
            shares: Decimal::ZERO,
            provisional: Decimal::ZERO,
            cost: Decimal::ZERO,
            realised: Decimal::ZERO,
            fees: Decimal::ZERO,
            exit_due: None,
            exit_cause: None,
            touched_at: now,
            opened_at: None,
            updated_at: now,
        });
        position.updated_at = now;
        position
    }
}
