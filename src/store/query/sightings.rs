//! Which source told of leaders' trades, when, and what each missed; and what became of what was seen, leader by leader.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::{By, Reader, Scope};
use crate::store::copyability::LeaderScore;

/// The most trades that sources are compared on, the latest: in a page that is made again and again, and in a report.
pub const TRADES_PAGE_MAX: i64 = 5_000;
pub const TRADES_REPORT_MAX: i64 = 100_000;
/// The most leaders that are told of: those with the most trades.
pub const LEADERS_MAX: i64 = 500;
/// A source that has not told of a trade so long after the first one has missed it.
pub const MISSED_AFTER_S: f64 = 120.0;
/// Bounds of how far behind a leader's trade we saw it, in milliseconds. Counts have one more: above all of them.
pub const BEHIND_MS: [i64; 12] =
    [100, 250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 60_000, 600_000, 3_600_000];

/// What one source told. Times in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow, Serialize)]
pub struct SourceRow {
    pub source: String,
    /// Trades that it told.
    pub seen: i64,
    /// Of them, those that it was the first to tell,
    pub first: i64,
    /// and those that nobody else told.
    pub alone: i64,
    /// How often it told what it had told.
    pub again: i64,
    /// Where it was first: how far ahead of the next.
    pub lead_p50_us: Option<i64>,
    pub lead_p99_us: Option<i64>,
    /// Where it was not: how far behind the first.
    pub lag_p50_us: Option<i64>,
    pub lag_p99_us: Option<i64>,
    /// How far behind the leader's trade itself; sources know its time to the second only, and not all the same one.
    pub behind_p50_us: Option<i64>,
    pub behind_p99_us: Option<i64>,
    /// Trades that it had the time to tell and did not,
    pub missed: i64,
    /// and those while it said itself that it might miss some.
    pub missed_in_gaps: i64,
    /// Gaps while the program ran,
    pub gaps: i64,
    pub gaps_us: i64,
    pub gap_longest_us: i64,
    /// and before it did.
    pub starts: i64,
    pub starts_us: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_at: Option<OffsetDateTime>,
}

/// What we saw of a leader and made of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaderSeen {
    pub id: i32,
    pub wallet: String,
    pub name: String,
    pub seen: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_at: Option<OffsetDateTime>,
    /// Trades of his that we bought or sold something for.
    pub copied_paper: i64,
    pub copied_live: i64,
    /// Decisions against, most often said first.
    pub noes: Vec<SeenNo>,
    pub behind_p50_us: Option<i64>,
    pub behind_p90_us: Option<i64>,
    pub behind_p99_us: Option<i64>,
    /// How often we were so far behind: under each of [`BEHIND_MS`], and above all.
    pub behind: Vec<i64>,
    /// What copying him would have earned, if somebody asked.
    pub score: Option<LeaderScore>,
    /// What our copies earned, net of fees.
    pub realised_paper: Decimal,
    pub realised_live: Decimal,
}

/// One word of one source of one trade.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct SightingRow {
    pub seq: i64,
    pub source: String,
    #[serde(with = "time::serde::rfc3339")]
    pub seen_at: OffsetDateTime,
    pub is_first: bool,
    /// Behind the first one.
    pub lag_us: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeenNo {
    /// `skipped` or `refused`.
    pub outcome: String,
    pub reason: String,
    pub count: i64,
}

#[derive(FromRow)]
struct SeenRow {
    id: i32,
    wallet: String,
    name: String,
    seen: i64,
    last_at: Option<OffsetDateTime>,
    behind_p50_us: Option<i64>,
    behind_p90_us: Option<i64>,
    behind_p99_us: Option<i64>,
}

