//! A world from a recording of the market channel: the house offers at each level what was there, at the moment it was there.
//! Orders of clients are matched against that; what they take of a level stays taken until the recording changes the level.
//!
//! A recording does not say all: a market's minimum is five shares, it has no fee and no hold. It opens with its first line
//! and ends with its last, in favour of the outcome that was worth more, unless the recording tells of its end. A moment in
//! which a book was crossed (inside a burst of messages) is passed over. Prints and leaders are not played.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::Options;
use super::seeded::rules;
use super::stage::Stage;
use crate::domain::{Generation, Input, Millis, Nanos, Price, Shares, Side, Tick, TokenId};
use crate::feed::market::{Batch, MarketDecoder};
use crate::feed::recording::{FileError, Line, RecordingReader, Source};
use crate::feed::registry::Registry;
use crate::sim::exchange::{AccountId, Funds, MarketId, Quote};
use crate::sim::listing::Listing;
use crate::sim::message::{Message, Outcome, Resolution, opposite};
use crate::sim::place::{Kind, Place};
use crate::sim::random::Random;

pub struct Recorded {
    options: Options,
    reader: RecordingReader,
    decoder: MarketDecoder,
    registry: Registry,
    batch: Batch,
    house: AccountId,
    markets: Vec<Market>,
    /// Which market and outcome a token is, by its number in the registry.
    tokens: HashMap<TokenId, (usize, Outcome)>,
    /// When the recording began, by its own clock.
    began: Nanos,
    /// What the next line says, and when.
    next: Option<(Nanos, Vec<Input>)>,
    /// Markets that end, in order of time.
    ends: VecDeque<(Nanos, usize)>,
}

/// What the whole file says of a market.
#[derive(Debug)]
struct Market {
    condition: String,
    tokens: Vec<String>,
    last: Nanos,
    id: Option<MarketId>,
    /// The first token's book as it was recorded, and as it was offered.
    recorded: Levels,
    offered: Levels,
}

/// Totals by side (true: bids) and price.
type Levels = BTreeMap<(bool, Price), Shares>;

/// The names in a message.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    market: Option<&'a str>,
    #[serde(borrow)]
    asset_id: Option<&'a str>,
    #[serde(borrow, default)]
    price_changes: Vec<NamedChange<'a>>,
}

#[derive(Deserialize)]
struct NamedChange<'a> {
    #[serde(borrow)]
    asset_id: Option<&'a str>,
}

impl Recorded {
    /// Reads the whole file once, to learn which markets it has; it is read again while it is played.
    pub fn open(options: Options, path: &Path, stage: &mut Stage) -> Result<Recorded, FileError> {
        let house = stage.exchange.open_account(Funds::Endless);
        let (mut registry, mut markets) = (Registry::new(), Vec::new());
        let began = survey(path, &mut registry, &mut markets)?;
        let mut tokens = HashMap::new();
        for (nth, market) in markets.iter_mut().enumerate() {
            let known: Vec<TokenId> =
                market.tokens.iter().filter_map(|token| registry.token(token.as_bytes())).collect();
            tokens.extend(known.into_iter().zip(Outcome::BOTH).map(|(token, outcome)| (token, (nth, outcome))));
            // Of many markets only one token was recorded.
            if market.tokens.len() < 2 {
                market.tokens.push(other_token(&market.tokens[0]));
            }
        }
        let mut ends: Vec<(Nanos, usize)> =
            markets.iter().enumerate().map(|(nth, market)| (market.last, nth)).collect();
        ends.sort_unstable();
        let mut world = Recorded {
            options,
            reader: RecordingReader::open(path)?,
            decoder: MarketDecoder::new(),
            registry,
            batch: Batch::default(),
            house,
            markets,
            tokens,
            began,
            next: None,
            ends: ends.into(),
        };
        world.read();
        Ok(world)
    }

    pub fn next_at(&self) -> Option<Nanos> {
        let told = self.next.as_ref().map(|(at, _)| *at);
        let ends = self.ends.front().map(|(last, _)| *last);
        told.into_iter().chain(ends).min().map(|at| self.played_at(at))
    }

