//! What the house offers, and a long walk of everything together.

use std::collections::BTreeMap;

use super::oracle::{assert_conserved, check_trade};
use super::*;
use crate::domain::Price;
use crate::domain::money::ONE;
use crate::sim::message::Resolution;

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

impl Bench {
    fn quote(&mut self, side: Side, cents: u32, shares: u64) {
        self.exchange.quote(self.now, HOUSE, self.market, side, price(cents), Shares(shares * 10_000));
    }
}

#[test]
fn a_quote_sets_the_total_of_the_house() {
    let mut bench = Bench::new();
    bench.quote(Side::Buy, 48, 2_000);
    bench.quote(Side::Sell, 52, 1_050);
    assert_eq!(bench.book(), "0.48 x 20 | 0.52 x 10.5");
    bench.take(BO, "buy yes 7 @ 0.48 gtc");
    bench.quote(Side::Buy, 48, 1_500);
    assert_eq!(bench.book(), "0.48 x 22 | 0.52 x 10.5");
    bench.quote(Side::Buy, 48, 3_000);
    assert_eq!(bench.book(), "0.48 x 37 | 0.52 x 10.5");
    bench.quote(Side::Buy, 48, 0);
    bench.quote(Side::Sell, 52, 0);
    bench.quote(Side::Sell, 53, 0);
    assert_eq!(bench.book(), "0.48 x 7 | ");
}

#[test]
fn less_keeps_its_place_in_the_queue_and_more_does_not() {
    for (again, first) in [(1_000, true), (500, true), (3_000, false)] {
        let mut bench = Bench::new();
        bench.quote(Side::Sell, 52, 1_000);
        bench.take(BO, "sell yes 10 @ 0.52 gtc");
        bench.quote(Side::Sell, 52, again);
        bench.exchange.drain_events().for_each(drop);
        bench.take(ANN, "buy yes 5 @ 0.52 fak");
        let matched = bench.exchange.drain_events().find_map(|event| match event {
            Event::Matched(trade) => Some(trade.makers[0].account),
            _ => None,
        });
        assert_eq!(matched == Some(HOUSE), first, "{again}");
    }
}

#[test]
fn a_quote_takes_what_it_meets_of_others_and_drops_its_own() {
    let mut bench = Bench::new();
    bench.take(BO, "buy yes 7 @ 0.55 gtc");
    bench.quote(Side::Buy, 54, 1_000);
    bench.quote(Side::Buy, 50, 1_000);
    bench.exchange.drain_events().for_each(drop);
    bench.quote(Side::Sell, 54, 2_000);
    assert_eq!(bench.book(), "0.5 x 10 | 0.54 x 13");
    let books = bench.exchange.drain_events().filter(|event| matches!(event, Event::Book { .. })).count();
    assert_eq!(books, 1);
    bench.quote(Side::Sell, 54, 0);
    assert_eq!(bench.book(), "0.5 x 10 | ");
}

#[test]
fn takers_meet_buyers_and_sellers_of_both_tokens() {
    let mut bench = Bench::new();
    let mut seen = std::collections::BTreeSet::new();
    for nth in 0..8 {
        bench.quote(Side::Sell, 52, 1_000 + nth);
        bench.quote(Side::Buy, 48, 1_000 + nth);
        for words in ["buy yes 10 @ 0.52 fak", "sell yes 10 @ 0.48 fak"] {
            bench.take(ANN, words);
        }
    }
    for event in bench.exchange.drain_events() {
        if let Event::Matched(trade) = event {
            let maker = &trade.makers[0];
            seen.insert(format!("{:?} meets {:?} {:?}", trade.taker.side, maker.side, maker.outcome));
        }
    }
    let all = ["Buy meets Buy No", "Buy meets Sell Yes", "Sell meets Buy Yes", "Sell meets Sell No"];
    assert_eq!(seen.into_iter().collect::<Vec<String>>(), all);
}

/// Sizes that no order has (millionths) and all prices of the finest grid: the total is what was asked for.
#[test]
fn any_size_can_be_quoted_at_any_price() {
    let mut bench = Bench::with(Rules { tick: Tick::FINEST, ..RULES });
    let mut random = Random::new(3);
    for _ in 0..2_000 {
        let price = Price::from_micros(random.range(1, 10_000) as u32 * 100).expect("a price");
        let shares = Shares(random.range(10_000, 90_000_000_000));
        let side = if price < self::price(50) { Side::Buy } else { Side::Sell };
        bench.exchange.quote(bench.now, HOUSE, bench.market, side, price, shares);
        let total =
            bench.exchange.ladder(bench.market, side).find(|level| level.price == price).map(|level| level.size);
        assert_eq!(total, Some(shares), "{price}");
        bench.exchange.drain_events().for_each(drop);
    }
}