// A run is one of the program's: a source that is never heard of in it is off. It is on from its first word in it.
const SOURCES: &str = "
    with firsts as (
        select f.signal_id, f.seen_at, s.traded_at, s.how,
            coalesce((select max(r.seq) from sessions r where r.seq < f.seq), 0) as run
        from sightings f join signals s on s.id = f.signal_id
        where f.is_first and f.seen_at >= $1 order by f.seq desc limit $3
    ), told as (
        select t.source, t.signal_id, min(t.seen_at) as seen_at, min(t.lag_us) as lag_us, bool_or(t.is_first) as is_first,
            count(*) as times, min(f.run) as run, min(f.traded_at) as traded_at, bool_or(f.how = 'traded') as is_trade
        from firsts f join sightings t on t.signal_id = f.signal_id
        group by t.signal_id, t.source
    ), nexts as (
        select signal_id, min(lag_us) as lag_us from told where not is_first group by signal_id
    ), summed as (
        select t.source, count(*) as seen, count(*) filter (where t.is_first) as first,
            count(*) filter (where t.is_first and n.signal_id is null) as alone, (sum(t.times) - count(*))::bigint as again,
            percentile_disc(0.5) within group (order by n.lag_us) filter (where t.is_first and n.signal_id is not null) as lead_p50_us,
            percentile_disc(0.99) within group (order by n.lag_us) filter (where t.is_first and n.signal_id is not null) as lead_p99_us,
            percentile_disc(0.5) within group (order by t.lag_us) filter (where not t.is_first) as lag_p50_us,
            percentile_disc(0.99) within group (order by t.lag_us) filter (where not t.is_first) as lag_p99_us,
            percentile_disc(0.5) within group (order by b.us) filter (where t.is_trade) as behind_p50_us,
            percentile_disc(0.99) within group (order by b.us) filter (where t.is_trade) as behind_p99_us
        from told t left join nexts n on n.signal_id = t.signal_id
        cross join lateral (select (date_part('epoch', t.seen_at - t.traded_at) * 1000000)::bigint as us) b
        group by t.source
    ), runs as (
        select source, run, min(seen_at) as on_from from told group by source, run
    ), missing as (
        select r.source, exists (select from source_gaps g where g.source = r.source
                and g.began_at <= f.seen_at + make_interval(secs => $4) and g.ended_at >= least(f.traded_at, f.seen_at)) as in_gap
        from firsts f join runs r on r.run = f.run and r.on_from <= f.seen_at
        left join told t on t.source = r.source and t.signal_id = f.signal_id
            and t.lag_us <= ($4 * 1000000)::bigint
        where t.signal_id is null and f.how = 'traded' and f.seen_at + make_interval(secs => $4) <= $2
    ), missed as (
        select source, count(*) filter (where not in_gap) as missed, count(*) filter (where in_gap) as missed_in_gaps
        from missing group by source
    ), gaps as (
        select g.source, count(*) filter (where g.cause <> 'start') as gaps,
            coalesce(sum(l.us) filter (where g.cause <> 'start'), 0)::bigint as gaps_us,
            coalesce(max(l.us) filter (where g.cause <> 'start'), 0) as gap_longest_us,
            count(*) filter (where g.cause = 'start') as starts,
            coalesce(sum(l.us) filter (where g.cause = 'start'), 0)::bigint as starts_us
        from source_gaps g cross join lateral (select (date_part('epoch', g.ended_at - g.began_at) * 1000000)::bigint as us) l
        where g.ended_at >= $1 group by g.source
    )
    select n.source, coalesce(s.seen, 0) as seen, coalesce(s.first, 0) as first, coalesce(s.alone, 0) as alone,
        coalesce(s.again, 0) as again, s.lead_p50_us, s.lead_p99_us, s.lag_p50_us, s.lag_p99_us, s.behind_p50_us, s.behind_p99_us,
        coalesce(m.missed, 0) as missed, coalesce(m.missed_in_gaps, 0) as missed_in_gaps, coalesce(g.gaps, 0) as gaps,
        coalesce(g.gaps_us, 0) as gaps_us, coalesce(g.gap_longest_us, 0) as gap_longest_us, coalesce(g.starts, 0) as starts,
        coalesce(g.starts_us, 0) as starts_us,
        l.last_at
    from unnest(array['activity', 'matched', 'print', 'pending', 'log', 'index']) with ordinality n (source, place)
    left join summed s on s.source = n.source left join missed m on m.source = n.source left join gaps g on g.source = n.source
    cross join lateral (select max(seen_at) as last_at from sightings t where t.source = n.source) l
    where s.source is not null or g.source is not null or l.last_at is not null
    order by n.place";

const SEEN: &str = "
    select l.id, l.wallet, l.name, count(s.id) as seen, max(s.at) as last_at,
        percentile_disc(0.5) within group (order by b.us) as behind_p50_us,
        percentile_disc(0.9) within group (order by b.us) as behind_p90_us,
        percentile_disc(0.99) within group (order by b.us) as behind_p99_us
    from leaders l left join signals s on s.leader_id = l.id and s.at >= $1
    left join lateral (select (date_part('epoch', s.at - s.traded_at) * 1000000)::bigint as us where s.how = 'traded') b on true
    group by l.id, l.wallet, l.name order by seen desc, l.name, l.id limit $2";

const BEHIND: &str = "
    select leader_id, width_bucket((date_part('epoch', at - traded_at) * 1000)::bigint, $2::bigint[]) as place, count(*)
    from signals where at >= $1 and how = 'traded' group by 1, 2";

const COPIED: &str = "
    select s.leader_id, p.mode, count(distinct s.id)
    from signals s join decisions d on d.signal_id = s.id join portfolios p on p.id = d.portfolio_id
    where s.at >= $1 and d.outcome in ('ordered', 'merged') and exists (select from orders o
        where o.signal_id = coalesce(d.merged_into, s.id) and o.portfolio_id = d.portfolio_id and o.filled > 0)
    group by 1, 2";

