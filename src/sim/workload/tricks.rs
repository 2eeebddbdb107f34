//! What a leader does to those who copy him (RELIABILITY.md 3.4): he trades from a wallet that is followed, and from a second
//! one that nobody knows to be his.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::seeded::take;
use super::stage::{Person, Stage, levels_met};
use crate::domain::market::SHARES_STEP;
use crate::domain::{Millis, Nanos, Price, Shares, Side, Usdc};
use crate::sim::exchange::{AccountId, Kind as OrderKind, MarketId, NewOrder, OrderId};
use crate::sim::leader::{self, Intent, Size};
use crate::sim::message::Outcome;
use crate::sim::place::{Kind, Place};
use crate::sim::random::Random;
use crate::sim::wire::Phase;

/// A way to trade that earns from copiers, or misleads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// L1: the second wallet buys, the leader buys what copiers will buy, and the second wallet sells it to them.
    Distribute,
    /// L2: a buy, and its sale a few seconds later.
    RoundTrip,
    /// L3: a visible buy; the second wallet buys what pays where that does not: the other markets of the event, or the other
    /// token.
    Hedge,
    /// L4: out without a sale: he buys the other token too, and merges the pairs.
    Merge,
    /// L8: near the close of a short market he buys what is behind; then its price is pushed, and it wins.
    OraclePush,
    /// L9: a dollar's worth of the cheapest token, of which the second wallet offers more.
    Dust,
    /// L10: a hundred buys of two dollars instead of one of two hundred.
    Fragment,
    /// L11: one giant buy, and its sale as soon as copiers are full.
    Giant,
}

impl Trick {
    pub const ALL: [Trick; 8] = [
        Trick::Distribute,
        Trick::RoundTrip,
        Trick::Hedge,
        Trick::Merge,
        Trick::OraclePush,
        Trick::Dust,
        Trick::Fragment,
        Trick::Giant,
    ];
}

/// One thing that is done for a trick.
#[derive(Clone, Copy, Debug)]
enum Act {
    Buy {
        account: AccountId,
        market: MarketId,
        outcome: Outcome,
        dollars: i64,
    },
    /// Buys as many shares as he holds of the other outcome.
    BuyPair {
        account: AccountId,
        market: MarketId,
        outcome: Outcome,
    },
    /// Sells all there is; waits for shares that are not settled.
    SellAll {
        account: AccountId,
        market: MarketId,
        outcome: Outcome,
        tries: u8,
    },
    MergeAll {
        account: AccountId,
        market: MarketId,
        tries: u8,
    },
    /// Offers all there is where the next buyer looks first.
    Offer {
        account: AccountId,
        market: MarketId,
        outcome: Outcome,
    },
    /// Takes all offers back.
    TakeBack {
        account: AccountId,
    },
    /// Makes an outcome as good as certain.
    Push {
        market: MarketId,
        outcome: Outcome,
    },
}

/// Shares that are bought at a moment can be sold this much later, unless the chain is slow.
const SETTLED_MS: u64 = 5_000;
/// How often somebody looks for shares that are not there yet.
const TRIES: u8 = 6;
/// The part of a short market's life, before its end, in which it is pushed; in percent.
const PUSHED_PERCENT: u64 = 15;
const PUSHED_FAIR: i64 = 940_000;
const FRAGMENTS: u64 = 100;
/// As deep as anybody of this trade goes.
const DEPTH: usize = 60;

#[derive(Debug)]
pub struct Tricks {
    random: Random,
    /// The wallet that is followed.
    leader: AccountId,
    second: AccountId,
    queue: BTreeMap<(Nanos, u64), Act>,
    queued: u64,
    offers: Vec<(AccountId, OrderId)>,
}

impl Tricks {
    pub fn new(seed: u64, stage: &mut Stage) -> Tricks {
        let mut open = |(name, wallet): (&str, &str)| {
            let account = super::seeded::fund_leader(stage);
            stage.introduce(account, Person { wallet: wallet.to_owned(), name: name.to_owned() });
            account
        };
        let (leader, second) = (open(leader::TRICKSTER), open(leader::SECOND_WALLET));
        let random = Random::new(seed ^ 0x7216_c57e);
        Tricks { random, leader, second, queue: BTreeMap::new(), queued: 0, offers: Vec::new() }
    }

    pub fn next_at(&self) -> Option<Nanos> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Begins a trick now, or as soon as a market is ripe for it. Nothing comes of one for which there is no market.
    pub fn play(&mut self, trick: Trick, stage: &Stage, now: Nanos) {
        match trick {
            Trick::OraclePush => self.push_an_oracle(stage, now),
            Trick::Dust => self.spread_dust(stage, now),
            Trick::Hedge => self.hedge(stage, now),
            Trick::Distribute | Trick::RoundTrip | Trick::Merge | Trick::Fragment | Trick::Giant => {
                let open: Vec<&Place> = lasting(stage).collect();
                if open.is_empty() {
                    return;
                }
                let market = self.random.pick(&open).market;
                let outcome = *self.random.pick(&Outcome::BOTH);
                self.play_in(trick, market, outcome, now);
            }
        }
    }

