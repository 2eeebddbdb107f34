//! Signals, how they ended, and the orders that came of them.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::{OffsetDateTime, macros::datetime};

use super::{Reader, orders::EVER};

/// The most events of one signal or order that a page shows.
pub const EVENTS_MAX: i64 = 500;
/// The most orders, fills or decisions of one signal that a page shows.
pub const PARTS_MAX: i64 = 200;

/// What to list; an empty text or a zero or negative id leaves that part open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeFilter {
    /// `paper` or `live`.
    pub mode: String,
    /// -1: all.
    pub portfolio: i32,
    /// -1: all.
    pub leader: i32,
    /// skipped, refused, buffered, merged, exit_due, waiting, ordered, filled, unfilled, open, or unprompted (an order no leader led to).
    pub outcome: String,
    /// A skip's, refusal's or rejection's code.
    pub reason: String,
    pub side: String,
    /// A part of the market's title, or the whole token id.
    pub market: String,
    /// From the first, before the second.
    pub time: (OffsetDateTime, OffsetDateTime),
}

impl Default for TradeFilter {
    fn default() -> TradeFilter {
        TradeFilter {
            mode: "paper".to_owned(),
            portfolio: -1,
            leader: -1,
            outcome: String::new(),
            reason: String::new(),
            side: String::new(),
            market: String::new(),
            time: EVER,
        }
    }
}

/// The place of a row in the list, newest first. The next page begins below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub at: OffsetDateTime,
    pub kind: i32,
    pub id: i64,
    pub portfolio: i32,
}

impl Cursor {
    /// Above all rows.
    pub const TOP: Cursor =
        Cursor { at: datetime!(9999-12-31 00:00 UTC), kind: i32::MAX, id: i64::MAX, portfolio: i32::MAX };
}

/// One line of the trades page: a signal as one portfolio saw it (`kind` 0), or an order no signal led to (`kind` 1).
/// Order fields are of the signal's latest order in that portfolio.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct TradeRow {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub kind: i32,
    pub id: i64,
    /// -1: no portfolio decided yet.
    pub portfolio_id: i32,
    pub signal_id: Option<i64>,
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub token_id: i32,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
    pub side: String,
    pub price: Option<Decimal>,
    pub shares: Option<Decimal>,
    pub group_id: Option<i64>,
    pub group_price: Option<Decimal>,
    pub group_shares: Option<Decimal>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub traded_at: Option<OffsetDateTime>,
    /// How it ended for the portfolio; `waiting` before a decision, `ordered` for an order without a signal.
    pub outcome: String,
    pub reason: String,
    pub limit_amount: Option<Decimal>,
    pub actual_amount: Option<Decimal>,
    /// Dollars of the copy, where it waited for more; and the signal that completed the order.
    pub wanted: Option<Decimal>,
    pub merged_into: Option<i64>,
    /// What each dollar of the copy would have earned, had the no been a yes; none until the leader's own trade ended.
    pub would: Option<Decimal>,
    /// The score, for a buy: the market's probability, ours, and the external model's.
    pub prior: Option<Decimal>,
    pub additive: Option<Decimal>,
    pub bayesian: Option<Decimal>,
    pub model: Option<Decimal>,
    pub order_id: Option<i64>,
    /// 1: the first; more: it was sent again.
    pub attempt: Option<i16>,
    pub order_kind: Option<String>,
    pub cause: Option<String>,
    pub limit_price: Option<Decimal>,
    pub order_shares: Option<Decimal>,
    pub budget: Option<Decimal>,
    pub touch: Option<Decimal>,
    pub reference: Option<Decimal>,
    pub state: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub submitted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closed_at: Option<OffsetDateTime>,
    pub filled: Option<Decimal>,
    /// Paid or received, before the fee.
    pub cash: Option<Decimal>,
    pub fee: Option<Decimal>,
}

