//! Each trick does what it says, seen as copiers see it: in fills, and in what is done without any.

use super::*;
use crate::sim::exchange::{Event, Funds, Move, MoveKind, Trade};
use crate::sim::message::{Activity, Message, Resolution, Role};
use crate::sim::workload::{Options, Step, Workload};

const START: Nanos = Nanos::from_secs(1_795_260_900);
const SHORT_LIFE: Nanos = Nanos::from_secs(120);

struct Watched {
    world: Workload,
    steps: Vec<Step>,
}

/// Plays a trick in a world that has gone on for a while, and watches.
fn watch(trick: Trick, seed: u64, secs: u64) -> Watched {
    let mut world = Workload::new(Options { seed, rate_percent: 25, start: START, short_life: SHORT_LIFE });
    let began = START.plus(Nanos::from_secs(10));
    while world.next(began).is_some() {}
    world.play(trick, began);
    let until = began.plus(Nanos::from_secs(secs));
    let steps = std::iter::from_fn(|| world.next(until)).collect();
    Watched { world, steps }
}

impl Watched {
    /// Returns the fills of a wallet since the trick began, as the feed tells them.
    fn fills(&self, (_, wallet): (&str, &str)) -> Vec<Activity> {
        let messages = self.steps.iter().flat_map(|step| &step.messages);
        let fills = messages.filter_map(|message| match message {
            Message::Activity(fill) if fill.wallet == wallet => Some(fill.clone()),
            _ => None,
        });
        fills.collect()
    }

    fn moves(&self, (_, wallet): (&str, &str)) -> Vec<Move> {
        let events = self.steps.iter().flat_map(|step| &step.events);
        let of_wallet = |account| self.world.person(account).is_some_and(|person| person.wallet == wallet);
        let moves = events.filter_map(|event| match event {
            Event::Moved(moved) if of_wallet(moved.account) => Some(*moved),
            _ => None,
        });
        moves.collect()
    }
}

fn dollars(fills: &[Activity], side: Side) -> i64 {
    fills.iter().filter(|fill| fill.side == side).map(|fill| fill.price.cost_floor(fill.size).0).sum()
}

fn shares(fills: &[Activity], side: Side) -> u64 {
    fills.iter().filter(|fill| fill.side == side).map(|fill| fill.size.0).sum()
}

#[test]
fn without_a_trick_the_trickster_does_nothing() {
    let mut world = Workload::new(Options { seed: 3, rate_percent: 100, start: START, short_life: SHORT_LIFE });
    let steps: Vec<Step> = std::iter::from_fn(|| world.next(START.plus(Nanos::from_secs(30)))).collect();
    let quiet = Watched { world, steps };
    for wallet in [leader::TRICKSTER, leader::SECOND_WALLET] {
        assert_eq!((quiet.fills(wallet), quiet.moves(wallet)), (Vec::new(), Vec::new()));
    }
}

#[test]
fn a_trick_is_the_same_for_a_seed() {
    let told = |seed| watch(Trick::RoundTrip, seed, 30).fills(leader::TRICKSTER);
    assert_eq!(told(3), told(3));
    assert!(!told(3).is_empty());
}

#[test]
fn a_round_trip_buys_and_sells_within_a_minute() {
    for seed in 1..4 {
        let fills = watch(Trick::RoundTrip, seed, 60).fills(leader::TRICKSTER);
        let (bought, sold) = (shares(&fills, Side::Buy), shares(&fills, Side::Sell));
        assert!(bought > 0 && bought - sold < 10_000, "seed {seed}: bought {bought}, sold {sold}");
        let (first, last) = (&fills[0], &fills[fills.len() - 1]);
        assert_eq!((first.side, last.side, first.outcome), (Side::Buy, Side::Sell, last.outcome), "seed {seed}");
        assert!(last.traded_at.0 - first.traded_at.0 < 60_000, "seed {seed}");
    }
}

#[test]
fn a_giant_buys_a_hundred_times_a_usual_trade_and_reverses() {
    for seed in 1..4 {
        let fills = watch(Trick::Giant, seed, 60).fills(leader::TRICKSTER);
        let first = fills[0].traded_at;
        assert!(fills.iter().filter(|fill| fill.side == Side::Buy).all(|fill| fill.traded_at == first), "seed {seed}");
        assert!(dollars(&fills, Side::Buy) > 5_000_000_000, "seed {seed}: {}", dollars(&fills, Side::Buy));
        assert!(shares(&fills, Side::Sell) > shares(&fills, Side::Buy) / 2, "seed {seed}");
    }
}

