//! What can be made to go wrong at the simulated venue: once, on demand ([`Fault`]), or all the time ([`Knobs`]).

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::World;
use super::mishap::Balances;
use super::profile::{Knobs, is_spell, spells};
use super::public::Region;
use super::refusal::refused;
use crate::domain::{Millis, Nanos, Shares, Side};
use crate::sim::message::{BookImage, Change, Level, Message};
use crate::sim::place::{Place, removal};
use crate::sim::random::Random;
use crate::sim::workload::Trick;

/// Injected by [`super::Server::inject`] or `POST /control/faults` with `{"fault":"freeze"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The next removal of a level is not told: readers' books silently diverge.
    OmitRemoval,
    /// Two messages of the same moment: one that crosses a book, one that uncrosses it.
    CrossedBurst,
    /// Every socket is cut.
    DropConnections,
    /// The sockets of now get no more data, but PONG. New ones do.
    Freeze,
    /// So many of the oldest sockets of the activity feed get no more data, but PONG.
    FreezeActivity { sockets: usize },
    /// Every socket gets a frame that is not JSON.
    GarbageFrame,
    /// Every socket gets one message of so many bytes.
    OversizedFrame { bytes: usize },
    /// So many frames of the activity feed are sent twice.
    DuplicateActivity { frames: u32 },
    /// The next snapshot of each book is the one of now, however old it is then.
    StaleSnapshot,
    /// So many REST requests are answered with 500.
    RestErrors { requests: u32 },
    /// So many REST requests are answered only after `millis`.
    RestSlow { requests: u32, millis: u64 },
}

/// What happens by itself at the beginning of a spell, or at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    CloseUserSockets,
    Restart,
    CancelOnly,
    CancelOnlyEnds,
    FlipTicks,
    Reorganise,
    Play(Trick),
}

/// The faults that wait for their occasion, the knobs, and the chance that decides.
#[derive(Debug)]
pub struct Pending {
    pub knobs: Knobs,
    pub region: Region,
    random: Random,
    /// Spells are counted from here.
    began: Nanos,
    seen: Seen,
    private_answers: u64,
    pub balances: Balances,
    pub removals_to_omit: u32,
    pub activity_to_repeat: u32,
    pub rest_errors: u32,
    pub rest_slow: u32,
    pub rest_slow_millis: u64,
    /// By token.
    pub stale_snapshots: HashMap<String, BookImage>,
}

/// How many spells of each kind were acted upon.
#[derive(Debug, Default)]
struct Seen {
    gaps: u64,
    restarts: u64,
    cancel_only: u64,
    ticks: u64,
    reorganised: u64,
    /// By position in [`Trick::ALL`].
    played: [u64; Trick::ALL.len()],
    is_cancel_only: bool,
}

/// How a REST request is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    Answer,
    Fail,
    AnswerAfter { millis: u64 },
}

impl Pending {
    pub fn new(knobs: Knobs, seed: u64, began: Nanos) -> Pending {
        Pending {
            knobs,
            region: Region::default(),
            random: Random::new(seed ^ 0x0bad_1dea),
            began,
            seen: Seen::default(),
            private_answers: 0,
            balances: Balances::default(),
            removals_to_omit: 0,
            activity_to_repeat: 0,
            rest_errors: 0,
            rest_slow: 0,
            rest_slow_millis: 0,
            stale_snapshots: HashMap::new(),
        }
    }

    /// Returns true in `ppm` of a million cases. Draws nothing where that is never.
    pub fn strikes(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.random.range(0, 1_000_000) < u64::from(ppm)
    }

