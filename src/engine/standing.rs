//! How each portfolio stands: what it spent and lost today, its peak, its pace, its breakers; and how events change that.

use super::{Engine, order::Order, position::Position, stake::Key};
use crate::domain::{
    Breaker, LeaderId, Nanos, Numbers, OrderState, PortfolioId, Side, TokenId, Usdc,
    event::{Filled, Settled, Submitted, Valued},
    settings::limits::{ORDERS_PER_MINUTE_MAX, UNKNOWN_BURST_MAX},
};

/// What is counted within a minute.
pub const MINUTE: Nanos = Nanos::from_secs(60);

/// What limits are measured by; `apply` alone changes it.
#[derive(Debug)]
pub struct Standing {
    /// What entries of the day cost, fees and open orders at their worst included.
    pub spent: Usdc,
    /// Realised, net of fees, since the day began or the breaker was reset.
    pub day_result: Usdc,
    /// Sales and settlements in a row that brought less than they had cost.
    pub losses: u32,
    /// Equity at the last value, positions at the best bid; what was brought or taken since is in it.
    pub worth: Usdc,
    /// The highest of them, or where the breaker was reset.
    pub peak: Usdc,
    /// Open orders whose outcome is not known.
    pub unknown: u32,
    /// By [`Breaker`], with the numbers it tripped at.
    pub tripped: [Option<Numbers>; Breaker::ALL.len()],
    /// When entries were ordered, and when orders became unknown.
    pub entered: Recent,
    pub doubted: Recent,
    /// Low balance was said, and was not over since.
    pub low_said: bool,
    /// What of the settings' capital is in.
    pub capital: Option<Usdc>,
}

/// The latest moments of something; older ones are forgotten.
#[derive(Debug)]
pub struct Recent {
    times: Box<[Nanos]>,
    count: usize,
}

impl Default for Standing {
    fn default() -> Standing {
        Standing {
            spent: Usdc::ZERO,
            day_result: Usdc::ZERO,
            losses: 0,
            worth: Usdc::ZERO,
            peak: Usdc::ZERO,
            unknown: 0,
            tripped: [None; Breaker::ALL.len()],
            entered: Recent::of(ORDERS_PER_MINUTE_MAX),
            doubted: Recent::of(UNKNOWN_BURST_MAX),
            low_said: false,
            capital: None,
        }
    }
}

impl Recent {
    fn of(kept: usize) -> Recent {
        Recent { times: vec![Nanos::ZERO; kept].into(), count: 0 }
    }

    fn push(&mut self, at: Nanos) {
        self.times[self.count % self.times.len()] = at;
        self.count += 1;
    }

    /// Returns how many were less than a minute ago, at most `enough` (of those that are kept).
    pub fn in_a_minute(&self, now: Nanos, enough: usize) -> usize {
        let newest_first = (1..=self.count.min(self.times.len())).map(|back| self.count - back);
        let times = newest_first.map(|index| self.times[index % self.times.len()]);
        times.take(enough).take_while(|at| now.since(*at) < MINUTE).count()
    }
}

impl Standing {
    pub fn has_tripped(&self, breaker: Breaker) -> Option<Numbers> {
        self.tripped[breaker as usize]
    }

    /// What was lost of the day, if anything.
    pub fn day_loss(&self) -> Usdc {
        -self.day_result.min(Usdc::ZERO)
    }

    /// Notes money brought or taken: neither gain nor loss.
    pub(super) fn flow(&mut self, amount: Usdc) {
        (self.worth, self.peak) = (self.worth + amount, self.peak + amount);
    }

    pub(super) fn value(&mut self, valued: &Valued) {
        self.worth = valued.available + valued.reserved + valued.deployed + valued.cooling + valued.unrealised;
        self.peak = self.peak.max(self.worth);
    }

    /// Notes what a whole sale or settlement came to.
    pub(super) fn judge(&mut self, result: Usdc) {
        if result < Usdc::ZERO {
            self.losses += 1;
        } else if result > Usdc::ZERO {
            self.losses = 0;
        }
    }

    pub(super) fn trip(&mut self, breaker: Breaker, numbers: Numbers) {
        self.tripped[breaker as usize] = Some(numbers);
    }

    /// What the breaker counted begins again.
    pub(super) fn reset(&mut self, breaker: Breaker) {
        self.tripped[breaker as usize] = None;
        match breaker {
            Breaker::DailyLoss => self.day_result = Usdc::ZERO,
            Breaker::Drawdown => self.peak = self.worth,
            Breaker::LossesInRow => self.losses = 0,
            Breaker::UnknownBurst => self.doubted.count = 0,
        }
    }

    pub(super) fn begin_day(&mut self) {
        (self.spent, self.day_result) = (Usdc::ZERO, Usdc::ZERO);
    }

    pub(super) fn doubt(&mut self, at: Nanos) {
        self.unknown += 1;
        self.doubted.push(at);
    }

    /// An order's outcome is known now, if it was not.
    pub(super) fn settle_doubt(&mut self, before: OrderState) {
        if before == OrderState::Unknown {
            self.unknown -= 1;
        }
    }