#[test]
fn fragments_are_small_and_many() {
    let fills = watch(Trick::Fragment, 2, 20).fills(leader::TRICKSTER);
    let buys: Vec<&Activity> = fills.iter().filter(|fill| fill.side == Side::Buy).collect();
    assert!(buys.len() >= FRAGMENTS as usize, "{}", buys.len());
    assert!(buys.iter().all(|fill| fill.price.cost_floor(fill.size) <= Usdc::whole(2)));
    let spread = buys[buys.len() - 1].traded_at.0 - buys[0].traded_at.0;
    assert!(spread <= 2_000 && dollars(&fills, Side::Buy) > 190_000_000, "{spread} ms");
}

#[test]
fn a_hedge_pays_where_the_shown_trade_does_not() {
    for seed in 1..4 {
        let watched = watch(Trick::Hedge, seed, 10);
        let (shown, hidden) = (watched.fills(leader::TRICKSTER), watched.fills(leader::SECOND_WALLET));
        let market = &shown[0].listing;
        assert!(shown.iter().chain(&hidden).all(|fill| fill.side == Side::Buy && fill.outcome == Outcome::Yes));
        assert!(shown.iter().all(|fill| fill.listing.condition == market.condition), "seed {seed}");
        // Every other market of the event, and not the one that is shown.
        let mut hedged: Vec<&str> = hidden.iter().map(|fill| fill.listing.condition.as_str()).collect();
        hedged.sort_unstable();
        hedged.dedup();
        assert_eq!(hedged.len(), crate::sim::listing::BOATS.len() - 1, "seed {seed}");
        assert!(!hedged.contains(&market.condition.as_str()), "seed {seed}");
        assert!(hidden.iter().all(|fill| fill.listing.neg_risk_id == market.neg_risk_id), "seed {seed}");
    }
}

#[test]
fn a_merge_leaves_without_a_sale() {
    for seed in 1..4 {
        let watched = watch(Trick::Merge, seed, 60);
        let fills = watched.fills(leader::TRICKSTER);
        assert!(fills.iter().all(|fill| fill.side == Side::Buy), "seed {seed}");
        let bought = |outcome| fills.iter().filter(|fill| fill.outcome == outcome).map(|fill| fill.size.0).sum::<u64>();
        let [yes, no] = Outcome::BOTH.map(bought);
        let merges = watched.moves(leader::TRICKSTER);
        assert_eq!(merges.len(), 1, "seed {seed}");
        assert_eq!(merges[0].kind, MoveKind::Merge);
        let merged = merges[0].shares[0].0;
        assert!(merged <= yes.min(no) && yes.min(no) - merged < 10_000, "seed {seed}: {merged} of {yes} and {no}");
        assert!(merged > yes.max(no) * 8 / 10, "seed {seed}: nearly all of it, {merged} of {yes} and {no}");
    }
}

#[test]
fn dust_is_a_dollar_of_the_cheapest_and_more_of_it_is_offered() {
    for seed in 1..4 {
        let watched = watch(Trick::Dust, seed, 20);
        let (shown, hidden) = (watched.fills(leader::TRICKSTER), watched.fills(leader::SECOND_WALLET));
        assert!(dollars(&shown, Side::Buy) <= 1_000_000 && !shown.is_empty(), "seed {seed}");
        assert!(shown.iter().all(|fill| fill.outcome == hidden[0].outcome));
        assert!(shares(&hidden, Side::Buy) > 10 * shares(&shown, Side::Buy), "seed {seed}");
        let place = watched.world.condition(&shown[0].listing.condition).expect("it is remembered");
        let second = watched.world.people().find(|(_, person)| person.wallet == leader::SECOND_WALLET.1);
        let account = second.expect("he is introduced").0;
        let offered = watched.world.exchange().shares(account, place.market, shown[0].outcome).reserved;
        let rest: Vec<u64> = watched.world.exchange().open_orders(account).map(|order| order.left).collect();
        assert!(offered > Shares::ZERO || rest.is_empty(), "seed {seed}");
    }
}

