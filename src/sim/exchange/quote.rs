//! What the house offers: one order behind each level that it wants, so that a world sets totals and never counts orders.

use super::Exchange;
use super::market::Standing;
use super::matching::is_dust;
use super::order::{AccountId, Kind, MarketId, NewOrder, Order, OrderId, State};
use super::reject::Canceled;
use crate::domain::money::ONE;
use crate::domain::{Nanos, Price, Shares, Side};
use crate::sim::message::{Outcome, opposite};

/// What the house offers at one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub account: AccountId,
    /// As the first token's ladder has it, as the price.
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
}

impl Exchange {
    /// Sets what the house offers at one level of the first token's ladder; zero takes the offer away. A quote that
    /// meets orders of others takes them first and offers the rest; one that meets quotes of the same account takes those
    /// away. More than before waits behind all others again, less keeps its place.
    ///
    /// Does nothing in a market that is not open. Panics where the price is not on the grid.
    pub fn quote(
        &mut self,
        now: Nanos,
        account: AccountId,
        market: MarketId,
        side: Side,
        price: Price,
        shares: Shares,
    ) {
        self.quote_all(now, market, &[Quote { account, side, price, shares }]);
    }

    /// Sets several levels as [`Exchange::quote`] does, in order, as one cause: their changes of the book come together.
    pub fn quote_all(&mut self, now: Nanos, market: MarketId, quotes: &[Quote]) {
        if self.standing(market) != Some(Standing::Open) {
            return;
        }
        quotes.iter().for_each(|quote| self.set_quote(now, market, *quote));
        self.tell_book(market);
    }

    /// Yields where the house offers something in a market, in no order; a price comes once for each account.
    pub fn quoted(&self, market: MarketId) -> impl Iterator<Item = (Side, Price)> {
        let of_market = self.market(market).into_iter().flat_map(|market| &market.quotes);
        of_market.map(|((_, price), (side, _))| (*side, *price))
    }

    fn set_quote(&mut self, now: Nanos, market: MarketId, quote: Quote) {
        let Quote { account, side, price, shares } = quote;
        let found = self.known(market);
        let tick = found.rules.tick;
        assert!(tick.holds(price), "{price} is off the grid of {tick:?}");
        let own = found.quotes.range((account, tick.first())..=(account, tick.last()));
        let is_met = |at: Price, of: Side| of != side && shares > Shares::ZERO && meets(side, price, at);
        let met = own.filter(|((_, at), (of, _))| is_met(*at, *of)).map(|(_, (_, order))| *order);
        let met: Vec<OrderId> = met.collect();
        let standing = found.quotes.get(&(account, price)).filter(|(of, _)| *of == side).map(|(_, order)| *order);
        met.iter().for_each(|order| self.drop_quote(order));
        match standing {
            Some(id) if self.orders[&id].rest() == shares => {}
            Some(id) if self.shrink(&id, shares) => {}
            Some(id) => {
                self.drop_quote(&id);
                self.add_quote(now, account, market, (side, price), shares);
            }
            None => self.add_quote(now, account, market, (side, price), shares),
        }
    }

    fn add_quote(&mut self, now: Nanos, account: AccountId, market: MarketId, level: (Side, Price), shares: Shares) {
        if is_dust(shares) {
            return;
        }
        let number = self.count();
        let best_met = self.ladder(market, opposite(level.0)).next();
        let would_match = best_met.is_some_and(|met| meets(level.0, level.1, met.price));
        let prefers_to_buy = !would_match && self.random.chance(50);
        let (buys, sells) = quote_orders(OrderId::of_house(number), account, market, level, shares);
        let (new, price) = buys.filter(|_| prefers_to_buy).unwrap_or(sells);
        let order = Order::fresh(new, price, now, number);
        let plan = self.plan(&order);
        self.carry_out(now, order, plan);
        if self.orders.get(&new.id).is_some_and(Order::is_open) {
            self.known(market).quotes.insert((account, level.1), (level.0, new.id));
        }
    }

    fn drop_quote(&mut self, id: &OrderId) {
        self.take_off_book(id);
        self.end(id, State::Canceled(Canceled::ByOwner));
    }

    /// Leaves a quote with less. Returns false, and has changed nothing, if its order cannot have exactly so little.
    fn shrink(&mut self, id: &OrderId, shares: Shares) -> bool {
        let order = self.orders.get_mut(id).expect("a quote rests");
        let before = order.rest();
        let left = match order.new.side {
            Side::Buy => order.price.cost_floor(shares).0 as u64,
            Side::Sell => shares.0,
        };
        if is_dust(shares) || before < shares || order.rest_with(left) != shares {
            return false;
        }
        // The house has nothing reserved that would have to shrink too.
        order.left = left;
        let (market, (side, price)) = (order.new.market, order.spot());
        self.known(market).ladder.shift(side, price, before, shares);
        true
    }
}

/// Returns the two orders, with their prices, that stand at `level`: one buys a token, one sells the other. Half of the
/// quotes buy, so that takers meet both their own token and the other (mints and merges); but where dollars would not come
/// out even, none does, and nor does one that is matched at once: it would get more shares than were to be offered.
pub(super) fn quote_orders(
    id: OrderId,
    account: AccountId,
    market: MarketId,
    (side, price): (Side, Price),
    shares: Shares,
) -> (Option<(NewOrder, Price)>, (NewOrder, Price)) {
    let (direct, mirrored) = ((Outcome::Yes, price), (Outcome::No, price.complement()));
    let (buys, sells) = match side {
        Side::Buy => (direct, mirrored),
        Side::Sell => (mirrored, direct),
    };
    let order = |side, (outcome, price): (Outcome, Price)| {
        let collateral = price.cost_floor(shares).0 as u64;
        let (maker_amount, taker_amount) = match side {
            Side::Buy => (collateral, shares.0),
            Side::Sell => (shares.0, collateral),
        };
        let kind = Kind::Gtc;
        (NewOrder { id, account, market, outcome, side, maker_amount, taker_amount, kind, post_only: false }, price)
    };
    let is_even = (u128::from(buys.1.micros()) * u128::from(shares.0)).is_multiple_of(u128::from(ONE));
    (is_even.then(|| order(Side::Buy, buys)), order(Side::Sell, sells))
}

/// Whether a bid or ask of `side` at `price` would meet one of the other side at `other`.
fn meets(side: Side, price: Price, other: Price) -> bool {
    match side {
        Side::Buy => other <= price,
        Side::Sell => other >= price,
    }
}
