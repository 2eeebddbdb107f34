//! Whatever happens, positions and results are what a plain first-in-first-out book of the fills says, and nobody's shares are
//! sold because of somebody else.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::domain::{Cause, FeeSchedule, event::Submitted, market::SHARES_STEP, settings::ExitPlan};

const OTHER: LeaderId = LeaderId(1);

/// A bookkeeper who reads only events, and knows nothing of the engine.
#[derive(Default)]
struct Bookkeeper {
    orders: HashMap<OrderId, Submitted>,
    lots: HashMap<LeaderId, VecDeque<(u64, i64)>>,
    /// Shares bought after a leader, and sold with him.
    bought: HashMap<LeaderId, u64>,
    sold_with: HashMap<LeaderId, u64>,
    realised: i64,
}

impl Bookkeeper {
    fn read(&mut self, event: &Event) {
        match event {
            Event::Submitted(order) => {
                self.orders.insert(order.order, *order);
            }
            Event::Filled(filled) => {
                let order = self.orders[&filled.order];
                self.realised -= filled.fee.0;
                match order.side {
                    Side::Buy => {
                        self.lots.entry(order.leader).or_default().push_back((filled.shares.0, filled.cash.0));
                        *self.bought.entry(order.leader).or_default() += filled.shares.0;
                    }
                    Side::Sell => {
                        let cost = self.take(order.leader, filled.shares.0);
                        assert_eq!(filled.basis.0, cost, "{filled:?}");
                        self.realised += filled.cash.0 - cost;
                        if order.cause == Cause::LeaderExit {
                            *self.sold_with.entry(order.leader).or_default() += filled.shares.0;
                        }
                    }
                }
            }
            Event::Settled(settled) => {
                let cost = self.take(settled.leader, settled.shares.0);
                assert_eq!(settled.basis.0, cost, "{settled:?}");
                self.realised += settled.proceeds.0 - cost;
            }
            _ => (),
        }
    }

    /// Takes the oldest shares of a leader's lots out. Panics when there are not so many: they would be somebody else's.
    fn take(&mut self, leader: LeaderId, shares: u64) -> i64 {
        let lots = self.lots.get_mut(&leader).expect("lots of this leader");
        let (mut left, mut cost) = (shares, 0);
        while left > 0 {
            let lot = lots.front_mut().expect("as many shares as are sold");
            let part = left.min(lot.0);
            let part_cost = (i128::from(lot.1) * i128::from(part) / i128::from(lot.0)) as i64;
            *lot = (lot.0 - part, lot.1 - part_cost);
            (left, cost) = (left - part, cost + part_cost);
            lots.pop_front_if(|lot| lot.0 == 0);
        }
        cost
    }

    fn agrees_with(&self, engine: &Engine) {
        for (leader, lots) in &self.lots {
            let held = lots.iter().fold((0, 0), |sum, lot| (sum.0 + lot.0, sum.1 + lot.1));
            let found = engine.positions().find(PAPER, *leader, TOKEN).map(|slot| engine.positions().at(slot));
            assert_eq!(held, found.map_or((0, 0), |position| (position.shares.0, position.cost.0)));
            assert!(self.sold_with.get(leader) <= self.bought.get(leader));
        }
        assert_eq!(engine.portfolios()[0].ledger.realised().0, self.realised);
    }
}

#[derive(Clone, Debug)]
enum Turn {
    Buy(LeaderId, u32),
    Sell(LeaderId, u32),
    Book(u32, u32),
    Wait(u64),
    Force,
    Restart,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let leader = || (0u32..2).prop_map(LeaderId);
    let turn = prop_oneof![
        4 => (leader(), 20u32..2_000).prop_map(|(leader, count)| Turn::Buy(leader, count)),
        3 => (leader(), 1u32..1_500).prop_map(|(leader, count)| Turn::Sell(leader, count)),
        3 => (25u32..75, 5u32..400).prop_map(|(bid, size)| Turn::Book(bid, size)),
        4 => (1u64..4_000).prop_map(Turn::Wait),
        1 => Just(Turn::Force),
        1 => Just(Turn::Restart),
    ];
    prop::collection::vec(turn, 1..60)
}

