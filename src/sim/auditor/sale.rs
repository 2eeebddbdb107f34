//! Is this sale of what is held, of what is owed, and at no worse a price than the settings allow?

use super::{Auditor, Finding, figure, purse::Key, story::Decision};
use crate::domain::{
    Cause, Event, Nanos, PortfolioId, Side, SignalId, TokenId,
    event::{Filled, Submitted},
};

impl Auditor {
    /// A sale became owed: was there a reason, and is it as much as it should be?
    pub(super) fn exit_due(&mut self, event: &Event) -> Finding {
        let Event::ExitDue { signal, portfolio, leader, token, cause, shares, .. } = *event else { return Ok(()) };
        let key = (leader.0, token.0);
        let owed = i128::from(shares.0);
        let pending = self.pending(portfolio, key);
        let holding = self.purses[portfolio.index()].holding(key).clone();
        if signal != SignalId::NONE {
            self.stories.decide(signal.0, portfolio.0, Decision::Owes)?;
            let signal = self.stories.all[&signal.0].signal;
            let (sold, held) = (i128::from(signal.shares.0), i128::from(signal.leader_held.0));
            let free = (holding.lots.shares() + pending - holding.owed).max(0);
            let should = if held <= sold { figure::ALL } else { holding.owed + free * sold / held };
            if signal.side != Side::Sell || owed != should {
                return Err(format!("{should} are owed with the leader's sale, not {owed}"));
            }
        } else if let Some(finding) = self.no_trigger(portfolio, token, cause, key) {
            return Err(finding);
        }
        self.purses[portfolio.index()].holding(key).owed = owed;
        Ok(())
    }

    /// Returns why an exit of our own was not due, by the average price paid and the best bid.
    fn no_trigger(&self, portfolio: PortfolioId, token: TokenId, cause: Cause, key: Key) -> Option<String> {
        let purse = &self.purses[portfolio.index()];
        let (rules, lots) = (&purse.settings.exit, &purse.holdings.get(&key)?.lots);
        let Some(bid) = self.tokens.get(&token.0).and_then(|token| token.best_bid()) else {
            return matches!(cause, Cause::StopLoss | Cause::TakeProfit | Cause::TrailingStop)
                .then(|| "a stop or target without a bid".to_owned());
        };
        let (worth, paid) = (bid * lots.shares(), lots.cost() * figure::MILLION);
        let (stop, target) = (i128::from(rules.stop_loss_ppm), i128::from(rules.take_profit_ppm));
        let is_due = match cause {
            Cause::StopLoss => stop > 0 && worth * figure::MILLION <= paid * (figure::MILLION - stop),
            Cause::TakeProfit => target > 0 && paid * (figure::MILLION + target) <= worth * figure::MILLION,
            Cause::TrailingStop => rules.trailing_stop_ppm > 0,
            Cause::HoldTime => rules.hold_max != Nanos::NEVER,
            Cause::Forced => true,
            Cause::Entry | Cause::LeaderExit | Cause::LeaderLeft | Cause::Plan => false,
        };
        (!is_due).then(|| format!("{cause:?} is not due at {bid}"))
    }

    /// Checks a sale before it is booked.
    pub(super) fn check_sale(&mut self, submitted: &Submitted) -> Finding {
        let key = (submitted.leader.0, submitted.token.0);
        let selling: i128 = self.orders_of(submitted.portfolio, key, Side::Sell).map(|open| open.shares_left()).sum();
        let purse = &self.purses[submitted.portfolio.index()];
        let holding = purse.holdings.get(&key).ok_or("a sale of nothing")?;
        let (shares, held) = (i128::from(submitted.shares.0), holding.lots.shares());
        if held < selling + shares {
            return Err(format!("{shares} to sell of {held} held, of which {selling} are being sold"));
        }
        if shares % figure::STEP != 0 || submitted.reserved.0 != 0 || submitted.budget.0 != 0 {
            return Err("a sale off the size grid, or with a budget".to_owned());
        }
        let token = self.tokens.get(&submitted.token.0).ok_or("a sale of an unknown token")?;
        let minimum = i128::from(token.market.minimum.0);
        if token.payout.is_some() || shares < minimum {
            return Err("a sale after the market's end, or below its minimum".to_owned());
        }
        if submitted.cause != Cause::Plan {
            let rest = held - held % figure::STEP - shares;
            // A rest below the minimum goes with it.
            if holding.owed < shares && rest != 0 || holding.owed == 0 {
                return Err(format!("{} are owed, and {shares} sold", holding.owed));
            }
        }
        let (limit, tick) = (i128::from(submitted.limit.micros()), i128::from(token.market.tick.micros()));
        let bid = token.best_bid().ok_or("a sale without a bid")?;
        let slipped = bid - figure::part(bid, purse.settings.guards.sell.slippage_ppm.into());
        if limit % tick != 0 || submitted.cause != Cause::Plan && (limit < slipped || bid < limit) {
            return Err(format!("the limit {limit}: tick {tick}, bid {bid}, not below {slipped}"));
        }
        Ok(())
    }

    /// Books a sale's fill.
    pub(super) fn sold(&mut self, now: Nanos, portfolio: PortfolioId, key: Key, filled: &Filled) -> Finding {
        let purse = &mut self.purses[portfolio.index()];
        let holding = purse.holding(key);
        let shares = i128::from(filled.shares.0);
        let basis = holding.lots.take(shares).ok_or("more was sold than was held")?;
        if basis != filled.basis.0.into() {
            return Err(format!("what was sold had cost {basis}, not {}", filled.basis));
        }
        if holding.owed < figure::ALL {
            let owed = (holding.owed - shares).max(0);
            holding.owed = if owed < figure::STEP { 0 } else { owed };
        }
        if holding.lots.shares() == 0 && holding.owed < figure::ALL {
            holding.owed = 0;
        }
        let proceeds = i128::from(filled.cash.0) - i128::from(filled.fee.0);
        purse.realise(figure::day(now.0), key.0, proceeds - basis);
        purse.cools(now, filled.release_at, proceeds)
    }

    /// Fails if something is owed that is held, large enough to be sold, and not being sold.
    pub(super) fn nothing_sellable_is_owed(&self) -> Finding {
        for (id, purse) in self.purses.iter().enumerate() {
            for (key, holding) in &purse.holdings {
                let held = holding.lots.shares() / figure::STEP * figure::STEP;
                let Some(token) = self.tokens.get(&key.1).filter(|token| token.payout.is_none()) else { continue };
                let minimum = i128::from(token.market.minimum.0).max(figure::STEP);
                let due = holding.owed.min(held);
                let due = if held - due < minimum { held } else { due };
                if holding.owed > 0 && due >= minimum {
                    return Err(format!("portfolio {id} owes {} of leader {} in token {}", due, key.0, key.1));
                }
            }
        }
        Ok(())
    }

    fn orders_of(&self, portfolio: PortfolioId, key: Key, side: Side) -> impl Iterator<Item = &super::Open> {
        let ours = self.orders.values().filter(move |open| open.submitted.portfolio == portfolio && open.key() == key);
        ours.filter(move |open| open.submitted.side == side)
    }

    /// Returns the shares that open purchases at least bring.
    pub(super) fn pending(&self, portfolio: PortfolioId, key: Key) -> i128 {
        self.orders_of(portfolio, key, Side::Buy).map(|open| open.shares_left()).sum()
    }
}