    /// Does the next thing. Returns what it tells beside what the exchange does.
    pub fn act(&mut self, stage: &mut Stage) -> Vec<Message> {
        let ends = self.ends.front().copied();
        match self.next.take() {
            Some((at, inputs)) if ends.is_none_or(|(last, _)| at <= last) => {
                let played_at = self.played_at(at);
                self.read();
                self.play(stage, played_at, &inputs)
            }
            next => {
                self.next = next;
                if let Some((_, nth)) = self.ends.pop_front() {
                    self.end(stage, nth);
                }
                Vec::new()
            }
        }
    }

    /// Returns when a moment of the recording is played.
    fn played_at(&self, at: Nanos) -> Nanos {
        let since = u128::from(at.since(self.began).0) * 100 / u128::from(self.options.rate_percent);
        self.options.start.plus(Nanos(u64::try_from(since).unwrap_or(u64::MAX)))
    }

    /// Reads up to the next line that says something. A file that cannot be read further ends the recording.
    fn read(&mut self) {
        let mut latest = self.began;
        loop {
            let line = match self.reader.next() {
                Ok(Some(line)) => line,
                Ok(None) => return,
                Err(error) => return tracing::error!(%error, "the recording ends here"),
            };
            let Some(at) = moment(&line) else { continue };
            latest = latest.max(at);
            if self.decoder.decode(line.msg, &self.registry, &mut self.batch).is_ok() && !self.batch.inputs.is_empty() {
                self.next = Some((latest, self.batch.inputs.clone()));
                return;
            }
        }
    }

    fn play(&mut self, stage: &mut Stage, at: Nanos, inputs: &[Input]) -> Vec<Message> {
        let mut messages = Vec::new();
        for input in inputs {
            let Some((nth, outcome)) = input.token().and_then(|token| self.tokens.get(&token)).copied() else {
                continue;
            };
            if self.markets[nth].id.is_none() {
                messages.push(self.begin(stage, at, nth));
            }
            let market = &mut self.markets[nth];
            let Some(id) = market.id else { continue };
            match input {
                Input::Snapshot { .. } => market.recorded.clear(),
                Input::Level { side, price, size, .. } => market.note(outcome, *side, *price, *size),
                Input::BookDone { .. } => self.offer(stage, at, nth),
                Input::TickChanged { tick, .. } => stage.exchange.change_tick(id, *tick),
                Input::Resolved { payout, .. } => stage.exchange.resolve(id, resolution(outcome, *payout)),
                Input::MarketKnown { .. }
                | Input::MarketUnknown { .. }
                | Input::HashChecked { .. }
                | Input::BookLost { .. }
                | Input::LeaderTrade(_)
                | Input::Accepted { .. }
                | Input::Filled { .. }
                | Input::Closed { .. }
                | Input::Pause { .. }
                | Input::Unpause { .. }
                | Input::LeaderLeft(_)
                | Input::LeaderHolds { .. }
                | Input::LeaderWorth { .. }
                | Input::Probability { .. }
                | Input::Unknown { .. }
                | Input::ResetBreakers { .. }
                | Input::ForceExit { .. }
                | Input::Deposit { .. }
                | Input::Withdraw { .. }
                | Input::TakeIn(_)
                | Input::WriteOff { .. }
                | Input::Move { .. }
                | Input::SwitchPaper { .. }
                | Input::SwitchLive { .. }
                | Input::SwitchLeader { .. }
                | Input::Matched { .. }
                | Input::Confirmed { .. }
                | Input::Voided { .. }
                | Input::LiveOrders { .. }
                | Input::HoldBack { .. }
                | Input::Unblock { .. }
                | Input::Timer => {}
            }
        }
        messages
    }

    fn begin(&mut self, stage: &mut Stage, at: Nanos, nth: usize) -> Message {
        let closes_at = self.played_at(self.markets[nth].last);
        let market = &mut self.markets[nth];
        let listing = listing(market, Millis(at.as_millis()), Millis(closes_at.as_millis()));
        let id = stage.exchange.open_market(rules(&listing));
        let listing = Arc::new(listing);
        market.id = Some(id);
        stage.add_place(Place::open(id, Arc::clone(&listing), Kind::Recorded, &mut Random::new(self.options.seed)));
        Message::NewMarket { listing, at: Millis(at.as_millis()) }
    }

