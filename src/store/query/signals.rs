//! Signals of all modes together: each with who told it and how it ended in every portfolio.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::{Reader, orders::EVER};

/// Which signals to list; an empty text or a negative id leaves that part open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalFilter {
    pub portfolio: i32,
    pub leader: i32,
    /// skipped, refused, buffered, merged, exit_due, ordered, filled, unfilled, open, or waiting.
    pub outcome: String,
    /// A skip's, refusal's, rejection's or other end's code.
    pub reason: String,
    pub side: String,
    /// Who told it first.
    pub source: String,
    /// A part of the market's title, or the whole token id.
    pub market: String,
    /// From the first, before the second.
    pub time: (OffsetDateTime, OffsetDateTime),
}

impl Default for SignalFilter {
    fn default() -> SignalFilter {
        SignalFilter {
            portfolio: -1,
            leader: -1,
            outcome: String::new(),
            reason: String::new(),
            side: String::new(),
            source: String::new(),
            market: String::new(),
            time: EVER,
        }
    }
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct SignalLine {
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
    pub title: String,
    pub token_outcome: String,
    pub side: String,
    pub price: Decimal,
    pub shares: Decimal,
    /// `traded`, `left` or `observed`.
    pub how: String,
    /// Who told it first, and how many sources told it; none where it was a reading of positions.
    pub source: Option<String>,
    pub sources: i64,
    #[sqlx(skip)]
    pub ends: Vec<SignalEnd>,
}

/// How a signal ended in one portfolio.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct SignalEnd {
    #[serde(skip)]
    pub signal_id: i64,
    pub portfolio_id: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub outcome: String,
    pub reason: String,
    pub limit_amount: Option<Decimal>,
    pub actual_amount: Option<Decimal>,
    pub order_id: Option<i64>,
    pub state: Option<String>,
    pub filled: Option<Decimal>,
    pub cash: Option<Decimal>,
}

const SIGNALS: &str = "
    with page as (
        select s.* from signals s
        where (not $13 or s.id = any(array(select signal_id from decisions where reason = $11 and reason <> ''
                union all select signal_id from orders where state = $11)))
            and ($10 <> 'waiting' or s.id = any(array(select id from signals except select signal_id from decisions)))
            and ($10 <> 'open' or s.id = any(array(select signal_id from orders where closed_at is null)))
            and ($10 not in ('buffered', 'merged', 'exit_due') or s.id = any(array(select signal_id from decisions
                where outcome in ('buffered', 'merged', 'exit_due') and outcome = $10)))
            and (s.at, s.id) < ($1, $2) and s.at >= $3 and s.at < $4
            and ($5 < 0 or s.leader_id = $5) and ($6 = '' or s.side = $6)
            and ($7 = '' or s.token_id in (select id from tokens where token = $7 or strpos(lower(title), lower($7)) > 0))
            and ($8 = '' or exists (select from sightings g where g.signal_id = s.id and g.is_first and g.source = $8))
            and (($9 < 0 and $10 = '' and $11 = '') or case $10
                when 'waiting' then true
                else exists (select from decisions d left join orders o on o.signal_id = s.id and o.portfolio_id = d.portfolio_id
                    where d.signal_id = s.id and ($9 < 0 or d.portfolio_id = $9) and ($11 = '' or d.reason = $11 or o.state = $11)
                        and case $10 when '' then true
                            when 'filled' then o.filled > 0
                            when 'unfilled' then o.closed_at is not null and o.filled = 0
                            when 'open' then o.id is not null and o.closed_at is null
                            else d.outcome = $10 end) end)
        order by s.at desc, s.id desc limit $12
    )
    select p.id, p.at, p.traded_at, p.group_id, p.leader_id, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet,
        p.token_id, coalesce(t.token, '') as token, coalesce(t.title, '') as title, coalesce(t.outcome, '') as token_outcome,
        p.side, p.price, p.shares, p.how, f.source, coalesce(f.sources, 0) as sources
    from page p
    left join leaders l on l.id = p.leader_id
    left join tokens t on t.id = p.token_id
    left join lateral (select max(source) filter (where is_first) as source, count(distinct source) as sources
        from sightings where signal_id = p.id) f on true
    order by p.at desc, p.id desc";

const ENDS: &str = "
    select d.signal_id, d.portfolio_id, d.at, d.outcome, d.reason, d.limit_amount, d.actual_amount, o.id as order_id, o.state,
        o.filled, o.cash
    from decisions d
    left join lateral (select id, state, filled, cash from orders o
        where o.signal_id = d.signal_id and o.portfolio_id = d.portfolio_id order by id desc limit 1) o on true
    where d.signal_id = any($1) order by d.signal_id, d.portfolio_id";

impl Reader {
    /// Returns up to `limit` signals below (seen, id), newest first, each with all its ends.
    pub async fn signals(
        &mut self,
        filter: &SignalFilter,
        below: (OffsetDateTime, i64),
        limit: i64,
    ) -> sqlx::Result<Vec<SignalLine>> {
        let is_rare = self.is_rare(&filter.reason).await?;
        let mut lines: Vec<SignalLine> = sqlx::query_as(SIGNALS)
            .bind(below.0)
            .bind(below.1)
            .bind(filter.time.0)
            .bind(filter.time.1)
            .bind(filter.leader)
            .bind(&filter.side)
            .bind(&filter.market)
            .bind(&filter.source)
            .bind(filter.portfolio)
            .bind(&filter.outcome)
            .bind(&filter.reason)
            .bind(limit)
            .bind(is_rare)
            .fetch_all(&mut *self.0)
            .await?;
        let ids: Vec<i64> = lines.iter().map(|line| line.id).collect();
        let ends: Vec<SignalEnd> = sqlx::query_as(ENDS).bind(&ids).fetch_all(&mut *self.0).await?;
        for end in ends {
            if let Some(line) = lines.iter_mut().find(|line| line.id == end.signal_id) {
                line.ends.push(end);
            }
        }
        Ok(lines)
    }
}