    /// Returns a number from `low` to `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.random.range(low, high.max(low) + 1)
    }

    /// Returns whether a fault that comes in spells is on.
    pub fn is_on(&self, now: Nanos, every_ms: u64, for_ms: u64) -> bool {
        is_spell(now.since(self.began), every_ms, for_ms)
    }

    /// Returns whether the user channel lets nobody in.
    pub fn is_gap(&self, now: Nanos) -> bool {
        self.is_on(now, self.knobs.user_gap_every_ms, self.knobs.user_gap_for_ms)
    }

    /// Returns whether nobody may buy.
    pub fn is_closed_only(&self, now: Nanos) -> bool {
        self.is_on(now, self.knobs.closed_only_every_ms, self.knobs.closed_only_for_ms)
    }

    /// Returns which spell of the market channel is on, if one is.
    pub fn stall(&self, now: Nanos) -> Option<u64> {
        let Knobs { market_stall_every_ms: every, market_stall_for_ms: length, .. } = self.knobs;
        self.is_on(now, every, length).then(|| spells(now.since(self.began), every, length))
    }

    /// Counts a private answer. Returns whether its connection is to be closed.
    pub fn closes_after_this(&mut self) -> bool {
        self.private_answers += 1;
        let every = u64::from(self.knobs.close_after_requests);
        every > 0 && self.private_answers.is_multiple_of(every)
    }

    /// Turns knobs. A spell that is on by the new ones begins now; earlier ones are not made up for.
    pub fn turn(&mut self, knobs: Knobs, now: Nanos) {
        self.knobs = knobs;
        let age = now.since(self.began);
        let over = |every, length| spells(age, every, length) - u64::from(is_spell(age, every, length));
        self.seen = Seen {
            gaps: over(knobs.user_gap_every_ms, knobs.user_gap_for_ms),
            restarts: over(knobs.restart_every_ms, 0),
            cancel_only: over(knobs.cancel_only_every_ms, knobs.cancel_only_for_ms),
            ticks: over(knobs.tick_flip_every_ms, 0),
            reorganised: over(knobs.reorg_every_ms, 0),
            played: Trick::ALL.map(|trick| over(knobs.trick_every_ms(trick), 0)),
            is_cancel_only: self.seen.is_cancel_only,
        };
    }

    /// Returns what begins or ends by itself since it was last asked.
    pub fn occasions(&mut self, now: Nanos) -> Vec<Occasion> {
        let (age, knobs) = (now.since(self.began), self.knobs);
        let mut due = Vec::new();
        let mut begins = |seen: &mut u64, every, length, occasion| {
            let count = spells(age, every, length);
            if count > *seen {
                due.push(occasion);
            }
            *seen = count;
        };
        let seen = &mut self.seen;
        begins(&mut seen.gaps, knobs.user_gap_every_ms, knobs.user_gap_for_ms, Occasion::CloseUserSockets);
        // A restart has its own length, and a flip none: they begin with their period.
        begins(&mut seen.restarts, knobs.restart_every_ms, 0, Occasion::Restart);
        begins(&mut seen.ticks, knobs.tick_flip_every_ms, 0, Occasion::FlipTicks);
        begins(&mut seen.reorganised, knobs.reorg_every_ms, 0, Occasion::Reorganise);
        for (trick, played) in Trick::ALL.into_iter().zip(&mut seen.played) {
            begins(played, knobs.trick_every_ms(trick), 0, Occasion::Play(trick));
        }
        let (every, length) = (knobs.cancel_only_every_ms, knobs.cancel_only_for_ms);
        begins(&mut seen.cancel_only, every, length, Occasion::CancelOnly);
        let is_cancel_only = is_spell(age, every, length);
        if seen.is_cancel_only && !is_cancel_only {
            due.push(Occasion::CancelOnlyEnds);
        }
        seen.is_cancel_only = is_cancel_only;
        due
    }

    /// Uses up a fault for one REST request.
    pub fn treat_request(&mut self) -> Treatment {
        if self.rest_errors > 0 {
            self.rest_errors -= 1;
            return Treatment::Fail;
        }
        if self.rest_slow > 0 {
            self.rest_slow -= 1;
            return Treatment::AnswerAfter { millis: self.rest_slow_millis };
        }
        Treatment::Answer
    }

    /// Leaves a removal out of a message if that is due. Returns what is left to tell; `None` if nothing is.
    pub fn omit_removal(&mut self, message: Message) -> Option<Message> {
        let Message::PriceChange { listing, at, mut changes, after } = message else { return Some(message) };
        let removes = changes.iter().position(|change| change.level.size == Shares::ZERO);
        if let Some(position) = removes.filter(|_| self.removals_to_omit > 0) {
            self.removals_to_omit -= 1;
            changes.remove(position);
        }
        (!changes.is_empty()).then_some(Message::PriceChange { listing, at, changes, after })
    }
}

