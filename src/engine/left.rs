//! Leaders who leave without selling: they merge, convert, redeem or send away what they hold, or a reading of their
//! position shows that they hold less. It is followed like a sale, except where it is too small a part to mean it.

use super::{Engine, Events};
use crate::domain::{
    Event, LeaderId, Nanos, PortfolioId, Price, Role, Shares, Side, SignalId, Source, TokenId, TradeKey,
    event::{How, Signal},
    input::LeaderLeft,
    money::ONE,
};

impl Engine {
    pub(super) fn leader_left(&mut self, now: Nanos, left: &LeaderLeft, events: &mut Events) {
        let LeaderLeft { trade, leader, token, shares, source, left_at } = *left;
        if self.followers_of(leader).is_empty() || shares == Shares::ZERO {
            return;
        }
        if self.seen.contains(trade) {
            return self.emit(now, Event::Repeated { trade, leader, token, source }, events);
        }
        let explained = self.holdings.get(leader, token).explained(shares, left_at);
        let signal = self.leaving(How::Left, left);
        self.emit(now, Event::Signal(signal), events);
        self.decide_rest(now, &signal, explained, events);
    }

    /// Takes what a leader holds, as the venue says it: a large enough drop is an exit, anything else a correction. A
    /// reading that is older than his last trade that we saw is not believed.
    pub(super) fn leader_holds(
        &mut self,
        now: Nanos,
        leader: LeaderId,
        token: TokenId,
        shares: Shares,
        at: Nanos,
        events: &mut Events,
    ) {
        let known = self.holdings.get(leader, token);
        let is_old = at <= known.traded_at || at < known.read_at;
        if self.followers_of(leader).is_empty() || is_old || shares == known.shares {
            return;
        }
        let gone = known.shares.minus(shares);
        let (given_up, held) = known.given_up(gone);
        let min_of = |id: PortfolioId| self.portfolios[id.index()].settings.exit.left_ppm_min;
        let least = self.followers_of(leader).iter().map(min_of).min().unwrap_or(ONE as u32);
        if gone == Shares::ZERO || part_ppm(given_up, held) < least {
            return self.emit(now, Event::LeaderHolds { leader, token, shares, at }, events);
        }
        // A reading has no name of its own; what it says of whom, and when, is one.
        let trade = TradeKey([1 << 63 | u64::from(leader.0) << 32 | u64::from(token.0), at.0]);
        let left = LeaderLeft { trade, leader, token, shares: gone, source: Source::Index, left_at: at };
        let signal = self.leaving(How::Observed, &left);
        self.emit(now, Event::Signal(signal), events);
        self.decide(now, &signal, events);
    }

    fn leaving(&self, how: How, left: &LeaderLeft) -> Signal {
        let LeaderLeft { trade, leader, token, shares, source, left_at } = *left;
        let known = self.holdings.get(leader, token);
        let (shares, leader_held) = known.given_up(shares);
        let market = &self.tokens[token.index()];
        // There is no price of his: what he would get now, or what he traded at last, or next to nothing.
        let price: Price = market.book.best_bid().or(known.price).unwrap_or(market.market.tick.first());
        let signal = SignalId(self.signals + 1);
        Signal {
            signal,
            group: signal,
            trade,
            leader,
            token,
            side: Side::Sell,
            price,
            shares,
            group_price: price,
            group_shares: shares,
            leader_held,
            role: Role::Unknown,
            source,
            how,
            traded_at: left_at,
        }
    }
}

/// Returns what part of `held` the `shares` are, rounded down; all of it where nothing is known to be held.
pub(super) fn part_ppm(shares: Shares, held: Shares) -> u32 {
    Shares(ONE).fraction_floor(shares, held).0 as u32
}