const NOES: &str = "
    select s.leader_id, d.outcome, d.reason, count(*)
    from signals s join decisions d on d.signal_id = s.id
    where s.at >= $1 and d.outcome in ('skipped', 'refused') group by 1, 2, 3 order by 4 desc, 2, 3";

impl Reader {
    /// Returns what each source told of the trades that were first seen `since`, the latest `trades_max` of them; all
    /// sources that ever told anything, in their order. A trade is missed by a source that was on and did not tell it within
    /// two minutes of the first one; whose two minutes are not over at `now` is not counted.
    pub async fn sources(
        &mut self,
        since: OffsetDateTime,
        now: OffsetDateTime,
        trades_max: i64,
    ) -> sqlx::Result<Vec<SourceRow>> {
        sqlx::query_as(SOURCES)
            .bind(since)
            .bind(now)
            .bind(trades_max)
            .bind(MISSED_AFTER_S)
            .fetch_all(&mut *self.0)
            .await
    }

    /// Returns who told of a signal's trade, in the order they did.
    pub async fn sightings_of(&mut self, signal: i64) -> sqlx::Result<Vec<SightingRow>> {
        const OF: &str = "select seq, source, seen_at, is_first, lag_us from sightings where signal_id = $1 \
            order by seen_at, seq limit $2";
        sqlx::query_as(OF).bind(signal).bind(super::trades::PARTS_MAX).fetch_all(&mut *self.0).await
    }

    /// Returns what was seen of each leader `since`, most trades first.
    pub async fn leaders_seen(&mut self, since: OffsetDateTime) -> sqlx::Result<Vec<LeaderSeen>> {
        let rows: Vec<SeenRow> = sqlx::query_as(SEEN).bind(since).bind(LEADERS_MAX).fetch_all(&mut *self.0).await?;
        let behind: Vec<(i32, i32, i64)> =
            sqlx::query_as(BEHIND).bind(since).bind(BEHIND_MS).fetch_all(&mut *self.0).await?;
        let copied: Vec<(i32, String, i64)> = sqlx::query_as(COPIED).bind(since).fetch_all(&mut *self.0).await?;
        let noes: Vec<(i32, String, String, i64)> = sqlx::query_as(NOES).bind(since).fetch_all(&mut *self.0).await?;
        let scores: Vec<LeaderScore> = sqlx::query_as("select * from leader_scores").fetch_all(&mut *self.0).await?;
        let scope = |mode: &str| Scope { mode: mode.to_owned(), strategy: String::new(), since };
        let mut realised: BTreeMap<(&str, String), Decimal> = BTreeMap::new();
        for mode in ["paper", "live"] {
            let rows = self.results(&scope(mode), By::Leader).await?;
            realised.extend(rows.into_iter().map(|row| ((mode, row.id), row.realised)));
        }
        let leaders = rows.into_iter().map(|row| {
            let his = |mode: &str| copied.iter().find(|(id, of, _)| *id == row.id && of == mode).map_or(0, |one| one.2);
            let earned = |mode| realised.get(&(mode, row.wallet.clone())).copied().unwrap_or_default();
            let mut counts = vec![0; BEHIND_MS.len() + 1];
            behind
                .iter()
                .filter(|(id, ..)| *id == row.id)
                .for_each(|(_, place, count)| counts[*place as usize] += count);
            let noes = noes.iter().filter(|(id, ..)| *id == row.id);
            let noes = noes.map(|(_, outcome, reason, count)| SeenNo {
                outcome: outcome.clone(),
                reason: reason.clone(),
                count: *count,
            });
            LeaderSeen {
                id: row.id,
                seen: row.seen,
                last_at: row.last_at,
                copied_paper: his("paper"),
                copied_live: his("live"),
                noes: noes.collect(),
                behind_p50_us: row.behind_p50_us,
                behind_p90_us: row.behind_p90_us,
                behind_p99_us: row.behind_p99_us,
                behind: counts,
                score: scores.iter().find(|score| score.wallet == row.wallet).cloned(),
                realised_paper: earned("paper"),
                realised_live: earned("live"),
                wallet: row.wallet,
                name: row.name,
            }
        });
        Ok(leaders.collect())
    }
}

/// Returns the counts of all leaders together.
pub fn behind(leaders: &[LeaderSeen]) -> Vec<i64> {
    let mut counts = vec![0; BEHIND_MS.len() + 1];
    for leader in leaders {
        counts.iter_mut().zip(&leader.behind).for_each(|(count, more)| *count += more);
    }
    counts
}
