//! Is this purchase one that the settings allow? Each rule as the specification says it.

use super::{
    Auditor, Finding,
    figure::{self, day},
    purse::Purse,
    story::Decision,
};
use crate::domain::{
    LeaderSwitch, LiveSwitch, Mode, Nanos, OrderEnd, OrderKind, PaperSwitch, Rejection, Side, SignalId, SizeRule,
    event::{Signal, Submitted},
    settings::{BelowMinimum, OrderPolicy, ScaleIn},
};

/// The smallest purchase the venue takes: a dollar.
const DOLLAR: i128 = figure::MILLION;

impl Auditor {
    /// Checks a purchase before it is booked.
    pub(super) fn check_entry(&mut self, now: Nanos, submitted: &Submitted) -> Finding {
        self.stories.decide(submitted.signal.0, submitted.portfolio.0, Decision::Bought(submitted.attempt))?;
        self.check_open(now, submitted)?;
        let signal = self.stories.all[&submitted.signal.0].signal;
        self.check_filter(now, submitted, &signal)?;
        self.check_price(now, submitted, &signal)?;
        self.check_amounts(submitted)?;
        self.check_kind(submitted)?;
        self.check_scale_in(submitted, &signal)?;
        self.check_group_total(submitted, &signal)
    }

    /// A first fill of a group joins what is held only as the rule for adding allows.
    fn check_scale_in(&self, submitted: &Submitted, signal: &Signal) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        let in_token = |key: &(u32, u32)| key.1 == submitted.token.0;
        let held = purse.holdings.iter().filter(|(key, _)| in_token(key)).map(|(_, holding)| &holding.lots);
        let (shares, cost) = held.fold((0, 0), |sum, lots| (sum.0 + lots.shares(), sum.1 + lots.cost()));
        let ours = |open: &&super::Open| open.submitted.portfolio == submitted.portfolio && in_token(&open.key());
        let is_alone = !self.orders.values().filter(ours).any(|open| open.submitted.side == Side::Buy);
        let is_begun = self
            .ends
            .values()
            .any(|(other, _)| other.portfolio == submitted.portfolio && self.group_of(other) == Some(signal.group));
        if shares < figure::STEP || !is_alone || is_begun {
            return Ok(());
        }
        let (paid, ask) = (cost * figure::MILLION / shares, i128::from(submitted.touch.micros()));
        let is_met = match purse.settings.exit.scale_in {
            ScaleIn::WithLeader => true,
            ScaleIn::Never => false,
            ScaleIn::Below(ppm) => ask <= paid - figure::part(paid, ppm.into()),
            ScaleIn::Above(ppm) => paid + figure::part(paid, ppm.into()) <= ask,
        };
        if is_met { Ok(()) } else { Err(format!("an entry at {ask} into what cost {paid}")) }
    }

    fn group_of(&self, order: &Submitted) -> Option<SignalId> {
        self.stories.all.get(&order.signal.0).map(|story| story.signal.group)
    }

    /// Nothing that stops entries may be in force.
    fn check_open(&self, now: Nanos, submitted: &Submitted) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        if purse.is_paused || self.is_stopped || !purse.tripped.is_empty() {
            return Err(format!("an entry while stopped: {:?}", (purse.is_paused, self.is_stopped, &purse.tripped)));
        }
        if self.blocked.get(&submitted.leader.0).is_some_and(|until| now.0 < *until) {
            return Err("an entry after a leader who is blocked".to_owned());
        }
        if self.terms.denied.contains(&(submitted.token, submitted.portfolio)) {
            return Err("an entry into a market that is kept out".to_owned());
        }
        let leader = self.leaders.get(&submitted.leader.0).copied().unwrap_or(LeaderSwitch::Inherit);
        match purse.mode {
            Mode::Paper if self.terms.paper == PaperSwitch::Off => Err("a paper entry while paper is off".to_owned()),
            Mode::Live if self.terms.live == LiveSwitch::Off || leader == LeaderSwitch::ForceOff => {
                Err("a live entry while live is off".to_owned())
            }
            Mode::Paper | Mode::Live => Ok(()),
        }
    }

    fn check_filter(&self, now: Nanos, submitted: &Submitted, signal: &Signal) -> Finding {
        let filter = &self.purses[submitted.portfolio.index()].settings.filter;
        let age = now.0.saturating_sub(signal.traded_at.0);
        if filter.trade_age_max.0 < age {
            return Err(format!("the leader traded {age} ns ago"));
        }
        let (price, shares) = (i128::from(signal.group_price.micros()), i128::from(signal.group_shares.0));
        if price < i128::from(filter.price_min.micros()) || i128::from(filter.price_max.micros()) < price {
            return Err(format!("the leader's price {price} is outside the band"));
        }
        let size = figure::cost_up(price, shares);
        if size < filter.leader_trade_usdc_min.0.into() || i128::from(filter.leader_trade_usdc_max.0) < size {
            return Err(format!("the leader's {size} are outside what is followed"));
        }
        let market = &self.tokens[&submitted.token.0].market;
        let left = market.closes_at.0.saturating_sub(now.0);
        let life = if market.opens_at == Nanos::ZERO { 0 } else { market.closes_at.0 - market.opens_at.0 };
        let by_life = figure::part(life.into(), filter.close_life_ppm_min.into());
        let needed = i128::from(filter.close_time_min.0);
        let needed = if by_life == 0 { needed } else { needed.min(by_life) };
        if market.closes_at != Nanos::NEVER && i128::from(left) < needed {
            return Err(format!("the market closes in {left} ns"));
        }
        Ok(())
    }

    fn check_price(&self, now: Nanos, submitted: &Submitted, signal: &Signal) -> Finding {
        let guard = &self.purses[submitted.portfolio.index()].settings.guards.buy;
        let token = &self.tokens[&submitted.token.0];
        if token.payout.is_some() || !token.is_known {
            return Err("an entry into a market that has ended, or is not known".to_owned());
        }
        if guard.book_age_max.0 < now.0 - token.heard {
            return Err("an entry on an old book".to_owned());
        }
        let ask = token.best_ask().ok_or("an entry without an ask")?;
        let (touch, limit) = (i128::from(submitted.touch.micros()), i128::from(submitted.limit.micros()));
        if touch != ask || limit < ask {
            return Err(format!("the best ask is {ask}; the touch is said to be {touch}, the limit is {limit}"));
        }
        if token.best_bid().is_some_and(|bid| ask <= bid) {
            return Err("an entry on a crossed book".to_owned());
        }
        let spread = ask - token.best_bid().unwrap_or(0);
        if i128::from(guard.spread_max) < spread {
            return Err(format!("the spread is {spread}"));
        }
        let (tick, price) = (i128::from(token.market.tick.micros()), i128::from(signal.group_price.micros()));
        let guarded = price + figure::part(price, guard.price_guard_ppm.into()).max(tick);
        let slipped = ask + figure::part(ask, guard.slippage_ppm.into());
        let last = figure::MILLION - tick;
        if limit % tick != 0 || limit < tick || last < limit || guarded < limit || slipped < limit {
            return Err(format!("the limit {limit}: tick {tick}, at most {guarded} and {slipped}"));
        }
        let (depth, budget) = (token.ask_cost(limit), i128::from(submitted.budget.0));
        if figure::part(depth, guard.depth_ppm_max.into()) < budget
            || depth < figure::part(budget, guard.depth_factor_ppm_min.into())
        {
            return Err(format!("a budget of {budget} with {depth} offered within {limit}"));
        }
        Ok(())
    }

    fn check_amounts(&self, submitted: &Submitted) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        let (market, sizing) = (&self.tokens[&submitted.token.0].market, &purse.settings.sizing);
        let (budget, limit) = (i128::from(submitted.budget.0), i128::from(submitted.limit.micros()));
        if budget % 10_000 != 0 || budget < DOLLAR.max(sizing.order_usdc_min.0.into()) {
            return Err(format!("a budget of {budget}"));
        }
        if i128::from(sizing.order_usdc_max.0) < budget {
            return Err(format!("a budget of {budget} above the largest order"));
        }
        let reserved = budget + figure::fee_most(market.fees.rate_ppm.into(), budget);
        if reserved != submitted.reserved.0.into() || purse.available < reserved {
            return Err(format!(
                "at worst {reserved} of {} available, reserved {}",
                purse.available, submitted.reserved
            ));
        }
        let shares = i128::from(submitted.shares.0);
        if shares < market.minimum.0.into() || budget * figure::MILLION < shares * limit {
            return Err(format!("{budget} do not buy {shares} at {limit}, or those are below the minimum"));
        }
        Ok(())
    }

    fn check_kind(&self, submitted: &Submitted) -> Finding {
        let policy = self.purses[submitted.portfolio.index()].settings.policy;
        let is_small = |most: crate::domain::Usdc| submitted.budget <= most;
        let (kind, attempts) = match policy {
            OrderPolicy::Fak => (OrderKind::Fak, 1),
            OrderPolicy::Fok => (OrderKind::Fok, 1),
            OrderPolicy::FokUpTo(most) if is_small(most) => (OrderKind::Fok, 1),
            OrderPolicy::FokUpTo(_) => (OrderKind::Fak, 1),
            OrderPolicy::FokThenFak if submitted.attempt == 1 => (OrderKind::Fok, 2),
            OrderPolicy::FokThenFak => (OrderKind::Fak, 2),
        };
        if submitted.kind != kind || submitted.attempt == 0 || attempts < submitted.attempt {
            return Err(format!("{:?}, attempt {} under {policy:?}", submitted.kind, submitted.attempt));
        }
        let killed = OrderEnd::Rejected(Rejection::NotFullyFilled);
        let is_killed = |(first, end): &(Submitted, OrderEnd)| {
            first.signal == submitted.signal && first.portfolio == submitted.portfolio && *end == killed
        };
        if submitted.attempt == 2 && !self.ends.values().any(is_killed) {
            return Err("a second attempt, and the first was not killed".to_owned());
        }
        Ok(())
    }

    /// What was ordered for a group is never more than the rule says of the whole group.
    fn check_group_total(&self, submitted: &Submitted, signal: &Signal) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        let Some(most) = most(purse, signal) else { return Ok(()) };
        let is_ours = |other: &Submitted| {
            other.portfolio == submitted.portfolio
                && self.stories.all.get(&other.signal.0).is_some_and(|story| story.signal.group == signal.group)
        };
        let open = self.orders.values().map(|open| &open.submitted).filter(|other| is_ours(other));
        let bought = self.ends.values().filter(|(other, end)| {
            // What was killed bought nothing, and may be repeated.
            is_ours(other) && *end != OrderEnd::Rejected(Rejection::NotFullyFilled)
        });
        let before: i128 = open.chain(bought.map(|(other, _)| other)).map(|other| i128::from(other.budget.0)).sum();
        let total = before + i128::from(submitted.budget.0);
        if most < total {
            return Err(format!("{total} ordered for a group of which the rule says {most}"));
        }
        Ok(())
    }

    /// Checks, with the order booked, what is at stake.
    pub(super) fn check_stakes(&mut self, now: Nanos, submitted: &Submitted) -> Finding {
        let (id, today) = (submitted.portfolio, day(now.0));
        let purse = &mut self.purses[id.index()];
        purse.entries.push((now.0, submitted.order.0));
        let limits = purse.settings.limits;
        let of = |token: u32| self.tokens.get(&token).map(|token| token.market);
        let market = of(submitted.token.0).ok_or("an unknown token")?;
        let at_stake = |is: &dyn Fn(u32, u32) -> bool| -> i128 {
            let held = self.purses[id.index()].holdings.iter().filter(|((leader, token), _)| is(*leader, *token));
            let open = self.orders.values().filter(|open| open.submitted.portfolio == id);
            let open = open.filter(|open| is(open.submitted.leader.0, open.submitted.token.0));
            held.map(|(_, holding)| holding.lots.cost()).sum::<i128>() + open.map(|open| open.reserved).sum::<i128>()
        };
        let same_market =
            |token| token == submitted.token.0 || of(token).is_some_and(|m| is_same(m.condition.0, market.condition.0));
        let same_event =
            |token| same_market(token) || of(token).is_some_and(|m| is_same(m.venue_event.0, market.venue_event.0));
        let purse = &self.purses[id.index()];
        let today_open = |is: &dyn Fn(u32) -> bool| -> i128 {
            let open = self.orders.values().filter(|open| open.submitted.portfolio == id && day(open.at) == today);
            open.filter(|open| is(open.submitted.leader.0)).map(|open| open.reserved).sum()
        };
        let spent = purse.spent_by_day.get(&today).unwrap_or(&0) + today_open(&|_| true);
        let leader = submitted.leader.0;
        let spent_after_him =
            purse.spent_by_leader.get(&(today, leader)).unwrap_or(&0) + today_open(&|other| other == leader);
        for (what, stake, most) in [
            ("in the position", at_stake(&|_, token| token == submitted.token.0), limits.position_usdc_max),
            ("in all", at_stake(&|_, _| true), limits.exposure_usdc_max),
            ("in the market", at_stake(&|_, token| same_market(token)), limits.market_usdc_max),
            ("in the event", at_stake(&|_, token| same_event(token)), limits.event_usdc_max),
            ("after the leader", at_stake(&|other, _| other == leader), limits.leader_usdc_max),
            ("today", spent, limits.day_usdc_max),
            ("today after the leader", spent_after_him, limits.leader_day_usdc_max),
        ] {
            if i128::from(most.0) < stake {
                return Err(format!("{stake} at stake {what}, above {most}"));
            }
        }
        self.check_pace(now, purse)
    }

    /// Not more entries in a minute, and none after too large a loss.
    fn check_pace(&self, now: Nanos, purse: &Purse) -> Finding {
        let limits = &purse.settings.limits;
        let in_a_minute = purse.entries.iter().filter(|(at, _)| now.0 - at < 60_000_000_000).count();
        if limits.orders_per_minute_max > 0 && (limits.orders_per_minute_max as usize) < in_a_minute {
            return Err(format!("{in_a_minute} entries in a minute"));
        }
        let lost = -purse.realised_by_day.get(&day(now.0)).unwrap_or(&0);
        if i128::from(limits.day_loss_usdc_max.0) <= lost && limits.day_loss_usdc_max.0 > 0 {
            return Err(format!("an entry after {lost} were lost today"));
        }
        Ok(())
    }
}