#[test]
fn an_oracle_is_pushed_when_a_short_market_is_about_to_close() {
    for seed in 1..4 {
        let watched = watch(Trick::OraclePush, seed, 130);
        let fills = watched.fills(leader::TRICKSTER);
        let (listing, outcome) = (&fills[0].listing, fills[0].outcome);
        let life = listing.closes_at.0 - listing.opens_at.0;
        let left = listing.closes_at.0 - fills[0].traded_at.0;
        assert!(listing.taker_delay && left * 100 <= life * 20, "seed {seed}: {left} of {life} ms left");
        let verdict = watched.steps.iter().flat_map(|step| &step.messages).find_map(|message| match message {
            Message::Resolved { listing: of, resolution, .. } if of.condition == listing.condition => Some(*resolution),
            _ => None,
        });
        // One market in eight ends even whatever its price.
        let expected = [Some(Resolution::Won(outcome)), Some(Resolution::Even)];
        assert!(expected.contains(&verdict), "seed {seed}: {verdict:?}, bought {outcome:?}");
    }
}

#[test]
fn copiers_buy_from_the_second_wallet_of_a_distributor() {
    for seed in 1..4 {
        let mut world = Workload::new(Options { seed, rate_percent: 0, start: START, short_life: SHORT_LIFE });
        let copier = world.exchange_mut().open_account(Funds::Endless);
        let maker = world.exchange_mut().open_account(Funds::Endless);
        quote(&mut world, maker);
        world.tell(START).expect("it is told");
        world.play(Trick::Distribute, START);
        let (mut seen, mut trades): (Option<Activity>, Vec<std::sync::Arc<Trade>>) = (None, Vec::new());
        let account = |world: &Workload, wallet: (&str, &str)| {
            world.people().find(|(_, person)| person.wallet == wallet.1).expect("he is introduced").0
        };
        let (first, second) = (account(&world, leader::TRICKSTER), account(&world, leader::SECOND_WALLET));
        while let Some(step) = world.next(START.plus(Nanos::from_secs(20))) {
            for message in &step.messages {
                if let Message::Activity(fill) = message
                    && fill.wallet == leader::TRICKSTER.1
                    && seen.is_none()
                {
                    seen = Some(fill.clone());
                    let market = world.condition(&fill.listing.condition).expect("it is open").market;
                    let size = Size::Buy(Usdc::whole(50));
                    let copy = Intent { market, outcome: fill.outcome, size, depth: 4 };
                    take(&mut world.stage, step.at, copier, copy);
                }
            }
            trades.extend(step.events.into_iter().filter_map(|event| match event {
                Event::Matched(trade) => Some(trade),
                _ => None,
            }));
        }
        let seen = seen.expect("the leader bought");
        assert_eq!((seen.side, seen.role), (Side::Buy, Role::Taker));
        let copied: Vec<_> = trades.iter().filter(|trade| trade.taker.account == copier).collect();
        assert!(!copied.is_empty(), "seed {seed}");
        assert_eq!(copied[0].makers[0].account, second, "seed {seed}: the copier buys from him");
        assert!(trades.iter().filter(|trade| trade.taker.account == first).all(|trade| trade.taker.side == Side::Buy));
    }
}

/// Offers something in every market, at prices that stay.
fn quote(world: &mut Workload, maker: AccountId) {
    let markets: Vec<MarketId> = world.places().map(|place| place.market).collect();
    for market in markets {
        for cents in 1..20_u32 {
            let price = |cents: u32| Price::from_micros(cents * 10_000).expect("a price");
            let exchange = world.exchange_mut();
            exchange.quote(START, maker, market, Side::Buy, price(50 - cents), Shares::whole(300));
            exchange.quote(START, maker, market, Side::Sell, price(50 + cents), Shares::whole(300));
        }
    }
}

#[test]
fn tricks_are_called_by_name() {
    let names = ["distribute", "round_trip", "hedge", "merge", "oracle_push", "dust", "fragment", "giant"];
    for (name, trick) in names.into_iter().zip(Trick::ALL) {
        assert_eq!(serde_json::from_value::<Trick>(serde_json::json!(name)).ok(), Some(trick));
    }
}