    /// Offers what is recorded now where that changed, unless the recorded book is crossed at the moment.
    fn offer(&mut self, stage: &mut Stage, at: Nanos, nth: usize) {
        let market = &mut self.markets[nth];
        let Some(id) = market.id.filter(|_| !market.is_crossed()) else { return };
        if let (Some(rules), Some(tick)) = (stage.exchange.rules(id), market.grid())
            && tick < rules.tick
        {
            stage.exchange.change_tick(id, tick);
        }
        let tick = stage.exchange.rules(id).map_or(Tick::FINEST, |rules| rules.tick);
        let quotes = market.changes().filter(|(_, price, _)| tick.holds(*price));
        let account = self.house;
        let quotes: Vec<Quote> = quotes.map(|(side, price, shares)| Quote { account, side, price, shares }).collect();
        market.offered.clone_from(&market.recorded);
        stage.exchange.quote_all(at, id, &quotes);
    }

    fn end(&mut self, stage: &mut Stage, nth: usize) {
        let market = &self.markets[nth];
        let Some(id) = market.id else { return };
        let middle = market.best(Side::Buy).into_iter().chain(market.best(Side::Sell)).map(Price::micros);
        let (sum, count) = middle.fold((0, 0), |(sum, count), micros| (sum + micros, count + 1));
        let winner = if sum >= count * 500_000 { Outcome::Yes } else { Outcome::No };
        stage.exchange.resolve(id, Resolution::Won(winner));
    }
}

impl Market {
    fn note(&mut self, outcome: Outcome, side: Side, price: Price, size: Shares) {
        let (side, price) = match outcome {
            Outcome::Yes => (side, price),
            Outcome::No => (opposite(side), price.complement()),
        };
        match size {
            Shares::ZERO => self.recorded.remove(&(side == Side::Buy, price)),
            size => self.recorded.insert((side == Side::Buy, price), size),
        };
    }

    fn best(&self, side: Side) -> Option<Price> {
        let mut prices =
            self.recorded.keys().filter(|(is_bid, _)| *is_bid == (side == Side::Buy)).map(|(_, price)| *price);
        match side {
            Side::Buy => prices.next_back(),
            Side::Sell => prices.next(),
        }
    }

    fn is_crossed(&self) -> bool {
        self.best(Side::Buy).zip(self.best(Side::Sell)).is_some_and(|(bid, ask)| bid >= ask)
    }

    /// Returns the coarsest grid that holds every level.
    fn grid(&self) -> Option<Tick> {
        Tick::KNOWN.into_iter().find(|tick| self.recorded.keys().all(|(_, price)| tick.holds(*price)))
    }

    /// Yields the levels that are recorded with another total than is offered; removals first.
    fn changes(&self) -> impl Iterator<Item = (Side, Price, Shares)> {
        let side = |is_bid| if is_bid { Side::Buy } else { Side::Sell };
        let gone = self.offered.keys().filter(|level| !self.recorded.contains_key(level));
        let gone = gone.map(move |(is_bid, price)| (side(*is_bid), *price, Shares::ZERO));
        let new = self.recorded.iter().filter(|(level, size)| self.offered.get(level) != Some(size));
        gone.chain(new.map(move |((is_bid, price), size)| (side(*is_bid), *price, *size)))
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("markets", &self.markets.len()).finish_non_exhaustive()
    }
}

