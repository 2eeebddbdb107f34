//! What happens in the simulated world, and when: a queue of things to do in virtual time.
//!
//! The same options give the same steps. Nothing here reads a clock: the caller says up to when he wants to know.

mod steer;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::leader::{self, Intent, Leader, Sight};
use super::listing::{COINS_COUNT, Listing, STANDING_COUNT};
use super::message::{Activity, BookImage, Change, Message, Outcome, Resolution};
use super::place::{Kind, Place};
use super::random::Random;
use super::wire::Phase;
use crate::domain::{Millis, Nanos, Shares, Side, Tick, market::SHARES_STEP};

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub seed: u64,
    /// How busy the world is; 100 is about a hundred market messages a second. Must not be zero.
    pub rate_percent: u64,
    /// When the world begins.
    pub start: Nanos,
    /// How long a short market trades.
    pub short_life: Nanos,
}

impl Default for Options {
    fn default() -> Options {
        Options { seed: 1, rate_percent: 100, start: Nanos::ZERO, short_life: Nanos::from_secs(300) }
    }
}

/// What happened at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Nanos,
    pub messages: Vec<Message>,
}

#[derive(Debug)]
enum Action {
    Quote(u64),
    Drift(u64),
    Stranger(u64),
    Close(u64),
    Resolve(u64),
    Leader(usize),
    Tell(Vec<Activity>),
}

#[derive(Debug)]
pub struct Workload {
    options: Options,
    random: Random,
    /// By number, in order of opening. Those long resolved are forgotten.
    places: BTreeMap<u64, Place>,
    leaders: [Leader; 3],
    strangers: Vec<String>,
    queue: BTreeMap<(Nanos, u64), Action>,
    queued: u64,
    opened: u64,
    /// The activity feed tells in order.
    told_at: Nanos,
}

const QUOTE_MS: u64 = 100;
/// How often fair values move while a short market lives.
const DRIFTS_A_LIFE: u64 = 700;
const STRANGER_MS: u64 = 1_500;
const STRANGERS: usize = 200;
/// How many markets are remembered, open or not.
const PLACES_MAX: usize = 64;
/// The feed tells a fill this much later than the market channel.
const TELL_MS: std::ops::Range<u64> = 120..450;
/// One market in so many ends even.
const EVEN_ONE_IN: u64 = 8;

impl Workload {
    /// Panics if the rate is zero.
    pub fn new(options: Options) -> Workload {
        assert!(options.rate_percent > 0, "a rate of 0 % never does anything");
        let mut random = Random::new(options.seed);
        let strangers = (0..STRANGERS).map(|_| random.hex(20)).collect();
        let mut world = Workload {
            options,
            random,
            places: BTreeMap::new(),
            leaders: leader::all(),
            strangers,
            queue: BTreeMap::new(),
            queued: 0,
            opened: 0,
            told_at: options.start,
        };
        for nth in 0..STANDING_COUNT {
            world.open(Kind::Standing(nth), options.start, options.short_life);
        }
        // The standing markets are the same whenever a seed begins; what happens in them, and the short ones, are not:
        // an engine that is started again in the same world must not take today's trades for yesterday's.
        world.random = Random::new(options.seed ^ options.start.0.rotate_left(17));
        for nth in 0..COINS_COUNT {
            // Short markets do not all end at once, and the first of them ends soon.
            let left = Nanos(options.short_life.0 * (nth as u64 + 1) / (COINS_COUNT as u64 + 1));
            world.open(Kind::Short(nth), options.start, left);
        }
        for nth in 0..world.leaders.len() {
            world.after(options.start, world.leaders[nth].pause_ms / 2, Action::Leader(nth));
        }
        world
    }

    /// Returns the next moment at which something is told, if it is not after `until`.
    pub fn next(&mut self, until: Nanos) -> Option<Step> {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) {
            let ((at, _), action) = entry.remove_entry();
            let messages = self.act(at, action);
            if !messages.is_empty() {
                return Some(Step { at, messages });
            }
        }
        None
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// Returns the market and outcome of a token.
    pub fn token(&self, token: &str) -> Option<(&Place, Outcome)> {
        self.places.values().find_map(|place| {
            let outcome = *Outcome::BOTH.iter().find(|outcome| place.listing.tokens[outcome.index()] == token)?;
            Some((place, outcome))
        })
    }

    pub fn condition(&self, condition: &str) -> Option<&Place> {
        self.places.values().find(|place| place.listing.condition == condition)
    }

    /// Returns the book of a token as it is at `now`; `None` for a token that is not known or no longer traded.
    pub fn book(&self, token: &str, now: Nanos) -> Option<BookImage> {
        let (place, outcome) = self.token(token)?;
        (place.phase == Phase::Open).then(|| place.book.image(outcome, Millis(now.as_millis())))
    }

    fn act(&mut self, at: Nanos, action: Action) -> Vec<Message> {
        match action {
            Action::Quote(market) => self.quote(at, market),
            Action::Drift(market) => self.drift(at, market),
            Action::Stranger(market) => self.stranger(at, market),
            Action::Leader(nth) => self.lead(at, nth),
            Action::Close(market) => self.close(at, market),
            Action::Resolve(market) => self.resolve(at, market),
            Action::Tell(activities) => activities.into_iter().map(Message::Activity).collect(),
        }
    }

