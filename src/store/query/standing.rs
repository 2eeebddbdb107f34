//! How things stand that were switched, tripped or blocked: the last word of the journal on each of them.

use serde::Serialize;

use super::{EventRow, Reader};
use crate::domain::{Breaker, Event, LeaderId, LeaderSwitch, LiveSwitch, Nanos, PaperSwitch, PortfolioId};

/// The most words that are read.
const WORDS_MAX: i64 = 2_000;

/// What was said last; what nobody ever spoke of is as the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub tripped: Vec<(PortfolioId, Breaker)>,
    pub paused: Vec<PortfolioId>,
    pub paper: Option<PaperSwitch>,
    pub live: Option<LiveSwitch>,
    /// Leaders whose own switch is not on `inherit`.
    pub leaders: Vec<(LeaderId, LeaderSwitch)>,
    /// Leaders who are not followed, and until when.
    pub blocked: Vec<(LeaderId, Nanos)>,
}

const LAST_WORDS: &str = "
    select distinct on (thing) seq, at, kind, body from (
        select seq, at, kind, body, case kind
            when 'tripped' then 'breaker ' || (body->'Tripped'->>'portfolio') || (body->'Tripped'->>'breaker')
            when 'breaker_reset' then 'breaker ' || (body->'BreakerReset'->>'portfolio') || (body->'BreakerReset'->>'breaker')
            when 'paused' then 'pause ' || (body->'Paused'->>'portfolio')
            when 'unpaused' then 'pause ' || (body->'Unpaused'->>'portfolio')
            when 'leader_blocked' then 'block ' || (body->'LeaderBlocked'->>'leader')
            when 'leader_unblocked' then 'block ' || (body->'LeaderUnblocked'->>'leader')
            when 'leader_switched' then 'leader ' || (body->'LeaderSwitched'->>'leader')
            else kind end as thing
        from events
        where kind in ('tripped', 'breaker_reset', 'paused', 'unpaused', 'leader_blocked', 'leader_unblocked',
            'leader_switched', 'paper_switched', 'live_switched')
    ) words
    order by thing, seq desc limit $1";

impl Reader {
    pub async fn standing(&mut self) -> sqlx::Result<Standing> {
        let words: Vec<EventRow> = sqlx::query_as(LAST_WORDS).bind(WORDS_MAX).fetch_all(&mut *self.0).await?;
        let mut standing = Standing::default();
        // An event of a newer version of the program says nothing to this one.
        let events = words.into_iter().filter_map(|row| serde_json::from_value(row.body.0).ok());
        events.for_each(|event: Event| standing.hear(&event));
        Ok(standing)
    }
}

impl Standing {
    fn hear(&mut self, event: &Event) {
        match *event {
            Event::Tripped { portfolio, breaker, .. } => self.tripped.push((portfolio, breaker)),
            Event::Paused { portfolio } => self.paused.push(portfolio),
            Event::PaperSwitched { to } => self.paper = Some(to),
            Event::LiveSwitched { to } => self.live = Some(to),
            Event::LeaderSwitched { to: LeaderSwitch::Inherit, .. } => {}
            Event::LeaderSwitched { leader, to } => self.leaders.push((leader, to)),
            Event::LeaderBlocked { leader, until, .. } => self.blocked.push((leader, until)),
            // The last word was that it is as usual; others are not asked for.
            _as_usual => {}
        }
    }
}