    fn play_in(&mut self, trick: Trick, market: MarketId, outcome: Outcome, now: Nanos) {
        let (leader, second) = (self.leader, self.second);
        let buy = |account, dollars| Act::Buy { account, market, outcome, dollars };
        let sell_all = |account| Act::SellAll { account, market, outcome, tries: TRIES };
        match trick {
            Trick::Distribute => {
                self.after(now, 0, buy(second, 300));
                self.after(now, SETTLED_MS, buy(leader, 200));
                self.after(now, SETTLED_MS + 20, Act::Offer { account: second, market, outcome });
                self.after(now, 6 * SETTLED_MS, Act::TakeBack { account: second });
                self.after(now, 6 * SETTLED_MS, sell_all(second));
                self.after(now, 6 * SETTLED_MS, sell_all(leader));
            }
            Trick::RoundTrip => {
                self.after(now, 0, buy(leader, 200));
                self.after(now, SETTLED_MS, sell_all(leader));
            }
            Trick::Merge => {
                self.after(now, 0, buy(leader, 200));
                self.after(now, SETTLED_MS, Act::BuyPair { account: leader, market, outcome: outcome.other() });
                self.after(now, 2 * SETTLED_MS, Act::MergeAll { account: leader, market, tries: TRIES });
            }
            Trick::Fragment => {
                (0..FRAGMENTS).for_each(|nth| self.after(now, nth * 20, buy(leader, 2)));
                self.after(now, FRAGMENTS * 20 + 4 * SETTLED_MS, sell_all(leader));
            }
            Trick::Giant => {
                self.after(now, 0, buy(leader, 20_000));
                self.after(now, SETTLED_MS, sell_all(leader));
            }
            Trick::Hedge | Trick::OraclePush | Trick::Dust => unreachable!("they choose their markets themselves"),
        }
    }

    fn hedge(&mut self, stage: &Stage, now: Nanos) {
        let open: Vec<&Place> = lasting(stage).collect();
        let grouped: Vec<&Place> = open.iter().copied().filter(|place| !place.listing.neg_risk_id.is_empty()).collect();
        let among = if grouped.is_empty() { &open } else { &grouped };
        if among.is_empty() {
            return;
        }
        let shown = *self.random.pick(among);
        let (leader, second, market) = (self.leader, self.second, shown.market);
        self.after(now, 0, Act::Buy { account: leader, market, outcome: Outcome::Yes, dollars: 300 });
        let sisters = grouped
            .iter()
            .filter(|place| place.market != market && place.listing.neg_risk_id == shown.listing.neg_risk_id);
        let sisters: Vec<MarketId> = sisters.map(|place| place.market).collect();
        for sister in &sisters {
            let hedge = Act::Buy { account: second, market: *sister, outcome: Outcome::Yes, dollars: 200 };
            self.after(now, 100, hedge);
        }
        if sisters.is_empty() {
            self.after(now, 100, Act::Buy { account: second, market, outcome: Outcome::No, dollars: 300 });
        }
    }

    /// Waits for the last part of the life of the short market that ends next.
    fn push_an_oracle(&mut self, stage: &Stage, now: Nanos) {
        let short = stage.places().filter(|place| place.phase == Phase::Open && matches!(place.kind, Kind::Short(_)));
        let last_part = |place: &Place| {
            let Millis(closes_at) = place.listing.closes_at;
            closes_at - (closes_at - place.listing.opens_at.0) * PUSHED_PERCENT / 100
        };
        let ripe = short.filter(|place| now.as_millis() < last_part(place)).min_by_key(|place| last_part(place));
        let Some(place) = ripe else { return };
        let (starts_at, market) = (Nanos::from_millis(last_part(place)), place.market);
        let left = place.listing.closes_at.0 - last_part(place);
        // Which token is behind then, nobody knows yet; the one that is behind now is as good.
        let outcome = if place.fair < 500_000 { Outcome::Yes } else { Outcome::No };
        self.after(starts_at, 0, Act::Buy { account: self.leader, market, outcome, dollars: 1_000 });
        self.after(starts_at, left / 3, Act::Push { market, outcome });
    }

    fn spread_dust(&mut self, stage: &Stage, now: Nanos) {
        let asks = stage.places().filter(|place| place.phase == Phase::Open).flat_map(|place| {
            let best = |outcome| Some((*levels_met(place, outcome, Side::Buy).first()?, place.market, outcome));
            Outcome::BOTH.into_iter().filter_map(best)
        });
        let Some((_, market, outcome)) = asks.min_by_key(|(ask, _, _)| *ask) else { return };
        let (leader, second) = (self.leader, self.second);
        self.after(now, 0, Act::Buy { account: second, market, outcome, dollars: 50 });
        self.after(now, SETTLED_MS, Act::Buy { account: leader, market, outcome, dollars: 1 });
        self.after(now, SETTLED_MS + 20, Act::Offer { account: second, market, outcome });
        self.after(now, 6 * SETTLED_MS, Act::TakeBack { account: second });
    }

