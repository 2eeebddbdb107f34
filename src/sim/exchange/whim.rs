//! What happens to an order beside the rules, where the settings ask for it: a better price than was there, a hair left
//! over, quotes that are gone when a hold ends. It draws nothing where it never happens.

use super::Exchange;
use super::market::Rules;
use super::matching::Plan;
use super::order::{Order, OrderId, State, on_ladder};
use super::reject::Canceled;
use crate::domain::market::SHARES_STEP;
use crate::domain::money::ONE;
use crate::domain::{Price, Shares, Side};
use crate::sim::message::opposite;

/// What is left of an order that ends a hair short, in millionths of a share: less than what could be ordered.
const HAIR: std::ops::Range<u64> = 1_000..SHARES_STEP;

impl Exchange {
    pub(super) fn strikes(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.random.range(0, 1_000_000) < u64::from(ppm)
    }

    /// Lets the house offer a taker what he takes for one tick less than what is there, if that is due. Returns the offer,
    /// which [`Exchange::end_favour`] must end after the match.
    pub(super) fn favour(&mut self, order: &Order, plan: &Plan) -> Option<OrderId> {
        let maker = plan.fills.first()?.maker;
        if !maker.is_of_house() || !self.strikes(self.settings.improved_ppm) {
            return None;
        }
        let account = self.orders[&maker].new.account;
        // Leaders live in the house, too, and have only what they have.
        if !self.account(account).is_endless() {
            return None;
        }
        let (side, price) = self.orders[&maker].spot();
        let better = better_by_a_tick(&self.rules_of(&order.new), side, price)?;
        let (_, seen) = on_ladder(order.new.outcome, side, better);
        let wanted = match order.new.side {
            Side::Buy => Shares(order.left * ONE / u64::from(seen.micros())),
            Side::Sell => Shares(order.left),
        };
        let there = self.market(order.new.market)?.ladder.total(side, price);
        let shares = wanted.min(there).floor_to(SHARES_STEP);
        if shares == Shares::ZERO {
            return None;
        }
        let number = self.count();
        let id = OrderId::of_house(number);
        let (_, (new, at)) = super::quote::quote_orders(id, account, order.new.market, (side, better), shares);
        self.rest(Order::fresh(new, at, order.placed_at, number));
        Some(id)
    }

    pub(super) fn end_favour(&mut self, favour: Option<OrderId>) {
        let left = favour.filter(|id| self.orders.get(id).is_some_and(Order::is_open));
        if let Some(id) = left {
            self.take_off_book(&id);
            self.end(&id, State::Canceled(Canceled::ByOwner));
        }
    }

    /// Returns how much of its maker amount an order keeps, matched or not: nothing, or the price of a hair.
    pub(super) fn spared(&mut self, order: &Order) -> u64 {
        if !self.strikes(self.settings.dust_ppm) {
            return 0;
        }
        let hair = Shares(self.random.range(HAIR.start, HAIR.end));
        let spared = match order.new.side {
            Side::Buy => order.price.cost_floor(hair).0 as u64,
            Side::Sell => hair.0,
        };
        spared.min(order.left / 2)
    }

    /// Takes away what of the house a held order would meet, if that is due.
    pub(super) fn pull_quotes_met(&mut self, order: &Order) {
        if !self.strikes(self.settings.delayed_unmatched_ppm) {
            return;
        }
        let (side, price) = order.spot();
        let crosses = |id: &OrderId| match side {
            Side::Buy => self.orders[id].spot().1 <= price,
            Side::Sell => self.orders[id].spot().1 >= price,
        };
        let makers = self.market(order.new.market).into_iter().flat_map(|market| market.ladder.queue(opposite(side)));
        let all: Vec<OrderId> = makers.take_while(crosses).filter(OrderId::is_of_house).collect();
        for id in all {
            self.take_off_book(&id);
            self.end(&id, State::Canceled(Canceled::ByOwner));
        }
    }
}

/// The price of an offer of `side` one tick better to who takes it; `None` at the end of the grid.
fn better_by_a_tick(rules: &Rules, side: Side, price: Price) -> Option<Price> {
    let tick = rules.tick.micros();
    let micros = match side {
        Side::Sell => price.micros().checked_sub(tick)?,
        Side::Buy => price.micros() + tick,
    };
    Price::from_micros(micros).filter(|price| rules.tick.holds(*price))
}
