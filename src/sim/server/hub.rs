//! The world and who listens to it. One lock: a snapshot and the changes after it can neither overlap nor leave a gap.

use std::collections::{HashSet, VecDeque};

use alloy::primitives::Address;
use axum::extract::ws::{Message as Frame, Utf8Bytes};
use tokio::sync::mpsc;

use super::fault::{Fault, Pending, crossed_burst};
use super::private::{Desk, UserWants};
use super::spot::Markets;
use crate::domain::{Millis, Nanos};
use crate::sim::listing::Listing;
use crate::sim::message::{Activity, Message, Outcome};
use crate::sim::wire::{self, Phase};
use crate::sim::workload::{Options, Workload};

/// How many fills the Data API remembers.
const HISTORY_MAX: usize = 20_000;

#[derive(Debug)]
pub struct Hub {
    pub workload: Workload,
    pub pending: Pending,
    connections: Vec<Connection>,
    connected: u64,
    pub desk: Desk,
    pub(super) markets: Markets,
    history: VecDeque<Told>,
    told: u64,
    index_lag: Nanos,
    queue_max: usize,
}

/// A fill as the Data API keeps it, counted.
#[derive(Debug)]
pub struct Told {
    pub number: u64,
    pub activity: Activity,
    known_at: Nanos,
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
    /// The kinds of frames, as subscribed to.
    pub kinds: HashSet<String>,
}

impl Hub {
    pub fn new(options: Options, desk: Desk, index_lag: Nanos, queue_max: usize) -> Hub {
        Hub {
            workload: Workload::new(options),
            desk,
            markets: Markets::new(options.seed),
            pending: Pending::default(),
            connections: Vec::new(),
            connected: 0,
            history: VecDeque::new(),
            told: 0,
            index_lag,
            queue_max,
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
        while let Some(step) = self.workload.next(now) {
            for message in step.messages {
                if let Some(message) = self.pending.omit_removal(message) {
                    self.publish(&message, step.at);
                }
            }
        }
        self.follow(now);
        self.bury_silent(now);
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
        let books: Vec<String> = tokens
            .filter_map(|token| {
                let stale = self.pending.stale_snapshots.remove(token);
                stale.or_else(|| self.workload.book(token, now)).map(|image| wire::json(&Message::Book(image)))
            })
            .collect();
        (!books.is_empty()).then(|| format!("[{}]", books.join(",")))
    }

    /// Yields the fills of a wallet that the Data API knows by `now`, oldest first.
    pub fn history(&self, wallet: &str, now: Nanos) -> impl Iterator<Item = &Told> {
        let known = self.history.iter().take_while(move |told| told.known_at <= now);
        known.filter(move |told| told.activity.wallet.eq_ignore_ascii_case(wallet))
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

    fn publish(&mut self, message: &Message, now: Nanos) {
        let Message::Activity(activity) = message else {
            self.send_where(
                |connection| match &connection.wants {
                    Wants::Market(wants) => !connection.is_frozen && wants.includes(message),
                    Wants::Activity(_) | Wants::User(_) => false,
                },
                || wire::json(message).into(),
            );
            return;
        };
        let copies = if self.pending.activity_to_repeat > 0 { 2 } else { 1 };
        self.pending.activity_to_repeat = self.pending.activity_to_repeat.saturating_sub(1);
        for kind in ["trades", "orders_matched"] {
            for _ in 0..copies {
                self.send_where(
                    |connection| match &connection.wants {
                        Wants::Market(_) | Wants::User(_) => false,
                        Wants::Activity(wants) => !connection.is_frozen && wants.includes(kind),
                    },
                    || wire::activity_frame(activity, kind).to_string().into(),
                );
            }
        }
        self.told += 1;
        self.history.push_back(Told {
            number: self.told,
            activity: activity.clone(),
            known_at: now.plus(self.index_lag),
        });
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }

    /// Sends one frame to many sockets, written once. A socket whose queue is full is cut off: it must start afresh.
    fn send_where(&mut self, is_meant: impl Fn(&Connection) -> bool, write: impl FnOnce() -> Utf8Bytes) {
        if !self.connections.iter().any(&is_meant) {
            return;
        }
        let text = write();
        self.connections
            .retain(|connection| !is_meant(connection) || connection.queue.try_send(Frame::Text(text.clone())).is_ok());
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
    fn includes(&self, kind: &str) -> bool {
        self.kinds.contains(kind) || (kind == "trades" && self.kinds.contains("*"))
    }
}
