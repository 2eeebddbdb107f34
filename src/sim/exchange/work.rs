//! Orders come, are held, and are matched.

use std::sync::Arc;

use super::Exchange;
use super::accept::{self, may_rest};
use super::account::Asset;
use super::event::{Event, Happened, Leg, Trade, TradeId, TransactionHash};
use super::market::{Rules, Standing};
use super::matching::{self, Fill, Plan, is_dust};
use super::order::{AccountId, Kind, NewOrder, Order, OrderId, Placed, State};
use super::reject::{Canceled, NotCanceled, Reject};
use super::settle::{Due, Settings};
use crate::domain::market::BUY_MINIMUM;
use crate::domain::{Nanos, Price, Shares, Side, Usdc};

impl Exchange {
    /// Takes an order. A refused one leaves no trace. Events tell, in this order: the placement, each trade with the
    /// updates of its orders, the cancellation of a FAK's rest, the book.
    pub fn place(&mut self, now: Nanos, new: NewOrder) -> Result<Placed, Reject> {
        let market = self.market(new.market).filter(|market| market.standing == Standing::Open);
        let rules = market.ok_or(Reject::NotReady)?.rules;
        let price = accept::check(&new, &rules, now)?;
        if self.orders.contains_key(&new.id) {
            return Err(Reject::Duplicated { order: new.id });
        }
        let mut order = Order::fresh(new, price, now, self.count());
        let plan = self.plan(&order);
        self.check_against_book(&order, &plan)?;
        let hold = if plan.fills.is_empty() { Nanos::ZERO } else { self.hold(&rules) };
        if hold == Nanos::ZERO {
            let (plan, favour) = self.with_whims(&order, plan);
            let placed = self.check_funds(&order, &plan).map(|()| {
                self.push_order(&order, Happened::Placement);
                self.carry_out(now, order, plan)
            });
            self.end_favour(favour);
            self.tell_book(new.market);
            return placed;
        }
        self.account(new.account).check(rules.contract(), Asset::given_by(&new), new.maker_amount)?;
        order.state = State::Held;
        self.push_order(&order, Happened::Placement);
        self.keep_open(order);
        let until = now.plus(hold);
        self.at(until, Due::Release(new.id));
        Ok(Placed::Held { until })
    }

    /// Ends the rest of an order that rests.
    pub fn cancel(&mut self, account: AccountId, order: &OrderId) -> Result<(), NotCanceled> {
        let found = self.orders.get(order).filter(|order| order.new.account == account);
        match found.ok_or(NotCanceled::MatchedOrCanceled)?.state {
            State::Live => self.cancel_resting(order, Canceled::ByOwner),
            State::Held => return Err(NotCanceled::Held),
            State::Matched => return Err(NotCanceled::Matched),
            State::Canceled(_) => return Err(NotCanceled::MatchedOrCanceled),
        }
        Ok(())
    }

    /// Draws nothing where no order is delayed beyond its market's rule.
    fn hold(&mut self, rules: &Rules) -> Nanos {
        let Settings { delayed_ppm, delayed_for, .. } = self.settings;
        if self.strikes(delayed_ppm) { delayed_for } else { rules.hold }
    }

    /// Plans anew where the order is to get more or less than is its due. What of the house's is there for it only must be
    /// ended after the match.
    fn with_whims(&mut self, order: &Order, plan: Plan) -> (Plan, Option<OrderId>) {
        if plan.fills.is_empty() {
            return (plan, None);
        }
        let favour = self.favour(order, &plan);
        match (favour, self.spared(order)) {
            (None, 0) => (plan, None),
            (favour, spared) => (self.plan_sparing(order, spared), favour),
        }
    }

    pub(super) fn rules_of(&self, new: &NewOrder) -> Rules {
        self.markets[super::market::index(new.market)].rules
    }

    pub(super) fn plan(&self, order: &Order) -> Plan {
        self.plan_sparing(order, 0)
    }

