//! What the simulated world must be for others to be tested on it: consistent, repeatable, endless.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::{Price, Shares, Side};
use crate::sim::leader;
use crate::sim::listing::{BOATS, COINS_COUNT, Listing, STANDING_COUNT};
use crate::sim::message::{Change, Level, Resolution, Top};
use crate::sim::place::Kind;
use crate::sim::wire;

/// Short lives and a busy world: much happens in little virtual time.
fn options(seed: u64) -> Options {
    let start = Nanos::from_secs(1_795_260_900);
    Options { seed, rate_percent: 200, start, short_life: Nanos::from_secs(60) }
}

fn steps(options: Options, secs: u64) -> (Workload, Vec<Step>) {
    let mut world = Workload::new(options);
    let until = options.start.plus(Nanos::from_secs(secs));
    let steps = std::iter::from_fn(|| world.next(until)).collect();
    (world, steps)
}

/// A reader of the market channel, who knows nothing but the messages.
#[derive(Default)]
struct Reader {
    books: BTreeMap<String, BookImage>,
}

impl Reader {
    fn key(listing: &Listing, outcome: Outcome) -> String {
        listing.tokens[outcome.index()].clone()
    }

    fn book(&mut self, listing: &Listing, outcome: Outcome) -> &mut BookImage {
        self.books.get_mut(&Self::key(listing, outcome)).expect("a snapshot came first")
    }

    fn read(&mut self, message: &Message) {
        match message {
            Message::Book(image) => {
                self.books.insert(Self::key(&image.listing, image.outcome), image.clone());
                self.check(&image.listing, image.outcome, image.at, &image.top());
            }
            Message::PriceChange { listing, at, changes, after } => {
                for outcome in Outcome::BOTH {
                    let book = self.book(listing, outcome);
                    changes.iter().for_each(|change| set(book, change.seen_by(outcome)));
                    self.check(listing, outcome, *at, &after[outcome.index()]);
                }
            }
            Message::BestBidAsk { listing, outcome, at, top } => self.check(listing, *outcome, *at, top),
            Message::LastTrade { listing, outcome, side, price, size, .. } => {
                let book = self.book(listing, *outcome);
                let made_on = if *side == Side::Buy { &book.asks } else { &book.bids };
                let level = made_on.iter().find(|level| level.price == *price).expect("a price that the book has");
                assert!(*size <= level.size && *size > Shares::ZERO);
                book.traded = Some(*price);
            }
            Message::TickChange { listing, outcome, old, new, .. } => {
                let book = self.book(listing, *outcome);
                assert_eq!(book.tick, *old);
                book.tick = *new;
            }
            Message::NewMarket { .. } | Message::Resolved { .. } | Message::Activity(_) => {}
        }
    }

    fn check(&mut self, listing: &Listing, outcome: Outcome, at: Millis, top: &Top) {
        let book = self.book(listing, outcome);
        book.at = at;
        book.hash = wire::book_hash(book);
        assert_eq!(book.top(), *top);
        let all = book.bids.iter().chain(&book.asks);
        assert!(all.clone().all(|level| book.tick.holds(level.price) && level.size > Shares::ZERO));
        assert!(top.bid.zip(top.ask).is_none_or(|(bid, ask)| bid < ask), "crossed: {top:?}");
    }
}

/// Bids ascend, asks descend.
fn set(book: &mut BookImage, change: Change) {
    let (levels, descends) = match change.side {
        Side::Buy => (&mut book.bids, false),
        Side::Sell => (&mut book.asks, true),
    };
    let rank = |price: Price| if descends { u32::MAX - price.micros() } else { price.micros() };
    let found = levels.binary_search_by_key(&rank(change.level.price), |level| rank(level.price));
    match (found, change.level.size) {
        (Ok(at), Shares::ZERO) => drop(levels.remove(at)),
        (Ok(at), size) => levels[at].size = size,
        (Err(_), Shares::ZERO) => panic!("removes a level that is not there: {change:?}"),
        (Err(at), size) => levels.insert(at, Level { price: change.level.price, size }),
    }
}

#[test]
fn a_reader_of_the_messages_has_the_books_and_hashes_that_they_state() {
    for seed in 1..=2 {
        let mut world = Workload::new(options(seed));
        let mut reader = Reader::default();
        let image_all = |world: &Workload, now: Nanos, reader: &mut Reader| {
            for place in world.places().filter(|place| place.phase == Phase::Open) {
                for outcome in Outcome::BOTH {
                    let image = place.book.image(outcome, Millis(now.as_millis()));
                    reader.books.entry(place.listing.tokens[outcome.index()].clone()).or_insert(image);
                }
            }
        };
        let until = options(seed).start.plus(Nanos::from_secs(75));
        image_all(&world, options(seed).start, &mut reader);
        while let Some(step) = world.next(until) {
            step.messages.iter().for_each(|message| reader.read(message));
            image_all(&world, step.at, &mut reader);
        }
    }
}