    fn at(&mut self, at: Nanos, action: Action) {
        self.queued += 1;
        self.queue.insert((at, self.queued), action);
    }

    /// Does something after about `mean_ms`, sooner in a busier world.
    fn after(&mut self, now: Nanos, mean_ms: u64, action: Action) {
        let share = self.random.range(20, 180);
        let pause = Nanos(mean_ms * 1_000_000 * share / self.options.rate_percent);
        self.at(now.plus(pause), action);
    }

    fn open(&mut self, kind: Kind, now: Nanos, short_life: Nanos) -> Arc<Listing> {
        let (mut random, opens_at) = (self.random.fork(), Millis(now.as_millis()));
        let listing = Arc::new(match kind {
            Kind::Standing(nth) => Listing::standing(nth, &mut random, opens_at),
            Kind::Short(nth) => Listing::short(nth, &mut random, opens_at, Millis(now.plus(short_life).as_millis())),
        });
        self.opened += 1;
        let market = self.opened;
        self.places.insert(market, Place::open(Arc::clone(&listing), kind, &mut random));
        self.after(now, QUOTE_MS, Action::Quote(market));
        self.at(now, Action::Drift(market));
        self.after(now, STRANGER_MS, Action::Stranger(market));
        self.at(listing.closes_at.nanos(), Action::Close(market));
        while self.places.len() > PLACES_MAX {
            let resolved = self.places.iter().find(|(_, place)| matches!(place.phase, Phase::Resolved(_)));
            let Some((oldest, _)) = resolved else { break };
            let oldest = *oldest;
            self.places.remove(&oldest);
        }
        listing
    }

    fn place(&mut self, market: u64) -> Option<&mut Place> {
        self.places.get_mut(&market).filter(|place| place.phase == Phase::Open)
    }

    fn quote(&mut self, at: Nanos, market: u64) -> Vec<Message> {
        let mut random = self.random.fork();
        let Some(place) = self.place(market) else { return Vec::new() };
        let changes = place.requote(&mut random);
        let messages = changed(place, Millis(at.as_millis()), changes);
        self.after(at, QUOTE_MS, Action::Quote(market));
        messages
    }

    fn drift(&mut self, at: Nanos, market: u64) -> Vec<Message> {
        let mut random = self.random.fork();
        let Some(place) = self.place(market) else { return Vec::new() };
        place.drift(Millis(at.as_millis()), &mut random);
        let messages = match place.tick_due() {
            Some(tick) => change_tick(place, Millis(at.as_millis()), tick),
            None => Vec::new(),
        };
        // Virtual time, not activity, moves the world: the rate leaves the drift alone.
        let pause = Nanos(self.options.short_life.0 / DRIFTS_A_LIFE);
        self.at(at.plus(pause), Action::Drift(market));
        messages
    }

    fn stranger(&mut self, at: Nanos, market: u64) -> Vec<Message> {
        if self.place(market).is_none() {
            return Vec::new();
        }
        self.after(at, STRANGER_MS, Action::Stranger(market));
        let random = &mut self.random;
        let (outcome, side) = (*random.pick(&Outcome::BOTH), *random.pick(&[Side::Buy, Side::Sell]));
        let whole = random.range(5, 80) * if random.chance(10) { 10 } else { 1 };
        let size = Shares::whole(whole) + Shares(random.range(0, 100) * SHARES_STEP);
        let wallet = random.pick(&self.strangers).clone();
        let name = format!("stranger-{}", &wallet[2..8]);
        self.take(at, Intent { market, outcome, side, size, depth: 3, makers: 1 }, &wallet, &name).0
    }

    fn lead(&mut self, at: Nanos, nth: usize) -> Vec<Message> {
        self.after(at, self.leaders[nth].pause_ms, Action::Leader(nth));
        let open = self.places.iter().filter(|(_, place)| place.phase == Phase::Open);
        let sights: Vec<Sight> = open.map(|(market, place)| sight(*market, place)).collect();
        let leader = &self.leaders[nth];
        let (name, wallet) = (leader.name, leader.wallet);
        let Some(intent) = leader.decide(&sights, &mut self.random) else { return Vec::new() };
        let (messages, size) = self.take(at, intent, wallet, name);
        self.leaders[nth].fill(intent.market, intent.outcome, intent.side, size);
        messages
    }