    fn plan_sparing(&self, order: &Order, spared: u64) -> Plan {
        let ladder = &self.markets[super::market::index(order.new.market)].ladder;
        matching::plan(order, spared, ladder, &self.orders)
    }

    fn check_against_book(&self, order: &Order, plan: &Plan) -> Result<(), Reject> {
        let new = &order.new;
        let (is_marketable, is_buy) = (!plan.fills.is_empty(), new.side == Side::Buy);
        if new.post_only && is_marketable {
            return Err(Reject::CrossesPostOnly);
        }
        if is_buy && (is_marketable || !may_rest(new.kind)) && (new.maker_amount as i64) < BUY_MINIMUM.0 {
            return Err(Reject::BelowDollar { amount: Usdc(new.maker_amount as i64) });
        }
        match new.kind {
            Kind::Fak if !is_marketable => Err(Reject::NoMatch),
            Kind::Fok if !plan.is_satisfied => Err(Reject::NotFilled),
            Kind::Fak | Kind::Fok | Kind::Gtc | Kind::Gtd { .. } => Ok(()),
        }
    }

    fn check_funds(&self, order: &Order, plan: &Plan) -> Result<(), Reject> {
        let rules = self.rules_of(&order.new);
        let fee = match order.new.side {
            Side::Buy => plan.fee(rules.fee).0 as u64,
            Side::Sell => 0,
        };
        let asset = Asset::given_by(&order.new);
        self.account(order.new.account).check(rules.contract(), asset, order.new.maker_amount + fee)
    }

    /// Matches an order as planned and puts what is left where it belongs. All was checked before.
    pub(super) fn carry_out(&mut self, now: Nanos, mut order: Order, plan: Plan) -> Placed {
        let (mut making, mut taking) = (0, 0);
        for fills in plan.trades() {
            let (shares, collateral) = matching::totals(fills);
            let (gives, gets) = match order.new.side {
                Side::Buy => (collateral, shares),
                Side::Sell => (shares, collateral),
            };
            (making, taking) = (making + gives, taking + gets);
            order.left -= gives;
            order.matched = order.matched + Shares(shares);
            self.trade_with(now, &mut order, fills);
        }
        let trades = order.trades.clone();
        if !plan.is_satisfied && !trades.is_empty() {
            self.push_order(&order, Happened::Update);
        }
        match (plan.is_satisfied, may_rest(order.new.kind)) {
            (true, _) => self.keep_ended(order, State::Matched),
            (false, true) => self.rest(order),
            (false, false) => self.keep_ended(order, State::Canceled(Canceled::FakRest)),
        }
        if trades.is_empty() { Placed::Live } else { Placed::Matched { making, taking, trades } }
    }

    /// One trade: moves what is given into escrow, tells of it, and updates the makers.
    fn trade_with(&mut self, now: Nanos, taker: &mut Order, fills: &[Fill]) {
        let new = taker.new;
        let rules = self.rules_of(&new);
        let (shares, collateral) = matching::totals(fills);
        let fee = matching::fee(fills, rules.fee);
        let id = TradeId(self.count());
        let makers: Vec<Leg> = fills.iter().map(|fill| self.maker_leg(fill)).collect();
        let leg = Leg {
            order: new.id,
            account: new.account,
            outcome: new.outcome,
            side: new.side,
            shares: Shares(shares),
            collateral: Usdc(collateral as i64),
            price: matching::average(shares, collateral),
        };
        let transaction = self.draw_transaction();
        let trade = Arc::new(Trade { id, market: new.market, at: now, transaction, taker: leg, makers, fee });
        let gives = match new.side {
            Side::Buy => collateral + fee.0 as u64,
            Side::Sell => shares,
        };
        let (contract, asset) = (rules.contract(), Asset::given_by(&new));
        self.account_mut(new.account).take(asset, gives);
        self.account_mut(new.account).wear(contract, asset, gives);
        taker.trades.push(id);
        self.events.push(Event::Matched(Arc::clone(&trade)));
        fills.iter().for_each(|fill| self.fill_maker(fill, id));
        let seen = fills.last().map(|fill| self.price_seen(fill, &trade));
        self.known(new.market).traded[new.outcome.index()] = seen.map(|price| (price, new.side));
        self.start_settlement(trade);
    }