/// Returns a bid at or above the best ask and its removal; `None` for a book without asks. The book itself is unchanged.
pub fn crossed_burst(place: &Place, at: Millis) -> Option<[Message; 2]> {
    let ask = place.book.best_ask()?;
    let price = place.book.tick.ceil(ask.up(place.book.tick.micros())).unwrap_or(ask);
    let mut book = place.book.clone();
    let crossing = Change { side: Side::Buy, level: Level { price, size: Shares::whole(10) } };
    Some([crossing, removal(Side::Buy, price)].map(|change| {
        book.apply(change);
        let listing = std::sync::Arc::clone(&place.listing);
        Message::PriceChange { listing, at, changes: vec![change], after: book.tops(at) }
    }))
}

/// Answers a request, or fails or delays it where a fault says so. Sockets and what steers the venue are left alone.
pub async fn with_faults(State(world): State<World>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if ["/control/", "/ws/", "/rtds"].iter().any(|free| path.starts_with(free)) {
        return next.run(request).await;
    }
    // The index has its own trouble; routes of v2 are its alone.
    let is_busy = path.starts_with("/v2/") && {
        let pending = &mut world.hub().pending;
        pending.strikes(pending.knobs.index_busy_ppm)
    };
    if is_busy {
        let busy = refused(StatusCode::TOO_MANY_REQUESTS, "simulated: too many requests");
        return ([(axum::http::header::RETRY_AFTER, "1")], busy).into_response();
    }
    let treatment = world.hub().pending.treat_request();
    match treatment {
        Treatment::Answer => next.run(request).await,
        Treatment::Fail => refused(StatusCode::INTERNAL_SERVER_ERROR, "simulated failure").into_response(),
        Treatment::AnswerAfter { millis } => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            next.run(request).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_begin_and_end_once() {
        let knobs = Knobs {
            user_gap_every_ms: 10_000,
            user_gap_for_ms: 2_000,
            cancel_only_every_ms: 20_000,
            cancel_only_for_ms: 5_000,
            restart_every_ms: 30_000,
            tick_flip_every_ms: 15_000,
            reorg_every_ms: 25_000,
            trick_giant_every_ms: 16_000,
            ..Knobs::CALM
        };
        let mut pending = Pending::new(knobs, 1, Nanos::from_secs(100));
        let mut check = |second: u64, expected: &[Occasion]| {
            assert_eq!(pending.occasions(Nanos::from_secs(100 + second)), expected, "second {second}");
        };
        check(7, &[]);
        check(8, &[Occasion::CloseUserSockets]);
        check(9, &[]);
        check(15, &[Occasion::FlipTicks, Occasion::CancelOnly]);
        check(16, &[Occasion::Play(Trick::Giant)]);
        check(17, &[]);
        check(20, &[Occasion::CloseUserSockets, Occasion::CancelOnlyEnds]);
        check(25, &[Occasion::Reorganise]);
        check(30, &[Occasion::CloseUserSockets, Occasion::Restart, Occasion::FlipTicks]);
        // What is on when it is set begins then; what is set off ends.
        let gap = Knobs { user_gap_every_ms: 1_000_000, user_gap_for_ms: 1_000_000, ..Knobs::CALM };
        pending.turn(gap, Nanos::from_secs(138));
        assert_eq!(pending.occasions(Nanos::from_secs(138)), [Occasion::CloseUserSockets]);
        assert_eq!(pending.occasions(Nanos::from_secs(139)), []);
        let only = Knobs { cancel_only_every_ms: 1_000_000, cancel_only_for_ms: 1_000_000, ..Knobs::CALM };
        pending.turn(only, Nanos::from_secs(140));
        assert_eq!(pending.occasions(Nanos::from_secs(140)), [Occasion::CancelOnly]);
        pending.turn(Knobs::CALM, Nanos::from_secs(141));
        assert_eq!(pending.occasions(Nanos::from_secs(141)), [Occasion::CancelOnlyEnds]);
    }

    #[test]
    fn chance_is_seeded_and_never_is_never() {
        let drawn = |seed| {
            let mut pending = Pending::new(Knobs::CALM, seed, Nanos::ZERO);
            (0..1_000).map(|_| pending.strikes(500_000)).collect::<Vec<bool>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let struck = drawn(7).into_iter().filter(|struck| *struck).count();
        assert!((400..600).contains(&struck), "{struck}");
        let mut pending = Pending::new(Knobs::CALM, 1, Nanos::ZERO);
        assert!((0..1_000).all(|_| !pending.strikes(0) && pending.strikes(1_000_000)));
    }
}
