//! A world from a seed: makers that quote, strangers, leaders, and markets that open, move, close and are resolved; a queue
//! of things to do in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Options;
use super::stage::{Person, Stage, levels_met};
use crate::domain::{FeeSchedule, Millis, Nanos, Price, Shares, Side, Tick, Usdc, market::SHARES_STEP};
use crate::sim::exchange::{AccountId, Funds, Kind as OrderKind, MarketId, NewOrder, Quote, Rules};
use crate::sim::leader::{self, Intent, Leader, Sight, Size};
use crate::sim::listing::{COINS_COUNT, Listing, STANDING_COUNT};
use crate::sim::message::{Change, Message, Outcome, Resolution};
use crate::sim::place::{Kind, Place};
use crate::sim::random::Random;
use crate::sim::wire::Phase;

#[derive(Debug)]
enum Action {
    Quote(MarketId),
    Drift(MarketId),
    Stranger(MarketId),
    /// Markets that close together; one of several wins.
    Close(Vec<MarketId>),
    Resolve(Vec<MarketId>),
    Leader(usize),
}

#[derive(Debug)]
pub struct Seeded {
    options: Options,
    random: Random,
    /// The house: each level is shared among some of them.
    makers: [AccountId; 3],
    leaders: [(Leader, AccountId); 3],
    strangers: Vec<AccountId>,
    queue: BTreeMap<(Nanos, u64), Action>,
    queued: u64,
}

const QUOTE_MS: u64 = 100;
/// How often fair values move while a short market lives.
const DRIFTS_A_LIFE: u64 = 700;
const STRANGER_MS: u64 = 1_500;
const STRANGERS: usize = 200;
/// One market in so many ends even.
const EVEN_ONE_IN: u64 = 8;
/// More than a leader can lose in a year, and finite: he sells what he has, no more.
const LEADER_FUNDS: Usdc = Usdc::whole(100_000_000);
/// A smaller level has one maker.
const SHARED_MIN: Shares = Shares::whole(30);
/// How long a marketable order is held on crypto markets (PROTOCOL.md 2.10).
const CRYPTO_HOLD: Nanos = Nanos::from_millis(50);

impl Seeded {
    pub fn new(options: Options, stage: &mut Stage) -> Seeded {
        let mut random = Random::new(options.seed);
        let makers = [(); 3].map(|()| stage.exchange.open_account(Funds::Endless));
        let leaders = leader::all().map(|leader| {
            let account = fund_leader(stage);
            stage.introduce(account, Person { wallet: leader.wallet.to_owned(), name: leader.name.to_owned() });
            (leader, account)
        });
        let strangers = (0..STRANGERS).map(|_| {
            let (account, wallet) = (stage.exchange.open_account(Funds::Endless), random.hex(20));
            stage.introduce(account, Person { name: format!("stranger-{}", &wallet[2..8]), wallet });
            account
        });
        let strangers = strangers.collect();
        let mut world = Seeded { options, random, makers, leaders, strangers, queue: BTreeMap::new(), queued: 0 };
        for nth in 0..STANDING_COUNT {
            world.open(stage, Kind::Standing(nth), options.start, options.short_life);
        }
        // The standing markets are the same whenever a seed begins; what happens in them, and the short ones, are not:
        // an engine that is started again in the same world must not take today's trades for yesterday's.
        world.random = Random::new(options.seed ^ options.start.0.rotate_left(17));
        for nth in 0..COINS_COUNT {
            // Short markets do not all end at once, and the first of them ends soon.
            let left = Nanos(options.short_life.0 * (nth as u64 + 1) / (COINS_COUNT as u64 + 1));
            world.open(stage, Kind::Short(nth), options.start, left);
        }
        world.open_group(stage, options.start);
        for nth in 0..world.leaders.len() {
            world.after(options.start, world.leaders[nth].0.pause_ms / 2, Action::Leader(nth));
        }
        world
    }

