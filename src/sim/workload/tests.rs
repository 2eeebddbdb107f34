//! What the simulated world must be for others to be tested on it: consistent, repeatable, endless.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::{Price, Shares, Side, Usdc};
use crate::sim::listing::{BOATS, COINS_COUNT, Listing, STANDING_COUNT};
use crate::sim::message::{Change, Level, Resolution, Top};
use crate::sim::place::Kind;
use crate::sim::wire;
use crate::sim::{exchange, leader};

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
                let unchecked = BookImage { hash: String::new(), ..image.clone() };
                self.books.insert(Self::key(&image.listing, image.outcome), unchecked);
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
                book.hash.clear();
            }
            Message::TickChange { listing, outcome, old, new, .. } => {
                let book = self.book(listing, *outcome);
                assert_eq!(book.tick, *old);
                book.tick = *new;
                book.hash.clear();
            }
            Message::NewMarket { .. } | Message::Resolved { .. } | Message::Activity(_) => {}
        }
    }

    fn check(&mut self, listing: &Listing, outcome: Outcome, at: Millis, top: &Top) {
        let book = self.book(listing, outcome);
        // Whatever changes the book empties its hash: what was computed of this book at this moment still holds.
        if book.hash.is_empty() || book.at != at {
            book.at = at;
            book.hash = wire::book_hash(book);
        }
        assert_eq!(book.top(), *top);
        let all = book.bids.iter().chain(&book.asks);
        assert!(all.clone().all(|level| book.tick.holds(level.price) && level.size > Shares::ZERO));
        assert!(top.bid.zip(top.ask).is_none_or(|(bid, ask)| bid < ask), "crossed: {top:?}");
    }
}

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Book(_) => "book",
        Message::PriceChange { .. } => "change",
        Message::LastTrade { .. } => "trade",
        Message::TickChange { .. } => "tick",
        Message::BestBidAsk { .. } => "best",
        Message::NewMarket { .. } => "new",
        Message::Resolved { .. } => "resolved",
        Message::Activity(_) => "activity",
    }
}

/// Bids ascend, asks descend.
fn set(book: &mut BookImage, change: Change) {
    book.hash.clear();
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
        // Short lives, so that little has to be hashed until everything has happened.
        let options = Options { rate_percent: 100, short_life: Nanos::from_secs(8), ..options(seed) };
        let mut world = Workload::new(options);
        let mut reader = Reader::default();
        let image_all = |world: &Workload, now: Nanos, reader: &mut Reader| {
            for place in world.places().filter(|place| place.phase == Phase::Open) {
                for outcome in Outcome::BOTH {
                    let image = place.book.image(outcome, Millis(now.as_millis()));
                    reader.books.entry(place.listing.tokens[outcome.index()].clone()).or_insert(image);
                }
            }
        };
        // Long enough for coins and the regatta to end, and for what follows them to begin.
        let until = options.start.plus(Nanos::from_secs(18));
        image_all(&world, options.start, &mut reader);
        let mut read = BTreeMap::new();
        while let Some(step) = world.next(until) {
            for message in &step.messages {
                reader.read(message);
                *read.entry(kind(message)).or_insert(0) += 1;
            }
            image_all(&world, step.at, &mut reader);
        }
        let enough =
            [("best", 100), ("book", 200), ("change", 500), ("new", 4), ("resolved", 4), ("tick", 2), ("trade", 50)];
        assert!(enough.iter().all(|(kind, least)| read.get(kind).is_some_and(|count| count >= least)), "{read:?}");
    }
}

#[test]
fn the_same_seed_tells_the_same_bytes() {
    let told = |seed| {
        let (_, steps) = steps(options(seed), 8);
        steps.iter().flat_map(|step| &step.messages).map(wire::json).collect::<Vec<String>>().join("\n")
    };
    assert!(told(9) == told(9));
    assert!(told(9) != told(10));
}

