//! Is this sale of what is held, of what is owed, and at no worse a price than the settings allow?

use super::{
    Auditor, Finding, figure,
    purse::{Holding, Key},
    story::Decision,
};
use crate::domain::{
    Cause, Event, Input, LeaderSwitch, LiveSwitch, Mode, Nanos, PortfolioId, Price, Side, SignalId, TokenId,
    event::{Filled, How, Submitted},
    settings::{ExitPlan, Sides},
};

/// A sale so much older than the leader's last buy that we copied is told late.
const LATE: Nanos = Nanos::from_secs(10);

impl Auditor {
    /// A sale became owed: was there a reason, and is it as much as it should be?
    pub(super) fn exit_due(&mut self, now: Nanos, event: &Event) -> Finding {
        let Event::ExitDue { signal, portfolio, leader, token, cause, shares, .. } = *event else { return Ok(()) };
        let key = (leader.0, token.0);
        let owed = i128::from(shares.0);
        let pending = self.pending(portfolio, key) + self.unsettled(portfolio, key);
        let holding = self.purses[portfolio.index()].holding(key).clone();
        if signal == SignalId::NONE {
            self.check_own_exit(now, portfolio, token, cause, &holding)?;
        } else {
            self.stories.decide(signal.0, portfolio.0, Decision::Owes)?;
            let signal = self.stories.all[&signal.0].signal;
            let (sold, held) = (i128::from(signal.shares.0), i128::from(signal.leader_held.0));
            let free = (holding.lots.shares() + pending - holding.owed).max(0);
            let should = if held <= sold { figure::ALL } else { holding.owed + free * sold / held };
            let is_left = matches!(signal.how, How::Left | How::Observed);
            let least = i128::from(self.purses[portfolio.index()].settings.exit.left_ppm_min);
            // A sale that is told late is not of what was bought since.
            let is_late = signal.traded_at.plus(LATE) < Nanos(holding.led_at);
            let is_less = self.is_netted || is_left || is_late || self.stories.corrected.contains(&key);
            let is_right =
                if is_less { holding.owed < owed && owed <= should.max(figure::ALL) } else { owed == should };
            if signal.side != Side::Sell || !is_right || (cause == Cause::LeaderLeft) != is_left {
                return Err(format!("{should} are owed with the leader's sale, not {owed}; {cause:?}"));
            }
            let sides = self.purses[portfolio.index()].settings.filter.sides;
            if sides == Sides::BuysOnly && !is_left {
                return Err("a sale after a leader whose sales are not followed".to_owned());
            }
            if is_left && sold * figure::MILLION < least * held {
                return Err(format!("{sold} of {held} are too small a part to mean it"));
            }
        }
        self.purses[portfolio.index()].holding(key).owed = owed;
        Ok(())
    }

    /// Is an exit of our own due, by the average price paid, the best bid, and the time?
    fn check_own_exit(
        &self,
        now: Nanos,
        portfolio: PortfolioId,
        token: TokenId,
        cause: Cause,
        holding: &Holding,
    ) -> Finding {
        let rules = &self.purses[portfolio.index()].settings.exit;
        let bid = self.tokens.get(&token.0).and_then(|token| token.best_bid());
        let (shares, paid) = (holding.lots.shares(), holding.lots.cost() * figure::MILLION);
        let million = figure::MILLION;
        let (stop, trail) = (i128::from(rules.stop_loss_ppm), i128::from(rules.trailing_stop_ppm));
        let target = i128::from(rules.take_profit_ppm);
        let is_due = match (cause, bid) {
            (Cause::StopLoss, Some(bid)) => stop > 0 && bid * shares * million <= paid * (million - stop),
            (Cause::TrailingStop, Some(bid)) => {
                trail > 0 && holding.peak.is_some_and(|peak| bid * million <= peak * (million - trail))
            }
            (Cause::TakeProfit, Some(bid)) => target > 0 && paid * (million + target) <= bid * shares * million,
            (Cause::StopLoss | Cause::TrailingStop | Cause::TakeProfit, None) => false,
            (Cause::HoldTime, _) => rules.hold_max.0 <= now.0 - holding.opened_at,
            (Cause::Forced, _) => self.is_forced(portfolio, token),
            (Cause::Entry | Cause::LeaderExit | Cause::LeaderLeft | Cause::Plan, _) => false,
        };
        if is_due { Ok(()) } else { Err(format!("{cause:?} is not due at {bid:?}")) }
    }