fn book(world: &mut World, bid: u32, size: u32) {
    let (bid, size) = (f64::from(bid) / 100.0, f64::from(size) + 0.123_456);
    world.book(&[(bid - 0.01, size), (bid, size)], &[(bid + 0.01, 50.0 * size), (bid + 0.02, size)]);
}

fn take_turn(world: &mut World, turn: &Turn) {
    let ask = world.engine.token(TOKEN).book.best_ask().map_or(0.5, |ask| f64::from(ask.micros()) / 1e6);
    match *turn {
        Turn::Buy(leader, count) => world.trade_of(leader, Side::Buy, ask, f64::from(count), Nanos::ZERO),
        Turn::Sell(leader, count) => world.trade_of(leader, Side::Sell, ask, f64::from(count), Nanos::ZERO),
        Turn::Book(bid, size) => book(world, bid, size),
        Turn::Wait(millis) => world.wait(Nanos::from_millis(millis)),
        Turn::Force => world.input(Input::ForceExit { portfolio: PAPER, token: None }),
        // The venue forgets our orders, as the paper venue of a process that ended does.
        Turn::Restart => {
            world.paper = Paper::new(PaperOptions::default());
            let open: Vec<OrderId> = world.engine.orders().iter().map(|order| order.submitted.order).collect();
            let end = crate::domain::OrderEnd::Rejected(crate::domain::Rejection::VenueRestarted);
            open.into_iter().for_each(|order| world.input(Input::Closed { order, end }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn positions_are_what_a_bookkeeper_makes_of_the_events(
        turns in turns(), plans in any::<bool>(), stops in any::<bool>(), payout in prop::option::of(0u32..=1_000_000),
    ) {
        let mut settings = sized(SizeRule::Percent(50_000));
        settings.guards.buy.depth_factor_ppm_min = 0;
        settings.exit.plan = if plans { ExitPlan::RestAt(100_000) } else { ExitPlan::Off };
        if stops {
            (settings.exit.stop_loss_ppm, settings.exit.trailing_stop_ppm) = (150_000, 100_000);
        }
        let mut world = World::new(settings);
        world.engine.follow(OTHER, PAPER);
        let market = Market { fees: FeeSchedule { rate_ppm: 50_000 }, ..Market::COMMON };
        world.input(Input::MarketKnown { token: TOKEN, market });
        book(&mut world, 49, 400);
        let (mut bookkeeper, mut read) = (Bookkeeper::default(), 0);
        for turn in &turns {
            take_turn(&mut world, turn);
            world.log[read..].iter().for_each(|(_, event)| bookkeeper.read(event));
            read = world.log.len();
            bookkeeper.agrees_with(&world.engine);
            world.audit();
            for position in world.engine.positions().iter() {
                prop_assert!(position.selling <= position.shares, "more is on sale than is held: {:?}", position);
            }
        }
        match payout {
            Some(payout) => world.input(Input::Resolved { token: TOKEN, payout }),
            // Each leader sells all he ever had into a deep book.
            None => for leader in [LEADER, OTHER] {
                book(&mut world, 49, 100_000);
                world.trade_of(leader, Side::Sell, 0.50, 1e6, Nanos::ZERO);
            },
        }
        for _ in 0..20 {
            world.wait(Nanos::from_secs(61));
            if payout.is_none() {
                book(&mut world, 49, 100_000);
            }
        }
        world.log[read..].iter().for_each(|(_, event)| bookkeeper.read(event));
        bookkeeper.agrees_with(&world.engine);
        let left = world.engine.positions().iter().map(|position| position.shares).max();
        let unsellable = if payout.is_some() { Shares(0) } else { Market::COMMON.minimum - Shares(SHARES_STEP) };
        prop_assert!(left.is_none_or(|left| left.floor_to(SHARES_STEP) <= unsellable), "{:?} is left", left);
        prop_assert_eq!(world.engine.orders().open(), 0);
        prop_assert!(!world.engine.entries_stopped());
    }
}
