//! The world and who listens to it. One lock: a snapshot and the changes after it can neither overlap nor leave a gap.

use std::cell::LazyCell;
use std::collections::{HashSet, VecDeque};

use alloy::primitives::{Address, B256};
use axum::extract::ws::{Message as Frame, Utf8Bytes};
use serde::Serialize;
use tokio::sync::mpsc;

use super::chain::Renamed;

use super::fault::{Fault, Pending, crossed_burst};
use super::lossy::Channel;
use super::private::{Desk, UserWants};
use super::profile::Knobs;
use super::public::{Archive, COINS_EVERY_MS, CoinFilter, CoinPrice, Tape, What};
use super::truth::{Entry, Truth};
use crate::clock::mono;
use crate::domain::{Millis, Nanos};
use crate::sim::chain::Chain;
use crate::sim::listing::Listing;
use crate::sim::message::{Activity, Deed, Message, Outcome};
use crate::sim::wire::{self, Phase};
use crate::sim::workload::{Options, Workload};

/// Where the machine is slower than the world, the world lags rather than keep everybody from the lock.
const ADVANCE_NANOS_MAX: u64 = 2_000_000;

#[derive(Debug)]
pub struct Hub {
    pub workload: Workload,
    pub pending: Pending,
    pub tape: Tape,
    pub archive: Archive,
    pub desk: Desk,
    /// `None` only while it is lent.
    pub(super) chain: Option<Chain>,
    pub(super) renamed: Renamed,
    /// The transaction that is being mined.
    pub(super) acting: B256,
    /// By which transactions the exchange's next moves were made.
    pub(super) moved_by: VecDeque<B256>,
    truth: Option<Truth>,
    requests: u64,
    connections: Vec<Connection>,
    connected: u64,
    queue_max: usize,
    /// When prices of coins are told next.
    coins_at: Nanos,
}

#[derive(Debug)]
struct Connection {
    id: u64,
    wants: Wants,
    queue: mpsc::Sender<Frame>,
    is_frozen: bool,
}

/// What a socket subscribed to.
#[derive(Debug)]
pub enum Wants {
    Market(MarketWants),
    Activity(ActivityWants),
    User(UserWants),
}

#[derive(Debug, Default)]
pub struct MarketWants {
    pub assets: HashSet<String>,
    /// Also wants the messages that need `custom_feature_enabled`.
    pub custom: bool,
    pub is_subscribed: bool,
}

#[derive(Debug, Default)]
pub struct ActivityWants {
    pub subscriptions: HashSet<ActivityFilter>,
    /// The same socket carries prices of coins.
    pub coins: HashSet<CoinFilter>,
}

/// One subscription to the activity feed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ActivityFilter {
    /// `trades`, `orders_matched` or `*`.
    pub kind: String,
    pub event: Option<String>,
    pub market: Option<String>,
}

/// What happened at a venue until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub markets: usize,
    pub fills: u64,
    pub private_requests: u64,
    pub sockets: u64,
    /// Zero where no truth log was kept.
    pub truth_lines: u64,
}

impl Hub {
    /// `workload` was made with `options`.
    pub fn new(
        workload: Workload,
        options: Options,
        knobs: Knobs,
        desk: Desk,
        chain: Chain,
        truth: Option<Truth>,
        queue_max: usize,
    ) -> Hub {
        Hub {
            desk,
            chain: Some(chain),
            renamed: Renamed::default(),
            acting: B256::ZERO,
            moved_by: VecDeque::new(),
            workload,
            pending: Pending::new(knobs, options.seed, options.start),
            tape: Tape::default(),
            archive: Archive::default(),
            truth,
            requests: 0,
            connections: Vec::new(),
            connected: 0,
            queue_max,
            coins_at: options.start,
        }
    }

    /// Returns a number for a private request, counted from 1.
    pub fn count_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub fn summary(&self) -> Summary {
        Summary {
            markets: self.workload.places().count(),
            fills: self.archive.fills(),
            private_requests: self.requests,
            sockets: self.connected,
            truth_lines: 0,
        }
    }

    /// Returns how many private requests have come.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Adds a line to the truth log, if one is kept.
    pub fn tell_truth(&self, at: Nanos, entry: Entry) {
        if let Some(truth) = &self.truth {
            truth.tell(at, entry);
        }
    }

    /// Adds a socket. What it is to be sent comes out of the receiver; its end means that the socket must be closed.
    pub fn connect(&mut self, wants: Wants) -> (u64, mpsc::Receiver<Frame>) {
        let (queue, frames) = mpsc::channel(self.queue_max);
        self.connected += 1;
        self.connections.push(Connection { id: self.connected, wants, queue, is_frozen: false });
        (self.connected, frames)
    }

    pub fn disconnect(&mut self, id: u64) {
        self.connections.retain(|connection| connection.id != id);
    }