    /// Whether the operator just said to sell this.
    fn is_forced(&self, portfolio: PortfolioId, token: TokenId) -> bool {
        matches!(self.current, Some(Input::ForceExit { portfolio: meant, token: which })
            if meant == portfolio && which.is_none_or(|which| which == token))
    }

    /// The peak is the best bid, and only rises.
    pub(super) fn peaked(&mut self, portfolio: PortfolioId, key: Key, bid: Price) -> Finding {
        let best = self.tokens.get(&key.1).and_then(|token| token.best_bid());
        let holding = self.purses[portfolio.index()].holding(key);
        let bid = i128::from(bid.micros());
        if best != Some(bid) || holding.peak.is_some_and(|peak| bid <= peak) {
            return Err(format!("a peak of {bid} after {:?}, and the best bid is {best:?}", holding.peak));
        }
        holding.peak = Some(bid);
        Ok(())
    }

    /// Checks a sale before it is booked.
    pub(super) fn check_sale(&mut self, submitted: &Submitted) -> Finding {
        let key = (submitted.leader.0, submitted.token.0);
        let selling = self.selling(submitted.portfolio, key);
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
        if submitted.cause == Cause::Plan {
            let paid = holding.lots.cost() * figure::MILLION / held;
            if !matches!(purse.settings.exit.plan, ExitPlan::RestAt(ppm)
                if paid + figure::part(paid, ppm.into()) <= i128::from(submitted.limit.micros()))
            {
                return Err(format!("a plan's sale at {} of what cost {paid}", submitted.limit));
            }
        } else {
            let rest = held - held % figure::STEP - shares;
            // A rest below the minimum goes with it.
            if holding.owed < shares && rest != 0 || holding.owed == 0 {
                return Err(format!("{} are owed, and {shares} sold", holding.owed));
            }
        }
        let (limit, tick) = (i128::from(submitted.limit.micros()), i128::from(token.market.tick.micros()));
        if limit % tick != 0 || limit < tick || figure::MILLION - tick < limit {
            return Err(format!("the limit {limit} on a grid of {tick}"));
        }
        if submitted.cause == Cause::Plan {
            return Ok(());
        }
        let bid = token.best_bid().ok_or("a sale without a bid")?;
        let slipped = bid - figure::part(bid, purse.settings.guards.sell.slippage_ppm.into());
        if limit < slipped || bid < limit {
            return Err(format!("the limit {limit}: bid {bid}, not below {slipped}"));
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
            holding.owed = figure::sellable(holding.owed - shares);
        }
        if holding.is_empty() && holding.owed < figure::ALL {
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
                if !self.may_send(purse.mode, key.0) {
                    continue;
                }
                let held = holding.lots.shares() / figure::STEP * figure::STEP;
                let Some(token) = self.tokens.get(&key.1).filter(|token| token.payout.is_none()) else { continue };
                let minimum = i128::from(token.market.minimum.0).max(figure::STEP);
                let due = holding.owed.min(held) / figure::STEP * figure::STEP;
                let due = if due > 0 && held - due < minimum { held } else { due };
                if due > 0 && due >= minimum {
                    return Err(format!("portfolio {id} owes {} of leader {} in token {}", due, key.0, key.1));
                }
            }
        }
        Ok(())
    }

    /// Real orders leave only while live trading is on, and on for the leader.
    fn may_send(&self, mode: Mode, leader: u32) -> bool {
        let is_off = self.leaders.get(&leader) == Some(&LeaderSwitch::ForceOff);
        mode == Mode::Paper || self.terms.live == LiveSwitch::On && !is_off
    }

    fn orders_of(&self, portfolio: PortfolioId, key: Key, side: Side) -> impl Iterator<Item = &super::Open> {
        let ours = self.orders.values().filter(move |open| open.submitted.portfolio == portfolio && open.key() == key);
        ours.filter(move |open| open.submitted.side == side)
    }

    /// Returns the shares that are on sale.
    pub(super) fn selling(&self, portfolio: PortfolioId, key: Key) -> i128 {
        self.orders_of(portfolio, key, Side::Sell).map(|open| open.shares_left()).sum()
    }

    /// Returns the shares that open purchases at least bring.
    pub(super) fn pending(&self, portfolio: PortfolioId, key: Key) -> i128 {
        self.orders_of(portfolio, key, Side::Buy).map(|open| open.shares_left()).sum()
    }
}
