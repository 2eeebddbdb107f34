//! The exchange against [`Naive`], and against what must always be true, over long random walks.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::RULES;
use super::naive::{Met, Naive, Status};
use crate::domain::market::SHARES_STEP;
use crate::domain::money::ONE;
use crate::domain::{Generation, Shares, Tick, Usdc};

const ACCOUNTS: u64 = 4;
const DOLLARS: i64 = 3_000;

/// Both exchanges, and what was told of the true one.
struct Walk {
    random: Random,
    now: Nanos,
    exchange: Exchange,
    naive: Naive,
    numbered: u64,
    /// Trades on their way through the chain.
    unsettled: BTreeMap<TradeId, Arc<Trade>>,
    seen: BTreeSet<String>,
}

fn rules() -> [Rules; 2] {
    let fine = Tick::from_micros(2_500).expect("a tick");
    [RULES, Rules { tick: fine, hold: Nanos::from_millis(50), generation: Generation::V3, ..RULES }]
}

impl Walk {
    fn new(seed: u64) -> Walk {
        let settings = Settings { seed, failed_ppm: 100_000, retried_ppm: 50_000, ..Settings::default() };
        let mut exchange = Exchange::new(settings);
        let mut naive = Naive {
            orders: Vec::new(),
            ended: BTreeSet::new(),
            rules: rules().to_vec(),
            held: BTreeMap::new(),
            matched: Vec::new(),
        };
        let markets = rules().map(|rules| exchange.open_market(rules));
        for _ in 0..ACCOUNTS {
            let account = exchange.open_account(Funds::Of(Usdc::whole(DOLLARS)));
            naive.add(account, None, i128::from(Usdc::whole(DOLLARS).0));
            for contract in Contract::ALL {
                for asset in [Asset::Collateral, Asset::Shares(markets[0], Outcome::Yes)] {
                    exchange.approve(account, contract, asset, u64::MAX);
                }
            }
        }
        let (now, random) = (Nanos::from_secs(1_000), Random::new(seed));
        let (unsettled, seen) = (BTreeMap::new(), BTreeSet::new());
        Walk { random, now, exchange, naive, numbered: 0, unsettled, seen }
    }

    fn step(&mut self) {
        match self.random.range(0, 100) {
            0..=64 => self.place(),
            65..=84 => self.cancel(),
            85..=94 => {
                self.now = self.now.plus(Nanos::from_millis(self.random.range(1, 400)));
                self.exchange.advance(self.now);
            }
            95..=97 => self.split_or_merge(),
            98 => self.withdraw(),
            _ => self.change_tick(),
        }
        self.follow();
    }

    fn place(&mut self) {
        let new = self.draw_order();
        let result = self.exchange.place(self.now, new);
        let expected = self.naive.place(self.now, new);
        let name = name(&result);
        assert_eq!(name, expected, "{new:?}: {result:?}");
        self.seen.insert(name);
    }