/// Learns tokens and markets. Returns when the recording begins; fails if it says nothing of any market.
fn survey(path: &Path, registry: &mut Registry, markets: &mut Vec<Market>) -> Result<Nanos, FileError> {
    let (mut reader, mut decoder, mut batch) = (RecordingReader::open(path)?, MarketDecoder::new(), Batch::default());
    let (mut began, mut latest) = (None, Nanos::ZERO);
    let mut of_token: HashMap<TokenId, usize> = HashMap::new();
    while let Some(line) = reader.next()? {
        let Some(at) = moment(&line) else { continue };
        latest = latest.max(at);
        if decoder.decode(line.msg, registry, &mut batch).is_err() {
            continue;
        }
        if !batch.unknown.is_empty() {
            for (condition, token) in names(line.msg) {
                let nth = markets.iter().position(|market| market.condition == condition).unwrap_or_else(|| {
                    let (condition, tokens, id) = (condition.to_owned(), Vec::new(), None);
                    let (recorded, offered) = (Levels::new(), Levels::new());
                    markets.push(Market { condition, tokens, last: latest, id, recorded, offered });
                    markets.len() - 1
                });
                let (number, is_new) = registry.add_token(token).map_err(|error| FileError {
                    path: path.to_owned(),
                    line: line.number,
                    text: error.to_string(),
                })?;
                if is_new && markets[nth].tokens.len() < 2 {
                    markets[nth].tokens.push(token.to_owned());
                    of_token.insert(number, nth);
                }
            }
            if decoder.decode(line.msg, registry, &mut batch).is_err() {
                continue;
            }
        }
        for token in batch.inputs.iter().filter_map(Input::token) {
            began.get_or_insert(latest);
            if let Some(nth) = of_token.get(&token) {
                markets[*nth].last = latest;
            }
        }
    }
    began.ok_or_else(|| FileError {
        path: path.to_owned(),
        line: 0,
        text: "says nothing of any market; record one with `remora record`".into(),
    })
}

/// When a line of the market channel arrived, else when the venue sent it.
fn moment(line: &Line<'_>) -> Option<Nanos> {
    #[derive(Deserialize)]
    struct Stamped<'a> {
        #[serde(borrow)]
        timestamp: Option<&'a str>,
    }
    if line.source != Source::Market {
        return None;
    }
    line.recv.or_else(|| {
        let stamped = serde_json::from_slice::<Stamped<'_>>(line.msg).ok()?;
        Some(Nanos::from_millis(stamped.timestamp?.parse().ok()?))
    })
}

/// Returns the conditions and tokens that a frame names.
fn names(frame: &[u8]) -> Vec<(&str, &str)> {
    let messages: Vec<Named<'_>> = match serde_json::from_slice(frame) {
        Ok(messages) => messages,
        Err(_) => serde_json::from_slice(frame).into_iter().collect(),
    };
    let named = messages.into_iter().filter_map(|message| Some((message.market?, message)));
    let named = named.flat_map(|(market, message)| {
        let changed = message.price_changes.into_iter().filter_map(|change| change.asset_id);
        message.asset_id.into_iter().chain(changed).map(move |token| (market, token)).collect::<Vec<(&str, &str)>>()
    });
    named.collect()
}

/// Returns an id for the token that was not recorded: the other one's digits, backwards, as long and as unlike.
fn other_token(token: &str) -> String {
    let digits: String = token.chars().rev().collect();
    format!("1{}", digits.get(1..).unwrap_or_default())
}

fn resolution(outcome: Outcome, payout: u32) -> Resolution {
    match payout {
        0 => Resolution::Won(outcome.other()),
        1_000_000 => Resolution::Won(outcome),
        _ => Resolution::Even,
    }
}

fn listing(market: &Market, opens_at: Millis, closes_at: Millis) -> Listing {
    let short: String = market.condition.chars().take(10).collect();
    let (title, slug) = (format!("Recorded market {short}"), format!("recorded-{short}"));
    Listing {
        condition: market.condition.clone(),
        tokens: [market.tokens[0].clone(), market.tokens[1].clone()],
        outcomes: ["Yes", "No"].map(str::to_owned),
        title: title.clone(),
        slug: slug.clone(),
        event_slug: slug,
        event_title: title,
        group_title: String::new(),
        neg_risk_id: String::new(),
        category: "Recorded",
        generation: Generation::V2,
        fee_rate_ppm: 0,
        minimum: Shares::whole(5),
        neg_risk: false,
        taker_delay: false,
        delay_secs: 0,
        opens_at,
        closes_at,
    }
}
