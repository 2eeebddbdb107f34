//! Leaders: honest ones, clumsy ones, and those who trade on their copiers (RELIABILITY.md 3.4).

use std::collections::BTreeMap;

use super::market::Place;
use crate::{
    domain::{Input, LeaderId, LeaderLeft, LeaderTrade, Nanos, Price, Role, Shares, Side, Source, TokenId, TradeKey},
    sim::random::Random,
};

/// How a leader trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Buys some, sells a part, sells all.
    Steady,
    /// Many small fills close together.
    Fragmenting,
    /// Buys, and sells all within a minute.
    Flipping,
    /// Now and then a trade a thousand times as large as usual.
    Giant,
    /// Tiny trades at any price.
    Dust,
    /// Gives shares up without selling.
    Merging,
    /// Buys both outcomes.
    Hedging,
    /// Buys, lets the copiers lift the price, and sells to them.
    Distributing,
    /// Buys and sells at once, again and again.
    RoundTrips,
}

impl Style {
    pub const ALL: [Style; 9] = [
        Style::Steady,
        Style::Fragmenting,
        Style::Flipping,
        Style::Giant,
        Style::Dust,
        Style::Merging,
        Style::Hedging,
        Style::Distributing,
        Style::RoundTrips,
    ];
}

#[derive(Clone, Debug)]
pub struct Actor {
    id: LeaderId,
    style: Style,
    held: BTreeMap<TokenId, u64>,
    trades: u64,
}

/// Something a leader does, so long after now.
pub type Deed = (Nanos, Input);

impl Actor {
    pub fn new(id: LeaderId, style: Style) -> Actor {
        Actor { id, style, held: BTreeMap::new(), trades: 0 }
    }

    /// Does what is his way, in one of the places. `now` is when he does it.
    pub fn act(&mut self, now: Nanos, places: &[Place], random: &mut Random) -> Vec<Deed> {
        let place = random.pick(places);
        let dollars = |random: &mut Random| *random.pick(&[6, 30, 100, 400, 1_500]);
        match self.style {
            Style::Steady => {
                if random.chance(65) {
                    let dollars = dollars(random);
                    vec![self.buy(now, Nanos::ZERO, place, dollars, random)]
                } else {
                    let part = *random.pick(&[10, 30, 50, 100]);
                    self.sell(now, Nanos::ZERO, place, part).into_iter().collect()
                }
            }
            Style::Fragmenting => {
                let count = random.range(3, 9);
                let mut deeds: Vec<Deed> =
                    (0..count).map(|n| self.buy(now, Nanos::from_millis(n * 150), place, 2, random)).collect();
                deeds.extend(random.chance(30).then(|| self.sell(now, Nanos::from_secs(2), place, 40)).flatten());
                deeds
            }
            Style::Flipping => {
                let dollars = dollars(random);
                let bought = self.buy(now, Nanos::ZERO, place, dollars, random);
                let later = Nanos::from_secs(random.range(5, 60));
                std::iter::once(bought).chain(self.sell(now, later, place, 100)).collect()
            }
            Style::Giant => {
                let dollars = if random.chance(20) { 100_000 } else { 50 };
                let bought = self.buy(now, Nanos::ZERO, place, dollars, random);
                let sold = random.chance(30).then(|| self.sell(now, Nanos::from_millis(500), place, 100)).flatten();
                std::iter::once(bought).chain(sold).collect()
            }
            Style::Dust => {
                let shares = Shares(1 + random.range(0, 4_000_000));
                let side = if random.chance(70) { Side::Buy } else { Side::Sell };
                let price = Price::from_micros(1 + random.range(0, 999_998) as u32).expect("a price");
                vec![self.trade(now, Nanos::ZERO, place.token, side, price, shares)]
            }
            Style::Merging => {
                let dollars = dollars(random);
                let bought = self.buy(now, Nanos::ZERO, place, dollars, random);
                let left = random.chance(50).then(|| self.leave(now, Nanos::from_secs(3), place.token, random));
                std::iter::once(bought).chain(left.flatten()).collect()
            }
            Style::Hedging => {
                let other = places.iter().find(|other| other.token.0 == place.token.0 ^ 1).unwrap_or(place);
                let dollars = dollars(random);
                let first = self.buy(now, Nanos::ZERO, place, dollars, random);
                vec![first, self.buy(now, Nanos::from_secs(1), other, dollars, random)]
            }
            Style::Distributing => {
                let bought = self.buy(now, Nanos::ZERO, place, 60, random);
                let later = Nanos::from_millis(random.range(300, 5_000));
                std::iter::once(bought).chain(self.sell(now, later, place, 100)).collect()
            }
            Style::RoundTrips => {
                let mut deeds = vec![];
                for round in 0..random.range(1, 4) {
                    let begun = Nanos::from_secs(round * 4);
                    deeds.push(self.buy(now, begun, place, 200, random));
                    deeds.extend(self.sell(now, begun.plus(Nanos::from_secs(1)), place, 100));
                }
                deeds
            }
        }
    }