/// A reader who applies what is told has the book, and everything is where it should be, whatever comes.
#[test]
fn a_busy_market_loses_nothing() {
    for seed in 1..=4 {
        let mut bench = Bench::new();
        *bench.exchange.settings_mut() = Settings { failed_ppm: 50_000, ..Settings::default() };
        let (mut random, mut unsettled) = (Random::new(seed), BTreeMap::new());
        let mut read: BTreeMap<(bool, u32), Shares> = BTreeMap::new();
        for step in 0..3_000_u32 {
            let cents = random.range(45, 56);
            match random.range(0, 20) {
                0..=9 => {
                    let side = *random.pick(&[Side::Buy, Side::Sell]);
                    bench.quote(side, cents as u32, random.range(0, 3) * random.range(0, 5_000));
                }
                10..=15 => {
                    let (account, side) = (*random.pick(&[ANN, BO, HOUSE]), *random.pick(&["buy", "sell"]));
                    let (outcome, kind) = (*random.pick(&["yes", "no"]), *random.pick(&["gtc", "fak", "fok", "gtd"]));
                    let mut new =
                        bench.parse(account, &format!("{side} {outcome} {} @ 0.{cents} {kind}", random.range(5, 80)));
                    new.id.0[..4].copy_from_slice(&step.to_be_bytes());
                    new.id.0[4] = 1;
                    bench.numbered = 0;
                    drop(bench.exchange.place(bench.now, new));
                }
                16 => {
                    let ids = bench.exchange.open_orders(ANN).map(|order| order.new.id).collect::<Vec<OrderId>>();
                    if !ids.is_empty() {
                        bench.exchange.cancel(ANN, random.pick(&ids)).expect("it is open");
                    }
                }
                17 => bench
                    .exchange
                    .change_tick(bench.market, *random.pick(&[Tick::CENT, Tick::from_micros(5_000).expect("a tick")])),
                _ => bench.after(Nanos::from_millis(random.range(1, 900))),
            }
            follow(&mut bench, &mut unsettled, &mut read, seed);
        }
        bench.exchange.resolve(bench.market, Resolution::Even);
        while let Some(due) = bench.exchange.next_due() {
            bench.exchange.advance(due);
        }
        follow(&mut bench, &mut unsettled, &mut read, seed);
        assert!(read.is_empty() && unsettled.is_empty(), "SEED={seed}: {read:?}");
        for account in [HOUSE, ANN, BO] {
            bench.exchange.redeem(account, bench.market);
        }
        assert_conserved(&bench.exchange, unsettled.values(), 4_000 * ONE as i64);
        // Halves are cut: at most a millionth an account and outcome stays behind.
        assert!((0..=6).contains(&bench.exchange.locked(bench.market)));
    }
}

fn follow(
    bench: &mut Bench,
    unsettled: &mut BTreeMap<TradeId, Arc<Trade>>,
    read: &mut BTreeMap<(bool, u32), Shares>,
    seed: u64,
) {
    let events: Vec<Event> = bench.exchange.drain_events().collect();
    for event in events {
        match event {
            Event::Book { changes, .. } => changes.into_iter().for_each(|change| {
                let key = (change.side == Side::Buy, change.level.price.micros());
                match change.level.size {
                    Shares::ZERO => assert!(read.remove(&key).is_some(), "SEED={seed}: {key:?}"),
                    size => drop(read.insert(key, size)),
                }
            }),
            Event::Matched(trade) => {
                check_trade(&bench.exchange, &trade);
                unsettled.insert(trade.id, trade);
            }
            Event::Settled { trade, to: Settlement::Mined | Settlement::Failed } => drop(unsettled.remove(&trade.id)),
            Event::Settled { .. } | Event::Order { .. } | Event::Released { .. } | Event::Moved(_) => {}
            Event::Tick { .. } | Event::Closed { .. } | Event::Resolved { .. } => {}
        }
    }
    for side in [Side::Buy, Side::Sell] {
        let levels: BTreeMap<u32, Shares> =
            bench.exchange.ladder(bench.market, side).map(|level| (level.price.micros(), level.size)).collect();
        let of_side = read.iter().filter(|((is_bid, _), _)| *is_bid == (side == Side::Buy));
        assert_eq!(levels, of_side.map(|((_, price), size)| (*price, *size)).collect(), "SEED={seed}");
    }
    assert_conserved(&bench.exchange, unsettled.values(), 4_000 * ONE as i64);
}