    fn draw_order(&mut self) -> NewOrder {
        let random = &mut self.random;
        let market = MarketId(random.range(0, 2));
        let tick = u64::from(self.naive.rules[market.0 as usize].tick.micros());
        let middle = 500_000 / tick;
        let mut price = (middle + random.range(0, 13) - 6) * tick;
        let kind = match random.range(0, 10) {
            0..=4 => Kind::Gtc,
            5 => Kind::Gtd { expires_at: self.now.plus(Nanos::from_secs(random.range(59, 90))) },
            6 | 7 => Kind::Fok,
            _ => Kind::Fak,
        };
        let is_limit = matches!(kind, Kind::Gtc | Kind::Gtd { .. });
        if random.chance(3) {
            price += random.range(1, tick);
        }
        let side = *random.pick(&[Side::Buy, Side::Sell]);
        let most = if random.chance(10) { 200_000 } else { 6_000 };
        let least = if random.chance(5) { 1 } else { 500 };
        let mut shares = random.range(least, most) * SHARES_STEP;
        let mut dollars = shares * price / ONE;
        if side == Side::Buy && !is_limit {
            // As a client makes it of dollars: the shares are cut to the decimals of the tick.
            dollars = dollars / SHARES_STEP * SHARES_STEP;
            let unit = 10_u64.pow(6 - self.naive.rules[market.0 as usize].tick.amount_decimals());
            shares = dollars * ONE / price / unit * unit;
        }
        if random.chance(2) {
            shares += random.range(1, 200);
        }
        let (maker_amount, taker_amount) = if side == Side::Buy { (dollars, shares) } else { (shares, dollars) };
        self.numbered += 1;
        let number = if random.chance(2) { random.range(1, self.numbered + 1) } else { self.numbered };
        let mut id = [1; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        NewOrder {
            id: OrderId(id),
            account: AccountId(random.range(0, ACCOUNTS) as u32),
            market,
            outcome: *random.pick(&Outcome::BOTH),
            side,
            maker_amount,
            taker_amount,
            kind,
            post_only: random.chance(5),
        }
    }

    fn cancel(&mut self) {
        if self.naive.orders.is_empty() {
            return;
        }
        let at = self.random.range(0, self.naive.orders.len() as u64) as usize;
        let kept = &self.naive.orders[at];
        let result = self.exchange.cancel(kept.new.account, &kept.new.id);
        match kept.status {
            Status::Held => assert_eq!(result, Err(NotCanceled::Held)),
            Status::Live => {
                assert_eq!(result, Ok(()));
                let id = kept.new.id;
                self.naive.end(id);
                let again = self.exchange.cancel(AccountId(0), &id);
                assert_eq!(again, Err(NotCanceled::MatchedOrCanceled));
            }
        }
    }

    fn split_or_merge(&mut self) {
        let account = AccountId(self.random.range(0, ACCOUNTS) as u32);
        let (market, shares) = (MarketId(self.random.range(0, 2)), self.random.range(1, 300_000_000));
        let pair = Outcome::BOTH.map(|outcome| Some((market, outcome)));
        let is_split = self.random.chance(60);
        let held = |asset| self.naive.held.get(&(account, asset)).copied().unwrap_or_default();
        let enough = |asset| held(asset) >= i128::from(shares);
        let (result, is_possible, sign) = if is_split {
            (self.exchange.split(account, market, Shares(shares)), enough(None), 1)
        } else {
            (self.exchange.merge(account, market, Shares(shares)), pair.into_iter().all(enough), -1)
        };
        assert_eq!(result.is_ok(), is_possible);
        if is_possible {
            self.naive.add(account, None, -sign * i128::from(shares));
            pair.into_iter().for_each(|asset| self.naive.add(account, asset, sign * i128::from(shares)));
        }
    }

    /// Moves money between accounts outside the exchange, reserved or not.
    fn withdraw(&mut self) {
        let number = self.random.range(0, ACCOUNTS) as u32;
        let (from, to) = (AccountId(number), AccountId((number + 1) % ACCOUNTS as u32));
        let amount = self.random.range(0, 2_000_000_000);
        let is_possible = self.naive.held[&(from, None)] >= i128::from(amount);
        let result = self.exchange.withdraw(from, Usdc(amount as i64));
        assert_eq!(result.is_ok(), is_possible);
        if is_possible {
            self.exchange.deposit(to, Usdc(amount as i64));
            self.naive.add(from, None, -i128::from(amount));
            self.naive.add(to, None, i128::from(amount));
        }
    }

    fn change_tick(&mut self) {
        let market = MarketId(self.random.range(0, 2));
        let tick = *self.random.pick(&[Tick::CENT, Tick::from_micros(2_500).expect("a tick")]);
        self.exchange.change_tick(market, tick);
        self.naive.rules[market.0 as usize].tick = tick;
    }

    /// Lets the naive exchange live through what the true one tells, and compares.
    fn follow(&mut self) {
        let events: Vec<Event> = self.exchange.drain_events().collect();
        let mut matched = Vec::new();
        for event in events {
            match event {
                Event::Matched(trade) => {
                    matched.push(met(&trade));
                    check_trade(&self.exchange, &trade);
                    self.unsettled.insert(trade.id, trade);
                }
                Event::Settled { trade, to } => self.settled(&trade, to),
                Event::Released { order, result } => {
                    let expected = self.naive.release(self.now, order);
                    assert_eq!(name(&result), expected);
                    self.seen.insert(format!("released {expected}"));
                }
                Event::Order { order, what: Happened::Cancellation } => self.canceled(&order),
                Event::Order { .. } | Event::Book { .. } | Event::Tick { .. } | Event::Moved(_) => {}
                Event::Closed { .. } | Event::Resolved { .. } => panic!("no market ends here: {event:?}"),
            }
        }
        assert_eq!(matched, std::mem::take(&mut self.naive.matched));
    }

    fn canceled(&mut self, order: &Order) {
        let State::Canceled(why) = order.state else { panic!("{order:?}") };
        let id = order.new.id;
        let newest = self.naive.orders.iter().rev().find(|kept| {
            let asset = Naive::asset(&kept.new);
            let held = self.naive.held.get(&(order.new.account, asset)).copied().unwrap_or_default();
            let is_short = (held as u128) < self.naive.reserved(order.new.account, asset);
            kept.status == Status::Live && kept.new.account == order.new.account && is_short
        });
        match why {
            Canceled::Expired => {
                let Kind::Gtd { expires_at } = order.new.kind else { panic!("{order:?}") };
                assert!(expires_at.0 - 60_000_000_000 <= self.now.0);
                self.naive.end(id);
            }
            Canceled::NotEnoughBalance => {
                assert_eq!(newest.map(|kept| kept.new.id), Some(id));
                self.naive.end(id);
            }
            Canceled::OffGrid => {
                assert!(!self.naive.rules[order.new.market.0 as usize].tick.holds(order.price));
                self.naive.end(id);
            }
            // Followed where they were caused.
            Canceled::ByOwner | Canceled::FakRest | Canceled::Rejected(_) => {}
            Canceled::MarketResolved => panic!("no market ends here: {order:?}"),
        }
        self.seen.insert(format!("canceled {}", format!("{why:?}").split('(').next().unwrap_or_default()));
    }

    fn settled(&mut self, trade: &Trade, to: Settlement) {
        self.seen.insert(format!("{to:?}"));
        let legs = std::iter::once(&trade.taker).chain(&trade.makers);
        for leg in legs {
            let (shares, collateral) = (i128::from(leg.shares.0), i128::from(leg.collateral.0));
            let token = Some((trade.market, leg.outcome));
            match (to, leg.side) {
                (Settlement::Mined, Side::Buy) | (Settlement::Failed, Side::Sell) => {
                    self.naive.add(leg.account, token, shares);
                }
                (Settlement::Mined, Side::Sell) | (Settlement::Failed, Side::Buy) => {
                    self.naive.add(leg.account, None, collateral);
                }
                (Settlement::Matched | Settlement::Confirmed | Settlement::Retrying, _) => {}
            }
        }
        let fee = i128::from(trade.fee.0);
        match (to, trade.taker.side) {
            (Settlement::Mined, Side::Sell) => self.naive.add(trade.taker.account, None, -fee),
            (Settlement::Failed, Side::Buy) => self.naive.add(trade.taker.account, None, fee),
            (Settlement::Mined, Side::Buy) | (Settlement::Failed, Side::Sell) => {}
            (Settlement::Matched | Settlement::Confirmed | Settlement::Retrying, _) => {}
        }
        if matches!(to, Settlement::Mined | Settlement::Failed) {
            self.unsettled.remove(&trade.id);
        }
    }

    /// Compares everything that both exchanges have.
    fn compare(&self) {
        for account in (0..ACCOUNTS as u32).map(AccountId) {
            let markets = [MarketId(0), MarketId(1)];
            let tokens = markets.into_iter().flat_map(|market| Outcome::BOTH.map(|outcome| Some((market, outcome))));
            for asset in tokens.chain([None]) {
                let (held, reserved) = match asset {
                    Some((market, outcome)) => {
                        let holding = self.exchange.shares(account, market, outcome);
                        (holding.held.0, holding.reserved.0)
                    }
                    None => {
                        let balance = self.exchange.balance(account);
                        (balance.held.0 as u64, balance.reserved.0 as u64)
                    }
                };
                let expected = self.naive.held.get(&(account, asset)).copied().unwrap_or_default();
                assert_eq!(i128::from(held), expected, "{account:?} {asset:?}");
                assert_eq!(u128::from(reserved), self.naive.reserved(account, asset), "{account:?} {asset:?}");
            }
            let open = self.exchange.open_orders(account).map(|order| (order.new.id, u128::from(order.left)));
            let mut open: Vec<(OrderId, u128)> = open.collect();
            let of_account = self.naive.orders.iter().filter(|kept| kept.new.account == account);
            let mut expected: Vec<(OrderId, u128)> = of_account.map(|kept| (kept.new.id, kept.left)).collect();
            open.sort_unstable();
            expected.sort_unstable();
            assert_eq!(open, expected);
        }
        for market in [MarketId(0), MarketId(1)] {
            let tick = u128::from(self.naive.rules[market.0 as usize].tick.micros());
            for side in [Side::Buy, Side::Sell] {
                let levels: BTreeMap<u128, Shares> = self
                    .exchange
                    .ladder(market, side)
                    .map(|level| (u128::from(level.price.micros()), level.size))
                    .collect();
                for price in (1..).map(|n| n * tick).take_while(|price| *price < u128::from(ONE)) {
                    let expected = self.naive.total(market, side, price);
                    assert_eq!(levels.get(&price).copied().unwrap_or_default(), expected, "{side:?} {price}");
                }
            }
        }
        assert_conserved(&self.exchange, self.unsettled.values(), DOLLARS * ACCOUNTS as i64 * ONE as i64);
    }
}

fn name(result: &Result<Placed, Reject>) -> String {
    let text = match result {
        Ok(placed) => format!("{placed:?}"),
        Err(reject) => format!("{reject:?}"),
    };
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

fn met(trade: &Trade) -> Met {
    let wide = |shares: Shares, collateral: Usdc| (u128::from(shares.0), collateral.0 as u128);
    let fills = trade.makers.iter().map(|leg| {
        let (shares, collateral) = wide(leg.shares, leg.collateral);
        let of_taker = if leg.outcome == trade.taker.outcome { collateral } else { shares - collateral };
        (leg.order, shares, collateral, of_taker)
    });
    Met { taker: trade.taker.order, fills: fills.collect(), fee: trade.fee.0 as u128 }
}

/// No order beyond its bound, nobody worse than he said, and nothing made of nothing.
pub fn check_trade(exchange: &Exchange, trade: &Trade) {
    let shares: u64 = trade.makers.iter().map(|leg| leg.shares.0).sum();
    assert_eq!(trade.taker.shares.0, shares);
    for leg in std::iter::once(&trade.taker).chain(&trade.makers) {
        let Some(order) = exchange.order(&leg.order) else { continue };
        let new = &order.new;
        let (maker, taker) = (u128::from(new.maker_amount), u128::from(new.taker_amount));
        let (collateral, shares) = (leg.collateral.0 as u128, u128::from(leg.shares.0));
        match leg.side {
            // One millionth is the contract's rounding.
            Side::Buy => assert!(shares * maker >= taker * collateral.saturating_sub(1), "{leg:?} of {order:?}"),
            Side::Sell => assert!((collateral + 1) * maker >= taker * shares, "{leg:?} of {order:?}"),
        }
        assert!(order.left <= new.maker_amount);
        if new.side == Side::Sell {
            assert!(order.matched.0 <= new.maker_amount);
        }
        if new.kind == Kind::Fok {
            assert!(order.rest().0 < SHARES_STEP, "in part: {order:?}");
        }
    }
}

/// Money and shares are where they were, or in escrow; books at rest do not cross; what is reserved is what is open.
pub fn assert_conserved<'a>(exchange: &Exchange, unsettled: impl Iterator<Item = &'a Arc<Trade>>, deposits: i64) {
    let accounts = || (0..exchange.accounts.len() as u32).map(AccountId);
    let markets = || (0..exchange.markets.len() as u64).map(MarketId);
    let held: i64 = accounts().map(|account| exchange.balance(account).held.0).sum();
    let (escrow, fees) = exchange.escrow_and_fees();
    let locked: i64 = markets().map(|market| exchange.locked(market)).sum();
    assert_eq!(held + escrow + fees + locked, deposits, "{held} held, {escrow} escrow, {fees} fees, {locked} locked");
    let unsettled: Vec<&Arc<Trade>> = unsettled.collect();
    for market in markets() {
        for outcome in Outcome::BOTH {
            let asset = Asset::Shares(market, outcome);
            let held: i64 = accounts().map(|account| exchange.account(account).held(asset)).sum();
            let legs = unsettled.iter().filter(|trade| trade.market == market);
            let legs = legs.flat_map(|trade| std::iter::once(&trade.taker).chain(&trade.makers));
            let sold = legs.filter(|leg| leg.side == Side::Sell && leg.outcome == outcome);
            let in_escrow: i64 = sold.map(|leg| leg.shares.0 as i64).sum();
            if !matches!(exchange.standing(market), Some(Standing::Resolved(_))) {
                assert_eq!(held + in_escrow, exchange.locked(market), "{market:?} {outcome:?}");
            }
        }
        let best = |side| exchange.ladder(market, side).next().map(|level| level.price);
        let (bid, ask) = (best(Side::Buy), best(Side::Sell));
        assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask), "crossed at rest: {bid:?} {ask:?}");
    }
}