    /// Buys for about so many dollars at the ask, or a little off it.
    fn buy(&mut self, now: Nanos, later: Nanos, place: &Place, dollars: u64, random: &mut Random) -> Deed {
        let ask = place.best_ask().unwrap_or(place.fair());
        let price = if random.chance(20) { ask.down(random.range(0, 30_000) as u32) } else { ask };
        let shares = Shares(dollars * 1_000_000 * 1_000_000 / u64::from(price.micros()) + random.range(0, 1_000));
        self.trade(now, later, place.token, Side::Buy, price, shares)
    }

    /// Sells so many percent of what he has there, if he has anything.
    fn sell(&mut self, now: Nanos, later: Nanos, place: &Place, percent: u64) -> Option<Deed> {
        let held = self.held.get(&place.token).copied().filter(|held| *held > 0)?;
        let price = place.best_bid().unwrap_or(place.fair());
        Some(self.trade(now, later, place.token, Side::Sell, price, Shares((held * percent / 100).max(1))))
    }

    fn leave(&mut self, now: Nanos, later: Nanos, token: TokenId, random: &mut Random) -> Option<Deed> {
        let held = self.held.get_mut(&token).filter(|held| **held > 0)?;
        let shares = (*held * *random.pick(&[2, 30, 100]) / 100).max(1);
        *held -= shares;
        let (trade, left_at, leader, shares) = (self.key(), now.plus(later), self.id, Shares(shares));
        let source = Source::Index;
        Some((later, Input::LeaderLeft(LeaderLeft { trade, leader, token, shares, source, left_at })))
    }

    /// Reads what he really holds of a token, as the venue's positions would say it.
    pub fn holds(&self, token: TokenId, at: Nanos) -> Input {
        let shares = Shares(self.held.get(&token).copied().unwrap_or(0));
        Input::LeaderHolds { leader: self.id, token, shares, at }
    }

    fn trade(&mut self, now: Nanos, later: Nanos, token: TokenId, side: Side, price: Price, shares: Shares) -> Deed {
        let held = self.held.entry(token).or_default();
        *held = if side == Side::Buy { *held + shares.0 } else { held.saturating_sub(shares.0) };
        let (trade, traded_at) = (self.key(), now.plus(later));
        let role = [Role::Unknown, Role::Maker, Role::Taker][self.trades as usize % 3];
        let (leader, source) = (self.id, Source::ALL[self.trades as usize % Source::ALL.len()]);
        (later, Input::LeaderTrade(LeaderTrade { trade, leader, token, side, price, shares, role, source, traded_at }))
    }

    fn key(&mut self) -> TradeKey {
        self.trades += 1;
        TradeKey([u64::from(self.id.0) + 1, self.trades])
    }
}
