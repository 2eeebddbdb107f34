//! The journal's events, as they are.

use serde::Serialize;
use sqlx::{FromRow, types::Json};
use time::OffsetDateTime;

use super::{Reader, trades::EVENTS_MAX};

/// How far back one page of a list looks for what only the event itself names: so many records, however rare it is.
pub const LOOK_BACK: i64 = 100_000;

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct EventRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub kind: String,
    pub body: Json<serde_json::Value>,
}

/// Which events to list; -1 leaves that part open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of these kinds; none: of all.
    pub kinds: Vec<String>,
    pub portfolio: i32,
    pub leader: i32,
    pub order: i64,
    pub signal: i64,
}

impl EventFilter {
    /// All events.
    pub fn open() -> EventFilter {
        EventFilter { kinds: Vec::new(), portfolio: -1, leader: -1, order: -1, signal: -1 }
    }

    /// Returns whether every event must be looked at: no index knows portfolios and leaders.
    fn looks_at_each(&self) -> bool {
        (self.portfolio >= 0 || self.leader >= 0) && self.order < 0 && self.signal < 0
    }
}

/// A page of events, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    pub rows: Vec<EventRow>,
    /// Where the next page begins: below this record; `None` at the end.
    pub older: Option<i64>,
    /// The oldest record that was looked at, where that was not all of them.
    pub looked_back_to: Option<i64>,
}

// Kinds that name an order and no portfolio are the order's portfolio's.
const OF_SOMEBODY: &str = "
    select seq, at, kind, body from events e
    where seq < $1 and seq >= $2 and (cardinality($3::text[]) = 0 or kind = any($3))
        and ($4 < 0 or coalesce((jsonb_path_query_first(body, '$.*.portfolio'))::int,
            (select o.portfolio_id from orders o where o.id = (jsonb_path_query_first(body, '$.*.order'))::bigint)) = $4)
        and ($5 < 0 or coalesce((jsonb_path_query_first(body, '$.*.leader'))::int,
            (select o.leader_id from orders o where o.id = (jsonb_path_query_first(body, '$.*.order'))::bigint),
            (select s.leader_id from signals s where s.id = (jsonb_path_query_first(body, '$.*.signal'))::bigint)) = $5)
    order by seq desc limit $6";

const OF_KINDS: &str = "
    select e.* from unnest($2::text[]) k (kind)
    cross join lateral (select seq, at, kind, body from events
        where kind = k.kind and seq < $1 order by seq desc limit $3) e
    order by e.seq desc limit $3";

impl Reader {
    /// Returns up to `limit` events below record `below`, newest first.
    pub async fn events(&mut self, filter: &EventFilter, below: i64, limit: i64) -> sqlx::Result<EventPage> {
        let mut page = EventPage::default();
        if filter.order >= 0 || filter.signal >= 0 {
            page.rows = self.events_of(filter.signal.max(0), &[filter.order]).await?;
            page.rows.retain(|row| row.seq < below && (filter.kinds.is_empty() || filter.kinds.contains(&row.kind)));
            page.rows.reverse();
        } else if filter.looks_at_each() {
            let newest: Option<i64> = sqlx::query_scalar("select max(seq) from events where seq < $1")
                .bind(below)
                .fetch_one(&mut *self.0)
                .await?;
            let from = newest.unwrap_or(0) - LOOK_BACK;
            page.rows = sqlx::query_as(OF_SOMEBODY)
                .bind(below)
                .bind(from)
                .bind(&filter.kinds)
                .bind(filter.portfolio)
                .bind(filter.leader)
                .bind(limit + 1)
                .fetch_all(&mut *self.0)
                .await?;
            if page.rows.len() <= limit as usize && 0 < from {
                (page.older, page.looked_back_to) = (Some(from), Some(from));
            }
        } else if filter.kinds.is_empty() {
            const ALL: &str = "select seq, at, kind, body from events where seq < $1 order by seq desc limit $2";
            page.rows = sqlx::query_as(ALL).bind(below).bind(limit + 1).fetch_all(&mut *self.0).await?;
        } else {
            page.rows = sqlx::query_as(OF_KINDS)
                .bind(below)
                .bind(&filter.kinds)
                .bind(limit + 1)
                .fetch_all(&mut *self.0)
                .await?;
        }
        if page.rows.len() > limit as usize {
            page.rows.truncate(limit as usize);
            page.older = page.rows.last().map(|row| row.seq);
        }
        Ok(page)
    }

    /// Returns the events that name `signal` (0: none) or one of `orders`, in the journal's order.
    pub async fn events_of(&mut self, signal: i64, orders: &[i64]) -> sqlx::Result<Vec<EventRow>> {
        sqlx::query_as(
            "select seq, at, kind, body from events
             where kind in ('signal', 'parked', 'scored', 'skipped', 'refused', 'exit_due', 'submitted', 'buffered', 'merged')
                 and (jsonb_path_query_first(body, '$.*.signal'))::bigint = nullif($1, 0)
             union
             select seq, at, kind, body from events
             where kind in ('submitted', 'accepted', 'filled', 'closed', 'faulted', 'cancel_due', 'unknown', 'signed', 'matched',
                     'confirmed', 'voided', 'adopted')
                 and (jsonb_path_query_first(body, '$.*.order'))::bigint = any($2)
             order by seq limit $3",
        )
        .bind(signal)
        .bind(orders)
        .bind(EVENTS_MAX)
        .fetch_all(&mut *self.0)
        .await
    }

    /// Returns the newest events of those that an operator wants to know of: breakers, switches, commands, faults, leaders
    /// who are blocked.
    pub async fn events_of_note(&mut self, limit: i64) -> sqlx::Result<Vec<EventRow>> {
        sqlx::query_as(
            "select seq, at, kind, body from events
             where kind in ('tripped', 'breaker_reset', 'paper_switched', 'live_switched', 'leader_switched', 'declined',
                 'paused', 'unpaused', 'faulted', 'leader_blocked', 'leader_unblocked', 'balance_low', 'moved', 'deposited',
                 'withdrawn', 'configured', 'plan_repaired', 'unknown', 'voided', 'adopted', 'external', 'differs', 'held_back',
                 'hold_ended', 'explained', 'taken_in', 'written_off')
             order by seq desc limit $1",
        )
        .bind(limit)
        .fetch_all(&mut *self.0)
        .await
    }

    /// Returns the newest events of one kind.
    pub async fn events_last(&mut self, kind: &str, limit: i64) -> sqlx::Result<Vec<EventRow>> {
        sqlx::query_as("select seq, at, kind, body from events where kind = $1 order by seq desc limit $2")
            .bind(kind)
            .bind(limit)
            .fetch_all(&mut *self.0)
            .await
    }
}