fn walk(seed: u64, steps: u64) -> BTreeSet<String> {
    let mut walk = Walk::new(seed);
    for step in 0..steps {
        walk.step();
        if step % 1_024 == 0 {
            walk.compare();
        }
    }
    walk.compare();
    walk.seen
}

#[test]
fn the_exchange_agrees_with_a_naive_one() {
    let seen = walk(1, 25_000).into_iter().chain(walk(2, 25_000)).collect::<BTreeSet<String>>();
    let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
    let all = [
        "BadExpiration",
        "BadPayload",
        "BelowDollar",
        "BreaksTick",
        "Confirmed",
        "CrossesPostOnly",
        "Duplicated",
        "Failed",
        "Held",
        "Live",
        "Matched",
        "Mined",
        "NoMatch",
        "NotEnoughBalance",
        "NotFilled",
        "Precision",
        "Retrying",
        "TooSmall",
        "canceled ByOwner",
        "canceled Expired",
        "canceled FakRest",
        "canceled NotEnoughBalance",
        "canceled OffGrid",
        "canceled Rejected",
        "released BreaksTick",
        "released Live",
        "released Matched",
        "released NoMatch",
        "released NotEnoughBalance",
        "released NotFilled",
        "released Precision",
    ];
    assert_eq!(seen, all);
}

/// `cargo test --lib sim::exchange -- --ignored`
#[test]
#[ignore = "a million steps take minutes"]
fn the_exchange_agrees_with_a_naive_one_for_long() {
    for seed in 1..=20 {
        println!("SEED={seed}");
        walk(seed, 50_000);
    }
}