impl TradeRow {
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.at, kind: self.kind, id: self.id, portfolio: self.portfolio_id }
    }
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct SignalRow {
    pub id: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub traded_at: OffsetDateTime,
    pub group_id: i64,
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub token_id: i32,
    pub token: String,
    pub condition_id: String,
    pub title: String,
    pub token_outcome: String,
    pub side: String,
    pub price: Decimal,
    pub shares: Decimal,
    pub group_price: Decimal,
    pub group_shares: Decimal,
    pub leader_held: Decimal,
    pub trade_key: String,
    /// `traded`, `left` or `observed`.
    pub how: String,
    pub prior: Option<Decimal>,
    pub additive: Option<Decimal>,
    pub bayesian: Option<Decimal>,
    pub model: Option<Decimal>,
}

const TRADES: &str = "
    with page as (
        (select s.at, 0 as kind, s.id, coalesce(d.portfolio_id, -1) as portfolio_id, s.id as signal_id, s.leader_id,
             s.token_id, s.side, s.price, s.shares, s.group_id, s.group_price, s.group_shares, s.traded_at,
             coalesce(d.outcome, 'waiting') as outcome, coalesce(d.reason, '') as reason, d.limit_amount,
             d.actual_amount, d.wanted, d.merged_into, d.would, o.id as order_id
         from signals s
         left join decisions d on d.signal_id = s.id
         left join lateral (select o.id, o.state, o.filled, o.closed_at from orders o
             where o.signal_id = s.id and o.portfolio_id = d.portfolio_id order by o.id desc limit 1) o on true
         where s.at <= $1 and (not $15 or s.id = any(array(select signal_id from decisions where reason = $8 and reason <> ''
                union all select signal_id from orders where state = $8)))
            and ($7 <> 'open' or s.id = any(array(select signal_id from orders where closed_at is null)))
            and ($7 not in ('buffered', 'merged', 'exit_due') or s.id = any(array(select signal_id from decisions
                where outcome in ('buffered', 'merged', 'exit_due') and outcome = $7)))
            and (s.at, 0, s.id, coalesce(d.portfolio_id, -1)) < ($1, $2, $3, $4)
             and (d.portfolio_id is null or d.portfolio_id in (select id from portfolios where mode = $11))
             and ($5 < 0 or d.portfolio_id = $5)
             and ($6 < 0 or s.leader_id = $6)
             and ($7 = '' or case $7
                 when 'waiting' then d.signal_id is null
                 when 'unprompted' then false
                 when 'ordered' then o.id is not null
                 when 'filled' then o.filled > 0
                 when 'unfilled' then o.closed_at is not null and o.filled = 0
                 when 'open' then o.id is not null and o.closed_at is null
                 else d.outcome = $7 end)
             and ($8 = '' or d.reason = $8 or o.state = $8)
             and ($9 = '' or s.side = $9) and s.at >= $13 and s.at < $14
            and ($12 = '' or s.token_id in (select id from tokens where token = $12 or strpos(lower(title), lower($12)) > 0))
         order by s.at desc, s.id desc, coalesce(d.portfolio_id, -1) desc limit $10)
        union all
        (select o.submitted_at, 1, o.id, o.portfolio_id, null, o.leader_id, o.token_id, o.side, null, null, null, null,
             null, null, 'ordered', '', null, null, null, null, null, o.id
         from orders o
         where o.signal_id is null and o.submitted_at <= $1
             and (o.submitted_at, 1, o.id, o.portfolio_id) < ($1, $2, $3, $4)
             and o.portfolio_id in (select id from portfolios where mode = $11)
             and ($5 < 0 or o.portfolio_id = $5)
             and ($6 < 0 or o.leader_id = $6)
             and ($7 = '' or case $7
                 when 'unprompted' then true
                 when 'ordered' then true
                 when 'filled' then o.filled > 0
                 when 'unfilled' then o.closed_at is not null and o.filled = 0
                 when 'open' then o.closed_at is null
                 else false end)
             and ($8 = '' or o.state = $8 or o.cause = $8)
             and ($9 = '' or o.side = $9) and o.submitted_at >= $13 and o.submitted_at < $14
            and ($12 = '' or o.token_id in (select id from tokens where token = $12 or strpos(lower(title), lower($12)) > 0))
         order by o.submitted_at desc, o.id desc limit $10)
    )
    select p.*, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet, coalesce(t.token, '') as token,
        coalesce(t.title, '') as title, coalesce(t.outcome, '') as token_outcome, c.prior, c.additive, c.bayesian, c.model,
        o.attempt, o.kind as order_kind, o.cause,
        o.limit_price, o.shares as order_shares, o.budget, o.touch, o.reference, o.state, o.submitted_at, o.closed_at,
        o.filled, o.cash, o.fee
    from page p
    left join orders o on o.id = p.order_id
    left join scores c on c.signal_id = p.signal_id
    left join leaders l on l.id = p.leader_id
    left join tokens t on t.id = p.token_id
    order by p.at desc, p.kind desc, p.id desc, p.portfolio_id desc limit $10";