    pub fn next_at(&self) -> Option<Nanos> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Does the next thing. Returns what it tells beside what the exchange does.
    pub fn act(&mut self, stage: &mut Stage) -> Vec<Message> {
        let Some(((at, _), action)) = self.queue.pop_first() else { return Vec::new() };
        match action {
            Action::Quote(market) => self.quote(stage, at, market),
            Action::Drift(market) => self.drift(stage, at, market),
            Action::Stranger(market) => self.stranger(stage, at, market),
            Action::Leader(nth) => self.lead(stage, at, nth),
            Action::Close(markets) => return self.close(stage, at, markets),
            Action::Resolve(markets) => self.resolve(stage, &markets),
        }
        Vec::new()
    }

    fn at(&mut self, at: Nanos, action: Action) {
        self.queued += 1;
        self.queue.insert((at, self.queued), action);
    }

    /// Does something after about `mean_ms`, sooner in a busier world, and never in one without people.
    fn after(&mut self, now: Nanos, mean_ms: u64, action: Action) {
        let share = self.random.range(20, 180);
        if self.options.rate_percent == 0 {
            return;
        }
        let pause = Nanos(mean_ms * 1_000_000 * share / self.options.rate_percent);
        self.at(now.plus(pause), action);
    }

    fn open(&mut self, stage: &mut Stage, kind: Kind, now: Nanos, life: Nanos) -> Arc<Listing> {
        let (mut random, opens_at) = (self.random.fork(), Millis(now.as_millis()));
        let closes_at = Millis(now.plus(life).as_millis());
        let listing = match kind {
            Kind::Standing(nth) => Listing::standing(nth, &mut random, opens_at),
            Kind::Short(nth) => Listing::short(nth, &mut random, opens_at, closes_at),
            Kind::Group(_) | Kind::Recorded => {
                unreachable!("markets of an event open together; a seed records nothing")
            }
        };
        let closes_at = listing.closes_at.nanos();
        let (market, listing) = self.add(stage, kind, now, listing, &mut random);
        self.at(closes_at, Action::Close(vec![market]));
        listing
    }

    fn open_group(&mut self, stage: &mut Stage, now: Nanos) -> Vec<Arc<Listing>> {
        let mut random = self.random.fork();
        let closes_at = now.plus(Nanos(self.options.short_life.0 * 2));
        let listings = Listing::regatta(&mut random, Millis(now.as_millis()), Millis(closes_at.as_millis()));
        let opened = listings.into_iter().enumerate();
        let opened = opened.map(|(nth, listing)| self.add(stage, Kind::Group(nth), now, listing, &mut random));
        let (markets, listings) = opened.collect::<Vec<(MarketId, Arc<Listing>)>>().into_iter().unzip();
        self.at(closes_at, Action::Close(markets));
        listings
    }

    fn add(
        &mut self,
        stage: &mut Stage,
        kind: Kind,
        now: Nanos,
        listing: Listing,
        random: &mut Random,
    ) -> (MarketId, Arc<Listing>) {
        let market = stage.exchange.open_market(rules(&listing));
        let listing = Arc::new(listing);
        let place = Place::open(market, Arc::clone(&listing), kind, random);
        let quotes = self.share_out(&place.first_quotes(random));
        stage.add_place(place);
        if self.options.rate_percent > 0 {
            stage.exchange.quote_all(now, market, &quotes);
        }
        self.after(now, QUOTE_MS, Action::Quote(market));
        self.at(now, Action::Drift(market));
        self.after(now, STRANGER_MS, Action::Stranger(market));
        (market, listing)
    }