    fn after(&mut self, now: Nanos, millis: u64, act: Act) {
        self.queued += 1;
        self.queue.insert((now.plus(Nanos::from_millis(millis)), self.queued), act);
    }

    /// Does the next thing.
    pub fn act(&mut self, stage: &mut Stage) {
        let Some(((at, _), act)) = self.queue.pop_first() else { return };
        match act {
            Act::Buy { account, market, outcome, dollars } => {
                let size = Size::Buy(Usdc::whole(dollars));
                take(stage, at, account, Intent { market, outcome, size, depth: DEPTH });
            }
            Act::BuyPair { account, market, outcome } => {
                let wanted = stage.exchange.shares(account, market, outcome.other()).held;
                let Some(place) = stage.place(market) else { return };
                let Some(best) = levels_met(place, outcome, Side::Buy).first().copied() else { return };
                let size = Size::Buy(best.cost_ceil(wanted));
                take(stage, at, account, Intent { market, outcome, size, depth: DEPTH });
            }
            Act::SellAll { account, market, outcome, tries } => {
                let shares = sellable(stage, account, market, outcome);
                if shares > Shares::ZERO {
                    take(stage, at, account, Intent { market, outcome, size: Size::Sell(shares), depth: DEPTH });
                } else if tries > 0 {
                    self.after(at, SETTLED_MS, Act::SellAll { account, market, outcome, tries: tries - 1 });
                }
            }
            Act::MergeAll { account, market, tries } => {
                let [yes, no] = Outcome::BOTH.map(|outcome| sellable(stage, account, market, outcome));
                let pairs = yes.min(no);
                if pairs > Shares::ZERO {
                    stage.exchange.merge(account, market, pairs).expect("both are held");
                } else if tries > 0 {
                    self.after(at, SETTLED_MS, Act::MergeAll { account, market, tries: tries - 1 });
                }
            }
            Act::Offer { account, market, outcome } => self.offer(stage, at, account, market, outcome),
            Act::TakeBack { account } => {
                // One that was sold meanwhile is gone anyway.
                let own = self.offers.iter().filter(|(of, _)| *of == account);
                own.for_each(|(_, order)| stage.exchange.cancel(account, order).unwrap_or_default());
                self.offers.retain(|(of, _)| *of != account);
            }
            Act::Push { market, outcome } => {
                if let Some(place) = stage.open_place(market) {
                    place.fair = match outcome {
                        Outcome::Yes => PUSHED_FAIR,
                        Outcome::No => 1_000_000 - PUSHED_FAIR,
                    };
                }
            }
        }
    }

    fn offer(&mut self, stage: &mut Stage, at: Nanos, account: AccountId, market: MarketId, outcome: Outcome) {
        let shares = sellable(stage, account, market, outcome);
        let Some(place) = stage.place(market) else { return };
        let asks = levels_met(place, outcome, Side::Buy);
        let bid = levels_met(place, outcome, Side::Sell).first().copied();
        let Some(price) = asks.first().map(|ask| undercut(*ask, bid, place)) else { return };
        let new = NewOrder {
            id: stage.exchange.house_order_id(),
            account,
            market,
            outcome,
            side: Side::Sell,
            maker_amount: shares.0,
            taker_amount: price.cost_floor(shares).0 as u64,
            kind: OrderKind::Gtc,
            post_only: true,
        };
        if stage.exchange.place(at, new).is_ok() {
            self.offers.push((account, new.id));
        }
    }
}

/// One tick below the best ask where that meets no bid, else with it.
fn undercut(ask: Price, bid: Option<Price>, place: &Place) -> Price {
    let below = ask.down(place.book.tick.micros());
    if bid.is_none_or(|bid| bid < below) && place.book.tick.holds(below) { below } else { ask }
}

/// Yields open markets that do not end in the next minutes.
fn lasting(stage: &Stage) -> impl Iterator<Item = &Place> {
    stage.places().filter(|place| {
        let is_lasting = match place.kind {
            Kind::Standing(_) | Kind::Group(_) | Kind::Recorded => true,
            Kind::Short(_) => false,
        };
        is_lasting && place.phase == Phase::Open && place.book.best_bid().is_some() && place.book.best_ask().is_some()
    })
}

fn sellable(stage: &Stage, account: AccountId, market: MarketId, outcome: Outcome) -> Shares {
    let holding = stage.exchange.shares(account, market, outcome);
    holding.held.minus(holding.reserved).floor_to(SHARES_STEP)
}

#[cfg(test)]
mod tests;
