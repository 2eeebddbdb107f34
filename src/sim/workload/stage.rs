//! The exchange, the markets on it as the public sees them, and the people whose fills are told: what happens at the
//! exchange becomes messages here, whoever caused it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::{Millis, Nanos, Price, Shares, Side};
use crate::sim::exchange::{AccountId, Event, Exchange, Leg, MarketId, Standing, Trade};
use crate::sim::message::{Activity, Change, Message, Outcome, Role};
use crate::sim::place::{Offers, Place};
use crate::sim::random::Random;
use crate::sim::wire::Phase;

/// The feed tells a fill this much later than the market channel.
const TELL_MS: std::ops::Range<u64> = 120..450;
/// How many markets are remembered, open or not.
pub const PLACES_MAX: usize = 64;

/// Whose fills the activity feed and the Data API tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub wallet: String,
    pub name: String,
}

#[derive(Debug)]
pub struct Stage {
    pub exchange: Exchange,
    /// In order of opening. Those long resolved are forgotten.
    places: BTreeMap<MarketId, Place>,
    people: HashMap<AccountId, Person>,
    random: Random,
    /// Fills that the feed has not told yet.
    telling: BTreeMap<(Nanos, u64), Vec<Activity>>,
    /// The activity feed tells in order.
    told_at: Nanos,
    /// Markets that had a trade whose change of the book was not told yet.
    traded: Vec<MarketId>,
    /// Markets whose first book was not told yet.
    fresh: BTreeSet<MarketId>,
    counted: u64,
}

impl Stage {
    pub fn new(exchange: Exchange, random: Random) -> Stage {
        Stage {
            exchange,
            places: BTreeMap::new(),
            people: HashMap::new(),
            random,
            telling: BTreeMap::new(),
            told_at: Nanos::ZERO,
            traded: Vec::new(),
            fresh: BTreeSet::new(),
            counted: 0,
        }
    }

    pub fn places(&self) -> impl DoubleEndedIterator<Item = &Place> {
        self.places.values()
    }

    pub fn place(&self, market: MarketId) -> Option<&Place> {
        self.places.get(&market)
    }

    /// Returns a market that is open.
    pub fn open_place(&mut self, market: MarketId) -> Option<&mut Place> {
        self.places.get_mut(&market).filter(|place| place.phase == Phase::Open)
    }

    pub fn add_place(&mut self, place: Place) {
        self.fresh.insert(place.market);
        self.places.insert(place.market, place);
        while self.places.len() > PLACES_MAX {
            let resolved = self.places.values().find(|place| matches!(place.phase, Phase::Resolved(_)));
            let Some(oldest) = resolved.map(|place| place.market) else { break };
            self.places.remove(&oldest);
        }
    }

    pub fn introduce(&mut self, account: AccountId, person: Person) {
        self.people.insert(account, person);
    }

    pub fn person(&self, account: AccountId) -> Option<&Person> {
        self.people.get(&account)
    }

    pub fn people(&self) -> impl Iterator<Item = (AccountId, &Person)> {
        self.people.iter().map(|(account, person)| (*account, person))
    }

    /// Returns where the house offers something in a market, all its accounts together.
    pub fn offers(&self, market: MarketId) -> Offers {
        Offers::of(self.exchange.quoted(market))
    }

    /// Returns when something is due by itself: at the exchange, or on the activity feed.
    pub fn next_due(&self) -> Option<Nanos> {
        let told = self.telling.first_key_value().map(|((at, _), _)| *at);
        [self.exchange.next_due(), told].into_iter().flatten().min()
    }

    /// Does what is due at `at`, and returns what the feed tells.
    pub fn advance(&mut self, at: Nanos) -> Vec<Message> {
        self.exchange.advance(at);
        let mut messages = Vec::new();
        while let Some(entry) = self.telling.first_entry().filter(|entry| entry.key().0 <= at) {
            messages.extend(entry.remove().into_iter().map(Message::Activity));
        }
        messages
    }

    /// Returns what became true at the exchange since this was last asked, and what the market channel says of it.
    pub fn tell(&mut self, at: Nanos) -> (Vec<Message>, Vec<Event>) {
        let events: Vec<Event> = self.exchange.drain_events().collect();
        let mut messages = Vec::new();
        for event in &events {
            self.translate(at, event, &mut messages);
        }
        for market in std::mem::take(&mut self.traded) {
            messages.extend(self.images(market, at));
        }
        (messages, events)
    }

