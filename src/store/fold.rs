//! RECORDS -> ROWS: what each journal record means for the tables. Touches no database.
//!
//! The result must not depend on where one batch ends and the next begins: rows are sums and last values, and what
//! must be known from earlier batches (open orders, shares held) is in [`Known`], which can be read back from the
//! tables.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::{
    domain::{
        Event, LeaderId, Nanos, OrderId, PortfolioId, Side, SignalId, TokenId, TradeKey,
        event::{Feature, How, Scored, Signal, Submitted, Valued},
    },
    journal::{MarketAbout, Record},
};

use super::rows::*;

mod matches;
mod money;
mod sightings;

pub use matches::ENDED_MAX;
use sightings::again;
pub use sightings::{FIRSTS_MAX, Firsts};

/// Portfolio, leader, token.
pub type PositionKey = (i32, i32, i32);

/// What the tables know that a record does not say.
#[derive(Clone, Default)]
pub struct Known {
    pub open_orders: HashMap<i64, OrderRow>,
    /// Live orders that ended, the latest ones.
    pub ended_orders: BTreeMap<i64, OrderRow>,
    /// Matches that are neither confirmed nor void, by order and trade, and whose position they changed.
    pub unsettled: HashMap<(i64, String), (FillRow, PositionKey)>,
    /// Shares of open positions, and those of them that must be sold.
    pub held: HashMap<PositionKey, Decimal>,
    pub exit_due: HashMap<PositionKey, Decimal>,
    /// The last signal.
    pub signal_last: i64,
    /// Who saw each trade first, the latest ones.
    pub firsts: Firsts,
}

/// A record that does not fit to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit(pub &'static str);

/// The rows of some records.
#[derive(Default)]
pub struct Batch {
    pub sessions: Vec<SessionRow>,
    pub tokens: BTreeMap<i32, TokenRow>,
    pub markets: BTreeMap<i32, MarketRow>,
    pub payouts: BTreeMap<i32, PayoutRow>,
    pub leaders: BTreeMap<i32, LeaderRow>,
    pub portfolios: BTreeMap<i32, PortfolioRow>,
    pub buckets: BTreeMap<i32, BucketsRow>,
    pub signals: Vec<SignalRow>,
    pub sightings: Vec<SightingRow>,
    pub gaps: Vec<GapRow>,
    pub scores: Vec<ScoreRow>,
    pub decisions: BTreeMap<(i64, i32), DecisionRow>,
    pub orders: BTreeMap<i64, OrderRow>,
    /// By record: a match is told again when it settled.
    pub fills: BTreeMap<i64, FillRow>,
    pub positions: BTreeMap<PositionKey, PositionRow>,
    pub settlements: Vec<SettlementRow>,
    pub externals: Vec<ExternalRow>,
    pub differences: Vec<DifferenceRow>,
    /// The last word on each thing that the wallet holds.
    pub account: BTreeMap<(&'static str, i32), AccountRow>,
    pub values: Vec<ValueRow>,
    pub ended: EndedRow,
    pub audit: Vec<AuditRow>,
    pub events: Vec<EventRow>,
}

fn bigint(id: u64) -> i64 {
    i64::try_from(id).expect("ids and record numbers count from zero")
}

fn token_id(id: TokenId) -> i32 {
    id.0.cast_signed()
}

fn leader_id(id: LeaderId) -> i32 {
    id.0.cast_signed()
}

fn trade_key(key: TradeKey) -> String {
    format!("{:016x}{:016x}", key.0[0], key.0[1])
}

fn signal_id(id: SignalId) -> Option<i64> {
    (id != SignalId::NONE).then(|| bigint(id.0))
}

impl Batch {
    /// Adds what `record` means.
    pub fn fold(&mut self, known: &mut Known, seq: u64, at: Nanos, record: &Record<'_>) -> Result<(), Misfit> {
        let (seq, now) = (bigint(seq), moment(at));
        match *record {
            Record::Session { version, config } => {
                let config_hash = format!("{config:016x}");
                self.sessions.push(SessionRow { seq, at: now, version: text(version), config_hash });
            }
            Record::Token { id, text: token } => {
                self.tokens.insert(token_id(id), TokenRow { id: token_id(id), token: text(token) });
            }
            Record::Market { token, market, about } => self.market(token_id(token), &market, &about),
            Record::Leader { id, wallet, name } => {
                let id = leader_id(id);
                self.leaders.insert(id, LeaderRow { id, wallet: text(wallet), name: text(name) });
            }
            Record::Portfolio { id, strategy, mode } => {
                let id = id.0.into();
                self.portfolios.insert(id, PortfolioRow { id, strategy: text(strategy), mode: mode.code() });
            }
            Record::Event(event) => {
                self.event(known, seq, now, &event)?;
                self.events.push(EventRow { seq, at: now, kind: kind(&event), body: event });
            }
            Record::Audit(about) => self.audit.push(AuditRow {
                seq,
                at: now,
                by: text(about.by),
                what: text(about.what),
                of: text(about.of),
                from: text(about.from),
                to: text(about.to),
                ok: about.ok,
                said: text(about.said),
            }),
            Record::Checkpoint { .. }
            | Record::Boot { .. }
            | Record::Wallet { .. }
            | Record::Changed { .. }
            | Record::Ended => {}
        }
        Ok(())
    }

