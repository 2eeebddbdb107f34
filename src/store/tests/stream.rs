//! A long journal that could be real: orders are opened, accepted, filled in parts and closed, positions grow, shrink,
//! end and begin again. The same number gives the same journal.

use std::collections::BTreeMap;

use crate::{
    domain::{
        Cause, Divergence, Event, GapCause, LeaderId, Market, Millis, Mode, Nanos, Numbers, OrderEnd, OrderId,
        OrderKind, PortfolioId, Price, Refusal, Rejection, Role, Shares, Side, SignalId, Skip, Source, TokenId,
        TradeKey, Usdc, VenueOrderId,
        event::{
            Choice, Difference, Differs, External, Feature, Filled, Gap, How, Matched, Opinion, Scored, Settled,
            Signal, Signed, Submitted, TakenIn, Valued, WalletHolds, WrittenOff,
        },
    },
    journal::{MarketAbout, Record},
};

pub type Line = (Nanos, Record<'static>);

const TOKENS: [&str; 8] = ["100", "101", "102", "103", "104", "105", "106", "107"];
const WALLETS: [&str; 3] = ["0xa", "0xb", "0xc"];

type Key = (PortfolioId, LeaderId, TokenId);

#[derive(Default)]
struct World {
    chance: u64,
    lines: Vec<Line>,
    signals: u64,
    orders: u64,
    open: Vec<(Submitted, Usdc)>,
    positions: BTreeMap<(u16, u32, u32), (u64, i64)>,
    cooling: [i64; 2],
    /// Live orders that ended, and what is left of their money.
    ended: Vec<(Submitted, Usdc)>,
    /// Matches that are not settled.
    legs: Vec<Matched>,
    matches: u64,
    of: BTreeMap<u64, Submitted>,
}

/// Returns at least `count` records.
pub fn journal(seed: u64, count: usize) -> Vec<Line> {
    let mut world = World { chance: seed, ..World::default() };
    world.begin();
    while world.lines.len() < count {
        match world.draw(12) {
            0..=4 => world.signal(),
            5 => world.accept(),
            6 => world.fill(),
            7 => world.live(),
            8..=9 => world.close(),
            10 => world.settle(),
            _ => world.rest(),
        }
    }
    world.lines
}

impl World {
    /// Returns a number below `below`.
    fn draw(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % below
    }

    fn say(&mut self, record: Record<'static>) {
        let at = Nanos::from_millis(1_790_000_000_000 + self.lines.len() as u64 * 3);
        self.lines.push((at, record));
    }

    fn event(&mut self, event: Event) {
        self.say(Record::Event(event));
    }

    fn begin(&mut self) {
        self.say(Record::Session { version: "0.1.0", config: 7 });
        for (id, text) in (0..).zip(TOKENS) {
            let token = TokenId(id);
            self.say(Record::Token { id: token, text });
            let about = MarketAbout {
                condition: "0xc",
                slug: "rain",
                title: "Will it rain?",
                outcome: "Yes",
                ..MarketAbout::default()
            };
            self.say(Record::Market { token, market: Market::COMMON, about });
        }
        for (id, wallet) in (0..).zip(WALLETS) {
            self.say(Record::Leader { id: LeaderId(id), wallet, name: "somebody" });
        }
        for (id, mode) in [(0, Mode::Paper), (1, Mode::Live)] {
            let portfolio = PortfolioId(id);
            self.say(Record::Portfolio { id: portfolio, strategy: "mirror", mode });
            self.event(Event::Deposited { portfolio, amount: Usdc::whole(1_000_000) });
        }
        self.event(Event::Withdrawn { portfolio: PortfolioId(1), amount: Usdc::whole(1) });
    }

    fn price(&mut self) -> Price {
        Price::from_micros(10_000 + self.draw(980) as u32 * 1_000).expect("a price")
    }

    fn signal(&mut self) {
        self.signals += 1;
        let id = SignalId(self.signals);
        let (leader, token) = (LeaderId(self.draw(3) as u32), TokenId(self.draw(8) as u32));
        let (portfolio, price) = (PortfolioId(self.draw(2) as u16), self.price());
        let side = if self.draw(3) == 0 { Side::Sell } else { Side::Buy };
        let trade = TradeKey([self.signals, u64::MAX]);
        let shares = Shares(1 + self.draw(1_000_000_000));
        let leader_held = Shares(self.draw(2_000_000_000));
        self.event(Event::Signal(Signal {
            signal: id,
            group: id,
            trade,
            leader,
            token,
            side,
            price,
            shares,
            group_price: price,
            group_shares: shares,
            leader_held,
            role: Role::Unknown,
            source: Source::Activity,
            how: How::Traded,
            traded_at: Nanos(1_790_000_000_123_456_789),
        }));
        self.sighted(trade, leader, token);
        let numbers = Numbers { limit: 2_000_000, actual: self.draw(9_000_000) as i64 };
        if side == Side::Buy {
            self.score(id, price);
        }
        match (side, self.draw(6)) {
            (Side::Sell, _) => self.sell(id, (portfolio, leader, token)),
            (Side::Buy, 4..) => {
                let (wanted, until) = (Usdc(self.draw(900_000) as i64), Nanos::NEVER);
                self.event(Event::Buffered {
                    signal: id,
                    portfolio,
                    leader,
                    token,
                    shares,
                    wanted,
                    reference: price,
                    until,
                });
                match self.draw(3) {
                    0 => self.event(Event::Merged { signal: id, portfolio, into: SignalId(id.0 + 1) }),
                    1 => self.event(Event::Skipped { signal: id, portfolio, reason: Skip::BelowMinimum, numbers }),
                    _ => (),
                }
            }
            (Side::Buy, 0) => self.event(Event::Skipped { signal: id, portfolio, reason: Skip::PriceMoved, numbers }),
            (Side::Buy, 1) => {
                self.event(Event::Parked { signal: id, token, until: Nanos::NEVER });
                self.event(Event::Refused { signal: id, portfolio, reason: Refusal::AvailableCash, numbers });
            }
            (Side::Buy, _) => {
                self.submit(id, (portfolio, leader, token), Side::Buy, Cause::Entry, Shares(5_000_000), price)
            }
        }
    }

    /// Others tell of it, too, some twice; and now and then one was gone for a while.
    fn sighted(&mut self, trade: TradeKey, leader: LeaderId, token: TokenId) {
        for source in [Source::Log, Source::Index].into_iter().take((self.signals % 3) as usize) {
            self.event(Event::Repeated { trade, leader, token, source });
            if self.signals.is_multiple_of(5) {
                self.event(Event::Repeated { trade, leader, token, source });
            }
        }
        if self.signals.is_multiple_of(8) {
            let until = self.lines.last().map_or(Nanos::ZERO, |line| line.0);
            let from = until.since(Nanos::from_secs(1 + self.signals % 7));
            let cause = GapCause::ALL[(self.signals / 8 % 4) as usize];
            self.event(Event::Gap(Gap { source: Source::Log, from, until, cause }));
        }
    }

    fn score(&mut self, signal: SignalId, price: Price) {
        let confidence_ppm = self.draw(1_000_001) as u32;
        let opinion = Opinion { confidence_ppm, bias_ppm: confidence_ppm as i32 - price.micros() as i32 };
        let features = [self.draw(2_000_000) as i32 - 1_000_000; Feature::COUNT];
        let ask = (self.draw(4) != 0).then_some(price.up(10_000));
        let model_ppm = (self.draw(2) == 0).then_some(confidence_ppm);
        let (additive, bayesian, prior_ppm) = (opinion, opinion, price.micros());
        self.event(Event::Scored(Scored { signal, features, prior_ppm, ask, additive, bayesian, model_ppm }));
    }

    fn sell(&mut self, signal: SignalId, key: Key) {
        let (portfolio, leader, token) = key;
        let held = self.positions.get(&(portfolio.0, leader.0, token.0)).map_or(0, |position| position.0);
        if held == 0 {
            let reason = Skip::NothingToSell;
            return self.event(Event::Skipped { signal, portfolio, reason, numbers: Numbers::NONE });
        }
        // Some exits are a stop's: no leader's trade led to them.
        let (signal, cause) = match self.draw(4) {
            0 => (SignalId::NONE, Cause::StopLoss),
            _ => (signal, Cause::LeaderExit),
        };
        let shares = Shares(1 + self.draw(held));
        let reference = self.price();
        self.event(Event::ExitDue { signal, portfolio, leader, token, cause, shares, reference });
        if self.draw(3) != 0 {
            let price = self.price();
            self.submit(signal, key, Side::Sell, cause, shares, price);
        }
    }

    fn submit(&mut self, signal: SignalId, key: Key, side: Side, cause: Cause, shares: Shares, price: Price) {
        self.orders += 1;
        let (portfolio, leader, token) = key;
        let budget = if side == Side::Buy { price.cost_ceil(shares) } else { Usdc::ZERO };
        let reserved = budget + Market::COMMON.fees.fee_ceil(budget) + Usdc(budget.0 / 50);
        let attempt = 1 + self.draw(2) as u8;
        let submitted = Submitted {
            order: OrderId(self.orders + if portfolio.0 == 1 { OrderId::LIVE.0 } else { 0 }),
            signal,
            portfolio,
            leader,
            token,
            side,
            kind: OrderKind::Fak,
            cause,
            limit: price,
            shares,
            budget,
            reserved,
            touch: price,
            reference: price,
            attempt,
        };
        self.event(Event::Submitted(submitted));
        self.of.insert(submitted.order.0, submitted);
        if portfolio.0 == 1 && self.draw(3) != 0 {
            let (salt, timestamp, id) = (self.orders, Millis(5), VenueOrderId([self.orders as u8; 32]));
            let order = submitted.order;
            self.event(Event::Signed(Signed { order, id, salt, maker_amount: 1, taker_amount: 2, timestamp }));
        }
        self.open.push((submitted, reserved));
    }

    fn pick(&mut self) -> Option<usize> {
        let open = self.open.len() as u64;
        (0 < open).then(|| self.draw(open.max(1)) as usize)
    }

    fn accept(&mut self) {
        if let Some(index) = self.pick() {
            let order = self.open[index].0.order;
            let is_unknown = self.draw(4) == 0;
            self.event(if is_unknown { Event::Unknown { order } } else { Event::Accepted { order } });
        }
    }

    fn fill(&mut self) {
        let Some(index) = self.pick() else { return };
        let (order, reserved) = self.open[index];
        let key = (order.portfolio.0, order.leader.0, order.token.0);
        let (held, cost) = self.positions.get(&key).copied().unwrap_or_default();
        let (shares, cash, fee, basis) = match order.side {
            Side::Buy => {
                let cash = reserved.0 / 3;
                (1 + self.draw(2_000_000), cash, cash / 100, 0)
            }
            Side::Sell if held == 0 => return,
            Side::Sell => {
                let all = self.draw(2) == 0 || held < order.shares.0;
                let shares = if all { held } else { order.shares.0 };
                let basis = if all { cost } else { (i128::from(cost) * i128::from(shares) / i128::from(held)) as i64 };
                let cash = self.draw(3_000_000) as i64;
                (shares, cash, cash / 100, basis)
            }
        };
        if order.side == Side::Buy {
            self.positions.insert(key, (held + shares, cost + cash));
            self.open[index].1 = reserved - Usdc(cash + fee);
        } else {
            self.take(key, shares, basis);
            self.cooling[order.portfolio.index()] += cash - fee;
        }
        self.event(Event::Filled(Filled {
            order: order.order,
            shares: Shares(shares),
            cash: Usdc(cash),
            fee: Usdc(fee),
            basis: Usdc(basis),
            release_at: Nanos(0),
        }));
    }

    /// The venue says something of a live order, or of the wallet.
    fn live(&mut self) {
        match self.draw(9) {
            0..=3 => self.matched(),
            4..=5 => self.confirmed(),
            6 => self.voided(),
            7 => {
                let (id, trade) = (VenueOrderId([9; 32]), TradeKey([self.matches, 7]));
                let (token, side, traded_at) = (TokenId(1), Side::Sell, Nanos(1_790_000_000_123_456_789));
                let (shares, cash, fee) = (Shares(9), Usdc(3), Usdc(1));
                self.event(Event::External(External { id, trade, token, side, shares, cash, fee, traded_at }));
            }
            _ => {
                let (what, token) = match self.draw(3) {
                    0 => (Difference::Cash, None),
                    1 => (Difference::OpenOrders, None),
                    _ => (Difference::Shares, Some(TokenId(2))),
                };
                let differs = Differs { what, token, ours: 5, theirs: 7 };
                self.event(Event::Differs(differs));
                self.event(Event::Explained { differs, choice: Choice::Ignored });
                self.by_hand();
                self.event(Event::WalletHolds(WalletHolds {
                    token,
                    ours: 5,
                    external: 1,
                    theirs: self.matches as i64,
                }));
            }
        }
    }

    /// The operator takes shares in, and writes some of them off.
    fn by_hand(&mut self) {
        let (portfolio, leader, token) = (PortfolioId(1), LeaderId(self.draw(3) as u32), TokenId(self.draw(8) as u32));
        let key = (portfolio.0, leader.0, token.0);
        let (shares, cost) = (1_000_000 + self.draw(9_000_000), self.draw(900_000) as i64);
        let before = self.positions.get(&key).copied().unwrap_or_default();
        self.positions.insert(key, (before.0 + shares, before.1 + cost));
        self.event(Event::TakenIn(TakenIn { portfolio, leader, token, shares: Shares(shares), cost: Usdc(cost) }));
        if self.draw(2) == 0 {
            self.take(key, shares / 2, cost / 2);
            let (shares, basis) = (Shares(shares / 2), Usdc(cost / 2));
            self.event(Event::WrittenOff(WrittenOff { portfolio, leader, token, shares, basis }));
        }
    }

    /// Some of a live order is matched, while it is open or after its end.
    fn matched(&mut self) {
        let is_late = self.draw(3) == 0;
        let all = if is_late { &self.ended } else { &self.open };
        let live: Vec<usize> = (0..all.len()).filter(|index| OrderId::LIVE < all[*index].0.order).collect();
        if live.is_empty() {
            return;
        }
        let index = live[self.draw(live.len() as u64) as usize];
        let (order, left) = if is_late { self.ended[index] } else { self.open[index] };
        let key = (order.portfolio.0, order.leader.0, order.token.0);
        let (held, cost) = self.positions.get(&key).copied().unwrap_or_default();
        self.matches += 1;
        let trade = TradeKey([self.matches, 1]);
        let (shares, cash, basis) = match order.side {
            Side::Buy => (1 + self.draw(2_000_000), left.0 / 4, 0),
            Side::Sell if held == 0 => return,
            Side::Sell => {
                let shares = held / 2 + 1;
                (shares, self.draw(3_000_000) as i64, if shares == held { cost } else { cost / 3 })
            }
        };
        let fee = Usdc(cash / 100);
        if is_late {
            let brought = Usdc(self.draw(3) as i64);
            self.event(Event::Adopted { order: order.order, trade, brought });
        }
        let (shares, cash, basis) = (Shares(shares), Usdc(cash), Usdc(basis));
        match order.side {
            Side::Buy if is_late => self.ended[index].1 = left - cash - fee,
            Side::Buy => self.open[index].1 = left - cash - fee,
            Side::Sell => self.take(key, shares.0, basis.0),
        }
        let matched = Matched { order: order.order, trade, shares, cash, fee, basis };
        self.legs.push(matched);
        self.event(Event::Matched(matched));
    }

    fn leg(&mut self) -> Option<(Matched, Submitted, (u16, u32, u32))> {
        let count = self.legs.len() as u64;
        let index = (0 < count).then(|| self.draw(count.max(1)) as usize)?;
        let leg = self.legs.swap_remove(index);
        let order = self.of[&leg.order.0];
        Some((leg, order, (order.portfolio.0, order.leader.0, order.token.0)))
    }

    fn confirmed(&mut self) {
        let Some((leg, order, key)) = self.leg() else { return };
        match order.side {
            Side::Buy => {
                let position = self.positions.entry(key).or_default();
                *position = (position.0 + leg.shares.0, position.1 + leg.cash.0);
            }
            Side::Sell => self.cooling[order.portfolio.index()] += (leg.cash - leg.fee).0,
        }
        let (order, trade) = (leg.order, leg.trade);
        self.event(Event::Confirmed { order, trade, release_at: Nanos(0) });
        if self.draw(2) == 0 {
            self.event(Event::Confirmed { order, trade, release_at: Nanos(0) });
        }
    }

    fn voided(&mut self) {
        let Some((leg, order, key)) = self.leg() else { return };
        match order.side {
            Side::Buy => {
                let all = self.open.iter_mut().chain(&mut self.ended);
                let its = all.filter(|(of, _)| of.order == leg.order);
                its.for_each(|(_, left)| *left = *left + leg.cash + leg.fee);
            }
            Side::Sell => {
                let position = self.positions.entry(key).or_default();
                *position = (position.0 + leg.shares.0, position.1 + leg.basis.0);
            }
        }
        self.event(Event::Voided { order: leg.order, trade: leg.trade });
    }

    fn take(&mut self, key: (u16, u32, u32), shares: u64, basis: i64) {
        let position = self.positions.get_mut(&key).expect("a position");
        *position = (position.0 - shares, position.1 - basis);
        if position.0 == 0 {
            assert_eq!(position.1, 0, "the last shares take all of the cost");
            self.positions.remove(&key);
        }
    }

    fn close(&mut self) {
        let Some(index) = self.pick() else { return };
        let (order, released) = self.open.swap_remove(index);
        let end = match self.draw(3) {
            0 => OrderEnd::Filled,
            1 => OrderEnd::Cancelled,
            _ => OrderEnd::Rejected(Rejection::NoMatch),
        };
        self.event(Event::Closed { order: order.order, end, released });
        if OrderId::LIVE < order.order {
            self.ended.push((order, released));
        }
    }

    fn settle(&mut self) {
        let Some((&key, &(shares, basis))) = self.positions.iter().next() else { return };
        if self.draw(4) != 0 {
            return;
        }
        let proceeds = if self.draw(2) == 0 { 0 } else { shares as i64 };
        self.take(key, shares, basis);
        self.cooling[usize::from(key.0)] += proceeds;
        let (portfolio, leader, token) = (PortfolioId(key.0), LeaderId(key.1), TokenId(key.2));
        self.event(Event::Resolved { token, payout: if proceeds == 0 { 0 } else { 1_000_000 } });
        self.event(Event::Settled(Settled {
            portfolio,
            leader,
            token,
            shares: Shares(shares),
            basis: Usdc(basis),
            proceeds: Usdc(proceeds),
            release_at: Nanos(0),
        }));
    }

    fn rest(&mut self) {
        let portfolio = self.draw(2) as u16;
        let token = TokenId(self.draw(8) as u32);
        match self.draw(4) {
            0 => {
                let amount = Usdc(std::mem::take(&mut self.cooling[usize::from(portfolio)]));
                self.event(Event::Released { portfolio: PortfolioId(portfolio), amount });
            }
            1 => self.event(Event::Diverged { token, cause: Divergence::Hash }),
            2 => self.say(Record::Checkpoint { state: 1 }),
            _ => self.event(Event::Valued(Valued {
                portfolio: PortfolioId(portfolio),
                available: Usdc(1),
                reserved: Usdc(2),
                deployed: Usdc(3),
                cooling: Usdc(4),
                realised: Usdc(-5),
                unrealised: Usdc(6),
            })),
        }
    }
}