    fn price_seen(&self, fill: &Fill, trade: &Trade) -> Price {
        let maker = trade.makers.iter().rfind(|leg| leg.order == fill.maker).expect("each fill is a leg");
        if maker.outcome == trade.taker.outcome { maker.price } else { maker.price.complement() }
    }

    fn draw_transaction(&mut self) -> TransactionHash {
        let mut bytes = [0; 32];
        bytes.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.random.word().to_be_bytes()));
        TransactionHash(bytes)
    }

    fn maker_leg(&self, fill: &Fill) -> Leg {
        let maker = &self.orders[&fill.maker];
        Leg {
            order: fill.maker,
            account: maker.new.account,
            outcome: maker.new.outcome,
            side: maker.new.side,
            shares: Shares(fill.shares),
            collateral: Usdc(fill.maker_collateral as i64),
            price: maker.price,
        }
    }

    fn fill_maker(&mut self, fill: &Fill, trade: TradeId) {
        let maker = self.orders.get_mut(&fill.maker).expect("a maker rests");
        let before = maker.rest();
        maker.left -= fill.making;
        maker.matched = maker.matched + Shares(fill.shares);
        maker.trades.push(trade);
        let (new, after, (side, price)) = (maker.new, maker.rest(), maker.spot());
        let (contract, asset) = (self.contract(new.market), Asset::given_by(&new));
        let account = self.account_mut(new.account);
        account.release(contract, asset, fill.making);
        account.take(asset, fill.making);
        account.wear(contract, asset, fill.making);
        self.known(new.market).ladder.shift(side, price, before, after);
        if is_dust(after) {
            self.take_off_book(&fill.maker);
            self.end(&fill.maker, State::Matched);
        } else {
            self.push_order(&self.orders[&fill.maker].clone(), Happened::Update);
        }
    }

    /// A hold has ended: every rule is asked again, of the book as it now is.
    pub(super) fn release(&mut self, now: Nanos, id: OrderId) {
        // Its market may have been closed meanwhile, which ended it.
        if self.orders.get(&id).is_none_or(|order| order.state != State::Held) {
            return;
        }
        let market = self.orders[&id].new.market;
        let result = self.work_released(now, id);
        if let Err(reject) = result {
            self.end(&id, State::Canceled(Canceled::Rejected(reject)));
            self.tell_book(market);
        }
        self.events.push(Event::Released { order: id, result });
    }

    fn work_released(&mut self, now: Nanos, id: OrderId) -> Result<Placed, Reject> {
        let mut order = self.orders[&id].clone();
        let rules = self.rules_of(&order.new);
        accept::check(&order.new, &rules, now)?;
        self.pull_quotes_met(&order);
        let plan = self.plan(&order);
        self.check_against_book(&order, &plan)?;
        // What it has reserved itself is there for it.
        self.let_go(&id);
        let (plan, favour) = self.with_whims(&order, plan);
        if let Err(reject) = self.check_funds(&order, &plan) {
            self.keep_open(order);
            self.end_favour(favour);
            return Err(reject);
        }
        self.orders.remove(&id);
        order.state = State::Live;
        // What came to rest during the hold stands before it.
        order.arrival = self.count();
        if plan.fills.is_empty() {
            self.push_order(&order, Happened::Update);
        }
        let market = order.new.market;
        let placed = self.carry_out(now, order, plan);
        self.end_favour(favour);
        self.tell_book(market);
        Ok(placed)
    }
}