    fn translate(&mut self, at: Nanos, event: &Event, messages: &mut Vec<Message>) {
        let millis = Millis(at.as_millis());
        match event {
            Event::Matched(trade) => self.matched(at, trade, messages),
            Event::Book { market, changes } => {
                let is_open = self.exchange.standing(*market) == Some(Standing::Open);
                let is_fresh = self.fresh.remove(market);
                let Some(place) = self.places.get_mut(market) else { return };
                if is_open && !is_fresh {
                    messages.extend(changed(place, millis, changes));
                } else {
                    // The first book, and that the last one is empty, are told in one piece.
                    changes.iter().for_each(|change| place.book.apply(*change));
                }
                let is_traded = self.traded.contains(market);
                self.traded.retain(|traded| traded != market);
                if is_traded || is_fresh {
                    messages.extend(self.images(*market, at));
                }
            }
            Event::Tick { market, old, new } => {
                let Some(place) = self.places.get_mut(market) else { return };
                place.book.tick = *new;
                messages.extend(Outcome::BOTH.map(|outcome| {
                    let listing = Arc::clone(&place.listing);
                    Message::TickChange { listing, outcome, at: millis, old: *old, new: *new }
                }));
                messages.extend(self.images(*market, at));
            }
            Event::Closed { market } => {
                let Some(place) = self.places.get_mut(market) else { return };
                place.phase = Phase::Closed;
                messages.extend(self.images(*market, at));
            }
            Event::Resolved { market, resolution } => {
                let Some(place) = self.places.get_mut(market) else { return };
                place.phase = Phase::Resolved(*resolution);
                let listing = Arc::clone(&place.listing);
                messages.push(Message::Resolved { listing, at: millis, resolution: *resolution });
            }
            Event::Order { .. } | Event::Settled { .. } | Event::Released { .. } | Event::Moved(_) => {}
        }
    }

    fn images(&self, market: MarketId, at: Nanos) -> impl Iterator<Item = Message> {
        let place = self.places.get(&market).into_iter();
        let millis = Millis(at.as_millis());
        place.flat_map(move |place| Outcome::BOTH.map(|outcome| Message::Book(place.book.image(outcome, millis))))
    }

    /// One message for each price that the taker met; his fills, and those of makers whom we know, are told later.
    fn matched(&mut self, at: Nanos, trade: &Trade, messages: &mut Vec<Message>) {
        let Some(place) = self.places.get_mut(&trade.market) else { return };
        let Leg { outcome, side, .. } = trade.taker;
        let transaction = trade.transaction.to_string();
        for makers in trade.makers.chunk_by(|one, next| price_met(trade, one) == price_met(trade, next)) {
            let price = price_met(trade, &makers[0]);
            let size = makers.iter().fold(Shares::ZERO, |sum, leg| sum + leg.shares);
            let (listing, transaction) = (Arc::clone(&place.listing), transaction.clone());
            place.book.traded[outcome.index()] = Some(price);
            let at = Millis(trade.at.as_millis());
            messages.push(Message::LastTrade { listing, outcome, at, side, price, size, transaction });
        }
        let listing = &place.listing;
        let activity = |account: AccountId, role, outcome, side, price, leg: &Leg| {
            self.people.get(&account).map(|person| Activity {
                listing: Arc::clone(listing),
                outcome,
                wallet: person.wallet.clone(),
                name: person.name.clone(),
                role,
                side,
                price,
                size: leg.shares,
                traded_at: Millis(trade.at.as_millis()),
                transaction: transaction.clone(),
            })
        };
        // The taker's is one fill at an average price, however many makers he met (`data/leaders`: 120 rows of 49 transactions).
        let taken = activity(trade.taker.account, Role::Taker, outcome, side, trade.taker.price, &trade.taker);
        let made = trade
            .makers
            .iter()
            .filter_map(|leg| activity(leg.account, Role::Maker, leg.outcome, leg.side, leg.price, leg));
        let fills: Vec<Activity> = taken.into_iter().chain(made).collect();
        self.traded.push(trade.market);
        if !fills.is_empty() {
            let delay = Nanos::from_millis(self.random.range(TELL_MS.start, TELL_MS.end));
            self.told_at = at.plus(delay).max(self.told_at);
            self.counted += 1;
            self.telling.insert((self.told_at, self.counted), fills);
        }
    }
}

/// Returns a maker's price in terms of the taker's token.
fn price_met(trade: &Trade, maker: &Leg) -> Price {
    if maker.outcome == trade.taker.outcome { maker.price } else { maker.price.complement() }
}

/// Applies changes and says so, and also what the best prices are where they changed.
fn changed(place: &mut Place, at: Millis, changes: &[Change]) -> Vec<Message> {
    let best_before = (place.book.best_bid(), place.book.best_ask());
    changes.iter().for_each(|change| place.book.apply(*change));
    let (listing, after) = (Arc::clone(&place.listing), place.book.tops(at));
    let changes = changes.to_vec();
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

/// Returns where the book of a token is best to a taker of that side, in its own prices, best first.
pub fn levels_met(place: &Place, outcome: Outcome, side: Side) -> Vec<Price> {
    let (bids, asks) = (place.book.side(Side::Buy).keys().rev().copied(), place.book.side(Side::Sell).keys().copied());
    match (outcome, side) {
        (Outcome::Yes, Side::Buy) => asks.collect(),
        (Outcome::Yes, Side::Sell) => bids.collect(),
        (Outcome::No, Side::Buy) => bids.map(Price::complement).collect(),
        (Outcome::No, Side::Sell) => asks.map(Price::complement).collect(),
    }
}