    /// Takes from the book. Returns what the market channel says and how many shares were taken.
    fn take(&mut self, at: Nanos, intent: Intent, wallet: &str, name: &str) -> (Vec<Message>, Shares) {
        let transaction = self.random.hex(32);
        let Intent { market, outcome, side, size, depth, makers } = intent;
        let Some(place) = self.place(market) else { return (Vec::new(), Shares::ZERO) };
        let (taken, changes) = place.book.sweep(outcome, side, size, depth);
        let (listing, millis) = (Arc::clone(&place.listing), Millis(at.as_millis()));
        let (mut messages, mut fills) = (Vec::new(), Vec::new());
        let mut total = Shares::ZERO;
        for part in taken {
            total = total + part.size;
            place.book.traded[outcome.index()] = Some(part.price);
            messages.push(Message::LastTrade {
                listing: Arc::clone(&listing),
                outcome,
                at: millis,
                side,
                price: part.price,
                size: part.size,
                transaction: transaction.clone(),
            });
            let fill = |size| Activity {
                listing: Arc::clone(&listing),
                outcome,
                wallet: wallet.to_owned(),
                name: name.to_owned(),
                side,
                price: part.price,
                size,
                traded_at: millis,
                transaction: transaction.clone(),
            };
            fills.extend(shared_among(part.size, makers).map(fill));
        }
        if total == Shares::ZERO {
            return (messages, total);
        }
        messages.extend(changed(place, millis, changes));
        messages.extend(Outcome::BOTH.map(|outcome| Message::Book(place.book.image(outcome, millis))));
        let delay = Nanos::from_millis(self.random.range(TELL_MS.start, TELL_MS.end));
        self.told_at = at.plus(delay).max(self.told_at);
        self.at(self.told_at, Action::Tell(fills));
        (messages, total)
    }

    /// Ends trading and opens the market that follows.
    fn close(&mut self, at: Nanos, market: u64) -> Vec<Message> {
        let millis = Millis(at.as_millis());
        let Some(place) = self.place(market) else { return Vec::new() };
        let kind = place.kind;
        let (tick, traded) = (place.book.tick, place.book.traded);
        place.phase = Phase::Closed;
        place.book = super::book::Book::new(Arc::clone(&place.listing), tick);
        place.book.traded = traded;
        let mut messages: Vec<Message> =
            Outcome::BOTH.map(|outcome| Message::Book(place.book.image(outcome, millis))).into();
        let listing = self.open(kind, at, self.options.short_life);
        messages.push(Message::NewMarket { listing, at: millis });
        self.at(at.plus(Nanos(self.options.short_life.0 / 30)), Action::Resolve(market));
        messages
    }

    fn resolve(&mut self, at: Nanos, market: u64) -> Vec<Message> {
        let even = self.random.range(0, EVEN_ONE_IN) == 0;
        // Somebody may have resolved it before its time.
        let closed = self.places.get_mut(&market).filter(|place| place.phase == Phase::Closed);
        let Some(place) = closed else { return Vec::new() };
        let resolution = match (even, place.fair < 500_000) {
            (true, _) => Resolution::Even,
            (false, false) => Resolution::Won(Outcome::Yes),
            (false, true) => Resolution::Won(Outcome::No),
        };
        place.phase = Phase::Resolved(resolution);
        let listing = Arc::clone(&place.listing);
        self.leaders.iter_mut().for_each(|leader| leader.redeem(market));
        vec![Message::Resolved { listing, at: Millis(at.as_millis()), resolution }]
    }
}

fn sight(market: u64, place: &Place) -> Sight {
    Sight {
        market,
        kind: place.kind,
        fair: place.fair,
        anchor: place.anchor,
        rise: place.rise,
        best_bid: place.book.best_bid(),
        best_ask: place.book.best_ask(),
    }
}

/// Applies changes and says so, and also what the best prices are where they changed.
fn changed(place: &mut Place, at: Millis, changes: Vec<Change>) -> Vec<Message> {
    if changes.is_empty() {
        return Vec::new();
    }
    let best_before = (place.book.best_bid(), place.book.best_ask());
    changes.iter().for_each(|change| place.book.apply(*change));
    let (listing, after) = (Arc::clone(&place.listing), place.book.tops(at));
    let mut messages = vec![Message::PriceChange { listing: Arc::clone(&listing), at, changes, after: after.clone() }];
    if best_before != (place.book.best_bid(), place.book.best_ask()) {
        messages.extend(Outcome::BOTH.map(|outcome| Message::BestBidAsk {
            listing: Arc::clone(&listing),
            outcome,
            at,
            top: after[outcome.index()].clone(),
        }));
    }
    messages
}

fn change_tick(place: &mut Place, at: Millis, new: Tick) -> Vec<Message> {
    let off_grid = place.off_grid(new);
    let mut messages = changed(place, at, off_grid);
    let (old, listing) = (place.book.tick, Arc::clone(&place.listing));
    place.book.tick = new;
    messages.extend(Outcome::BOTH.map(|outcome| {
        let listing = Arc::clone(&listing);
        Message::TickChange { listing, outcome, at, old, new }
    }));
    messages.extend(Outcome::BOTH.map(|outcome| Message::Book(place.book.image(outcome, at))));
    messages
}

/// Cuts a fill into equal parts, one a maker; the last one gets what is left.
fn shared_among(size: Shares, makers: u64) -> impl Iterator<Item = Shares> {
    let part = Shares(size.0 / makers).floor_to(SHARES_STEP);
    let rest = Shares(size.0 - part.0 * (makers - 1));
    std::iter::repeat_n(part, makers as usize - 1).chain([rest]).filter(|part| *part != Shares::ZERO)
}

#[cfg(test)]
mod tests;