#[test]
fn a_leader_never_sells_more_than_he_holds_and_trades_at_prices_that_were_told() {
    for seed in 1..=2 {
        let mut held: BTreeMap<(String, String), i64> = BTreeMap::new();
        let mut told: BTreeMap<(String, String), Vec<Price>> = BTreeMap::new();
        let mut trades = BTreeMap::<&str, u64>::new();
        let (_, steps) = steps(Options { rate_percent: 100, ..options(seed) }, 150);
        for message in steps.iter().flat_map(|step| &step.messages) {
            match message {
                Message::LastTrade { listing, outcome, price, transaction, .. } => {
                    let token = listing.tokens[outcome.index()].clone();
                    told.entry((transaction.clone(), token)).or_default().push(*price);
                }
                Message::Activity(fill) => {
                    let token = fill.listing.tokens[fill.outcome.index()].clone();
                    // A taker's price is an average, rounded down.
                    let met = &told[&(fill.transaction.clone(), token.clone())];
                    let met = (met.iter().min().expect("one").down(1), *met.iter().max().expect("one"));
                    assert!(met.0 <= fill.price && fill.price <= met.1, "SEED={seed}: {met:?} {fill:?}");
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

#[test]
fn without_people_markets_live_and_nobody_trades() {
    let (world, steps) = steps(Options { rate_percent: 0, ..options(4) }, 200);
    let messages: Vec<&Message> = steps.iter().flat_map(|step| &step.messages).collect();
    assert!(messages.iter().any(|message| matches!(message, Message::NewMarket { .. })));
    assert!(messages.iter().any(|message| matches!(message, Message::Resolved { .. })));
    let is_quiet = |message: &Message| match message {
        Message::Book(image) => image.bids.is_empty() && image.asks.is_empty(),
        Message::NewMarket { .. } | Message::Resolved { .. } | Message::TickChange { .. } => true,
        Message::PriceChange { .. } | Message::LastTrade { .. } => false,
        Message::BestBidAsk { .. } | Message::Activity(_) => false,
    };
    assert!(messages.into_iter().all(is_quiet));
    assert!(world.places().all(|place| place.book.side(Side::Buy).is_empty()));
}

/// Of the markets of a neg-risk event one wins, the others lose, together.
#[test]
fn a_regatta_has_one_winner() {
    let mut ends: BTreeMap<String, Vec<Resolution>> = BTreeMap::new();
    let (_, steps) = steps(Options { rate_percent: 5, short_life: Nanos::from_secs(30), ..options(5) }, 400);
    for message in steps.iter().flat_map(|step| &step.messages) {
        if let Message::Resolved { listing, resolution, .. } = message
            && listing.neg_risk
        {
            ends.entry(listing.event_slug.clone()).or_default().push(*resolution);
        }
    }
    assert!(ends.len() > 3, "{ends:?}");
    for (event, ends) in ends {
        let won = ends.iter().filter(|end| **end == Resolution::Won(Outcome::Yes)).count();
        let lost = ends.iter().filter(|end| **end == Resolution::Won(Outcome::No)).count();
        assert_eq!((won, lost), (1, BOATS.len() - 1), "{event}");
    }
}

/// A client's orders meet the crowd's, and what becomes of them is told by both: messages and events.
#[test]
fn a_client_trades_with_the_crowd() {
    let mut world = Workload::new(options(7));
    let now = options(7).start;
    let account = world.exchange_mut().open_account(exchange::Funds::Of(Usdc::whole(1_000)));
    world.introduce(account, Person { wallet: "0xc11e".to_owned(), name: "client".to_owned() });
    world.exchange_mut().approve(account, exchange::Contract::V2, exchange::Asset::Collateral, u64::MAX);
    let place = world.places().next().expect("a market");
    let (market, ask) = (place.market, place.book.best_ask().expect("an ask"));
    let shares = ask.shares_floor(Usdc::whole(2)).floor_to(100).0;
    let new = NewOrder {
        id: OrderId([9; 32]),
        account,
        market,
        outcome: Outcome::Yes,
        side: Side::Buy,
        maker_amount: 2_000_000,
        taker_amount: shares,
        kind: exchange::Kind::Fak,
        post_only: false,
    };
    let placed = world.place(now, new).expect("it is matched");
    assert!(matches!(placed, Placed::Matched { .. }), "{placed:?}");
    let step = world.tell(now).expect("it is told");
    assert_eq!(step.at, now);
    let Event::Order { order, what: exchange::Happened::Placement } = &step.events[0] else { panic!("{step:?}") };
    assert_eq!(order.new, new);
    let Message::LastTrade { price, side: Side::Buy, transaction, .. } = &step.messages[0] else { panic!("{step:?}") };
    assert_eq!(*price, ask);
    assert_eq!(world.tell(now), None);
    let until = now.plus(Nanos::from_secs(10));
    let told =
        std::iter::from_fn(|| world.next(until)).flat_map(|step| step.messages).find_map(|message| match message {
            Message::Activity(fill) if fill.wallet == "0xc11e" => Some(fill),
            _ => None,
        });
    let fill = told.expect("the feed tells it");
    assert_eq!((fill.transaction, fill.price, fill.traded_at), (transaction.clone(), ask, Millis(now.as_millis())));
    while world.next(until).is_some() {}
    assert!(world.exchange().shares(account, market, Outcome::Yes).held > Shares::ZERO);
}

/// A book, changes of both tokens, a crossed moment, a finer grid.
fn recording() -> String {
    let line = |secs: u64, message: &str| {
        format!("{{\"recv_ns\":{},\"msg\":{message}}}\n", 1_776_082_810_000_000_000 + secs * 1_000_000_000)
    };
    let change = |asset: &str, price: &str, size: &str, side: &str| {
        format!(
            r#"{{"market":"0xc0ffee0000","price_changes":[{{"asset_id":"{asset}","price":"{price}","size":"{size}","side":"{side}","hash":""}}],"timestamp":"1776082811000","event_type":"price_change"}}"#
        )
    };
    let book = r#"{"market":"0xc0ffee0000","asset_id":"111","timestamp":"1776082810581","hash":"","bids":[{"price":"0.48","size":"30"},{"price":"0.49","size":"20.5"}],"asks":[{"price":"0.53","size":"50"},{"price":"0.52","size":"10"}],"event_type":"book"}"#;
    let lines = [
        line(0, book),
        line(2, &change("111", "0.52", "12", "SELL")),
        line(3, &change("222", "0.5", "7", "BUY")),
        // Crossed: the ask at 0.5 is gone only with the next message.
        line(4, &change("111", "0.51", "9", "BUY")),
        line(5, &change("111", "0.5", "0", "SELL")),
        line(6, &change("111", "0.485", "6", "BUY")),
        line(9, &change("111", "0.47", "5", "BUY")),
    ];
    lines.concat()
}

/// A book, a client's order against it, changes of both tokens, a crossed moment, a finer grid, the end.
#[test]
fn a_recording_is_played_and_clients_trade_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("market.jsonl");
    std::fs::write(&path, recording()).expect("a file");
    let mut world = Workload::recorded(Options { rate_percent: 100, ..options(1) }, &path).expect("a recording");
    let start = options(1).start;
    let at = |secs| start.plus(Nanos::from_secs(secs));
    let until = |world: &mut Workload, secs: u64| {
        let messages: Vec<Message> =
            std::iter::from_fn(|| world.next(at(secs))).flat_map(|step| step.messages).collect();
        let place = world.places().next().expect("a market");
        let side = |side| {
            let levels = place.book.side(side).iter();
            levels.map(|(price, size)| format!("{price} x {size}")).collect::<Vec<String>>().join(", ")
        };
        (format!("{} | {}", side(Side::Buy), side(Side::Sell)), messages)
    };
    let (shown, messages) = until(&mut world, 0);
    assert_eq!(shown, "0.48 x 30, 0.49 x 20.5 | 0.52 x 10, 0.53 x 50");
    assert!(messages.iter().any(|message| matches!(message, Message::NewMarket { .. })));
    let place = world.places().next().expect("a market");
    assert_eq!(place.listing.tokens, ["111".to_owned(), "222".to_owned()]);
    let market = place.market;
    let account = world.exchange_mut().open_account(exchange::Funds::Endless);
    let new = NewOrder {
        id: OrderId([9; 32]),
        account,
        market,
        outcome: Outcome::Yes,
        side: Side::Buy,
        maker_amount: 13_250_000,
        taker_amount: 25_000_000,
        kind: exchange::Kind::Fok,
        post_only: false,
    };
    world.place(at(1), new).expect("it is filled");
    // 5.2 dollars took all at 0.52; 8.05 bought about 15.18868 shares at 0.53.
    assert_eq!(until(&mut world, 1).0, "0.48 x 30, 0.49 x 20.5 | 0.53 x 34.811321");
    // What was taken stays taken until the recording changes the level.
    assert_eq!(until(&mut world, 2).0, "0.48 x 30, 0.49 x 20.5 | 0.52 x 12, 0.53 x 34.811321");
    let all = "0.48 x 30, 0.49 x 20.5 | 0.5 x 7, 0.52 x 12, 0.53 x 34.811321";
    assert_eq!(until(&mut world, 3).0, all);
    assert_eq!(until(&mut world, 4).0, all);
    assert_eq!(until(&mut world, 5).0, "0.48 x 30, 0.49 x 20.5, 0.51 x 9 | 0.52 x 12, 0.53 x 34.811321");
    let (shown, messages) = until(&mut world, 6);
    assert_eq!(shown, "0.48 x 30, 0.485 x 6, 0.49 x 20.5, 0.51 x 9 | 0.52 x 12, 0.53 x 34.811321");
    assert!(messages.iter().any(|message| matches!(message, Message::TickChange { .. })));
    let (shown, messages) = until(&mut world, 60);
    assert_eq!(shown, " | ");
    assert!(
        messages
            .iter()
            .any(|message| { matches!(message, Message::Resolved { resolution: Resolution::Won(Outcome::Yes), .. }) })
    );
    assert_eq!(world.next(Nanos::NEVER), None);

    std::fs::write(&path, "{\"recv_ns\":1,\"msg\":[]}\n").expect("a file");
    let error = Workload::recorded(options(1), &path).expect_err("there is nothing to play");
    assert!(error.to_string().contains("says nothing of any market"), "{error}");
}