    /// Shares what the house offers at each level among its accounts.
    fn share_out(&self, changes: &[Change]) -> Vec<Quote> {
        let mut quotes = Vec::with_capacity(changes.len() * self.makers.len());
        for Change { side, level } in changes {
            let number = level.price.micros() / 100 + (level.size.0 / 7) as u32;
            let first = number as usize % self.makers.len();
            let sharers = if level.size < SHARED_MIN { 1 } else { 1 + number / 3 % self.makers.len() as u32 };
            let part = Shares(level.size.0 / u64::from(sharers)).floor_to(SHARES_STEP);
            let mut left = level.size;
            for nth in 0..self.makers.len() {
                let shares = match nth as u32 + 1 {
                    last if last == sharers => left,
                    nth if nth < sharers => part,
                    _ => Shares::ZERO,
                };
                left = left.minus(shares);
                let account = self.makers[(first + nth) % self.makers.len()];
                quotes.push(Quote { account, side: *side, price: level.price, shares });
            }
        }
        quotes
    }

    fn quote(&mut self, stage: &mut Stage, at: Nanos, market: MarketId) {
        let mut random = self.random.fork();
        let offers = stage.offers(market);
        let Some(place) = stage.open_place(market) else { return };
        let quotes = place.requote(&offers, &mut random);
        let quotes = self.share_out(&quotes);
        stage.exchange.quote_all(at, market, &quotes);
        self.after(at, QUOTE_MS, Action::Quote(market));
    }

    fn drift(&mut self, stage: &mut Stage, at: Nanos, market: MarketId) {
        let mut random = self.random.fork();
        let Some(place) = stage.open_place(market) else { return };
        place.drift(Millis(at.as_millis()), &mut random);
        if let Some(tick) = place.tick_due() {
            stage.exchange.change_tick(market, tick);
        }
        // Virtual time, not activity, moves the world: the rate leaves the drift alone.
        let pause = Nanos(self.options.short_life.0 / DRIFTS_A_LIFE);
        self.at(at.plus(pause), Action::Drift(market));
    }

    fn stranger(&mut self, stage: &mut Stage, at: Nanos, market: MarketId) {
        if stage.open_place(market).is_none() {
            return;
        }
        self.after(at, STRANGER_MS, Action::Stranger(market));
        let random = &mut self.random;
        let (outcome, side) = (*random.pick(&Outcome::BOTH), *random.pick(&[Side::Buy, Side::Sell]));
        let whole = random.range(5, 80) * if random.chance(10) { 10 } else { 1 };
        let shares = Shares::whole(whole) + Shares(random.range(0, 100) * SHARES_STEP);
        let account = *random.pick(&self.strangers);
        let Some(place) = stage.place(market) else { return };
        let best = levels_met(place, outcome, side).into_iter().next();
        let size = match side {
            Side::Buy => Size::Buy(best.map_or(Usdc::ZERO, |price| price.cost_floor(shares))),
            Side::Sell => Size::Sell(shares),
        };
        take(stage, at, account, Intent { market, outcome, size, depth: 3 });
    }

    fn lead(&mut self, stage: &mut Stage, at: Nanos, nth: usize) {
        let pause_ms = self.leaders[nth].0.pause_ms;
        self.after(at, pause_ms, Action::Leader(nth));
        let (leader, account) = &self.leaders[nth];
        let open = stage.places().filter(|place| place.phase == Phase::Open);
        let sights: Vec<Sight> = open.map(|place| sight(stage, *account, place)).collect();
        if let Some(intent) = leader.decide(&sights, &mut self.random) {
            take(stage, at, *account, intent);
        }
    }

    /// Ends trading and opens what follows.
    fn close(&mut self, stage: &mut Stage, at: Nanos, markets: Vec<MarketId>) -> Vec<Message> {
        let kinds = markets.iter().filter_map(|market| Some(stage.open_place(*market)?.kind));
        let Some(kind) = kinds.collect::<Vec<Kind>>().first().copied() else { return Vec::new() };
        markets.iter().for_each(|market| stage.exchange.close(*market));
        let opened = match kind {
            Kind::Standing(_) | Kind::Short(_) => vec![self.open(stage, kind, at, self.options.short_life)],
            Kind::Group(_) | Kind::Recorded => self.open_group(stage, at),
        };
        self.at(at.plus(Nanos(self.options.short_life.0 / 30)), Action::Resolve(markets));
        opened.into_iter().map(|listing| Message::NewMarket { listing, at: Millis(at.as_millis()) }).collect()
    }