#[test]
fn the_same_seed_tells_the_same_bytes() {
    let told = |seed| {
        let (_, steps) = steps(options(seed), 20);
        steps.iter().flat_map(|step| &step.messages).map(wire::json).collect::<Vec<String>>().join("\n")
    };
    assert!(told(9) == told(9));
    assert!(told(9) != told(10));
}

#[test]
fn a_leader_never_sells_more_than_he_holds_and_trades_at_prices_that_were_told() {
    for seed in 1..=2 {
        let mut held: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut told: BTreeSet<(String, String, u32)> = BTreeSet::new();
        let mut trades = BTreeMap::<&str, u64>::new();
        let (_, steps) = steps(Options { rate_percent: 100, ..options(seed) }, 150);
        for message in steps.iter().flat_map(|step| &step.messages) {
            match message {
                Message::LastTrade { listing, outcome, price, transaction, .. } => {
                    let token = listing.tokens[outcome.index()].clone();
                    told.insert((transaction.clone(), token, price.micros()));
                }
                Message::Activity(fill) => {
                    let token = fill.listing.tokens[fill.outcome.index()].clone();
                    assert!(told.contains(&(fill.transaction.clone(), token.clone(), fill.price.micros())));
                    let Some(leader) = leader::all().into_iter().find(|leader| leader.wallet == fill.wallet) else {
                        continue;
                    };
                    *trades.entry(leader.name).or_default() += 1;
                    let size = fill.size.0 as i64;
                    let now = held.entry((fill.wallet.clone(), token)).or_default();
                    *now += if fill.side == Side::Buy { size } else { -size };
                    assert!(*now >= 0, "SEED={seed}: {} sold what he did not have: {fill:?}", leader.name);
                }
                Message::Book(_)
                | Message::PriceChange { .. }
                | Message::TickChange { .. }
                | Message::BestBidAsk { .. }
                | Message::NewMarket { .. }
                | Message::Resolved { .. } => {}
            }
        }
        assert_eq!(trades.len(), 3, "SEED={seed}: {trades:?}");
    }
}

/// What a person who starts the demo sees, at the normal rate.
#[test]
fn the_first_half_minute_is_lively() {
    for seed in 1..=3 {
        let (_, steps) = steps(Options { seed, start: options(1).start, ..Options::default() }, 30);
        let messages: Vec<&Message> = steps.iter().flat_map(|step| &step.messages).collect();
        let leads = messages
            .iter()
            .filter(|message| matches!(message, Message::Activity(fill) if fill.wallet.starts_with("0x1ead")));
        let market = messages.iter().filter(|message| !matches!(message, Message::Activity(_))).count() / 30;
        let leads = leads.count();
        assert!((60..=200).contains(&market), "SEED={seed}: {market} market messages a second");
        assert!((6..=60).contains(&leads), "SEED={seed}: {leads} leader fills");
    }
}

#[test]
fn short_markets_follow_each_other_and_every_kind_of_thing_happens() {
    let (world, steps) = steps(Options { rate_percent: 20, short_life: Nanos::from_secs(30), ..options(3) }, 900);
    let mut seen = BTreeSet::new();
    for message in steps.iter().flat_map(|step| &step.messages) {
        seen.insert(match message {
            Message::Book(image) if image.bids.is_empty() && image.asks.is_empty() => "empty book",
            Message::Book(_) => "book",
            Message::PriceChange { changes, .. } if changes.len() > 1 => "several changes",
            Message::PriceChange { .. } => "change",
            Message::LastTrade { .. } => "trade",
            Message::TickChange { old, new, .. } if old > new => "finer",
            Message::TickChange { .. } => "coarser",
            Message::BestBidAsk { .. } => "best",
            Message::NewMarket { .. } => "new market",
            Message::Resolved { resolution: Resolution::Even, .. } => "even",
            Message::Resolved { resolution: Resolution::Won(Outcome::Yes), .. } => "first won",
            Message::Resolved { resolution: Resolution::Won(Outcome::No), .. } => "second won",
            Message::Activity(_) => "activity",
        });
    }
    let all = [
        "activity",
        "best",
        "book",
        "change",
        "coarser",
        "empty book",
        "even",
        "finer",
        "first won",
        "new market",
        "second won",
        "several changes",
        "trade",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<&str>>(), all);
    assert_eq!(
        world.places().filter(|place| place.phase == Phase::Open).count(),
        STANDING_COUNT + COINS_COUNT + BOATS.len()
    );
    assert!(world.places().count() <= PLACES_MAX);
}

/// A ladder is between thin and endless wherever the edges leave room.
#[test]
fn ladders_have_the_depth_of_real_ones() {
    let (world, _) = steps(options(6), 40);
    for place in world.places().filter(|place| matches!(place.kind, Kind::Standing(_))) {
        for side in [Side::Buy, Side::Sell] {
            let levels = place.book.side(side).len();
            assert!((15..=62).contains(&levels), "{levels} levels on {side:?} of {}", place.listing.slug);
        }
    }
}