impl Reader {
    /// Returns whether so few signals and orders ended for a reason that they are looked up, and not met on the way.
    pub(super) async fn is_rare(&mut self, reason: &str) -> sqlx::Result<bool> {
        const FEW: i64 = 2_000;
        const COUNT: &str = "select count(*) from (
            (select 1 from decisions where reason = $1 and reason <> '' limit $2)
            union all (select 1 from orders where state = $1 limit $2)) said";
        let count: i64 = match reason {
            "" => return Ok(false),
            reason => sqlx::query_scalar(COUNT).bind(reason).bind(FEW).fetch_one(&mut *self.0).await?,
        };
        Ok(count < FEW)
    }

    /// Returns up to `limit` rows below `below`, newest first.
    pub async fn trades(&mut self, filter: &TradeFilter, below: Cursor, limit: i64) -> sqlx::Result<Vec<TradeRow>> {
        let is_rare = self.is_rare(&filter.reason).await?;
        sqlx::query_as(TRADES)
            .bind(below.at)
            .bind(below.kind)
            .bind(below.id)
            .bind(below.portfolio)
            .bind(filter.portfolio)
            .bind(filter.leader)
            .bind(&filter.outcome)
            .bind(&filter.reason)
            .bind(&filter.side)
            .bind(limit)
            .bind(&filter.mode)
            .bind(&filter.market)
            .bind(filter.time.0)
            .bind(filter.time.1)
            .bind(is_rare)
            .fetch_all(&mut *self.0)
            .await
    }

    pub async fn signal(&mut self, id: i64) -> sqlx::Result<Option<SignalRow>> {
        sqlx::query_as(
            "select s.id, s.at, s.traded_at, s.group_id, s.leader_id, coalesce(l.name, '') as leader,
                 coalesce(l.wallet, '') as wallet, s.token_id, coalesce(t.token, '') as token,
                 coalesce(t.condition_id, '') as condition_id, coalesce(t.title, '') as title,
                 coalesce(t.outcome, '') as token_outcome, s.side, s.price, s.shares, s.group_price, s.group_shares,
                 s.leader_held, s.trade_key, s.how, c.prior, c.additive, c.bayesian, c.model
             from signals s
             left join scores c on c.signal_id = s.id
             left join leaders l on l.id = s.leader_id
             left join tokens t on t.id = s.token_id
             where s.id = $1 limit 1",
        )
        .bind(id)
        .fetch_optional(&mut *self.0)
        .await
    }

    /// Returns how the signal ended in each portfolio, as the trades page shows it.
    pub async fn decisions_of(&mut self, signal: &SignalRow) -> sqlx::Result<Vec<TradeRow>> {
        let above = Cursor { at: signal.at, kind: 0, id: signal.id, portfolio: i32::MAX };
        let mut all = Vec::new();
        for mode in ["paper", "live"] {
            let filter = TradeFilter { mode: mode.to_owned(), ..TradeFilter::default() };
            all.extend(self.trades(&filter, above, PARTS_MAX).await?);
        }
        all.retain(|row| row.signal_id == Some(signal.id));
        // While nobody decided, it is in both.
        all.dedup_by_key(|row| row.portfolio_id);
        Ok(all)
    }
}