    /// Closes all sockets of a kind.
    pub fn cut(&mut self, channel: Channel) {
        self.connections.retain(|connection| connection.wants.channel() != channel);
    }

    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Returns what a socket wants; `None` once it was cut off.
    pub fn wants(&mut self, id: u64) -> Option<&mut Wants> {
        self.connections.iter_mut().find(|connection| connection.id == id).map(|connection| &mut connection.wants)
    }

    /// Sends a frame to one socket; cuts it off if it reads too slowly. A frozen socket gets no more than PONG.
    pub fn send(&mut self, id: u64, frame: &str) {
        self.send_where(
            |connection| connection.id == id && (!connection.is_frozen || frame == "PONG"),
            || frame.into(),
        );
    }

    /// Tells everything that happened up to `now`.
    pub fn advance(&mut self, now: Nanos) {
        for occasion in self.pending.occasions(now) {
            self.meet(occasion, now);
        }
        let began = mono();
        while mono() - began < ADVANCE_NANOS_MAX {
            let Some(step) = self.workload.next(now) else { break };
            self.tell_step(step);
        }
        self.advance_chain(now);
        self.archive.catch_up(now);
        self.bury_silent(now);
        self.tell_coins(now);
    }

    /// Tells what coins cost; not to make up for what nobody heard.
    fn tell_coins(&mut self, now: Nanos) {
        if now < self.coins_at {
            return;
        }
        let every = Nanos::from_millis(COINS_EVERY_MS);
        self.coins_at = Nanos(now.0 - now.0 % every.0).plus(every);
        let knobs = self.pending.knobs;
        if self.pending.is_on(now, knobs.feed_freeze_every_ms, knobs.feed_freeze_for_ms) {
            return;
        }
        let prices: Vec<CoinPrice> = self.workload.places().flat_map(CoinPrice::of).collect();
        for price in prices {
            self.send_where(
                |connection| match &connection.wants {
                    Wants::Market(_) | Wants::User(_) => false,
                    Wants::Activity(wants) => {
                        !connection.is_frozen && wants.coins.iter().any(|filter| filter.includes(&price))
                    }
                },
                || price.frame(Millis(now.as_millis())).to_string().into(),
            );
        }
    }

    /// Tells a user's sockets what became of his orders in a market.
    pub fn send_to_user(&mut self, address: Address, condition: &str, frame: &str) {
        self.send_where(
            |connection| match &connection.wants {
                Wants::User(wants) => !connection.is_frozen && wants.includes(address, condition),
                Wants::Market(_) | Wants::Activity(_) => false,
            },
            || frame.into(),
        );
    }

