//! Where money and shares go: the transfer table of DESIGN.md, section 5, and the positions.

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::domain::{
    Shares,
    event::{Filled, Settled},
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
        let key = (row.portfolio_id, row.leader_id, row.token_id);
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
            position.exit_sold += shares(filled.shares);
        }
        self.fills.push(FillRow {
            seq,
            at: now,
            order_id: row.id,
            portfolio_id: row.portfolio_id,
            shares: shares(filled.shares),
            cash,
            fee,
            basis,
            realised,
        });
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
        position.exit_owed = Some(Decimal::ZERO);
        position.exit_sold = Decimal::ZERO;
        self.settlements.push(SettlementRow {
            seq,
            at: now,
            portfolio_id: key.0,
            leader_id: key.1,
            token_id: key.2,
            shares: shares(settled.shares),
            basis,
            proceeds,
        });
        Ok(())
    }

    fn bought(
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

    fn gone(
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

    pub(super) fn buckets(&mut self, id: i32) -> &mut BucketsRow {
        self.buckets.entry(id).or_insert_with(|| BucketsRow { id, ..BucketsRow::default() })
    }

    pub(super) fn position(&mut self, key: PositionKey, now: OffsetDateTime) -> &mut PositionRow {
        let position = self.positions.entry(key).or_insert_with(|| PositionRow {
            portfolio_id: key.0,
            leader_id: key.1,
            token_id: key.2,
            shares: Decimal::ZERO,
            cost: Decimal::ZERO,
            realised: Decimal::ZERO,
            fees: Decimal::ZERO,
            exit_owed: None,
            exit_sold: Decimal::ZERO,
            exit_cause: None,
            touched_at: now,
            opened_at: None,
            updated_at: now,
        });
        position.updated_at = now;
        position
    }
}