    fn market(&mut self, id: i32, market: &crate::domain::Market, about: &MarketAbout<'_>) {
        let row = MarketRow {
            id,
            condition_id: text(about.condition),
            slug: text(about.slug),
            title: text(about.title),
            outcome: text(about.outcome),
            tick: millionths(market.tick.micros()),
            minimum: shares(market.minimum),
            fee_rate: millionths(market.fees.rate_ppm),
            neg_risk: market.neg_risk,
            closes_at: moment_if_ever(market.closes_at),
        };
        self.markets.insert(id, row);
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    fn event(&mut self, known: &mut Known, seq: i64, now: OffsetDateTime, event: &Event) -> Result<(), Misfit> {
        match *event {
            Event::Deposited { portfolio, amount } => {
                let buckets = self.buckets(portfolio.0.into());
                buckets.deposits += dollars(amount);
                buckets.available += dollars(amount);
            }
            Event::Withdrawn { portfolio, amount } => {
                let buckets = self.buckets(portfolio.0.into());
                buckets.deposits -= dollars(amount);
                buckets.available -= dollars(amount);
            }
            Event::Signal(ref signal) => {
                known.signal_last = bigint(signal.signal.0);
                self.signal(now, signal);
                self.sighting(known, seq, now, signal);
            }
            Event::Skipped { signal, portfolio, reason, numbers } => {
                self.decide(signal, portfolio, no(now, "skipped", reason.code(), reason.unit(), numbers));
                self.ended.signals.extend(signal_id(signal));
            }
            Event::Refused { signal, portfolio, reason, numbers } => {
                self.decide(signal, portfolio, no(now, "refused", reason.code(), reason.unit(), numbers));
                self.ended.signals.extend(signal_id(signal));
            }
            Event::ExitDue { signal, portfolio, leader, token, cause, shares: owed, .. } => {
                self.decide(signal, portfolio, decision(now, "exit_due"));
                let key = (portfolio.0.into(), leader_id(leader), token_id(token));
                self.owe(known, key, now, shares(owed));
                self.position(key, now).exit_cause = Some(cause.code());
            }
            Event::Submitted(ref submitted) => self.submitted(known, now, submitted),
            Event::Accepted { order } => {
                let row = open_order(known, order)?;
                row.accepted_at = Some(now);
                if row.state == "submitted" || row.state == "unknown" {
                    row.state = "accepted".to_owned();
                }
                self.orders.insert(row.id, row.clone());
            }
            Event::Filled(ref filled) => self.filled(known, seq, now, filled)?,
            Event::Closed { order, end, released } => {
                let row = open_order(known, order)?;
                row.closed_at = Some(now);
                row.state = end.code().to_owned();
                let row = known.open_orders.remove(&bigint(order.0)).expect("it was found");
                let buckets = self.buckets(row.portfolio_id);
                buckets.reserved -= dollars(released);
                buckets.available += dollars(released);
                let key = row.position();
                known.ended(&row);
                self.orders.insert(row.id, row);
                self.forget_exit_if_empty(known, key, now);
            }
            Event::Resolved { token, payout } => {
                let id = token_id(token);
                let row = PayoutRow { id, payout: millionths(payout), resolved_after: known.signal_last };
                self.payouts.entry(id).or_insert(row);
                self.ended.tokens.insert(token_id(token));
            }
            Event::Settled(ref settled) => self.settled(known, seq, now, settled)?,
            Event::Released { portfolio, amount } => {
                let buckets = self.buckets(portfolio.0.into());
                buckets.cooling -= dollars(amount);
                buckets.available += dollars(amount);
            }
            Event::Valued(ref valued) => self.valued(seq, now, valued),
            Event::Scored(ref scored) => self.scored(now, scored),
            Event::Buffered { signal, portfolio, wanted, .. } => {
                let waits = DecisionRow { wanted: Some(dollars(wanted)), ..decision(now, "buffered") };
                self.decide(signal, portfolio, waits);
            }
            Event::Merged { signal, portfolio, into } => {
                let merged = DecisionRow { merged_into: signal_id(into), ..decision(now, "merged") };
                self.decide(signal, portfolio, merged);
            }
            Event::Unknown { order } => {
                let row = open_order(known, order)?;
                row.state = "unknown".to_owned();
                self.orders.insert(row.id, row.clone());
            }
            Event::Moved { from, to, amount } => {
                for (portfolio, amount) in [(from, -dollars(amount)), (to, dollars(amount))] {
                    let buckets = self.buckets(portfolio.0.into());
                    buckets.deposits += amount;
                    buckets.available += amount;
                }
            }
            Event::Signed(ref signed) => self.signed(known, signed.order, signed.id.to_string())?,
            Event::Adopted { order, brought, .. } => self.adopted(known, order, brought)?,
            Event::Matched(ref matched) => self.matched(known, seq, now, matched)?,
            Event::Confirmed { order, trade, .. } => self.confirmed(known, now, order, trade),
            Event::Voided { order, trade } => self.voided(known, now, order, trade)?,
            Event::External(ref external) => self.external(seq, now, external),
            Event::Differs(ref differs) => self.differs(seq, now, differs, ""),
            Event::Explained { ref differs, choice } => self.differs(seq, now, differs, choice.code()),
            Event::TakenIn(ref taken) => self.taken_in(known, now, taken),
            Event::WrittenOff(ref off) => self.written_off(known, seq, now, off)?,
            Event::WalletHolds(ref holds) => self.wallet_holds(now, holds),
            Event::Repeated { trade, leader, token, source } => {
                self.sightings.push(again(known, seq, now, (trade, leader, token, source)));
            }
            Event::Gap(ref gap) => self.gap(seq, now, gap),
            // The trace in `events` is all that is kept of these.
            Event::Parked { .. }
            | Event::Diverged { .. }
            | Event::Resynced { .. }
            | Event::Faulted { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::LeaderHolds { .. }
            | Event::LeaderBlocked { .. }
            | Event::LeaderUnblocked { .. }
            | Event::Peaked { .. }
            | Event::CancelDue { .. }
            | Event::PlanRepaired { .. }
            | Event::Unplanned { .. }
            | Event::DayBegan { .. }
            | Event::Tripped { .. }
            | Event::BreakerReset { .. }
            | Event::BalanceLow { .. }
            | Event::Funded { .. }
            | Event::HeldBack { .. }
            | Event::HoldEnded { .. }
            | Event::Declined { .. }
            | Event::Configured { .. }
            | Event::PaperSwitched { .. }
            | Event::LiveSwitched { .. }
            | Event::LeaderSwitched { .. } => {}
        }
        Ok(())
    }

    fn signal(&mut self, now: OffsetDateTime, signal: &Signal) {
        self.signals.push(SignalRow {
            id: bigint(signal.signal.0),
            at: now,
            traded_at: moment(signal.traded_at),
            group_id: bigint(signal.group.0),
            leader_id: leader_id(signal.leader),
            token_id: token_id(signal.token),
            side: signal.side.code(),
            price: price(signal.price),
            shares: shares(signal.shares),
            group_price: price(signal.group_price),
            group_shares: shares(signal.group_shares),
            leader_held: shares(signal.leader_held),
            trade_key: trade_key(signal.trade),
            how: match signal.how {
                How::Traded => "traded",
                How::Left => "left",
                How::Observed => "observed",
            },
        });
        if signal.side == Side::Sell && signal.leader_held <= signal.shares {
            self.ended.tokens.insert(token_id(signal.token));
        }
    }

    fn scored(&mut self, now: OffsetDateTime, scored: &Scored) {
        let feature = |feature: Feature| part(scored.features[feature as usize]);
        self.scores.push(ScoreRow {
            signal_id: bigint(scored.signal.0),
            at: now,
            leader_record: feature(Feature::LeaderRecord),
            book_imbalance: feature(Feature::BookImbalance),
            momentum: feature(Feature::Momentum),
            spread: feature(Feature::Spread),
            time_left: feature(Feature::TimeLeft),
            market_prior: feature(Feature::MarketPrior),
            prior: millionths(scored.prior_ppm),
            additive: millionths(scored.additive.confidence_ppm),
            bayesian: millionths(scored.bayesian.confidence_ppm),
            model: scored.model_ppm.map(millionths),
            ask: scored.ask.map(price),
        });
    }

    /// The last word counts, but nothing takes back that it was ordered, alone or with others.
    fn decide(&mut self, signal: SignalId, portfolio: PortfolioId, row: DecisionRow) {
        let Some(signal) = signal_id(signal) else { return };
        let row = DecisionRow { signal_id: signal, portfolio_id: portfolio.0.into(), ..row };
        let key = (row.signal_id, row.portfolio_id);
        let before = self.decisions.get(&key);
        let ordered = before.is_some_and(|before| matches!(before.outcome, "ordered" | "merged"));
        if !ordered || row.outcome == "ordered" {
            let wanted = row.wanted.or(before.and_then(|before| before.wanted));
            let merged_into = row.merged_into.or(before.and_then(|before| before.merged_into));
            self.decisions.insert(key, DecisionRow { wanted, merged_into, ..row });
        }
    }

    fn submitted(&mut self, known: &mut Known, now: OffsetDateTime, submitted: &Submitted) {
        let row = OrderRow {
            id: bigint(submitted.order.0),
            signal_id: signal_id(submitted.signal),
            portfolio_id: submitted.portfolio.0.into(),
            leader_id: leader_id(submitted.leader),
            token_id: token_id(submitted.token),
            side: submitted.side.code().to_owned(),
            kind: submitted.kind.code().to_owned(),
            cause: submitted.cause.code().to_owned(),
            limit_price: price(submitted.limit),
            shares: shares(submitted.shares),
            budget: dollars(submitted.budget),
            reserved: dollars(submitted.reserved),
            touch: price(submitted.touch),
            reference: price(submitted.reference),
            state: "submitted".to_owned(),
            submitted_at: now,
            accepted_at: None,
            closed_at: None,
            filled: Decimal::ZERO,
            cash: Decimal::ZERO,
            fee: Decimal::ZERO,
            attempt: submitted.attempt.into(),
            venue_id: String::new(),
        };
        let buckets = self.buckets(row.portfolio_id);
        buckets.available -= row.reserved;
        buckets.reserved += row.reserved;
        let decided = DecisionRow { order_id: Some(row.id), ..decision(now, "ordered") };
        self.decide(submitted.signal, submitted.portfolio, decided);
        if submitted.side == Side::Buy {
            self.limit_exit(known, row.position(), now);
        }
        self.orders.insert(row.id, row.clone());
        known.open_orders.insert(row.id, row);
    }

    fn valued(&mut self, seq: i64, now: OffsetDateTime, valued: &Valued) {
        self.values.push(ValueRow {
            portfolio_id: valued.portfolio.0.into(),
            seq,
            at: now,
            available: dollars(valued.available),
            reserved: dollars(valued.reserved),
            deployed: dollars(valued.deployed),
            cooling: dollars(valued.cooling),
            realised: dollars(valued.realised),
            unrealised: dollars(valued.unrealised),
        });
    }
}

fn open_order(known: &mut Known, order: OrderId) -> Result<&mut OrderRow, Misfit> {
    known.open_orders.get_mut(&bigint(order.0)).ok_or(Misfit("the event is about an order that is not open"))
}

/// A decision without its key and numbers.
fn decision(at: OffsetDateTime, outcome: &'static str) -> DecisionRow {
    DecisionRow {
        signal_id: 0,
        portfolio_id: 0,
        at,
        outcome,
        reason: "",
        unit: "",
        limit_amount: None,
        actual_amount: None,
        order_id: None,
        wanted: None,
        merged_into: None,
    }
}

/// Returns a decision against the trade, with its numbers.
fn no(
    now: OffsetDateTime,
    outcome: &'static str,
    reason: &'static str,
    unit: crate::domain::Unit,
    numbers: crate::domain::Numbers,
) -> DecisionRow {
    let (unit, limit_amount, actual_amount) = scaled(unit, numbers);
    DecisionRow { reason, unit, limit_amount, actual_amount, ..decision(now, outcome) }
}

/// Returns the event's name in `events.kind`.
pub fn kind(event: &Event) -> &'static str {
    match event {
        Event::Deposited { .. } => "deposited",
        Event::Withdrawn { .. } => "withdrawn",
        Event::Signal(_) => "signal",
        Event::Repeated { .. } => "repeated",
        Event::Parked { .. } => "parked",
        Event::Skipped { .. } => "skipped",
        Event::Refused { .. } => "refused",
        Event::ExitDue { .. } => "exit_due",
        Event::Submitted(_) => "submitted",
        Event::Accepted { .. } => "accepted",
        Event::Filled(_) => "filled",
        Event::Closed { .. } => "closed",
        Event::Resolved { .. } => "resolved",
        Event::Settled(_) => "settled",
        Event::Released { .. } => "released",
        Event::Valued(_) => "valued",
        Event::Diverged { .. } => "diverged",
        Event::Resynced { .. } => "resynced",
        Event::Faulted { .. } => "faulted",
        Event::Paused { .. } => "paused",
        Event::Unpaused { .. } => "unpaused",
        Event::Scored(_) => "scored",
        Event::Buffered { .. } => "buffered",
        Event::Merged { .. } => "merged",
        Event::LeaderHolds { .. } => "leader_holds",
        Event::LeaderBlocked { .. } => "leader_blocked",
        Event::LeaderUnblocked { .. } => "leader_unblocked",
        Event::Peaked { .. } => "peaked",
        Event::CancelDue { .. } => "cancel_due",
        Event::PlanRepaired { .. } => "plan_repaired",
        Event::Unplanned { .. } => "unplanned",
        Event::Unknown { .. } => "unknown",
        Event::DayBegan { .. } => "day_began",
        Event::Tripped { .. } => "tripped",
        Event::BreakerReset { .. } => "breaker_reset",
        Event::BalanceLow { .. } => "balance_low",
        Event::Moved { .. } => "moved",
        Event::Declined { .. } => "declined",
        Event::Configured { .. } => "configured",
        Event::PaperSwitched { .. } => "paper_switched",
        Event::LiveSwitched { .. } => "live_switched",
        Event::LeaderSwitched { .. } => "leader_switched",
        Event::Funded { .. } => "funded",
        Event::Signed(_) => "signed",
        Event::Matched(_) => "matched",
        Event::Confirmed { .. } => "confirmed",
        Event::Voided { .. } => "voided",
        Event::External(_) => "external",
        Event::Differs(_) => "differs",
        Event::WalletHolds(_) => "wallet_holds",
        Event::Gap(_) => "gap",
        Event::Explained { .. } => "explained",
        Event::TakenIn(_) => "taken_in",
        Event::WrittenOff(_) => "written_off",
        Event::Adopted { .. } => "adopted",
        Event::HeldBack { .. } => "held_back",
        Event::HoldEnded { .. } => "hold_ended",
    }
}