    /// A market alone goes to the outcome that is worth more; of several one wins, the likelier the more it is worth.
    fn resolve(&mut self, stage: &mut Stage, markets: &[MarketId]) {
        let worth: Vec<u64> = markets.iter().map(|market| stage.place(*market).map_or(1, |p| p.fair as u64)).collect();
        let (even, mut drawn) = (self.random.range(0, EVEN_ONE_IN) == 0, self.random.range(0, worth.iter().sum()));
        let winner = worth.iter().position(|worth| {
            let is_it = drawn < *worth;
            drawn = drawn.saturating_sub(*worth);
            is_it
        });
        for (nth, market) in markets.iter().enumerate() {
            let first_wins = if markets.len() > 1 { winner == Some(nth) } else { worth[0] >= 500_000 };
            let resolution = match (even && markets.len() == 1, first_wins) {
                (true, _) => Resolution::Even,
                (false, true) => Resolution::Won(Outcome::Yes),
                (false, false) => Resolution::Won(Outcome::No),
            };
            stage.exchange.resolve(*market, resolution);
            for (_, account) in &self.leaders {
                stage.exchange.redeem(*account, *market);
            }
        }
    }
}

/// Opens an account that pays what it takes, and lets every contract take it.
pub(super) fn fund_leader(stage: &mut Stage) -> AccountId {
    let account = stage.exchange.open_account(Funds::Of(LEADER_FUNDS));
    stage.exchange.approve_all(account);
    account
}

pub fn rules(listing: &Listing) -> Rules {
    let hold = if listing.taker_delay { CRYPTO_HOLD } else { Nanos::from_secs(listing.delay_secs.into()) };
    Rules {
        tick: Tick::CENT,
        minimum: listing.minimum,
        fee: FeeSchedule { rate_ppm: listing.fee_rate_ppm },
        hold,
        generation: listing.generation,
        neg_risk: listing.neg_risk,
    }
}

fn sight(stage: &Stage, account: AccountId, place: &Place) -> Sight {
    let sellable = |outcome| {
        let holding = stage.exchange.shares(account, place.market, outcome);
        holding.held.minus(holding.reserved)
    };
    Sight {
        market: place.market,
        kind: place.kind,
        fair: place.fair,
        anchor: place.anchor,
        rise: place.rise,
        best_bid: place.book.best_bid(),
        best_ask: place.book.best_ask(),
        held: Outcome::BOTH.map(sellable),
    }
}

/// Sends a FAK that goes down to the last of the best `depth` levels. What the exchange says to it concerns nobody.
pub(super) fn take(stage: &mut Stage, at: Nanos, account: AccountId, intent: Intent) {
    let Intent { market, outcome, size, depth } = intent;
    let side = match size {
        Size::Buy(_) => Side::Buy,
        Size::Sell(_) => Side::Sell,
    };
    let Some(place) = stage.place(market) else { return };
    let Some(limit) = levels_met(place, outcome, side).into_iter().take(depth).next_back() else { return };
    let (maker_amount, taker_amount) = amounts(size, limit, place.book.tick);
    let (id, kind) = (stage.exchange.house_order_id(), OrderKind::Fak);
    let new = NewOrder { id, account, market, outcome, side, maker_amount, taker_amount, kind, post_only: false };
    drop(stage.exchange.place(at, new));
}

/// Returns the amounts of a market order as official clients compute them (PROTOCOL.md 1.9).
fn amounts(size: Size, limit: Price, tick: Tick) -> (u64, u64) {
    let unit = 10_u64.pow(6 - tick.amount_decimals());
    match size {
        Size::Buy(dollars) => {
            let dollars = dollars.floor_cents();
            (dollars.0 as u64, limit.shares_floor(dollars).floor_to(unit).0)
        }
        Size::Sell(shares) => {
            let shares = shares.floor_to(SHARES_STEP);
            (shares.0, limit.cost_floor(shares).0 as u64)
        }
    }
}