fn is_same(one: u32, other: u32) -> bool {
    // Zero: not known.
    one != 0 && one == other
}

/// Returns the most that may be ordered for a group by the sizing rule; `None` where the rule's own inputs decide.
fn most(purse: &Purse, signal: &Signal) -> Option<i128> {
    let sizing = &purse.settings.sizing;
    let theirs = i128::from(signal.group_price.micros()) * i128::from(signal.group_shares.0) / figure::MILLION;
    let by_rule = match sizing.rule {
        SizeRule::Fixed(dollars) => i128::from(dollars.0),
        SizeRule::Percent(ppm) => figure::part(theirs, ppm.into()),
        SizeRule::Adaptive { small_ppm, large_ppm, .. } => figure::part(theirs, small_ppm.max(large_ppm).into()),
        SizeRule::Edge { full, .. } | SizeRule::Conviction { full } => i128::from(full.0),
        SizeRule::Mirror(_) | SizeRule::Budget(_) | SizeRule::Kelly(_) => return None,
    };
    let factor = sizing.tiers.iter().map(|tier| i128::from(tier.factor_ppm)).max().unwrap_or(figure::MILLION);
    let most = figure::part(by_rule, factor.max(figure::MILLION));
    match sizing.below_minimum {
        BelowMinimum::Skip => Some(most.min(sizing.order_usdc_max.0.into())),
        BelowMinimum::Raise => None,
    }
}