    /// Returns the snapshots of those of the tokens that are traded, as one frame.
    pub fn snapshots<'a>(&mut self, tokens: impl Iterator<Item = &'a String>, now: Nanos) -> Option<String> {
        let books: Vec<String> =
            tokens.filter_map(|token| self.book(token, now).map(|image| wire::json(&Message::Book(image)))).collect();
        (!books.is_empty()).then(|| format!("[{}]", books.join(",")))
    }

    pub fn inject(&mut self, fault: Fault, now: Nanos) {
        match fault {
            Fault::OmitRemoval => self.pending.removals_to_omit += 1,
            Fault::CrossedBurst => {
                let at = Millis(now.as_millis());
                let open = self.workload.places().filter(|place| place.phase == Phase::Open);
                let bursts: Vec<Message> = open.filter_map(|place| crossed_burst(place, at)).flatten().collect();
                bursts.iter().for_each(|message| self.publish(message, now));
            }
            Fault::DropConnections => self.connections.clear(),
            Fault::Freeze => self.connections.iter_mut().for_each(|connection| connection.is_frozen = true),
            Fault::FreezeActivity { sockets } => {
                let feeds = self.connections.iter_mut().filter(|socket| socket.wants.channel() == Channel::Activity);
                feeds.take(sockets).for_each(|socket| socket.is_frozen = true);
            }
            Fault::GarbageFrame => self.send_where(|_| true, || r#"{"event_type":"price_change","market":"#.into()),
            Fault::OversizedFrame { bytes } => self.send_where(|_| true, || " ".repeat(bytes).into()),
            Fault::DuplicateActivity { frames } => self.pending.activity_to_repeat += frames,
            Fault::StaleSnapshot => {
                let open = self.workload.places().filter(|place| place.phase == Phase::Open);
                let images = open.flat_map(|place| {
                    Outcome::BOTH.map(|outcome| {
                        let token = place.listing.tokens[outcome.index()].clone();
                        (token, place.book.image(outcome, Millis(now.as_millis())))
                    })
                });
                self.pending.stale_snapshots = images.collect();
            }
            Fault::RestErrors { requests } => self.pending.rest_errors += requests,
            Fault::RestSlow { requests, millis } => {
                self.pending.rest_slow += requests;
                self.pending.rest_slow_millis = millis;
            }
        }
    }

    pub(super) fn publish(&mut self, message: &Message, now: Nanos) {
        self.tape.note(message);
        if let Message::Activity(activity) = message {
            return self.publish_activity(activity, now);
        }
        if self.is_stalled(message, now) {
            return;
        }
        self.send_where(
            |connection| match &connection.wants {
                Wants::Market(wants) => !connection.is_frozen && wants.includes(message),
                Wants::Activity(_) | Wants::User(_) => false,
            },
            || wire::json(message).into(),
        );
    }

    /// Returns whether the market channel keeps silent about this: odd spells are about all markets, even ones about the
    /// oldest open one.
    fn is_stalled(&self, message: &Message, now: Nanos) -> bool {
        let Some(spell) = self.pending.stall(now) else { return false };
        let oldest = self.workload.places().find(|place| place.phase == Phase::Open);
        spell % 2 == 1
            || oldest.zip(message.listing()).is_some_and(|(place, about)| place.listing.condition == about.condition)
    }

    /// Tells a fill on the activity feed, and the Data API later.
    fn publish_activity(&mut self, activity: &Activity, now: Nanos) {
        let knobs = self.pending.knobs;
        let copies = if self.pending.activity_to_repeat > 0 { 2 } else { 1 };
        self.pending.activity_to_repeat = self.pending.activity_to_repeat.saturating_sub(1);
        if !self.pending.is_on(now, knobs.feed_freeze_every_ms, knobs.feed_freeze_for_ms) {
            (0..copies).for_each(|_| self.send_activity(activity));
            if self.pending.strikes(knobs.feed_replay_ppm) {
                let old = self.archive.older_than(now.since(Nanos::from_millis(knobs.feed_replay_age_ms))).cloned();
                old.iter().for_each(|old| self.send_activity(old));
            }
        }
        let known_at = now.plus(Nanos::from_millis(knobs.index_lag_ms));
        if self.pending.strikes(knobs.index_late_ppm) {
            let known_at = known_at.plus(Nanos::from_millis(knobs.index_late_ms));
            return self.archive.add_late(What::Fill(activity.clone()), known_at);
        }
        self.archive.add(What::Fill(activity.clone()), known_at);
    }

    /// Tells what somebody did beside trading: the Data API alone does, later.
    pub(super) fn tell_deed(&mut self, deed: Deed) {
        let known_at = deed.at.nanos().plus(Nanos::from_millis(self.pending.knobs.index_lag_ms));
        self.archive.add(What::Deed(deed), known_at);
    }

    fn send_activity(&mut self, activity: &Activity) {
        for kind in ["trades", "orders_matched"] {
            self.send_where(
                |connection| match &connection.wants {
                    Wants::Market(_) | Wants::User(_) => false,
                    Wants::Activity(wants) => !connection.is_frozen && wants.includes(kind, activity),
                },
                || wire::activity_frame(activity, kind).to_string().into(),
            );
        }
    }

    /// Sends one frame to many sockets, written once. A socket whose queue is full is cut off: it must start afresh.
    fn send_where(&mut self, is_meant: impl Fn(&Connection) -> bool, write: impl FnOnce() -> Utf8Bytes) {
        let text = LazyCell::new(write);
        self.connections.retain(|connection| {
            !is_meant(connection) || connection.queue.try_send(Frame::Text(LazyCell::force(&text).clone())).is_ok()
        });
    }
}

impl Wants {
    pub fn channel(&self) -> Channel {
        match self {
            Wants::Market(_) => Channel::Market,
            Wants::Activity(_) => Channel::Activity,
            Wants::User(_) => Channel::User,
        }
    }
}

impl MarketWants {
    fn includes(&self, message: &Message) -> bool {
        let token = |listing: &Listing, outcome: &Outcome| self.assets.contains(&listing.tokens[outcome.index()]);
        let either = |listing: &Listing| Outcome::BOTH.iter().any(|outcome| token(listing, outcome));
        match message {
            Message::Book(image) => token(&image.listing, &image.outcome),
            Message::PriceChange { listing, .. } => either(listing),
            Message::LastTrade { listing, outcome, .. } | Message::TickChange { listing, outcome, .. } => {
                token(listing, outcome)
            }
            Message::BestBidAsk { listing, outcome, .. } => self.custom && token(listing, outcome),
            Message::Resolved { listing, .. } => self.custom && either(listing),
            Message::NewMarket { .. } => self.custom && self.is_subscribed,
            Message::Activity(_) => false,
        }
    }
}

impl ActivityWants {
    /// `*` stands for `trades`.
    fn includes(&self, kind: &str, activity: &Activity) -> bool {
        let (slug, event_slug) = (&activity.listing.slug, &activity.listing.event_slug);
        self.subscriptions.iter().any(|filter| {
            (filter.kind == kind || (filter.kind == "*" && kind == "trades"))
                && filter.event.as_ref().is_none_or(|event| event == event_slug)
                && filter.market.as_ref().is_none_or(|market| market == slug)
        })
    }
}