    /// Yields everything, for the state's hash.
    pub(super) fn values(&self) -> impl Iterator<Item = u64> {
        let amounts = [self.spent, self.day_result, self.worth, self.peak, self.capital.unwrap_or(Usdc(-1))];
        let counts = [self.losses.into(), self.unknown.into(), self.entered.count as u64, self.doubted.count as u64];
        let tripped = self.tripped.iter().map(|numbers| numbers.map_or(0, |numbers| 1 + numbers.actual as u64));
        let times = self.entered.times.iter().chain(&*self.doubted.times).map(|at| at.0);
        amounts.into_iter().map(|amount| amount.0 as u64).chain(counts).chain(tripped).chain(times)
    }
}

impl Engine {
    /// Changes what is at stake in a portfolio, in the sums by market, event and leader.
    pub(super) fn stake(&mut self, portfolio: PortfolioId, leader: LeaderId, token: TokenId, amount: Usdc) {
        let market = &self.tokens[token.index()].market;
        self.stakes.change(Key::of_market(portfolio, token, market), amount);
        self.stakes.change(Key::of_event(portfolio, token, market), amount);
        let dealing = self.dealings.with(portfolio, leader);
        dealing.stake = dealing.stake + amount;
    }

    /// Moves what a token's positions have at stake when its market turns out to be another one.
    pub(super) fn restake(&mut self, token: TokenId, change: impl FnOnce(&mut Engine)) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.slots_in(token));
        let at_stake = Position::committed;
        for slot in &slots {
            let Position { portfolio, leader, .. } = *self.positions.at(*slot);
            self.stake(portfolio, leader, token, -at_stake(self.positions.at(*slot)));
        }
        change(self);
        for slot in slots.drain(..) {
            let Position { portfolio, leader, .. } = *self.positions.at(slot);
            self.stake(portfolio, leader, token, at_stake(self.positions.at(slot)));
        }
        self.slots = slots;
    }

    pub(super) fn spend(&mut self, portfolio: PortfolioId, leader: LeaderId, amount: Usdc) {
        let standing = &mut self.portfolios[portfolio.index()].standing;
        standing.spent = standing.spent + amount;
        let dealing = self.dealings.with(portfolio, leader);
        dealing.spent = dealing.spent + amount;
    }

    pub(super) fn gain(&mut self, portfolio: PortfolioId, leader: LeaderId, result: Usdc) {
        let standing = &mut self.portfolios[portfolio.index()].standing;
        standing.day_result = standing.day_result + result;
        let dealing = self.dealings.with(portfolio, leader);
        (dealing.day_result, dealing.result) = (dealing.day_result + result, dealing.result + result);
    }

    pub(super) fn stand_submitted(&mut self, at: Nanos, submitted: &Submitted) {
        let Submitted { portfolio, leader, token, reserved, .. } = *submitted;
        self.orders.open_mut(submitted.order).day = self.day;
        if submitted.side == Side::Buy {
            self.stake(portfolio, leader, token, reserved);
            self.spend(portfolio, leader, reserved);
            self.portfolios[portfolio.index()].standing.entered.push(at);
        }
    }

    pub(super) fn stand_filled(&mut self, before: OrderState, filled: &Filled) {
        let Filled { cash, fee, basis, .. } = *filled;
        let order = self.orders.open_mut(filled.order);
        let Submitted { portfolio, leader, token, side, .. } = order.submitted;
        let (unstaked, result) = match side {
            Side::Buy => (fee, -fee),
            Side::Sell => (basis, cash - fee - basis),
        };
        order.result = order.result + result;
        self.stake(portfolio, leader, token, -unstaked);
        self.gain(portfolio, leader, result);
        self.portfolios[portfolio.index()].standing.settle_doubt(before);
    }

    pub(super) fn stand_closed(&mut self, order: &Order, released: Usdc) {
        let Submitted { portfolio, leader, token, side, .. } = order.submitted;
        self.portfolios[portfolio.index()].standing.settle_doubt(order.state);
        match side {
            Side::Buy => {
                self.stake(portfolio, leader, token, -released);
                // What an order of yesterday gives back was not spent today.
                if order.day == self.day {
                    self.spend(portfolio, leader, -released);
                }
            }
            // What is not settled may not count: it is judged when all of it is.
            Side::Sell if order.unsettled > 0 => (),
            Side::Sell => self.portfolios[portfolio.index()].standing.judge(order.result),
        }
    }

    pub(super) fn stand_settled(&mut self, settled: &Settled) {
        let Settled { portfolio, leader, token, basis, proceeds, .. } = *settled;
        self.stake(portfolio, leader, token, -basis);
        self.gain(portfolio, leader, proceeds - basis);
        self.portfolios[portfolio.index()].standing.judge(proceeds - basis);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_moments_are_counted_within_a_minute() {
        let mut recent = Recent::of(3);
        let check = |recent: &Recent, now: u64, enough: usize, count: usize| {
            assert_eq!(recent.in_a_minute(Nanos::from_secs(now), enough), count, "at {now}");
        };
        check(&recent, 5, 9, 0);
        [0, 10, 20].into_iter().for_each(|at| recent.push(Nanos::from_secs(at)));
        check(&recent, 59, 9, 3);
        check(&recent, 60, 9, 2);
        check(&recent, 79, 9, 1);
        check(&recent, 59, 2, 2);
        recent.push(Nanos::from_secs(30));
        check(&recent, 31, 9, 3);
    }
}
